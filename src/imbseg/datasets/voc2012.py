"""PASCAL VOC 2012: where its archive is, and how it becomes a folder that data/datasets/voc2012.yml describes."""

from collections.abc import Iterable
from pathlib import Path

from imbseg.datasets.archive import extract_tar
from imbseg.datasets.download import check_file, download
from imbseg.errors import InputError

NAME = "VOCtrainval_11-May-2012.tar"  # not gzipped, whatever tar -xzf hopes
# Address and checksum as torchvision's torchvision/datasets/voc.py has them.
URL = f"https://thor.robots.ox.ac.uk/pascal/VOC/voc2012/{NAME}"
MD5 = "6cd6e144f989b92b3379bac3b3de84fd"
SIZE = 1_999_639_040  # bytes
INSIDE = "VOCdevkit/VOC2012"
_LISTS = ("train", "val")
_FILES = ("JPEGImages/{}.jpg", "SegmentationClass/{}.png", "SegmentationObject/{}.png")


def fetch_voc2012(
    root: Path,
    *,
    elsewhere: Iterable[Path] = (),
    archive: Path | None = None,
    url: str = URL,
    md5: str = MD5,
    size: int = SIZE,
) -> tuple[Path, bool]:
    """Make sure that VOC 2012 lies unpacked somewhere: found, or unpacked from its archive, or downloaded before.

    Args:
        root: where it is unpacked to; the archive is downloaded beside it.
        elsewhere: other folders where it may lie, unpacked by hand; it stays there.

    Returns:
        The folder that holds it, and whether anything had to be done.

    Raises:
        InputError: what lies there is incomplete, or the archive can't be fetched, is damaged or can't be unpacked.
    """
    for place in (root, *elsewhere):
        if place.exists():
            check_tree(place)
            return place, False
    if archive is None:
        archive = download(url, root.parent / NAME, md5=md5, size=size)
    else:
        check_file(archive, md5=md5, size=size)
    extract_tar(archive, root, inside=INSIDE)
    check_tree(root)
    return root, True


def check_tree(root: Path) -> int:
    """Count the segmentation images of an unpacked VOC 2012.

    Raises:
        InputError: an id list, an image or a mask is missing; the message counts them.
    """
    ids = [image_id for name in _LISTS for image_id in _read_ids(root / f"ImageSets/Segmentation/{name}.txt")]
    missing = [name for image_id in ids for one in _FILES if not (root / (name := one.format(image_id))).is_file()]
    if missing:
        raise InputError(
            f"{root}: expected {len(_FILES) * len(ids)} images and masks, {len(missing)} are missing "
            f"(the first: {missing[0]}); remove the folder and unpack the archive again"
        )
    return len(ids)


def _read_ids(path: Path) -> list[str]:
    if not path.is_file():
        raise InputError(
            f"{path}: expected an unpacked VOC 2012, found no such id list; remove the folder and unpack "
            f"the archive again (tar -xf {NAME}: it is not gzipped)"
        )
    return path.read_text(encoding="utf-8").split()
