"""python src/evaluate.py --run RUN [--dataset NEW.yml] [--subset test] [--out DIR]
python src/evaluate.py --run RUN --operating_point pedestrian:recall=.9

The networks of a run, or of an experiment's best strategy, on labelled images: the scores of a report with intervals
over images, by group, with calibration and precision-recall curves. With an operating point a class's threshold is
chosen on the run's validation images alone, and kept in its folder, where predict.py finds it.
"""

from pathlib import Path

from imbseg.errors import Parser, run_command
from imbseg.files import REPOSITORY, writable_folder

RUN = "a run folder, a folder of runs (its best strategy, all seeds and folds), a name in data/runs, or `latest`"
POINT = "CLASS:recall=R; may stand there several times, of one run"


def main() -> None:
    """Choose networks and thresholds, score images, say where the tables are."""
    options = _parser().parse_args()
    from imbseg import predict  # torch: after the flags are known to be good
    from imbseg.datasets import spec
    from imbseg.predict.evaluate import check_classes, choose_points, evaluate
    from imbseg.predict.labelled import check_channels, subset_images
    from imbseg.predict.operating_points import read_points
    from imbseg.trial.stored import dataset_of

    chosen = {"by": options.by, "strategy": options.strategy, "post_hoc": options.post_hoc, "device": options.device}
    plain = options.argmax or bool(options.operating_point)
    predictor = predict.load(options.run, operating_points=not plain, **chosen)
    print(predictor.said)
    about = predictor.members[0].stored.about
    dataset = spec.load(options.dataset) if options.dataset else dataset_of(about)
    check_classes(dataset, predictor.class_names)
    check_channels(dataset, predictor.layout)
    points = read_points(options.operating_point or (), predictor.class_names)
    subset_images(dataset, options.subset)  # before thresholds are written: what would fail afterwards
    name = f"{Path(options.run).resolve().name}-{dataset.name}"
    out = writable_folder(options.out or REPOSITORY / "data" / "evaluations" / name)
    if points:
        choose_points(predictor, points)
        predictor = predict.load(options.run, **chosen)
    evaluate(predictor, dataset, options.subset, out)
    print(f"scores: {out}")


def _parser() -> Parser:
    parser = Parser(prog="evaluate.py", description="Finished networks on labelled images -> scores and curves.")
    parser.add_argument("--run", required=True, metavar="RUN", help=RUN)
    parser.add_argument("--dataset", metavar="NAME", help="a name or YAML file; default the run's own")
    parser.add_argument("--subset", default="test", choices=("train", "val", "test"), help="default test")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder to write (data/evaluations/RUN-DATASET)")
    parser.add_argument("--operating_point", action="append", metavar="CLASS:recall=R", help=POINT)
    parser.add_argument("--argmax", action="store_true", help="without the run's operating points")
    parser.add_argument("--by", choices=("mIoU", "tail"), default="mIoU", help="validation score that chooses")
    parser.add_argument("--strategy", metavar="NAME", help="as the report names it, instead of the best")
    parser.add_argument("--post_hoc", default="none", metavar="NAME", help="a correction: prior, flip, prior*flip ...")
    parser.add_argument("--device", default="auto", metavar="NAME", help="auto, cpu, cuda or cuda:N")
    return parser


if __name__ == "__main__":
    run_command(main)
