"""A folder of export.py as a page in the browser: an image, its classes, and where the network is in doubt.

It takes what the card's ten lines take, numpy and onnxruntime, and gradio for the page.
"""

from __future__ import annotations

import dataclasses
import html
import json
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imbseg.errors import InputError, first_line

HOST = "127.0.0.1"
SHARE = 0.5  # of a class's colour over the photograph
DOUBT = 0.2  # a pixel is doubtful where its two likeliest classes are nearer than this
ORANGE = (255, 140, 0)  # of doubtful pixels
MOST = 2**24  # pixels of an image
FONTS = ("system-ui", "sans-serif")
Bytes = NDArray[np.uint8]


@dataclasses.dataclass(frozen=True)
class Labeller:
    """A model that labels images.

    Attributes:
        name: heading of its card.
        classes: names, in index order.
        colors: (classes, 3) uint8.
        run: (1, height, width, 3) uint8 -> labels (1, height, width), probabilities (1, classes, height, width).
    """

    name: str
    classes: list[str]
    colors: Bytes
    run: Callable[[Bytes], tuple[NDArray[Any], NDArray[np.float32]]]

    @classmethod
    def of(cls, folder: Path) -> Labeller:
        """Open what export.py wrote.

        Raises:
            InputError: a file is missing or broken, or the model takes other images than photographs.
        """
        import onnxruntime

        try:
            card = json.loads((folder / "MODEL_CARD.json").read_text(encoding="utf-8"))
            classes = sorted(card["classes"], key=lambda one: int(one["index"]))
            names, colors = [str(one["name"]) for one in classes], np.array([one["color"] for one in classes], np.uint8)
            heading = str(card["data"]["dataset"])
            session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
            number = session.get_outputs()[1].shape[1]
            if colors.shape != (len(names), 3) or (isinstance(number, int) and number != len(names)):
                raise ValueError(f"the card has {len(names)} classes and {colors.shape} colours, model.onnx {number}")
        except Exception as error:  # of JSON, of the card's keys, and whatever onnxruntime says
            reason = f"can't be opened ({first_line(error)})"
            raise InputError(f"{folder}: {reason}; name the folder that export.py wrote") from error
        given = session.get_inputs()[0]
        if given.type != "tensor(uint8)" or given.shape[-1] != 3:
            found = f"{given.type} of {given.shape[-1]} channels"
            raise InputError(f"{folder}: takes {found}, the page shows photographs of 8 bits; label with predict.py")

        def run(image: Bytes) -> tuple[NDArray[Any], NDArray[np.float32]]:
            labels, probabilities = session.run(["labels", "probabilities"], {"image": image})
            return labels, probabilities

        return cls(Path(heading).stem, names, colors, run)

    def look(self, image: Bytes) -> tuple[Bytes, Bytes, str]:
        """What the page shows of an image (height, width, 3).

        Returns:
            The image with its classes' colours, the same in grey with orange over doubtful pixels, and HTML: the share
            of each class, its mean probability where it is predicted, and the share of doubtful pixels.
        """
        labels, probabilities = (one[0] for one in self.run(np.ascontiguousarray(image[None])))
        mixed = ((1 - SHARE) * image + SHARE * self.colors[labels]).astype(np.uint8)
        best = np.partition(probabilities, max(len(self.classes) - 2, 0), axis=0)
        doubtful = best[-1] - best[-2] < DOUBT if len(self.classes) > 1 else np.zeros(labels.shape, np.bool_)
        grey = np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
        grey[doubtful] = ((1 - SHARE) * grey[doubtful] + SHARE * np.array(ORANGE)).astype(np.uint8)
        return mixed, grey, self._table(labels, probabilities, float(doubtful.mean()))

    def _table(self, labels: NDArray[Any], probabilities: NDArray[np.float32], doubtful: float) -> str:
        shares = np.bincount(labels.ravel(), minlength=len(self.classes)) / labels.size
        rows = []
        for index in np.argsort(-shares, kind="stable").tolist():
            own = labels == index
            sure = f"{probabilities[index][own].mean():.2f}" if shares[index] else ""
            swatch = f"<span class=swatch style='background:rgb{tuple(self.colors[index].tolist())}'></span>"
            cells = (swatch + html.escape(self.classes[index]), f"{100 * shares[index]:.1f} %", sure)
            rows.append("<tr>" + "".join(f"<td>{one}</td>" for one in cells) + "</tr>")
        head = "<tr><th>class</th><th>of the pixels</th><th>mean probability there</th></tr>"
        near = f"their two likeliest classes are nearer than {DOUBT:g}"
        return f"<p>{100 * doubtful:.1f} % of the pixels are doubtful: {near}.</p><table>{head}{''.join(rows)}</table>"


STYLE = """
.swatch { display: inline-block; width: 1em; height: 1em; margin-right: .5em; vertical-align: -.15em; }
table { border-collapse: collapse; } th, td { text-align: left; padding: .2em 1.5em .2em 0; }
.shown img { width: 100%; height: 100%; object-fit: contain; }
footer { display: none !important; }
"""


def page(labeller: Labeller) -> Any:
    """The page, to be launched."""
    import gradio  # no share button below: it would send the picture away

    def look(image: Bytes | None) -> tuple[Bytes | None, Bytes | None, str]:
        if image is None:
            return None, None, ""
        if image.shape[0] * image.shape[1] > MOST:
            raise gradio.Error(f"The image has more than {MOST} pixels: label it with predict.py, which cuts tiles.")
        return labeller.look(np.asarray(image, np.uint8))

    with gradio.Blocks(title=f"{labeller.name}: labels", analytics_enabled=False) as blocks:
        gradio.Markdown(f"# {labeller.name}\nDrop an image. It stays on this machine.")
        with gradio.Row():
            look_of: dict[str, Any] = {"height": 420, "elem_classes": "shown", "buttons": ["download", "fullscreen"]}
            given = gradio.Image(label="image", type="numpy", image_mode="RGB", sources=["upload"], **look_of)
            classes = gradio.Image(label="classes", format="png", interactive=False, **look_of)
            doubt = gradio.Image(label="doubt", format="png", interactive=False, **look_of)
        table = gradio.HTML()
        given.change(look, given, [classes, doubt, table], api_name=False, show_progress="minimal")
    return blocks


def serve(labeller: Labeller, port: int) -> None:
    """Serve the page on 127.0.0.1 until the process is interrupted."""
    os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    import gradio

    theme = gradio.themes.Default(font=FONTS, font_mono=("monospace",))
    how: dict[str, Any] = {"server_name": HOST, "server_port": port or free_port(), "share": False, "quiet": True}
    how |= {"prevent_thread_lock": True, "theme": theme, "css": STYLE}
    _, address, _ = page(labeller).launch(**how)
    print(f"{labeller.name}: {address} (Ctrl-C ends it)", flush=True)
    threading.Event().wait()


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
