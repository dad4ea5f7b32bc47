"""A race through NNI: each look an experiment, run folders that go on from look to look, a small JSON beside them."""

import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from imbseg.errors import InputError, TrialFailed, amount
from imbseg.files import read_object, write_json
from imbseg.racing import rounds
from imbseg.racing.course import Step, run_course
from imbseg.racing.entries import Entries, setups, with_setup
from imbseg.racing.rule import Floats, Look, Mask, looks
from imbseg.racing.told import look_line

STATE = "race.json"
START_S = 12.0  # of a trial's start: imports, NNI from one trial to the next, the network
FOR_BASELINE = 0.25  # share of the hours at most, for setups of the baseline
Say = Callable[[str], None]
Train = Callable[[Path], None]  # a round's config -> trained


@dataclasses.dataclass
class State:
    """What the run folders can't tell: the race's settings, the hours spent, and what was known at each look.

    Attributes:
        about: config, hours, score; a race goes on with what it began with.
        spent: seconds of training so far, by the clock.
        worked: what that should have taken by the trials' epochs; the rest is NNI, and other work on the machine.
        baseline: the setups that were tried, with their scores, and the chosen one; empty before.
        looks: of each what was left and what looks would cost then; whether its trials began and have ended.
    """

    path: Path
    about: dict[str, Any]
    spent: float = 0.0
    worked: float = 0.0
    baseline: dict[str, Any] = dataclasses.field(default_factory=dict)
    looks: list[dict[str, Any]] = dataclasses.field(default_factory=list)

    def write(self) -> None:
        """Keep it, whole or not at all."""
        write_json(self.path, {name: value for name, value in vars(self).items() if name != "path"})

    @contextmanager
    def clock(self) -> Iterator[None]:
        """What runs inside is counted, also where it is interrupted."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.spent += time.monotonic() - began
            self.write()

    @property
    def left(self) -> float:
        """Hours."""
        return float(self.about["hours"]) - self.spent / 3600


def read_state(folder: Path) -> State:
    """The state of a race that was interrupted.

    Raises:
        InputError: there is none, or it is damaged.
    """
    file = folder / STATE
    if not file.is_file():
        raise InputError(f"--resume {folder.name}: {file} isn't there; name a race's folder below {folder.parent}")
    found = read_object(file, "about", "baseline")
    began = [look for look in found.get("looks", []) if look.get("began")]  # one that wasn't afforded is asked anew
    hours = float(found.get("spent", 0.0)), float(found.get("worked", 0.0))
    return State(file, found["about"], *hours, found["baseline"], began)


class Race:
    """The field of a real race: it trains through NNI, reads run folders, and remembers what it knew at each look."""

    def __init__(self, config: Path, entries: Entries, state: State, at_once: int, train: Train, say: Say) -> None:
        """Take the config, who races, and what trains a round; `say` gets a line for people."""
        self.config, self.entries, self.state, self.at_once = config, entries, state, at_once
        self.train_round, self.say, self.folder = train, say, state.path.parent
        self.score = str(state.about["score"])
        self.plan = looks(entries.epochs, len(entries.seeds))

    def prepare(self, *, keep_baseline: bool) -> None:
        """Time the baseline's first epochs, refuse hours that are too few, and choose the baseline's setup."""
        first = self.plan[0]
        self.reach([self.entries.trial(0, self.entries.seeds[0])], first.epochs)
        if not self.state.looks:
            self._check_hours()
        if not keep_baseline and not self.state.baseline:
            self.state.baseline = self._tested()
            self.state.write()
        if chosen := self.state.baseline.get("chosen"):
            self.entries = with_setup(self.entries, chosen)

    def _check_hours(self) -> None:
        whole = [number for number, look in enumerate(self.plan) if look.seeds == 1]
        needs = sum(self._cost(who, number, 0) for who in (0, 1) for number in whole)
        if needs > self.state.left:
            total = needs + self.state.spent / 3600
            raise InputError(
                f"--hours {self.state.about['hours']:g}: the baseline and one other, trained whole with one seed, take "
                f"{total:.2g} hours; give --hours {math.ceil(round(total * 100, 6)) / 100:g} or more with "
                f"--resume {self.folder.name}, or fewer epochs in {self.config.name}"
            )

    def _tested(self) -> dict[str, Any]:
        """The setup with the highest score, mean over baseline and first remedy; {} is the baseline as it is."""
        epochs = next(look.epochs for look in self.plan if look.share >= 0.5)
        one = (epochs * self._pace(0) + START_S) / self.at_once / 3600 * self._slowness()
        count = int(self.state.left * FOR_BASELINE / (2 * one)) - 1
        tried = [({}, "as it is"), *setups(self.entries)[: max(count, 0)]]
        if len(tried) == 1:
            self.say(
                f"baseline: as it is; another setup takes {2 * one:.2g} hours, and a quarter of the rest holds none"
            )
            return {"chosen": {}, "tested": []}
        seed = self.entries.seeds[0]
        pairs = [[self.entries.trial(who, seed, setup) for who in (0, 1)] for setup, _ in tried]
        self.reach([trial for pair in pairs for trial in pair], epochs)
        scores = [sum(self._stand(trial).score(epochs, self.score) for trial in pair) / len(pair) for pair in pairs]
        if math.isnan(scores[0]):
            raise TrialFailed("the baseline or its first remedy failed as it is; see the trials above")
        best = int(np.nanargmax(scores))
        told = "; ".join(f"{why} {score:.3f}" for (_, why), score in zip(tried, scores, strict=True))
        self.say(f"baseline after {epochs} epochs, {self.score} with and without {self.entries.labels[1]}: {told}")
        self.say(f"baseline: {tried[best][1]} holds for all candidates")
        rows = [
            {"setup": setup, "why": why, "score": _number(score)}
            for (setup, why), score in zip(tried, scores, strict=True)
        ]
        return {"chosen": tried[best][0], "tested": rows, "epochs": epochs}

    def run_looks(self) -> list[Step]:
        """Race to the end of the looks or of the hours."""
        return run_course(self, self.plan, len(self.entries.labels), 0, score=self.score, watch=self._tell)

    def _tell(self, steps: Sequence[Step]) -> None:
        self.say(look_line(self.entries, steps))

    def left(self, number: int) -> float:
        """Hours, when a look began."""
        return float(self._known(number)["left"])

    def costs(self, number: int, now: int) -> Floats:
        """Hours of each candidate, as they were known then."""
        return np.array(self._known(now)["costs"][number - now], np.float64)

    def run(self, number: int, chosen: Mask) -> Floats:
        """Train the chosen up to the look, and read their scores."""
        look, known = self.plan[number], self._known(number)
        pairs = [(who, seed) for who in np.flatnonzero(chosen).tolist() for seed in self._seeds(look)]
        trials = {pair: self.entries.trial(*pair) for pair in pairs}
        if not known["done"]:
            known["began"] = True
            self.say(self._opening(number, int(chosen.sum())))
            self.reach(list(trials.values()), look.epochs)
            known["done"] = True
            self.state.write()
        scores = np.full((len(chosen), look.seeds), np.nan)
        for (who, seed), trial in trials.items():
            scores[who, self.entries.seeds.index(seed)] = self._stand(trial).score(look.epochs, self.score)
        return scores

    def reach(self, trials: Sequence[Mapping[str, Any]], epochs: int) -> None:
        """Train those that haven't got so far; what is there goes on."""
        missing = [trial for trial in trials if not self._stand(trial).reached(epochs)]
        if missing:
            before = [len(self._stand(trial).rows) for trial in missing]
            with self.state.clock():
                try:
                    self.train_round(rounds.write_config(self.config, self.entries, self.folder, missing, epochs))
                finally:  # what an interruption left counts as well
                    self.state.worked += self._work(missing, before)

    def _work(self, trials: Sequence[Mapping[str, Any]], before: Sequence[int]) -> float:
        """Seconds that trials should have taken since they had so many epochs."""
        stands = [self._stand(trial) for trial in trials]
        known = [(one, had) for one, had in zip(stands, before, strict=True) if not math.isnan(one.pace)]
        each = [(len(one.rows) - had) * one.pace + START_S for one, had in known]
        return max(sum(each) / self.at_once, max(each, default=0.0))

    def _slowness(self) -> float:
        """How much longer rounds take by the clock than by their epochs."""
        return max(1.0, self.state.spent / self.state.worked) if self.state.worked else 1.0

    def grid_hours(self) -> float:
        """What all candidates would take, trained whole with all seeds."""
        each = [(self.entries.epochs * self._pace(who) + START_S) for who in range(len(self.entries.labels))]
        return sum(each) * len(self.entries.seeds) / self.at_once / 3600 * self._slowness()

    def _opening(self, number: int, count: int) -> str:
        look, hours = self.plan[number], f"{self.state.left:.2f} of {self.state.about['hours']:g} hours are left"
        epochs, seeds = f"{look.epochs} of {self.entries.epochs} epochs", amount(look.seeds, "seed")
        return f"look {number + 1} of {len(self.plan)}: {amount(count, 'candidate')}, {epochs}, {seeds}; {hours}"

    def _seeds(self, look: Look) -> tuple[int, ...]:
        return self.entries.seeds[: look.seeds]

    def _known(self, number: int) -> dict[str, Any]:
        if number == len(self.state.looks):
            costs = [
                [self._cost(who, later, number) for who in range(len(self.entries.labels))]
                for later in range(number, len(self.plan))
            ]
            self.state.looks.append({"left": self.state.left, "costs": costs, "began": False, "done": False})
            self.state.write()
        known: dict[str, Any] = self.state.looks[number]
        return known

    def _cost(self, who: int, number: int, now: int) -> float:
        """Hours of what a look takes of a candidate beyond the look before it; of the next one only what is missing."""
        look, pace = self.plan[number], self._pace(who)
        before = self.plan[number - 1].epochs if number and look.seeds == 1 else 0
        epochs = look.epochs - before
        if number == now:
            stands = [self._stand(self.entries.trial(who, seed)) for seed in self._seeds(look)]
            epochs = sum(look.epochs - len(one.rows) for one in stands if not one.reached(look.epochs))
        return (epochs * pace + START_S * (epochs > 0)) / self.at_once / 3600 * self._slowness()

    def _pace(self, who: int) -> float:
        """Seconds of a candidate's epoch, else of the baseline's."""
        seed = self.entries.seeds[0]
        found = [self._stand(self.entries.trial(one, seed)).pace for one in (who, 0)]
        known = [pace for pace in found if not math.isnan(pace)]
        if not known:
            raise TrialFailed("the baseline failed in its first epochs; see the trials above")
        return known[0]

    def _stand(self, trial: Mapping[str, Any]) -> rounds.Stand:
        return rounds.stand_of(self.folder, trial)


def _number(score: float) -> float | None:
    return float(score) if math.isfinite(score) else None
