"""Networks -> labels and probabilities of images of any size: whole where they fit, else in tiles, band by band."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from imbseg.datasets.labels import Labels
from imbseg.errors import InputError
from imbseg.memory import return_freed
from imbseg.models.blend import blended, cut_sides
from imbseg.models.tiles import Side
from imbseg.post_hoc import IN_TILES, POST_HOC, factors, grid, in_tiles, is_view, steps
from imbseg.post_hoc.logits import as_labels
from imbseg.predict.again import gpu_memory
from imbseg.predict.member import Member
from imbseg.predict.operating_points import decide
from imbseg.training.views import Way, asked, decoder, last_layer
from imbseg.windows.pixels import Array, Pixels

MOST_INPUT = 4_000_000  # pixels of an input that is shown whole
MOST_SCORES = 64_000_000  # classes x pixels of an image that is shown whole: a quarter of a GB
Views = Mapping[str, torch.Tensor]


@dataclasses.dataclass(frozen=True)
class Labelled:
    """Some rows of an image, or all of it.

    Attributes:
        labels: (height, width) class indices, uint8, of more than 255 classes int16.
        probabilities: (classes, height, width) float32; the mean over the networks.
    """

    labels: Labels
    probabilities: NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Tiling:
    """How images are cut that are too large to be shown whole.

    Attributes:
        size: (width, height) of a tile in the input; None: the size of the samples in training.
        overlap: pixels that neighbours share, at least; None: half a tile.
        always: cut every image that is larger than a tile.
    """

    size: tuple[int, int] | None = None
    overlap: int | None = None
    always: bool = False

    def __post_init__(self) -> None:
        """Refuse what no image can be cut with."""
        if self.overlap is not None and self.overlap < 0:
            raise InputError(f"overlap: expected pixels that tiles share, 0 or more, found {self.overlap}")
        if self.size is not None and min(self.size) < 1:
            raise InputError(f"tile: expected a width and height above 0, found {self.size[0]}x{self.size[1]}")


class Predictor:
    """One network, or several whose probabilities are averaged; called with an image it gives labels and probabilities.

    Attributes:
        class_names: in index order.
        layout: what an image that it takes is in memory.
        way, given: the correction with its strength, and what it takes.
    """

    def __init__(
        self,
        members: Sequence[Member],
        post_hoc: str = "none",
        by: str = "mIoU",
        tiling: Tiling | None = None,
        said: str = "",
        thresholds: Mapping[int, float] | None = None,
    ) -> None:
        """Take what decides a prediction.

        Args:
            members: of the same classes.
            post_hoc: a correction of the menu, or a product such as prior*flip.
            by: the validation score by which its strength was chosen.
            said: how the members were chosen.
            thresholds: class index -> the probability from which a pixel is that class.

        Raises:
            InputError: the members' classes or images differ, or the correction can't be taken, or stands beside
                thresholds.
        """
        self.members, self.tiling, self.said = tuple(members), tiling or Tiling(), said
        self.class_names, self.layout = members[0].stored.class_names, members[0].stored.layout
        for one in members[1:]:
            if one.stored.class_names != self.class_names:
                raise InputError(f"{one.stored.folder}: has other classes than {members[0].stored.folder}; name one")
            if one.stored.layout != self.layout:
                what = "takes other channels or values than"
                raise InputError(f"{one.stored.folder}: {what} {members[0].stored.folder}; name one")
        self._asked = (post_hoc, by)
        self.way, self.given = _correction(self.members, post_hoc, by)
        self._decode, self.thresholds = decoder(self.way, self.given), dict(thresholds or {})
        if self.thresholds and self.way[0] != "none":
            why = "operating points were chosen without a correction"
            raise InputError(f"post_hoc {post_hoc}: {why}; leave it out, or take --argmax")

    def alone(self) -> dict[Path, Predictor]:
        """Each network by its run folder, with the same correction at the strength of its own trial."""
        post_hoc, by = self._asked
        return {one.stored.folder: Predictor([one], post_hoc, by, self.tiling) for one in self.members}

    def settings(self) -> dict[str, Any]:
        """What its labels depend on beside its networks, as JSON holds it."""
        points = {self.class_names[index]: at for index, at in self.thresholds.items()}
        return {"post_hoc": list(self.way), "operating_points": points, "tiling": dataclasses.asdict(self.tiling)}

    @torch.inference_mode()
    def __call__(self, image: NDArray[Any]) -> Labelled:
        """Label an image.

        Args:
            image: (height, width, channels) of the run's layout; a photograph is (height, width, 3) uint8.

        Raises:
            InputError: it is something else, or the correction needs it whole and it is too large.
        """
        bands = list(self.bands(Array(self.layout.taken(image))))
        labels = np.concatenate([one.labels for one in bands])
        return Labelled(labels, np.concatenate([one.probabilities for one in bands], axis=1))

    @torch.inference_mode()
    def bands(self, pixels: Pixels) -> Iterator[Labelled]:
        """Label an image from top to bottom: all of it at once where it fits, else some rows at a time."""
        with gpu_memory():
            if self.fits(*pixels.size):
                yield self._whole(np.ascontiguousarray(pixels.rows(0, pixels.size[0])))
            else:
                yield from self._tiled(pixels)

    def fits(self, height: int, width: int) -> bool:
        """Whether an image is shown whole."""
        if self.tiling.always:
            return all(len(side.starts) == 1 for side in self.sides(height, width))
        area = max(wide * high for wide, high in (one.input_size(width, height) for one in self.members))
        return area <= MOST_INPUT and len(self.class_names) * height * width <= MOST_SCORES

    def sides(self, height: int, width: int) -> tuple[Side, Side]:
        """How an image's height and width are cut into tiles."""
        first = self.members[0]
        tile, shown = self.tiling.size or first.stored.trial.padded_size, first.input_size(width, height)
        return cut_sides((width, height), shown, tile, self.tiling.overlap, first.stored.trial.multiple, first.least)

    def _whole(self, image: NDArray[Any]) -> Labelled:
        shown, others = self._views(self.members[0], image), self.members[1:]
        if others:
            total = {name: logits.softmax(dim=1) for name, logits in shown.items()}
            for member in others:  # one network's logits at a time: there may be half a GB of them
                for name, logits in self._views(member, image).items():
                    total[name] += logits.softmax(dim=1)
            shown = {name: (one / len(self.members)).log() for name, one in total.items()}
        return self._labelled(shown, seen(self.way, shown).softmax(dim=1))

    def _labelled(self, views: Views, probabilities: torch.Tensor) -> Labelled:
        labels = decide(probabilities, self.thresholds) if self.thresholds else self._decode(views)
        return Labelled(as_labels(labels[0], len(self.class_names)), probabilities[0].cpu().numpy())

    def _views(self, member: Member, image: NDArray[Any]) -> Views:
        wanted, found = asked([self.way]), {"logits": member.logits(image)}
        if "mirrored" in wanted:
            found["mirrored"] = member.logits(image, mirror=True)
        if "enlarged" in wanted:
            found["enlarged"] = member.logits(image, member.stored.trial.larger_scale)
        return found

    def _tiled(self, pixels: Pixels) -> Iterator[Labelled]:
        if not in_tiles(self.way[0]):
            height, width = pixels.size
            other = f"take {', '.join(IN_TILES)}"
            raise InputError(f"post_hoc {self.way[0]}: needs the whole image, {width} x {height} is too large; {other}")
        for mean in self._blended(pixels):
            views = dict.fromkeys(("logits", "mirrored"), mean.clamp_min(1e-30).log()[None])
            yield self._labelled(views, mean[None])

    def _blended(self, pixels: Pixels) -> Iterator[torch.Tensor]:
        """Mean probabilities (classes, rows, width) over networks and views, some rows after the others."""
        return_freed()
        mirrors = (False, True) if "flip" in factors(self.way[0]) else (False,)
        networks = [functools.partial(_logits, member, mirror) for member in self.members for mirror in mirrors]
        padding = self.members[0].stored.normalisation.padding
        return blended(pixels, self.sides(*pixels.size), networks, len(self.class_names), padding)


