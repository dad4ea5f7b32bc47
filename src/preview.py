"""python src/preview.py --dataset camvid [any Trial flag] [--out FILE.png] [--images N]

Augmented training samples with their masks for any Trial settings, as one PNG: the network's input. About 5 s.
"""

from pathlib import Path

from imbseg.errors import InputError, run_command
from imbseg.files import REPOSITORY
from imbseg.trial import resolve
from imbseg.trial.sources import parser


def main() -> None:
    """Read the settings, draw, say where the picture is."""
    arguments = parser(__doc__ or "")
    arguments.add_argument("--out", type=Path, metavar="FILE", help="a PNG; default data/report/preview-<dataset>.png")
    arguments.add_argument("--images", default="12", metavar="N", help="how many samples (default 12)")
    found = vars(arguments.parse_args())
    out, images = found.pop("out"), found.pop("images")
    if not images.isdecimal():
        raise InputError(f"--images: expected a whole number, found {images!r}")
    resolved = resolve({name: value for name, value in found.items() if value is not None}, {})
    from imbseg.training.preview import preview  # torch and all that: after the settings are known to be good

    out = out or REPOSITORY / "data" / "report" / f"preview-{resolved.dataset.name}.png"
    shown = preview(resolved, out, int(images))
    print(f"{shown} samples: {out}")


if __name__ == "__main__":
    run_command(main)
