"""python src/plan_experiment.py --dataset NAME|PATH.yml [--hours H] [--baseline | --best_of RUNS] [--out FILE.yml]

From the diagnosis to an experiment: six to ten trials, the baseline first, as an NNI config ready to start. A few
steps of each loss and network are timed, which takes 1 to 5 minutes. --hours shortens epochs before it leaves out
trials. --baseline plans what comes before: batch size, network and learning rates. Any other setting of a trial
(--batch_size 4) is one of all trials. An existing file is not overwritten.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from imbseg.datasets.spec import Dataset, load
from imbseg.errors import InputError, Parser, above_zero, run_command
from imbseg.files import REPOSITORY, free_bytes, runs_folder, writable_folder, write_text
from imbseg.memory import keep_freed

if TYPE_CHECKING:
    from imbseg.meta.read import Meta


def main() -> None:
    """Diagnose, choose, time, fit, write, say what it will do."""
    load_before = os.getloadavg()[0]
    given, own = parse()
    budget = None if given.hours is None else hours(given.hours)
    dataset, meta, out = read(given)
    keep_freed(training=True)
    from imbseg import timing
    from imbseg.manager import baseline as first
    from imbseg.manager import geometries, plan, plan_config, plan_fit, plan_trials
    from imbseg.trial.pace import busy_notice

    plan.check_anything(meta, dataset)
    best, tested = first.best_setup(given.best_of, dataset) if given.best_of else ({}, next_step(given))
    own = {**best, **own}
    gpus = timing.gpus(str(dataset.trial.get("device", "auto")))
    device = "gpu" if gpus else "cpu"
    split = plan.split_of(meta, dataset)
    chosen = plan.safe_settings(meta, dataset, split[0], device=device, given=own)
    flags = plan.flags_of(dataset, given.root, given.meta, chosen, own)
    trials = plan_trials.baseline_trials if given.baseline else plan_trials.remedies_and_geometry
    planned = trials(meta, dataset, flags, split[0])
    print(f"{len(planned.wanted)} trials planned; timing a few steps of each loss on this machine", flush=True)
    trial, pace = planned.baseline.trial, timing.measure(planned.baseline)
    measured = timing.told(pace, gpus)
    print(f"  {measured}", flush=True)
    epochs = (plan_fit.least_epochs(trial, pace.steps, device, fixed="epochs" in own), trial.epochs)
    if budget is not None:
        plan_fit.check_baseline(pace, epochs[0], budget, dataset)
    found = timing.paces(planned.resolved, pace, lambda line: print(f"  {line}", flush=True))
    fitted, refused = plan_fit.fit_measured(planned.wanted, found, epochs=epochs, budget=budget, at_once=max(gpus, 1))
    shorter = {"epochs": str(fitted.epochs)} if fitted.epochs < fitted.wished else {}
    flags, label = {**planned.flags, **shorter}, planned.label(fitted)
    unknown = "" if given.baseline else geometries.unknown_grid(geometries.read_ceilings(meta, dataset), trial)
    notices = [busy_notice(pace, load_before, len(os.sched_getaffinity(0))), unknown, tested]
    about = (dataset.name, split, flags, chosen, refused, gpus, measured, budget, label, notices)
    experiment = plan_config.Experiment(*about, "baseline" if given.baseline else "plan")
    write_text(out, plan_config.config_text(experiment, fitted, out))
    for line in plan_config.summary(experiment, fitted, out, free_bytes(runs_folder())):
        print(line)


def read(given: argparse.Namespace) -> tuple[Dataset, Meta, Path]:
    """The data set, its meta, and the file to write."""
    dataset = load(given.dataset, root=given.root)
    from imbseg.meta.read import meta_folder, read_meta
    from imbseg.meta.unchanged import check_masks

    meta = read_meta(dataset, meta_folder(dataset, given.meta))
    check_masks(dataset, meta.folder)
    out = checked_out(given.out, f"{dataset.name}_baseline" if given.baseline else dataset.name)
    return dataset, meta, out


def next_step(given: argparse.Namespace) -> str:
    """How the baseline is tested before the remedies, or how its result is used."""
    if given.baseline:
        return (
            f"Then: python src/plan_experiment.py --dataset {given.dataset} --best_of data/runs/ID plans the remedies."
        )
    return "The baseline is untested: --baseline plans an experiment for that, and --best_of takes its best settings."


def parse() -> tuple[argparse.Namespace, dict[str, str]]:
    """What the plan takes, places absolute, since trials run in the repository; and settings of all trials."""
    parser = Parser(prog="plan_experiment.py", description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("--dataset", required=True, metavar="NAME|PATH.yml", help="the data set")
    parser.add_argument("--root", type=absolute, metavar="DIR", help="where its files lie (default: as its file says)")
    parser.add_argument("--meta", type=absolute, metavar="DIR", help="its meta (default: data/meta/<data set>)")
    parser.add_argument("--hours", metavar="H", help="limit in hours (default: no limit, one seed)")
    parser.add_argument("--baseline", action="store_true", help="plan what comes first: which baseline is worth it")
    parser.add_argument("--best_of", type=Path, metavar="RUNS", help="take the best settings of that experiment's runs")
    parser.add_argument("--out", type=Path, metavar="FILE.yml", help="config to write (default: in configs/)")
    given, rest = parser.parse_known_args()
    if given.baseline and given.best_of:
        raise InputError("--baseline: plans the experiment whose runs --best_of reads; give one of the two")
    return given, trial_flags(parser, rest)


def trial_flags(parser: Parser, rest: list[str]) -> dict[str, str]:
    """Settings that all trials have in common, such as --batch_size 4."""
    if not rest:
        return {}
    from imbseg.trial import parse_flags
    from imbseg.trial.fields import FIELDS

    if rest[0].split("=")[0].removeprefix("--") not in FIELDS:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    found = parse_flags(rest)
    if varied := sorted({"strategy", "imbalance", "split", "sampling", "copy_paste", "loss", "seed"} & found.keys()):
        raise InputError(f"--{varied[0]}: is what the plan varies or chooses; leave it out")
    return found


def absolute(text: str) -> str:
    """A path, from wherever this command was started."""
    return str(Path(text).resolve())


def hours(text: str) -> float:
    """A number of hours above 0."""
    return above_zero(text, "--hours: expected")


def checked_out(given: Path | None, name: str) -> Path:
    """The file to write, which must be new: before minutes are spent on it."""
    out = given or REPOSITORY / "configs" / f"{name}.yml"
    if out.suffix not in (".yml", ".yaml"):
        raise InputError(f"--out {out}: expected a name that ends in .yml")
    if out.exists():
        raise InputError(f"--out {out}: exists and is not overwritten; move it away, or give another --out")
    writable_folder(out.parent)
    return out


if __name__ == "__main__":
    run_command(main)
