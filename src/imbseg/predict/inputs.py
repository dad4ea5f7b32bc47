"""IMAGES, as a user names them -> files, each with the name under which its labels are written."""

from collections.abc import Sequence
from pathlib import Path

from imbseg.datasets import spec
from imbseg.datasets.ids import image_rows
from imbseg.datasets.search import PICTURES
from imbseg.errors import InputError

SUBSETS = ("train", "val", "test")
SETTINGS = "predicted_with.json"
WRITTEN = ("labels", "overlays", "probabilities", "doubtful.png", "predictions.csv", SETTINGS)  # in --out


def named_images(
    words: Sequence[str], dataset: str | None = None, subset: str | None = None, out: Path | None = None
) -> dict[str, Path]:
    """Find images.

    Args:
        words: files, patterns such as photos/*.jpg, or folders, of which every picture below is taken.
        dataset: a data set, instead of words.
        subset: which of its images; None: all.
        out: where predictions go; those of an earlier start are no photographs, wherever a folder or pattern finds it.

    Returns:
        Name -> file: a file's name without its ending, below a folder with the folders between.

    Raises:
        InputError: nothing is found, or two images would have the same name.
    """
    if bool(words) == bool(dataset):
        raise InputError("images: expected files, patterns or folders, or --dataset, one of the two")
    if subset is not None and not dataset:
        raise InputError("subset: belongs to --dataset; name that, or leave it out")
    pairs = _of_dataset(dataset, subset) if dataset else [pair for word in words for pair in _of_word(word, out)]
    found: dict[str, Path] = {}
    for name, file in pairs:
        if found.setdefault(name, file).resolve() != file.resolve():
            both = f"{found[name]} and {file} would both be written as {name}"
            raise InputError(f"images: {both}; name the folder above them, or a pattern such as DIR/*.jpg")
    return found


def _of_dataset(dataset: str, subset: str | None) -> list[tuple[str, Path]]:
    if subset is not None and subset not in SUBSETS:
        raise InputError(f"subset: expected one of {', '.join(SUBSETS)}, found {subset!r}")
    loaded = spec.load(dataset)
    rows = [row for row in image_rows(loaded) if subset in (None, row.subset)]
    if not rows:
        raise InputError(f"subset: {loaded.path} declares no {subset!r} subset; choose another")
    return [(row.id, loaded.root / row.image) for row in rows]


def _of_word(word: str, out: Path | None) -> list[tuple[str, Path]]:
    path = Path(word)
    made = [] if out is None or not (out / SETTINGS).is_file() else [(out / one).resolve() for one in WRITTEN]
    if path.is_dir():
        files = sorted(one for one in path.rglob("*") if one.suffix.lower() in PICTURES and _is_given(one, made))
        if not files:
            raise InputError(f"images: {path} holds no picture ({', '.join(sorted(PICTURES))}); name another folder")
        return [(one.relative_to(path).with_suffix("").as_posix(), one) for one in files]
    if path.is_file():
        return [(path.stem, path)]
    base = Path(path.anchor)
    try:
        files = sorted(one for one in base.glob(str(path.relative_to(base))) if _is_given(one, made)) if word else []
    except ValueError as error:  # Python 3.11 and 3.12 on a**b
        raise InputError(f"images: {word}: can't be taken as a pattern ({error}); try DIR/*.jpg") from error
    if not files:
        raise InputError(f"images: {word}: no such file or folder, and no file that fits it as a pattern")
    return [(one.stem, one) for one in files]


def _is_given(file: Path, made: Sequence[Path]) -> bool:
    """Whether a file is a user's, not written by an earlier start."""
    return file.is_file() and not (made and any(file.resolve().is_relative_to(one) for one in made))
