"""Raw data set -> the folder of its meta: every table, figure and the diagnosis, all or nothing."""

import dataclasses
import importlib.metadata
import platform
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import imbseg
from imbseg.datasets.ids import image_rows, passed_over
from imbseg.datasets.spec import Dataset
from imbseg.errors import InputError
from imbseg.files import replaceable_folder, sha256, whole_folder, writable_folder, write_json, write_text
from imbseg.meta.atrous import Pyramid
from imbseg.meta.ceiling_table import OWN, Setting, ceiling_table, drawn, settings, typical_size
from imbseg.meta.ceiling_words import ceiling_figure, ceiling_section
from imbseg.meta.classes import class_table, ginis
from imbseg.meta.clusters import Clusters, cluster, proportions
from imbseg.meta.diagnosis import diagnosis
from imbseg.meta.figures import draw
from imbseg.meta.folds import FOLDS, SEEDS, fold_columns
from imbseg.meta.imbalance import Reached, keep, reached
from imbseg.meta.quality import split_table
from imbseg.meta.rarity import rare_by
from imbseg.meta.read import FILES, pixel_counts
from imbseg.meta.table import cell_table, image_table, object_table, scan_all
from imbseg.meta.unchanged import STAMP, stamp, write_masks
from imbseg.windows.cells import FILE as CELLS

LIBRARIES = ("iterative-stratification", "numpy", "opencv-python", "pandas", "pillow", "scikit-learn")


@dataclasses.dataclass(frozen=True)
class Built:
    """What was made: the tables of the CSVs, what the manifest says, and the diagnosis."""

    images: pd.DataFrame
    objects: pd.DataFrame
    classes: pd.DataFrame
    splits: pd.DataFrame
    ceiling: pd.DataFrame
    manifest: dict[str, Any]
    diagnosis: str


def build(
    dataset: Dataset, out: Path, *, workers: int, seed: int, own: Setting = OWN, pyramid: Pyramid | None = None
) -> Built:
    """Read a data set once and write its meta.

    Args:
        out: the folder to make; meta that lies there already is replaced at the very end.
        workers: processes that read; the result doesn't depend on it.
        seed: of the k-means clustering, and of which masks the ceilings come from. (The imbalance has its own in the
            data set file, the folds have 1..5.)
        own: the geometry that the data set's trials have.
        pyramid: the dilated convolutions of their network; None: it has none.

    Raises:
        InputError: data set or output folder can't be used.
        OSError: writing failed; `out` is then what it was before.
    """
    out = _check_out(out)
    rows = image_rows(dataset)
    groups = {dataset.group_of(row.id) for row in rows}  # a pattern that doesn't match is told before the long pass
    before = stamp([dataset.root / row.mask for row in rows])  # a mask that changes from here on is noticed
    scans = scan_all(rows, dataset, workers)
    images, objects = image_table(rows, scans, dataset), object_table(rows, scans, dataset)
    images, clusters = _with_clusters(images, dataset, seed)
    images, counts = _with_kept(images, dataset)
    images = _in_order(images.assign(**fold_columns(images, dataset)))
    classes, splits = class_table(images, objects, dataset), split_table(images, objects, dataset)
    for ending in ("", "_imbalanced") if dataset.imbalance else ("",):
        classes[f"rare_by{ending}"] = rare_by(classes, dataset, ending)
    gini = ginis(classes, dataset)
    manifest = _manifest(dataset, seed, clusters, counts) | {"images": len(images), "groups": len(groups), "gini": gini}
    manifest[STAMP] = before
    masks = drawn(rows, [(one.width, one.height) for one in scans], seed)
    native = typical_size([(one.width, one.height) for one in scans])
    ceiling = ceiling_table(masks, settings(own, native), dataset, workers)
    section = ceiling_section(ceiling, len(masks), pyramid, own.sample(native))
    text = diagnosis(images, classes, splits, dataset, gini, counts, section, passed_over(dataset, rows))
    built = Built(images, objects, classes, splits, ceiling, manifest, text)
    with whole_folder(out) as folder:
        if (cells := cell_table(rows, scans, dataset)) is not None:
            cells.to_csv(folder / CELLS, index=False, lineterminator="\n")
        _write(built, folder, dataset)
        write_masks(folder, [row.mask for row in rows], [one.mask_digest for one in scans])
    return built


