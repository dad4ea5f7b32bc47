"""python src/get_data.py sample|voc2012 [--archive FILE] [--root DIR]

Bring a data set to data/raw. The sample is drawn in 3 to 10 seconds; VOC 2012 is a download of 2 GB and needs 4 GB of
disk (from an archive that is there already: a minute). A second call sees that it is done.
"""

import argparse
from pathlib import Path

from imbseg.datasets.voc2012 import NAME, URL, check_tree, fetch_voc2012
from imbseg.errors import Parser, run_command
from imbseg.files import REPOSITORY


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", choices=("sample", "voc2012"), help="which data set")
    parser.add_argument("--root", type=Path, metavar="DIR", help="the data set's folder (default: in data/raw)")
    parser.add_argument("--archive", type=Path, metavar="FILE", help=f"voc2012: {NAME}, where it is there already")
    parser.add_argument("--url", default=URL, help="voc2012: where the archive comes from (default: %(default)s)")
    options = parser.parse_args(arguments)
    if options.dataset == "sample" and (options.archive or options.url != URL):
        parser.error("the sample is generated here: --archive and --url belong to voc2012")
    return options


def get_sample(options: argparse.Namespace) -> None:
    """Draw the sample."""
    from imbseg.datasets.sample import SUBSETS, make_sample  # numpy: not for --help

    root = options.root or REPOSITORY / "data/raw/sample"
    made = make_sample(root)
    images = " + ".join(f"{number} {name}" for name, number in SUBSETS.items())
    print(f"sample: {images} images in {root}{'' if made else ' (there already)'}")


def get_voc2012(options: argparse.Namespace) -> None:
    """Find, unpack or download VOC 2012."""
    by_hand = [] if options.root else [REPOSITORY / "data/VOCdevkit/VOC2012"]
    root = options.root or REPOSITORY / "data/raw/VOCdevkit/VOC2012"
    place, made = fetch_voc2012(root, elsewhere=by_hand, archive=options.archive, url=options.url)
    print(f"voc2012: {check_tree(place)} segmentation images in {place}" + ("" if made else " (there already)"))
    if made and (downloaded := root.parent / NAME).exists():
        print(f"the archive isn't needed any more; to free 2 GB: rm {downloaded}")


def main() -> None:
    """Bring one data set."""
    options = parse()
    (get_sample if options.dataset == "sample" else get_voc2012)(options)
    root = f" --root {options.root}" if options.root else ""
    print(f"next: python src/make_meta.py --dataset {options.dataset}{root}")


if __name__ == "__main__":
    run_command(main)
