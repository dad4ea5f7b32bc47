"""A plan -> NNI's config file with its search space and, as comments, the purpose of each trial."""

import dataclasses
import json
import math
import os
import shlex
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from imbseg.files import REPOSITORY
from imbseg.manager.plan_fit import RISING, Fitted, Timed

WIDTH = 118


@dataclasses.dataclass(frozen=True)
class Experiment:
    """The contents of a config beside its trials.

    Attributes:
        name: of the data set.
        split: what all trials are validated by, and why.
        flags: of every trial.
        chosen: setting -> (value, why), of those flags which the data set leaves open.
        refused: trials that can't run on these data, each with why.
        gpus: GPUs of this machine that trials use; 0: the CPU.
        measured: what the hours come from.
        budget: hours; None: unlimited.
        baseline: its name in the report.
        notices: sentences beside the plan, such as that the machine was busy while it timed.
        stage: `plan`, or `baseline` for what comes before it.
    """

    name: str
    split: tuple[str, str]
    flags: Mapping[str, str]
    chosen: Mapping[str, tuple[str, str]]
    refused: Sequence[str]
    gpus: int
    measured: str
    budget: float | None
    baseline: str
    notices: Sequence[str] = ()
    stage: str = "plan"


def config_text(experiment: Experiment, fitted: Fitted, out: Path) -> str:
    """The whole file; `out` is where it will lie, which its paths are relative to."""
    words = [word for name, value in experiment.flags.items() for word in (f"--{name}", value)]
    command = shlex.join(["python", "src/train_nni.py", *words])
    gpu = ["trialGpuNumber: 1"] if experiment.gpus else []
    active = ["  useActiveGpu: true        # with false, trials wait for ever while anything runs on the GPU"]
    lines = [
        *_head(experiment, fitted, out),
        f"experimentName: {json.dumps(f'{experiment.name}_{experiment.stage}')}",
        f"trialCodeDirectory: {json.dumps(_code_directory(out))}",
        f"trialCommand: {json.dumps(command, ensure_ascii=False)}",
        f"trialConcurrency: {fitted.at_once}",
        *gpu,
        "tuner:",
        "  name: GridSearch",
        "trainingService:",
        "  platform: local",
        *(active if experiment.gpus else []),
        "searchSpace:",
        f"  seed: {{_type: choice, _value: {list(range(1, fitted.seeds + 1))}}}",
        *_strategies(fitted, experiment.split[0]),
    ]
    return "\n".join(lines) + "\n"


def summary(experiment: Experiment, fitted: Fitted, out: Path, free: int) -> Iterator[str]:
    """What a person reads in the terminal: the trials with their time and reason, hours, disk, how to start.

    Args:
        free: bytes of the disk that run folders will lie on.
    """
    for one in fitted.kept:
        yield f"{duration(one.pace.seconds(fitted.epochs)):>8}  {one.candidate.label}: {one.candidate.reason}"
    seeds = "1 seed" if fitted.seeds == 1 else f"{fitted.seeds} seeds"
    yield f"{len(fitted.kept)} settings x {seeds}: about {_needs(fitted)}, {experiment.measured}"
    yield from _sentences(experiment, fitted)
    if fitted.bytes > free:
        yield f"Disk: {size(free)} are free, {size(fitted.bytes)} are needed; make room before you start it."
    yield f"written: {out}; start it: make experiment CONFIG={_shown(out)}"


def _needs(fitted: Fitted) -> str:
    return f"{duration(fitted.hours * 3600)} and {size(fitted.bytes)} of disk"


def _sentences(experiment: Experiment, fitted: Fitted) -> list[str]:
    """What is said in the terminal and in the file."""
    texts = (*experiment.notices, _shortened(fitted), _seeds(fitted), _left_out(experiment, fitted))
    return [text for text in (*texts, *experiment.refused) if text]


def size(count: float) -> str:
    """Bytes to plan by.

    >>> size(41_300_000), size(2_340_000_000)
    ('42 MB', '2.4 GB')
    """
    unit, name = (1e9, "GB") if count >= 1e9 else (1e6, "MB")
    digits = 10 if count >= 1e9 else 1
    return f"{math.ceil(count / unit * digits) / digits:g} {name}"