def _check_out(out: Path) -> Path:
    """Refuse what can't be written, and never replace a folder that holds anything but meta."""
    out = replaceable_folder(out)
    if out.exists() and not out.is_dir():
        raise InputError(f"{out}: expected an output folder, found a file; choose another --out")
    writable_folder(out.parent)
    if out.is_dir() and any(out.iterdir()) and not (out / "manifest.json").is_file():
        raise InputError(f"{out}: holds files that make_meta.py didn't write; choose an empty folder, or another --out")
    return out


def _with_clusters(images: pd.DataFrame, dataset: Dataset, seed: int) -> tuple[pd.DataFrame, Clusters]:
    pool = images["subset"].ne("test")
    pixels = pixel_counts(images[pool], dataset)
    if not pixels.any():
        raise InputError(
            f"data set {dataset.name!r}: no train image has a labelled pixel, all are ignored; "
            f"is ignore_index ({dataset.ignore_index}) right?"
        )
    shares = proportions(pixels, dataset.background_index)
    found = cluster(shares, classes=len(dataset.classes), seed=seed)
    column = pd.Series(pd.NA, index=images.index, dtype="Int64")
    column[pool] = found.number
    return images.assign(cluster=column), found


def _with_kept(images: pd.DataFrame, dataset: Dataset) -> tuple[pd.DataFrame, dict[str, Reached]]:
    """Test images are all kept: the imbalance is one of training data."""
    if dataset.imbalance is None:
        return images.assign(kept=1), {}
    pool = images["subset"].ne("test").to_numpy()
    chosen = [dataset.class_names.index(name) for name in dataset.imbalance.classes]
    presence = (pixel_counts(images[pool], dataset) > 0)[:, chosen]  # (pool images, chosen classes)
    kept = keep(presence, ratio=dataset.imbalance.ratio, seed=dataset.imbalance.seed)
    column = np.ones(len(images), np.int64)
    column[pool] = kept
    counts = reached(presence, kept, dataset.imbalance.ratio)
    return images.assign(kept=column), dict(zip(dataset.imbalance.classes, counts, strict=True))


def _in_order(images: pd.DataFrame) -> pd.DataFrame:
    """DESIGN's order of columns: major_class, cluster, group and kept before the folds."""
    moved = ["major_class", "cluster", "group", "kept"]
    first = [name for name in images.columns if "/" not in name or name.startswith("pixels:")]
    folds = [name for name in images.columns if name not in first]
    return images[[name for name in first if name not in moved] + moved + folds]


def _manifest(dataset: Dataset, seed: int, clusters: Clusters, counts: dict[str, Reached]) -> dict[str, Any]:
    return {
        "dataset": dataset.name,
        "dataset_file": str(dataset.path),
        "dataset_sha256": dataset.digest,
        "root": str(dataset.root),
        "arguments": {"seed": seed, "folds": FOLDS, "fold_seeds": list(SEEDS)},
        "clusters": {"k": clusters.k, "silhouette": {str(k): score for k, score in clusters.silhouettes.items()}},
        "imbalance": {name: dataclasses.asdict(one) for name, one in counts.items()},
        "versions": {"imbseg": imbseg.__version__, "python": platform.python_version()}
        | {one: importlib.metadata.version(one) for one in LIBRARIES},
    }


def _write(built: Built, folder: Path, dataset: Dataset) -> None:
    for name, table in zip(FILES, (built.images, built.objects, built.classes, built.splits), strict=True):
        table.to_csv(folder / name, index=False, lineterminator="\n")
    built.ceiling.to_csv(folder / "ceiling.csv", index=False, lineterminator="\n")
    write_text(folder / "diagnosis.md", built.diagnosis)
    _draw(built, folder, dataset)
    files = (*FILES, "ceiling.csv", *([CELLS] if (folder / CELLS).is_file() else []))
    built.manifest["files"] = {name: sha256(folder / name) for name in files}
    write_json(folder / "manifest.json", built.manifest)


def _draw(built: Built, folder: Path, dataset: Dataset) -> None:
    draw(built.images, built.objects, built.classes, built.splits, dataset, folder)
    ceiling_figure(built.ceiling, dataset.name).write(folder / "ceiling.png")
