"""A module -> an ONNX file; and what such a file gives, held against the module."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import io
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from imbseg.errors import InputError, first_line
from imbseg.export.module import Exported
from imbseg.files import whole_file
from imbseg.predict.predictor import Labelled, Predictor

INPUT, OUTPUTS = "image", ("labels", "probabilities")
OPSET = 18
AXES = {
    INPUT: {0: "images", 1: "height", 2: "width"},
    OUTPUTS[0]: {0: "images", 1: "height", 2: "width"},
    OUTPUTS[1]: {0: "images", 2: "height", 3: "width"},
}
EXAMPLE = (1, 67, 93)  # no size that a step of the network could take for granted
REPEATS = 3
Array = NDArray[Any]


def need(name: str) -> Any:
    """A package that only exporting takes.

    Raises:
        InputError: it isn't installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            f"{name} isn't installed ({first_line(error)}); run `make setup`, or pip install it"
        ) from error


def write(module: Exported, file: Path) -> None:
    """Write ONNX that takes images of any number, height and width.

    Raises:
        InputError: something of the network or its correction can't be written.
    """
    onnx = need("onnx")
    deep = module.kind == "uint16"  # a type that the exporter lacks
    example = torch.zeros(
        *EXAMPLE, len(module.layout.channels), dtype=torch.int32 if deep else getattr(torch, module.kind)
    )
    how: dict[str, Any] = {"input_names": [INPUT], "output_names": list(OUTPUTS), "dynamic_axes": AXES}
    with (
        whole_file(file) as temporary,
        warnings.catch_warnings(),
        torch.no_grad(),
        contextlib.redirect_stdout(io.StringIO()),  # of what it can't write the exporter prints its whole graph
    ):
        # Traced, since the newer exporter takes minutes; what it warns of is told by the comparison that follows.
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(module.eval(), (example,), str(temporary), dynamo=False, opset_version=OPSET, **how)
        except (RuntimeError, TypeError, ValueError, NotImplementedError) as error:
            what = f"post_hoc {module.way[0]}" if module.way[0] != "none" else "the network"
            raise InputError(f"{what} can't be written as ONNX: {first_line(error)}") from error
        if deep:  # all that takes the image turns it into float32 first
            model = onnx.load(str(temporary))
            model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.UINT16
            onnx.save(model, str(temporary))


@dataclasses.dataclass(frozen=True)
class Session:
    """An ONNX file at work."""

    run: Callable[[Array], tuple[Array, Array]]

    @classmethod
    def of(cls, file: Path, threads: int = 0) -> Session:
        """Open a file; `threads`: 0 leaves it to onnxruntime."""
        runtime = need("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3  # errors; a warning is told for each constant that it folds
        opened = runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

        def run(image: Array) -> tuple[Array, Array]:
            labels, probabilities = opened.run(list(OUTPUTS), {INPUT: image})
            return labels, probabilities

        return cls(run)


@dataclasses.dataclass(frozen=True)
class Agreement:
    """What a file gives, against the module.

    Attributes:
        images: how many were compared.
        largest: difference of a probability.
        differing: share of the pixels with another label.
        seconds: for the last image, of the network in PyTorch and of the file; the best of REPEATS times.
    """

    images: int
    largest: float
    differing: float
    seconds: tuple[float, float]


def compare(module: Exported, session: Session, images: Sequence[Array]) -> Agreement:
    """Label images with both.

    Args:
        images: (height, width, channels) of the run's layout; at least one.
    """

    def run(given: Array, _: Array) -> tuple[Array, Array]:
        with torch.inference_mode():
            labels, probabilities = module(torch.from_numpy(given))
        return labels.numpy(), probabilities.numpy()

    return _held(run, session, images, module)


def photographs(predictor: Predictor, session: Session, images: Sequence[Array], module: Exported) -> Agreement:
    """As `compare`, with what predict.py gives in place of the module."""
    return _held(lambda given, image: _whole(predictor(image)), session, images, module)


def _held(
    run: Callable[[Array, Array], tuple[Array, Array]], session: Session, images: Sequence[Array], module: Exported
) -> Agreement:
    largest, differing, pixels, spent = 0.0, 0, 0, []
    for image in [*images, *[images[-1]] * (REPEATS - 1)]:
        given = as_input(image, module.top)
        begun = time.perf_counter()
        labels, probabilities = run(given, image)
        middle = time.perf_counter()
        found = session.run(given)
        spent.append((middle - begun, time.perf_counter() - middle))
        largest = max(largest, float(np.abs(probabilities - found[1]).max()))
        differing, pixels = differing + int((labels != found[0]).sum()), pixels + labels.size
    seconds = [min(side) for side in zip(*spent[-REPEATS:], strict=True)]
    return Agreement(len(images), largest, differing / pixels, (seconds[0], seconds[1]))


def _whole(found: Labelled) -> tuple[Array, Array]:
    return found.labels[None], found.probabilities[None]


def as_input(image: Array, top: float = 1.0) -> Array:
    """(1, height, width, channels) as a file takes it: as it is, or where the file takes 0..1 over `top`."""
    return np.ascontiguousarray(image[None] if top == 1 else image[None].astype(np.float32) / np.float32(top))