def duration(seconds: float) -> str:
    """A time to plan by.

    >>> duration(20), duration(1440), duration(9000), duration(360000)
    ('20 s', '24 min', '2.5 h', '100 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 6000:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.{0 if seconds >= 36000 else 1}f} h"


def _head(experiment: Experiment, fitted: Fitted, out: Path) -> Iterator[str]:
    split, why_split = experiment.split
    seeds = f"{fitted.seeds} seed{'s' if fitted.seeds > 1 else ''}"
    within = f" (--hours {experiment.budget:g})" if experiment.budget is not None else ""
    yield from _wrapped(
        f"Planned from the diagnosis of {experiment.name}: {len(fitted.kept)} settings x {seeds}, about "
        f"{_needs(fitted)}{within}, {experiment.measured}."
    )
    yield f"# make experiment CONFIG={_shown(out)}     or     nnictl create --config {_shown(out)}"
    same = "All but sampling `none` take the same number of steps; a" if experiment.stage == "plan" else "A"
    yield f"# {same} report on baseline `x2`, by NNI's experiment ID:"
    yield f'# python src/report.py --runs data/runs/ID --baseline "{experiment.baseline}"'
    yield from _wrapped(f"Split `{split}`: {why_split}.")
    for text in (_chosen(experiment), *_sentences(experiment, fitted)):
        yield from _wrapped(text)


def _chosen(experiment: Experiment) -> str:
    told = [f"{name} {value}{f' ({why})' if why else ''}" for name, (value, why) in experiment.chosen.items()]
    return f"Chosen here, since the data set's `trial:` leaves it open: {'; '.join(told)}." if told else ""


def _shortened(fitted: Fitted) -> str:
    if fitted.epochs == fitted.wished:
        return ""
    steps = fitted.epochs * fitted.kept[0].pace.steps
    return (
        f"Epochs: {fitted.epochs} instead of {fitted.wished}, {steps} optimizer steps of the baseline, so that more "
        f"trials fit. Fewer than {RISING['cpu']} ({RISING['gpu']} on a GPU) would be too few for it to rise."
    )


def _seeds(fitted: Fitted) -> str:
    more = [f"{seeds} seeds take {duration(fitted.hours_of(seeds) * 3600)}" for seeds in (3, 5) if seeds > fitted.seeds]
    one = "One seed gives no noise estimate. " if fitted.seeds == 1 else ""
    return f"{one}{', '.join(more)[:1].upper()}{', '.join(more)[1:]}." if more else ""


def _left_out(experiment: Experiment, fitted: Fitted) -> str:
    if not fitted.left_out:
        return ""
    times = ((one.candidate.label, one.pace.seconds(fitted.epochs)) for one in fitted.left_out)
    told = "; ".join(f"{label} ({duration(seconds)})" for label, seconds in times)
    alone = " Only the baseline fits, so there is nothing to compare." if len(fitted.kept) == 1 else ""
    return f"Left out, since {experiment.budget:g} hours are too few: {told}.{alone}"


def _strategies(fitted: Fitted, split: str) -> Iterator[str]:
    """A nested choice: of each strategy, the losses that go with it. NNI's grid runs these and no others."""
    groups: dict[tuple[str, str], list[Timed]] = {}
    for one in fitted.kept:
        inner = "".join(
            f"        {name}: {{_type: choice, _value: [{json.dumps(value)}]}}\n"
            for name, value in one.candidate.inner.items()
        )
        groups.setdefault((one.candidate.strategy(split), inner), []).append(one)
    yield from ("  strategy:", "    _type: choice", "    _value:")
    for (strategy, inner), members in groups.items():
        yield f"      - _name: {strategy}"
        yield from inner.splitlines()
        yield from ("        loss:", "          _type: choice", "          _value:")
        for one in members:
            yield from _wrapped(f"{duration(one.pace.seconds(fitted.epochs))}: {one.candidate.reason}", " " * 12)
            yield f"            - {one.candidate.loss}"


def _wrapped(text: str, indent: str = "") -> list[str]:
    # A class may have any name: no line break of it may end a comment.
    lines = textwrap.wrap(" ".join(text.split()), WIDTH - len(indent) - 2, break_long_words=False)
    return [f"{indent}# {line}" for line in lines]


def _code_directory(out: Path) -> str:
    folder = out.resolve().parent
    return os.path.relpath(REPOSITORY, folder) if folder.is_relative_to(REPOSITORY) else str(REPOSITORY)


def _shown(out: Path) -> str:
    absolute = out.resolve()
    shown = absolute.relative_to(REPOSITORY) if absolute.is_relative_to(REPOSITORY) else absolute
    return shlex.quote(str(shown))
