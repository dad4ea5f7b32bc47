"""python src/train_nni.py --dataset sample --strategy full/mskf/none/none --loss focal --seed 1 --out DIR

One trial: under NNI with the parameters that NNI sampled and lists, by hand with flags of the same names. The run
folder holds everything; the same command goes on where it was stopped. Half a minute on the sample with two cores.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from imbseg.datasets.spec import REPOSITORY
from imbseg.errors import TrialFailed, run_command
from imbseg.manager.rest import listed_parameters, parameters_of_other_trials
from imbseg.trial import Trial, resolve
from imbseg.trial.sources import parser


def main() -> int:
    """Read the settings, train, report."""
    flags, out = read_flags()
    if "NNI_PLATFORM" in os.environ:
        sampled, nni = ask_nni()
        intermediate, final = nni.report_intermediate_result, nni.report_final_result
    else:
        sampled, intermediate, final = {}, ignore, ignore
    resolved = resolve(flags, sampled)
    from imbseg.training.run import run_trial  # torch and all that: after the parameters are known to be good

    folder = Path(out) if out else default_folder(resolved.trial)
    run_trial(resolved, folder, intermediate=intermediate, final=final, say=lambda line: print(line, flush=True))
    print(f"run folder: {folder}")
    return 0


def read_flags() -> tuple[dict[str, str], str | None]:
    """Every Trial field as a flag, and --out."""
    arguments = parser(__doc__ or "")
    arguments.add_argument("--out", metavar="DIR", help="the run folder; default below data/runs")
    found = vars(arguments.parse_args())
    out = found.pop("out")
    return {name: value for name, value in found.items() if value is not None}, out


def ask_nni() -> tuple[dict[str, Any], Any]:
    """The parameters that NNI lists for this trial: what it hands out can be another trial's."""
    import nni

    received = nni.get_next_parameter()
    channel, trial_id = os.environ.get("NNI_TRIAL_COMMAND_CHANNEL"), os.environ["NNI_TRIAL_JOB_ID"]
    if not channel:  # remote machines: parameters travel with the trial there
        return dict(received), nni
    listed = listed_parameters(channel, trial_id)
    if listed != received:
        print(f"NNI handed out {received}, and lists {listed} for this trial: the listed ones are taken", flush=True)
    twins = [other for other, status, parameters in parameters_of_other_trials(channel, trial_id)
             if parameters == listed and status in ("RUNNING", "SUCCEEDED")]  # fmt: skip
    if twins and twin_is_first(channel, trial_id, twins):
        raise TrialFailed(f"trial {twins[0]} of this experiment has the same parameters; this one is not run twice")
    return listed, nni


def twin_is_first(channel: str, trial_id: str, twins: list[str]) -> bool:
    """Of two trials with the same parameters, the one that NNI made first is the one to run."""
    from imbseg.manager.rest import base_of_channel, trials

    order = {trial.id: trial.sequence for trial in trials(base_of_channel(channel))}
    return any(order.get(twin, 0) < order.get(trial_id, 0) for twin in twins)


def default_folder(trial: Trial) -> Path:
    """data/runs/<experiment>/<trial> under NNI, a folder named after the settings by hand."""
    runs = REPOSITORY / "data" / "runs"
    if "NNI_PLATFORM" in os.environ:
        return runs / os.environ["NNI_EXP_ID"] / os.environ["NNI_TRIAL_JOB_ID"]
    name = (
        f"{Path(trial.dataset).stem}-{trial.strategy.replace('/', '-')}-{trial.loss}-fold{trial.fold}-seed{trial.seed}"
    )
    return runs / "by_hand" / name


def ignore(_: dict[str, float]) -> None:
    """Nobody listens: a trial by hand."""


if __name__ == "__main__":
    run_command(main)
