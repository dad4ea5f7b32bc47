"""python src/export.py --run RUN --out DIR [--input float32] [--quantize int8]

The networks of a run, or of an experiment's best strategy, as files that work without imbseg: model.onnx with
normalisation, resizing and correction inside, for images of any size; the format of segmentation_models.pytorch; a
model card. Every file is held against the network before it stays.
"""

import re
from pathlib import Path

from imbseg.errors import InputError, Parser, run_command

RUN = "a run folder, a folder of runs (its best strategy, all seeds and folds), a name in data/runs, or `latest`"
INT8 = "int8: also model_int8.onnx, with mIoU and tail of both on the test images"
FLOAT = "float32: also model_float32.onnx, which takes 0..1; model.onnx takes what the data set file's range says"


def main() -> None:
    """Choose networks, write their files, say what they give."""
    options = _parser().parse_args()
    if options.seeds and not re.fullmatch(r"\d+(,\d+)*", options.seeds):
        raise InputError(f"--seeds: expected numbers such as 1,2,3, found {options.seeds!r}")
    seeds = [int(one) for one in (options.seeds or "").split(",") if one]
    from imbseg import predict  # torch: after the flags are known to be good
    from imbseg.export.write import export
    from imbseg.predict.which import choose

    chosen = {"by": options.by, "strategy": options.strategy, "seeds": seeds}
    how = {"post_hoc": options.post_hoc, "device": "cpu", "operating_points": not options.argmax}
    predictor = predict.load(options.run, **chosen, **how)
    print(predictor.said)
    kinds = [predictor.layout.values.kind, *(["float32"] if options.input == "float32" else [])]
    if kinds.count("float32") > 1:
        raise InputError("--input float32: model.onnx takes the run's images, float32 already; leave it out")
    export(predictor, choose(options.run, **chosen).runs, options.out, kinds, int8=options.quantize == "int8")
    print(f"model card: {options.out / 'MODEL_CARD.md'}")


def _parser() -> Parser:
    parser = Parser(prog="export.py", description="Finished networks -> ONNX, weights, a model card.")
    parser.add_argument("--run", required=True, metavar="RUN", help=RUN)
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder to write; replaced as a whole")
    parser.add_argument("--input", choices=("float32",), help=FLOAT)
    parser.add_argument("--quantize", choices=("int8",), help=INT8)
    parser.add_argument("--by", choices=("mIoU", "tail"), default="mIoU", help="validation score that chooses")
    parser.add_argument("--strategy", metavar="NAME", help="as the report names it, instead of the best")
    parser.add_argument("--seeds", metavar="N,N", help="of which runs; default all")
    parser.add_argument("--post_hoc", default="none", metavar="NAME", help="a correction: prior, flip, prior*flip ...")
    parser.add_argument("--argmax", action="store_true", help="without the run's operating points (evaluate.py)")
    return parser


if __name__ == "__main__":
    run_command(main)
