"""An image of twice the height takes no more memory: a large TIFF is never read, labelled or written as a whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src"
# A network that costs nothing: what is measured is everything around it
MEASURE = """
import sys
from pathlib import Path
import numpy as np, tifffile, torch
from imbseg.models.weights import IMAGENET
from imbseg.windows import pixels as of_files
from imbseg.predict.member import Member
from imbseg.predict.outputs import Look, Place, write
from imbseg.predict.predictor import Predictor, Tiling
from imbseg.predict.again import Stored
from imbseg.trial import Trial

width, height, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
file = folder / f"{height}.tif"
tile = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
tiles = (tile for _ in range(width * height // 256**2))
tifffile.imwrite(file, tiles, shape=(height, width, 3), dtype=np.uint8, photometric="rgb", tile=(256, 256))
about = {"weights_of_classes": dict.fromkeys("abcd", 1.0)}
trial = Trial(architecture="unet", encoder="resnet18", crop=(256, 256))
network = torch.nn.Conv2d(3, 4, 1).eval()
stored = Stored(Path("run"), about, trial, network, IMAGENET, torch.device("cpu"))
predictor = Predictor([Member(stored, (1.0, 1.0))], tiling=Tiling(overlap=64))
of_files.WHOLE = 2**20
with of_files.opened(file, "upright") as pixels:
    write(predictor, pixels, Place.of(folder, str(height), file), Look("abcd", np.zeros((4, 3), np.uint8)))
# Of this process alone: the peak that getrusage tells may be its parent's
print(int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024)
"""


def peak(width: int, height: int, folder: Path) -> float:
    """MB that a process takes at most while it labels such an image."""
    words = [sys.executable, "-c", MEASURE, str(width), str(height), str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=SOURCE, check=False)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


@pytest.mark.long
def test_twice_the_height_takes_no_more_memory(tmp_path: Path) -> None:
    once, twice = peak(4096, 4096, tmp_path), peak(4096, 8192, tmp_path)
    assert twice < 1.1 * once
    assert twice - once < 0.25 * 4096 * 4096 * 3 / 2**20  # a quarter of the pixels that came on top
