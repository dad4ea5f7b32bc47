"""python src/predict.py --run RUN IMAGES... [--out DIR]
python src/predict.py --run RUN --dataset camvid --subset test

The networks of a run, or of an experiment's best strategy, on any image: labels (a palette PNG each), overlays, and
predictions.csv with what each image shows and how sure the networks are. Started again it does only what lacks.
"""

import re
import sys
from pathlib import Path
from typing import Any

from imbseg.errors import InputError, Parser, run_command
from imbseg.files import REPOSITORY

RUN = "a run folder, a folder of runs (its best strategy, all seeds and folds), a name in data/runs, or `latest`"
BY = "validation score that chooses the strategy, and the strength of --post_hoc: mIoU (default) or tail"


def main() -> int:
    """Choose networks, label images, say where they are."""
    options = _parser().parse_args()
    found = {"by": options.by, "strategy": options.strategy, "post_hoc": options.post_hoc, "device": options.device}
    found["seeds"] = _numbers("seeds", options.seeds, r"\d+(,\d+)*") if options.seeds else ()
    tile = _numbers("tile", options.tile, r"\d+x\d+") if options.tile else None
    out = options.out or REPOSITORY / "data" / "predictions" / Path(options.run).resolve().name
    from imbseg import predict  # torch: after the flags are known to be good
    from imbseg.datasets import spec
    from imbseg.predict.inputs import named_images
    from imbseg.predict.labelled import check_channels
    from imbseg.predict.many import predict_files
    from imbseg.predict.predictor import Tiling

    images = named_images(options.images, options.dataset, options.subset, out)
    tiling = Tiling(tile, options.overlap, always=tile is not None)
    predictor = predict.load(options.run, tiling=tiling, operating_points=not options.argmax, **found)
    if options.dataset:
        check_channels(spec.load(options.dataset), predictor.layout)
    print(predictor.said)
    problems = predict_files(predictor, images, out, probabilities=options.probabilities)
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    print(f"{len(images) - len(problems)} of {len(images)} images: {out}")
    return 1 if problems else 0


def _numbers(name: str, text: str, pattern: str) -> Any:
    if not re.fullmatch(pattern, text):
        like = "1,2,3" if name == "seeds" else "512x512"
        raise InputError(f"--{name}: expected numbers such as {like}, found {text!r}")
    return tuple(int(one) for one in re.split("[x,]", text))


def _parser() -> Parser:
    parser = Parser(prog="predict.py", description="Finished networks on any image -> labels, overlays, doubts.")
    parser.add_argument("images", nargs="*", metavar="IMAGES", help="files, patterns or folders")
    parser.add_argument("--run", required=True, metavar="RUN", help=RUN)
    parser.add_argument("--dataset", metavar="NAME", help="a data set's images, instead of IMAGES")
    parser.add_argument("--subset", metavar="NAME", help="with --dataset: train, val or test; default all")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder to write (data/predictions/RUN)")
    parser.add_argument("--by", choices=("mIoU", "tail"), default="mIoU", help=BY)
    parser.add_argument("--strategy", metavar="NAME", help="as the report names it, instead of the best")
    parser.add_argument("--seeds", metavar="N,N", help="of which runs; default all")
    parser.add_argument("--post_hoc", default="none", metavar="NAME", help="a correction: prior, flip, prior*flip ...")
    parser.add_argument("--argmax", action="store_true", help="without the run's operating points (evaluate.py)")
    parser.add_argument("--probabilities", action="store_true", help="also a 16-bit PNG a class, 65535 = 1")
    parser.add_argument("--tile", metavar="WxH", help="cut larger images into tiles of this size (default: by memory)")
    parser.add_argument("--overlap", type=int, metavar="N", help="pixels that tiles share (half a tile)")
    parser.add_argument("--device", default="auto", metavar="NAME", help="auto, cpu, cuda or cuda:N")
    return parser


if __name__ == "__main__":
    run_command(main)
