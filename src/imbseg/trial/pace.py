"""What the parts of a trial take on a machine, and a trial of so many epochs."""

import dataclasses
from collections.abc import Callable
from typing import Any

from imbseg.models import ARCHITECTURES
from imbseg.trial.sources import Resolved
from imbseg.trial.values import show

NETWORK = (*ARCHITECTURES.declares(), "architecture", "encoder", "output_stride", "batch_size", "resize", "crop")
NETWORK += ("micro_batch", "channels_last", "fast_cpu", "precision", "cudnn", "compile")
START_S = 12.0  # of a trial: imports (8 s), NNI from one trial to the next (1 s), the network
BUSY_SHARE, BUSY_LOAD = 0.8, 0.5  # a smaller share of the processor, where the load was at least that before


@dataclasses.dataclass(frozen=True)
class Pace:
    """What the parts of a trial take.

    Attributes:
        steps: training steps of an epoch.
        step_s: seconds of one, the median: other work on the machine comes and goes.
        loader_s: until the first sample of an epoch is there.
        val_s: seconds of one validation, over the whole validation side.
        end_s: after the last epoch: the correction on the validation side, and the test set.
        save_s: of the two checkpoints of an epoch.
        bytes: of the run folder, when it has finished.
        beside: bytes that it takes while it trains: its last two checkpoints, and one that is being written.
        share: processor time of the steps over what their threads could take; 1.0 on a GPU.
    """

    steps: int
    step_s: float
    loader_s: float
    val_s: float
    end_s: float
    save_s: float
    bytes: int = 0
    beside: int = 0
    share: float = 1.0

    def seconds(self, epochs: int) -> float:
        """What a trial of so many epochs takes; less where it stops early.

        >>> Pace(steps=10, step_s=1.0, loader_s=2.0, val_s=7.0, end_s=5.0, save_s=1.0).seconds(3)
        77.0
        """
        epoch = self.loader_s + self.steps * self.step_s + self.val_s + self.save_s
        return START_S + epochs * epoch + self.end_s


Measure = Callable[[Resolved, Pace | None], Pace]  # of a trial, and one whose validation holds for it


class Timer:
    """What trials take: each remedy is timed on the first trial's network, each other network with one remedy."""

    def __init__(self, first: Resolved, pace: Pace, measure: Measure, say: Callable[[str], None]) -> None:
        """Take the trial that is measured already, and what measures; `say` gets a line for each that is timed."""
        self.own, self.measure, self.say = network_of(first), measure, say
        self.remedies = {remedy_of(first): pace}
        self.networks = {self.own: (remedy_of(first), pace)}

    def pace(self, resolved: Resolved) -> Pace:
        """What a trial takes; of another network with another remedy, what follows from the two.

        Raises:
            InputError: it can't run.
        """
        network, remedy = network_of(resolved), remedy_of(resolved)
        if network not in self.networks:
            self.networks[network] = (remedy, self._timed(resolved, None))
        with_remedy, pace = self.networks[network]
        if network == self.own:
            if remedy not in self.remedies:
                self.remedies[remedy] = self._timed(resolved, pace)
            pace = self.remedies[remedy]
        elif remedy != with_remedy and {remedy, with_remedy} <= self.remedies.keys():
            step_s = pace.step_s * self.remedies[remedy].step_s / self.remedies[with_remedy].step_s
            pace = dataclasses.replace(pace, step_s=step_s)
        elif remedy != with_remedy:
            pace = self._timed(resolved, pace)
        return pace

    def _timed(self, resolved: Resolved, like: Pace | None) -> Pace:
        found, values = self.measure(resolved, like), zip(NETWORK, network_of(resolved), self.own, strict=True)
        other = [f"{name} {show(value)}" for name, value, own in values if value != own]
        self.say(f"{', '.join([resolved.trial.strategy, resolved.trial.loss, *other])}: {found.step_s:.2g} s a step")
        return found


def network_of(resolved: Resolved) -> tuple[Any, ...]:
    """What the time of a step depends on, beside the remedy."""
    return tuple(getattr(resolved.trial, name) for name in NETWORK)


def remedy_of(resolved: Resolved) -> tuple[str, str]:
    """What of a remedy takes time in a step."""
    return resolved.trial.loss, resolved.trial.copy_paste


def busy_notice(pace: Pace, load: float, cores: int) -> str:
    """That other work ran while steps were timed, and what they would take alone; empty where none did.

    Args:
        load: 1-minute load average before the timing.
        cores: of this process.

    >>> pace = Pace(steps=10, step_s=4.0, loader_s=0.0, val_s=0.0, end_s=0.0, save_s=0.0, share=0.25)
    >>> print(busy_notice(pace, load=5.2, cores=2))  # doctest: +ELLIPSIS
    The machine was busy while it timed: load average 5.2 on 2 cores, ... 25% ... about 1 s instead of 4; plan again ...
    >>> busy_notice(pace, load=0.1, cores=2)  # its steps wait for samples, not for a processor
    ''
    """
    if pace.share >= BUSY_SHARE or load < BUSY_LOAD:
        return ""
    return (
        f"The machine was busy while it timed: load average {load:.1f} on {cores} core{'s' if cores > 1 else ''}, and "
        f"the steps got {pace.share:.0%} of the processor time that their threads could take. Alone, a step takes "
        f"about {pace.step_s * pace.share:.2g} s instead of {pace.step_s:.2g}; plan again when nothing else runs."
    )
