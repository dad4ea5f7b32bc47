"""A trial that trains nothing: it notes what it received and what NNI lists for it, and reports a number.

DIES_AT: sequence numbers that are killed before they ask; FAILS_AT: those that exit 1 after they have asked;
RUNS_S: seconds from asking to the result.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path


def main() -> None:
    sequence = os.environ["NNI_TRIAL_SEQ_ID"]
    if sequence in os.environ.get("DIES_AT", "").split():
        os.kill(os.getpid(), signal.SIGKILL)
    # Even ones ask late, so that every one of them is overtaken.
    time.sleep(random.Random(f"delay {sequence}").uniform(0.0, 0.3) + (1.0 if int(sequence) % 2 == 0 else 0.0))
    import nni

    note(nni.get_next_parameter())
    time.sleep(float(os.environ.get("RUNS_S", "0")))
    if sequence in os.environ.get("FAILS_AT", "").split():
        sys.exit(1)
    scores = {"default": 0.5 + int(sequence) / 1000, "tail": 0.25, "IoU/star": 0.125}
    nni.report_intermediate_result(scores)
    nni.report_final_result(scores)


def note(received: dict[str, object]) -> None:
    from imbseg.manager.rest import listed_parameters

    name = os.environ["NNI_TRIAL_JOB_ID"]
    folder = Path(os.environ["RECEIVED"])
    (folder / f"{name}.json").write_text(json.dumps(received))
    listed = listed_parameters(os.environ["NNI_TRIAL_COMMAND_CHANNEL"], name)
    (folder / "listed" / f"{name}.json").write_text(json.dumps(listed))


if __name__ == "__main__":
    main()