def _logits(member: Member, mirror: bool, tile: NDArray[Any]) -> torch.Tensor:
    return member.tile(tile[None], mirror=mirror)[0]


def _correction(members: Sequence[Member], post_hoc: str, by: str) -> tuple[Way, dict[str, Any]]:
    """A correction with its strength, and what it takes: of several networks the mean."""
    names = steps(post_hoc)
    if "+" in post_hoc or (len(names) > 1 and post_hoc not in names):
        raise InputError(f"post_hoc: one correction labels an image, found {post_hoc!r}; name one")
    name = post_hoc
    trial = members[0].stored.trial
    given: dict[str, Any] = {one: getattr(trial, one) for one in POST_HOC.declares()}
    wanted = asked([(name, 0.0)])
    if "class_priors" in wanted:
        given["class_priors"] = torch.stack([one.class_priors() for one in members]).mean(dim=0)
    if "class_norms" in wanted:
        if len(members) > 1:
            raise InputError(f"post_hoc {name}: is of one network, found {len(members)}; choose one with --seeds")
        given |= last_layer(members[0].stored.model)
    strength = float(np.mean([one.strength(name, by) for one in members])) if grid(name)[1] else 0.0
    return (name, strength), given


def seen(way: Way, views: Views) -> torch.Tensor:
    """The logits that a correction starts from: of the image, or of the view that comes first."""
    found = views["logits"]
    for name in factors(way[0]):
        found = POST_HOC.call(name, {**views, "logits": found}) if is_view(name) else found
    return found
