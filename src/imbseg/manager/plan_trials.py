"""The trials of a plan, each tried on its settings before any is timed."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError
from imbseg.manager.baseline import baselines
from imbseg.manager.candidates import BASELINE, Candidate, candidates
from imbseg.manager.geometries import Settings, proposals, read_ceilings
from imbseg.manager.plan_fit import Fitted
from imbseg.meta.read import Meta
from imbseg.models import ARCHITECTURES
from imbseg.runs.collect import FINISHED, Run
from imbseg.runs.strategies import strategies_of
from imbseg.trial import Resolved, resolve


@dataclasses.dataclass(frozen=True)
class Planned:
    """Trials to be timed.

    Attributes:
        wanted: the baseline, then the others, the most valuable first.
        resolved: of each its settings, or why it can't run.
        flags: that all have in common.
        split: that all are validated by.
    """

    wanted: list[Candidate]
    resolved: list[Resolved | InputError]
    flags: dict[str, str]
    split: str

    @property
    def baseline(self) -> Resolved:
        """The settings of the first.

        Raises:
            InputError: it can't run.
        """
        if isinstance(self.resolved[0], InputError):
            raise self.resolved[0]
        return self.resolved[0]

    def label(self, fitted: Fitted) -> str:
        """What the report calls the baseline beside the trials that are kept."""
        kept = [one.candidate for one in fitted.kept]
        runs = [
            Run(one.label, Path(), FINISHED, "", {"parameters": each.trial.as_json()})
            for one, each in zip(self.wanted, self.resolved, strict=True)
            if one in kept and not isinstance(each, InputError)
        ]
        return strategies_of(runs)[0].label


def remedies_and_geometry(meta: Meta, dataset: Dataset, flags: Mapping[str, str], split: str) -> Planned:
    """What the diagnosis and the ceilings ask for.

    Raises:
        InputError: the baseline can't run, or the meta has no ceilings.
    """
    baseline = resolve(flags, BASELINE.sampled(split)).trial

    def runs(setup: Settings) -> bool:
        found = planned([dataclasses.replace(BASELINE, setup=setup)], flags, split)
        return isinstance(found.resolved[0], Resolved)

    ceilings = read_ceilings(meta, dataset)
    return planned(candidates(meta, dataset, proposals(ceilings, meta, baseline, runs)), flags, split)


def baseline_trials(meta: Meta, dataset: Dataset, flags: Mapping[str, str], split: str) -> Planned:
    """What tells which baseline is worth comparing with.

    Raises:
        InputError: the baseline can't run.
    """
    return planned(baselines(meta, dataset, resolve(flags, BASELINE.sampled(split)).trial), flags, split)


def planned(wanted: Sequence[Candidate], flags: Mapping[str, str], split: str) -> Planned:
    """Trials with what they have in common, and each tried on its settings."""
    common, found = spread(flags, wanted)
    return Planned(found, [_tried(common, one, split) for one in found], common, split)


def _tried(flags: Mapping[str, str], one: Candidate, split: str) -> Resolved | InputError:
    try:
        return resolve(flags, one.sampled(split))
    except InputError as error:
        return error


def spread(flags: Mapping[str, str], wanted: Sequence[Candidate]) -> tuple[dict[str, str], list[Candidate]]:
    """Take out of the common flags what some trial has otherwise, and write it into the others: never in both.

    What an architecture takes goes with it: a trial in another one doesn't get it.
    """
    varied = {name for one in wanted for name in one.setup}
    own = ARCHITECTURES.declares().keys() if "architecture" in varied else set()
    moved = {name: value for name, value in flags.items() if name in varied | set(own)}
    found = []
    for one in wanted:
        kept = {name: value for name, value in moved.items() if "architecture" not in one.setup or name not in own}
        kept = {name: value for name, value in kept.items() if name not in one.setup}
        found.append(dataclasses.replace(one, parameters={**one.parameters, **kept}))
    return {name: value for name, value in flags.items() if name not in moved}, found
