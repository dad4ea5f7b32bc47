"""python tied.py PARENT WORD...: become the command, which ends (SIGTERM) when the process PARENT does.

A Ray node that is killed takes its workers along, not what they have started: the trial would train on, and hold its
folder while another node waits for it.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask the kernel for the signal, look whether it came too late, and become the command."""
    parent, *words = sys.argv[1:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)  # Linux; outlives exec
    if os.getppid() != int(parent):
        sys.exit(1)
    os.execvp(words[0], words)


if __name__ == "__main__":
    main()
