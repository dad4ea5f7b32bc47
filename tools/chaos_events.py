"""What can end an experiment: each is done to one that runs, and says how that went."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from chaos_fire import Fire, is_free

from imbseg.manager import launch, orphans

FULL_S = 20
GONE_S = 10.0


def kill_trial(fire: Fire) -> str:
    """It is started again by itself."""
    (trial, *_) = fire.wait(lambda: fire.training(1), "a trial that trains")
    os.kill(trial, signal.SIGKILL)
    again = fire.wait(lambda: "started again (1)" in fire.said, "the trial's second start")
    if not again:
        fire.wrong.append("a killed trial was not started again")
    return "a trial killed, started again without a command"


def kill_manager(fire: Fire) -> str:
    """The command ends by itself."""
    manager = orphans.manager_of(fire.id)
    assert manager is not None
    since = time.monotonic()
    os.kill(manager, signal.SIGKILL)
    status = fire.ended()
    took = time.monotonic() - since
    fire.go_on()
    return f"manager killed, run_experiment.py ended with exit status {status} after {took:.0f} s"


def kill_command(fire: Fire) -> str:
    """Nothing of it is left after GONE_S."""
    assert fire.process is not None
    fire.process.kill()
    fire.process.wait()
    took = gone(fire)
    fire.go_on()
    return f"run_experiment.py killed, port and processes gone after {took:.1f} s"


def fill_disk(fire: Fire) -> str:
    """The disk that holds NNI's files and the run folders is full for FULL_S."""
    ballast = Path(fire.environment["HOME"]) / "ballast"
    until = time.monotonic() + FULL_S
    with ballast.open("wb", buffering=0) as file:
        while time.monotonic() < until:
            with contextlib.suppress(OSError):
                file.write(bytes(1 << 16))
                continue
            time.sleep(0.01)
    ballast.unlink()
    assert fire.process is not None
    ended = fire.wait(lambda: fire.training(1), "training after the full disk") is None
    if ended:
        fire.go_on()
        return f"disk full for {FULL_S} s, the command ended and was started again"
    return f"disk full for {FULL_S} s, the experiment went on"


def stop_by_nnictl(fire: Fire) -> str:
    """As a user does beside it."""
    command = [str(launch.nnictl()), "stop", fire.id]
    subprocess.run(command, env=fire.environment, capture_output=True, check=True)
    status = fire.ended()
    fire.go_on()
    return f"nnictl stop, run_experiment.py ended with exit status {status}"


def kill_all_but_tuner(fire: Fire) -> str:
    """What is left takes the next manager on its port for its own."""
    _kill_at_once(fire, orphans.trials_of)
    return "every process but the tuner killed at once"


def reboot(fire: Fire) -> str:
    """All processes end at once; the files stay."""
    _kill_at_once(fire, orphans.trials_of, orphans.tuner_of)
    return "every process killed at once"


def _kill_at_once(fire: Fire, *find: Callable[[str], list[int]]) -> None:
    assert fire.process is not None
    left = [*filter(None, [fire.process.pid, orphans.manager_of(fire.id)])]
    while left := [*left, *(one for those in find for one in those(fire.id))]:  # what they had started comes next
        for one in left:
            with contextlib.suppress(ProcessLookupError):  # it ended with its parent
                os.kill(one, signal.SIGKILL)
        left = []
        time.sleep(0.05)
    fire.process.wait()
    fire.go_on()


def gone(fire: Fire) -> float:
    """Seconds until an experiment's port and processes are gone; more than GONE_S is wrong."""
    since = time.monotonic()
    found = orphans.manager_of, orphans.trials_of, orphans.tuner_of
    while any(find(fire.id) for find in found) or not is_free(fire.port):
        if time.monotonic() - since > 6 * GONE_S:
            break
        time.sleep(0.05)
    took = time.monotonic() - since
    if took > GONE_S:
        fire.wrong.append(f"port or processes were there for {took:.1f} s after a kill")
    return took


EVENTS = (kill_trial, kill_manager, kill_command, fill_disk, stop_by_nnictl, kill_all_but_tuner, reboot)
