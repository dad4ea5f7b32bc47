"""python src/import_labels.py labelme|coco|cvat|binary_folders DIR --out DIR

Annotation files, or folders of one mask a class -> images, masks, instance masks, id lists and the data set file that
make_meta.py takes. It says what overlaps and who lies on top, and what was left out. 100 photographs take seconds.
"""

import argparse
import re
from pathlib import Path

from imbseg.errors import InputError, Parser, run_command
from imbseg.files import writable_folder

FORMATS = {
    "labelme": "labelme's .json files, below DIR",
    "coco": "COCO's .json, or the folder that holds it",
    "cvat": "CVAT's annotations.xml (export 'CVAT for images 1.1'), or the folder that holds it",
    "binary_folders": "DIR/images/ID.jpg, and a folder of masks for each class: DIR/CLASS/ID.png",
}


def main() -> None:
    """Import, say what was found and where the data set is."""
    options = _parser().parse_args()
    chosen = {key: value for key, value in vars(options).items() if key not in ("format", "folder", "out")}
    chosen["classes"] = tuple(name.strip() for name in options.classes.split(",") if name.strip())
    chosen["rename"] = dict(_renamed(one) for one in options.rename)
    _check(options)
    from imbseg.imports.found import Choices
    from imbseg.imports.run import import_labels

    writable_folder(options.out.resolve().parent)
    file = import_labels(options.format, options.folder, options.out, Choices(**chosen))
    print(f"next: python src/make_meta.py --dataset {options.out / file.name}")


def _renamed(text: str) -> tuple[str, str]:
    old, sign, new = text.partition("=")
    if not sign or not new.strip():
        raise InputError(f"--rename: expected OLD=NEW, found {text!r}")
    return old, new.strip()


def _check(options: argparse.Namespace) -> None:
    if not (options.test > 0 and options.val >= 0 and options.test + options.val < 1):
        raise InputError(f"--test, --val: expected shares whose sum is below 1, found {options.test}, {options.val}")
    if not 0 <= options.seed < 2**32:
        raise InputError(f"--seed: expected a number of 0..{2**32 - 1}, found {options.seed}")
    width = getattr(options, "line_width", None)
    if width is not None and not 0 <= width <= 1000:
        raise InputError(f"--line_width: expected pixels, 0 to 1000, found {width}")
    threshold, images = getattr(options, "threshold", None), Path(getattr(options, "images", "images"))
    if threshold is not None and not 1 <= threshold <= 255:
        raise InputError(f"--threshold: expected a grey of 1 to 255, found {threshold}")
    if images.is_absolute() or ".." in images.parts or not images.name:
        raise InputError(f"--images: expected the name of a folder in DIR, found {options.images!r}")
    try:
        re.compile(options.group or "")
    except re.error as error:
        raise InputError(f"--group: expected a regular expression, found {options.group!r} ({error})") from error


def _parser() -> Parser:
    parser = Parser(prog="import_labels.py", description="Annotations of other tools -> a data set.")
    formats = parser.add_subparsers(dest="format", required=True, metavar="FORMAT", parser_class=Parser)
    for name, about in FORMATS.items():
        one = formats.add_parser(name, help=about, description=about)
        one.add_argument("folder", type=Path, metavar="DIR", help="where annotations and images lie")
        one.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to make, the data set's name")
        _add_own(one, name)
        _add_shared(one)
    return parser


def _add_own(one: Parser, name: str) -> None:
    if name in ("labelme", "cvat"):
        one.add_argument("--line_width", type=float, metavar="N", help="pixels, of lines and points; 0 leaves them out")
    if name == "coco":
        one.add_argument("--crowd", choices=("ignore", "class"), default="ignore", help="pixels of iscrowd (ignore)")
        one.add_argument("--boxes", action="store_true", help="fill the boxes of annotations without an outline")
    if name == "binary_folders":
        one.add_argument("--images", default="images", metavar="NAME", help="the folder of images (images)")
        one.add_argument("--threshold", type=int, metavar="N", help="covered from this grey on; smooth or JPEG masks")


def _add_shared(one: Parser) -> None:
    one.add_argument("--classes", default="", metavar="A,B", help="these, in this order (default: all that are found)")
    one.add_argument("--rename", action="append", default=[], metavar="OLD=NEW", help="a class, background or ignore")
    one.add_argument("--on_top", choices=("later", "smaller"), help="who covers whom (later; coco, folders: smaller)")
    one.add_argument("--unlabelled", choices=("background", "ignore"), default="background", help="without any shape")
    one.add_argument("--empty", choices=("background", "leave_out"), help="images without any shape")
    one.add_argument("--orientation", choices=("upright", "stored"), help="labelled as EXIF turns them, or as stored")
    one.add_argument("--skip_missing", action="store_true", help="leave out annotations whose image is missing")
    one.add_argument("--test", type=float, default=0.2, metavar="SHARE", help="of the images, for the test (0.2)")
    one.add_argument("--val", type=float, default=0.0, metavar="SHARE", help="a validation subset of its own (0)")
    one.add_argument("--group", metavar="REGEX", help="its parenthesis names patient, scene or video: kept together")
    one.add_argument("--seed", type=int, default=1, metavar="S", help="of the subsets (1)")
    one.add_argument("--link", action="store_true", help="link the images in place of copying them")
    one.add_argument("--replace", action="store_true", help="put it in the place of an earlier import")


if __name__ == "__main__":
    run_command(main)
