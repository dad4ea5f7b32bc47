"""What the parts of a trial take on a machine, and a trial of so many epochs."""

from __future__ import annotations

import dataclasses

START_S = 12.0  # of a trial: imports (8 s), NNI from one trial to the next (1 s), the network


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
    """

    steps: int
    step_s: float
    loader_s: float
    val_s: float
    end_s: float
    save_s: float

    def seconds(self, epochs: int) -> float:
        """What a trial of so many epochs takes; less where it stops early.

        >>> Pace(steps=10, step_s=1.0, loader_s=2.0, val_s=7.0, end_s=5.0, save_s=1.0).seconds(3)
        77.0
        """
        epoch = self.loader_s + self.steps * self.step_s + self.val_s + self.save_s
        return START_S + epochs * epoch + self.end_s
