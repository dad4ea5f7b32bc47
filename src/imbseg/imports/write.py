"""The files of an imported data set."""

import dataclasses
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from imbseg.datasets import spec
from imbseg.datasets.ids import image_rows
from imbseg.datasets.spec import IGNORE
from imbseg.errors import InputError
from imbseg.files import REPOSITORY, portable, write_json, write_text
from imbseg.imports.found import BACKGROUND, Annotated, Choices, Orientation, ignored_number
from imbseg.imports.paint import Painted
from imbseg.pictures import class_colors

RECORD = "import.json"  # how the folder came about; what has it may be replaced


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is known of the data set before a mask is drawn; `subsets` has one an image."""

    name: str
    kind: str
    classes: list[str]
    orientation: Orientation | None
    subsets: list[str]
    instances: bool
    choices: Choices


class Totals:
    """Sums over the images so far."""

    def __init__(self, classes: int) -> None:
        """No image yet."""
        self.ignored = ignored_number(classes)
        self.pixels, self.images = np.zeros(self.ignored + 1, np.int64), np.zeros(classes, np.int64)
        self.overlaps: Counter[tuple[int, int]] = Counter()
        self.nothing: list[str] = []
        self.hidden = 0

    def add(self, painted: Painted) -> None:
        """Take an image."""
        pixels = np.bincount(painted.mask.ravel(), minlength=self.ignored + 1)
        self.pixels += pixels
        self.images += pixels[: len(self.images)] > 0
        self.overlaps.update(painted.overlaps)
        self.nothing += painted.nothing
        self.hidden += painted.hidden

    def rows(self, classes: Sequence[str]) -> dict[str, Any]:
        """Pixels, share and images of each class, and of what is ignored, if anything is."""
        total = max(1, int(self.pixels.sum()))
        return {
            name: {"pixels": int(count), "share": int(count) / total, "images": int(images)}
            for name, count, images in zip(classes, self.pixels, self.images, strict=False)
        }


class Writer:
    """Writes into a temporary folder what becomes the data set's folder."""

    def __init__(self, folder: Path, target: Path, plan: Plan, images: Sequence[Annotated]) -> None:
        """Write the YAML file and the id lists, and check that they can be read."""
        self.folder, self.plan, self.images = folder, plan, images
        endings = {one.ending.lower() for one in images}
        self.ending = next(iter(endings)) if len(endings) == 1 else ""  # several: they belong to the ids
        self.ids = [one.id if self.ending else one.id + one.ending for one in images]
        self.file = folder / f"{plan.name}.yml"
        for name in dict.fromkeys(plan.subsets):
            ids = [one for one, subset in zip(self.ids, plan.subsets, strict=True) if subset == name]
            write_text(folder / f"{name}.txt", "".join(f"{one}\n" for one in ids))
        self._write_yaml(target, ignored=True)
        self.palette = np.zeros((IGNORE + 1, 3), np.uint8)  # all 256: of a shorter one 255 is stored in fewer bits
        if len(plan.classes) <= IGNORE:
            self.palette[: len(plan.classes)] = class_colors(spec.load(str(self.file), root=str(folder)))

    def add(self, place: int, painted: Painted) -> None:
        """Write an image's files."""
        name, image = self.ids[place], self.images[place]
        self._photograph(image, self.folder / "images" / f"{name}{self.ending}")
        mask = Image.fromarray(painted.mask)
        if len(self.plan.classes) <= IGNORE:
            mask = mask.convert("P")
            mask.putpalette(self.palette.ravel().tolist())
        mask.save(_new(self.folder / "masks" / f"{name}.png"))
        if self.plan.instances:
            Image.fromarray(painted.objects).save(_new(self.folder / "objects" / f"{name}.png"))

    def _photograph(self, image: Annotated, target: Path) -> None:
        _new(target)
        if isinstance(image.image, bytes):
            target.write_bytes(image.image)
        elif self.plan.choices.link:
            target.symlink_to(image.image.resolve())
        else:
            try:
                shutil.copyfile(image.image, target)
            except OSError as error:
                if error.filename not in (str(image.image), image.image):
                    raise  # of the copy: whole_folder names the data set
                raise InputError(f"image {image.image}: can't be read ({error.strerror})") from error

    def finish(self, totals: Totals, said: Sequence[str], target: Path) -> str:
        """Write what is known in the end, and read the data set once.

        Returns:
            The name of the YAML file.
        """
        self._write_yaml(target, ignored=bool(totals.pixels[totals.ignored]))
        image_rows(spec.load(str(self.file), root=str(self.folder)))
        names = dict(enumerate(self.plan.classes)) | {totals.ignored: "ignore"}
        record = {
            "format": self.plan.kind,
            "choices": dataclasses.asdict(self.plan.choices),
            "images": dict(Counter(self.plan.subsets)),
            "classes": totals.rows(self.plan.classes),
            "overlaps": [[names[a], names[b], count] for (a, b), count in totals.overlaps.most_common()],
            "hidden_objects": totals.hidden,
            "shapes_without_pixels": totals.nothing,
            "said": list(said),
        }
        write_json(self.folder / RECORD, record)
        return self.file.name

    def _write_yaml(self, target: Path, *, ignored: bool) -> None:
        """The data set file; where it lies in the repository, its root counts from there."""
        plan = self.plan
        content: dict[str, Any] = {
            "root": portable(target) if target.is_relative_to(REPOSITORY) else ".",
            "images": f"images/{{id}}{self.ending}",
            "masks": "masks/{id}.png",
            **({"objects": "objects/{id}.png"} if plan.instances else {}),
            **({"orientation": plan.orientation} if plan.orientation else {}),
            "mask_encoding": "index",
            "ignore_index": ignored_number(len(plan.classes)) if ignored else None,
            "subsets": {name: f"{name}.txt" for name in ("train", "val", "test") if name in plan.subsets},
            "classes": [{"name": name} for name in plan.classes],
            **({"background": BACKGROUND} if BACKGROUND in plan.classes else {}),
            **({"group": plan.choices.group} if plan.choices.group else {}),
        }
        head = f"# Made by src/import_labels.py {plan.kind}; {RECORD} says how.\n"
        write_text(self.file, head + yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def _new(path: Path) -> Path:
    """A path whose folder is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
