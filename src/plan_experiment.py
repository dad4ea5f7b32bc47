"""python src/plan_experiment.py --dataset NAME|PATH.yml [--root DIR] [--meta DIR] [--hours H] [--out configs/NAME.yml]

From the diagnosis to an experiment: six to ten trials, the baseline first, as an NNI config ready to start. A few
steps of each loss are timed, which takes 1 to 5 minutes. Trials that exceed --hours are left out and named. An
existing file is not overwritten.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from imbseg.datasets.spec import Dataset, load
from imbseg.errors import InputError, Parser, run_command
from imbseg.files import REPOSITORY, writable_folder, write_text


def main() -> None:
    """Diagnose, choose, time, fit, write, say what it will do."""
    given = parse()
    budget = None if given.hours is None else hours(given.hours)
    dataset = load(given.dataset, root=given.root)
    from imbseg.meta.read import meta_folder, read_meta
    from imbseg.meta.unchanged import check_masks

    meta = read_meta(dataset, meta_folder(dataset, given.meta))
    check_masks(dataset, meta.folder)
    out = checked_out(given.out, dataset)
    from imbseg.manager import candidates, plan, plan_config
    from imbseg.training import timing
    from imbseg.trial import resolve

    plan.check_anything(meta, dataset)
    gpus = timing.gpus(str(dataset.trial.get("device", "auto")))
    split = plan.split_of(meta, dataset)
    chosen = plan.safe_settings(meta, dataset, split[0], device="gpu" if gpus else "cpu")
    flags = plan.flags_of(dataset, given.root, given.meta, chosen)
    wanted = candidates.candidates(meta, dataset)
    resolved = [resolve(flags, one.sampled(split[0])) for one in wanted]
    print(f"{len(wanted)} trials planned; timing a few steps of each loss on this machine", flush=True)
    baseline, epochs = timing.measure(resolved[0]), resolved[0].trial.epochs
    measured = timing.told(baseline, gpus)
    print(f"  {measured}", flush=True)
    if budget is not None:
        plan.check_baseline(baseline, epochs, budget, dataset)
    found = timing.paces(resolved, baseline, lambda line: print(f"  {line}", flush=True))
    fitted, refused = plan.fit_measured(wanted, found, epochs=epochs, budget=budget, at_once=max(gpus, 1))
    experiment = plan_config.Experiment(dataset.name, split, flags, chosen, refused, gpus, measured, budget)
    write_text(out, plan_config.config_text(experiment, fitted, out))
    for line in plan_config.summary(experiment, fitted, out):
        print(line)


def parse() -> argparse.Namespace:
    """The command line; places absolute, since trials run in the repository."""
    parser = Parser(prog="plan_experiment.py", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("--dataset", required=True, metavar="NAME|PATH.yml", help="the data set")
    parser.add_argument("--root", type=absolute, metavar="DIR", help="where its files lie (default: as its file says)")
    parser.add_argument("--meta", type=absolute, metavar="DIR", help="its meta (default: data/meta/<data set>)")
    parser.add_argument("--hours", metavar="H", help="limit in hours (default: no limit, one seed)")
    parser.add_argument("--out", type=Path, metavar="FILE.yml", help="config to write (configs/<data set>.yml)")
    return parser.parse_args()


def absolute(text: str) -> str:
    """A path, from wherever this command was started."""
    return str(Path(text).resolve())


def hours(text: str) -> float:
    """A number of hours above 0."""
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 < found < math.inf:
        raise InputError(f"--hours: expected a number above 0, found {text!r}")
    return found


def checked_out(given: Path | None, dataset: Dataset) -> Path:
    """The file to write, which must be new: before minutes are spent on it."""
    out = given or REPOSITORY / "configs" / f"{dataset.name}.yml"
    if out.suffix not in (".yml", ".yaml"):
        raise InputError(f"--out {out}: expected a name that ends in .yml")
    if out.exists():
        raise InputError(f"--out {out}: exists and is not overwritten; move it away, or give another --out")
    writable_folder(out.parent)
    return out


if __name__ == "__main__":
    run_command(main)
