"""The network's logits of an image in every view that corrections ask for, and the corrections as functions of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch

from imbseg.menu import arguments
from imbseg.post_hoc import POST_HOC, factors, grid, is_view, steps
from imbseg.post_hoc.logits import none
from imbseg.training.loop import predict
from imbseg.training.prepare import Run
from imbseg.training.whole_images import Truth, WholeImages
from imbseg.trial.room import enough_memory

Way = tuple[str, float]  # a correction of the menu and its strength; 0 where it has none


def in_views(
    run: Run, whole: WholeImages, ways: Sequence[Way], what: str
) -> Iterator[tuple[int, Mapping[str, torch.Tensor], Truth]]:
    """One image at a time: its place, its logits (1, classes, height, width) in every view asked for, its truth."""
    model, device, trial = run.learner.model, run.learner.device, run.trial
    wanted = asked(ways)
    streams = {"logits": predict(model, whole, device, trial, what)}
    if "mirrored" in wanted:
        streams["mirrored"] = predict(model, whole, device, trial, "", mirror=True)
    if "enlarged" in wanted:
        large = WholeImages(whole.files, run.dataset, trial, run.normalisation, scale=trial.larger_scale)
        streams["enlarged"] = predict(model, large, device, trial, "")
    for each in zip(*streams.values(), strict=True):
        yield each[0][0], {name: one[1][None] for name, one in zip(streams, each, strict=True)}, each[0][2]


def asked(ways: Sequence[Way]) -> set[str]:
    """What corrections ask for, by the names of their arguments."""
    return {one for name, _ in ways for factor in factors(name) for one in arguments(POST_HOC, factor)}


def rehearse(run: Run) -> None:
    """Show the network a batch of the largest images as `larger` will, so that what can't be is known before training.

    Raises:
        InputError: there is no memory for it.
    """
    if not any("larger" in factors(name) for name in steps(run.trial.post_hoc)):
        return
    scale, multiple = run.trial.larger_scale, run.trial.multiple
    sizes = [run.trial.resize] if run.trial.resize else [*run.fold.val.sizes, *run.fold.test.sizes]
    largest = max(sizes, key=lambda size: size[0] * size[1])
    width, height = (-(-round(side * scale) // multiple) * multiple for side in largest)
    what = f"post_hoc: the {run.trial.at_once} images of {width} x {height} pixels that larger shows at once"
    other = "take a smaller larger_scale or batch_size, or leave it out"
    with enough_memory(run.trial, run.learner.device, what, other), torch.inference_mode():
        run.learner.model.eval()(
            torch.zeros(run.trial.at_once, len(run.dataset.layout.channels), height, width, device=run.learner.device)
        )


def last_layer(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """What corrections may ask of it: the lengths of its classes' weights, and its bias."""
    layer: Any = model.segmentation_head[0]  # type: ignore[index]
    weights: torch.Tensor = layer.weight.detach()
    return {"class_norms": weights.flatten(start_dim=1).norm(dim=1), "class_bias": layer.bias.detach()}


def decoder(way: Way, given: Mapping[str, Any]) -> Callable[[Mapping[str, torch.Tensor]], torch.Tensor]:
    """A correction of the menu with what it takes: views of an image -> labels (1, height, width)."""
    name, strength = way
    known = {**given, grid(name)[0]: strength}

    def decode(views: Mapping[str, torch.Tensor]) -> torch.Tensor:
        found = views["logits"]
        for factor in factors(name):
            found = POST_HOC.call(factor, {**known, **views, "logits": found})
        return none(found) if is_view(factors(name)[-1]) else found

    return decode
