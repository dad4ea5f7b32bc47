"""An epoch under way, as a checkpoint inside it holds it: in every process, where several train together."""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

import torch

from imbseg import ranks
from imbseg.training.draws import Draws


@dataclasses.dataclass
class Begun:
    """What the steps of an epoch so far left behind, beside the learner's own state.

    Attributes:
        draws: what they showed.
        step: how many are done.
        loss: () sum of their losses.
        chance: states of torch's generators for the next step; none: as the epoch's seed left them.
        spent: seconds of the clock and of the processor.
        waited: seconds until the loader gave a batch.
        torn: a step is half done.
        gathered: samples of the batches whose gradients wait for the optimizer's next step, with `accumulate`.
        of_all: the state in each of several processes, when `share` was called last.
    """

    draws: Draws
    step: int = 0
    loss: torch.Tensor | float = 0.0
    chance: list[torch.Tensor] = dataclasses.field(default_factory=list)
    spent: tuple[float, float] = (0.0, 0.0)
    waited: float = 0.0
    torn: bool = False
    gathered: list[int] = dataclasses.field(default_factory=list)
    of_all: list[dict[str, Any]] = dataclasses.field(default_factory=list)

    def state(self, device: torch.device) -> dict[str, Any]:
        """What a checkpoint holds of this process."""
        kept = {name: value for name, value in vars(self).items() if name != "of_all"}
        return kept | {"chance": self.chance or chance_states(device), "draws": self.draws.state()}

    def share(self, device: torch.device) -> None:
        """Have the main one of several processes know the state of all; called at the same step in each."""
        if ranks.size() > 1:
            own = self.state(device)
            self.of_all = ranks.everyone(own | {"loss": torch.as_tensor(own["loss"]).cpu()})

    def stored(self, device: torch.device) -> dict[str, Any] | list[dict[str, Any]] | None:
        """What a checkpoint holds now; None where it would be torn, or lack what another process did."""
        known = ranks.size() == 1 or [one["step"] for one in self.of_all[:1]] == [self.step]
        return (self.of_all or self.state(device)) if known and not self.torn else None

    def draws_of_all(self) -> Draws:
        """What the steps showed in all processes, when `share` was called last."""
        total = Draws(self.draws.names, confidence=self.draws.trust is not None)
        for one in self.of_all:
            total.add_state(one["draws"])
        return total if self.of_all else self.draws


def restored(stored: Mapping[str, Any] | list[dict[str, Any]], draws: Draws) -> Begun:
    """An epoch as this process had it; `draws` have counted nothing yet."""
    state = stored[ranks.rank()] if isinstance(stored, list) else stored
    draws.load_state(state["draws"])
    return Begun(**{**state, "draws": draws})


def chance_states(device: torch.device) -> list[torch.Tensor]:
    """Of the generators that draw inside the network: dropout, drop path."""
    return [torch.get_rng_state(), *([torch.cuda.get_rng_state(device)] if device.type == "cuda" else [])]


def set_chance(states: list[torch.Tensor], device: torch.device) -> None:
    """Go back to such states."""
    torch.set_rng_state(states[0].cpu())
    if device.type == "cuda" and len(states) > 1:
        torch.cuda.set_rng_state(states[1].cpu(), device)


def cpu_seconds() -> float:
    """Of this process and of the loaders that have ended: unlike the clock, the same beside other work."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
