"""python src/train_nni.py --dataset sample --strategy full/mskf/none/none --loss focal --seed 1 --out DIR

One trial: under NNI with the parameters that NNI sampled and lists, by hand with flags of the same names. The run
folder holds everything; the same command goes on where it was stopped. Half a minute on the sample with two cores.
"""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from imbseg import ranks
from imbseg.errors import InputError, TrialFailed, describe_os_error, disk_full, run_command
from imbseg.files import runs_folder
from imbseg.interrupt import end_with_parent
from imbseg.memory import keep_freed
from imbseg.trial import Trial, name, resolve
from imbseg.trial.sources import parser


def main() -> int:
    """Train a trial, as one process or as one of those that torchrun started."""
    with ranks.joined():
        return train()


def train() -> int:
    """Read the settings, train, report."""
    flags, place = read_flags()
    asked = ask_nni() if "NNI_PLATFORM" in os.environ and ranks.is_main() else ({}, None, None)
    nni, (sampled, twin) = asked[1], ranks.agreed(lambda: (asked[0], asked[2]))
    if twin and ranks.agreed(lambda: report_of(twin, nni)):
        return 0
    resolved = resolve(flags, sampled)
    keep_freed(training=True)
    from imbseg.training.run import run_trial  # torch and all that: after the parameters are known to be good

    folder = folder_of(resolved.trial, place)
    intermediate = heard(nni.report_intermediate_result) if nni else ignore
    final = heard(nni.report_final_result) if nni else ignore
    try:
        run_trial(resolved, folder, intermediate=intermediate, final=final, say=say, until=place["until"])
    except OSError as error:
        if disk_full(error):  # exit status 1: started again, it may pass
            raise TrialFailed(describe_os_error(error)) from error
        raise
    say(f"run folder: {folder}")
    return 0


def say(line: str) -> None:
    """Print a line, once."""
    if ranks.is_main():
        print(line, flush=True)


def read_flags() -> tuple[dict[str, str], dict[str, Any]]:
    """Every Trial field as a flag; and where it trains, and how far: --out, --below, --until."""
    arguments = parser(__doc__ or "")
    arguments.add_argument("--out", metavar="DIR", help="the run folder; default below data/runs (or IMBSEG_RUNS)")
    arguments.add_argument(
        "--below", metavar="DIR", help="the run folder lies in DIR, named after all settings (a race)"
    )
    arguments.add_argument("--until", type=int, metavar="N", help="pause after epoch N; the same without it goes on")
    found = vars(arguments.parse_args())
    place = {name: found.pop(name) for name in ("out", "below", "until")}
    if place["until"] is not None and place["until"] < 1:
        raise InputError(f"--until: expected an epoch, 1 or more, found {place['until']}")
    return {name: value for name, value in found.items() if value is not None}, place


def ask_nni() -> tuple[dict[str, Any], Any, str | None]:
    """The parameters that NNI lists for this trial (it can hand out another's), and a finished trial with the same.

    Parameters are fetched before anything slow: a trial that dies earlier would shift every later one by one.
    """
    import nni

    from imbseg.manager.rest import finished_twin, listed_parameters

    if os.environ["NNI_PLATFORM"] == "local":
        end_with_parent(signal.SIGTERM)  # a killed manager leaves no trial: it writes a checkpoint, and can be resumed
    received = nni.get_next_parameter()
    channel, trial_id = os.environ.get("NNI_TRIAL_COMMAND_CHANNEL"), os.environ["NNI_TRIAL_JOB_ID"]
    if not channel:  # remote machines: parameters travel with the trial there
        return dict(received or {}), nni, None
    listed = listed_parameters(channel, trial_id)
    if listed != received:
        print(f"NNI handed out {received}, and lists {listed} for this trial: the listed ones are taken", flush=True)
    return listed, nni, finished_twin(channel, trial_id, listed)


def report_of(twin: str, nni: Any) -> bool:
    """Report the stored result of a trial with the same parameters; False where its folder isn't there."""
    from imbseg.training.folder import stored_result  # after the parameters: nothing slow stands before them

    result = stored_result(runs_folder() / os.environ["NNI_EXP_ID"] / twin)
    if result is None:
        return False
    print(f"trial {twin} of this experiment has the same parameters: its result is reported, nothing is trained twice")
    nni.report_final_result(result)
    return True


def folder_of(trial: Trial, place: dict[str, Any]) -> Path:
    """--out; else data/runs/<experiment>/<trial> under NNI, a folder named after the settings by hand or in a race."""
    if place["out"] or place["below"]:
        return Path(place["out"] or Path(place["below"]) / name.whole(trial))
    if "NNI_PLATFORM" in os.environ:
        return runs_folder() / os.environ["NNI_EXP_ID"] / os.environ["NNI_TRIAL_JOB_ID"]
    return runs_folder() / "by_hand" / name.short(trial)


def heard(report: Callable[[dict[str, float]], None]) -> Callable[[dict[str, float]], None]:
    """A report to a manager that is gone ends the trial as a signal does: its experiment was stopped, NNI is slower."""

    def told(scores: dict[str, float]) -> None:
        try:
            report(scores)
        except OSError as error:  # of the network
            say("NNI's manager doesn't answer any more: the trial stops here, and goes on when it is resumed")
            raise KeyboardInterrupt from error

    return told


def ignore(_: dict[str, float]) -> None:
    """Nobody listens: a trial by hand."""


if __name__ == "__main__":
    run_command(main)
