"""make chaos: experiments under fire, in figures.   python tools/chaos.py [kills|hundred|five-hundred] [--folder DIR]

kills: 12 trainings on the sample, two at once, through kill -9 of a trial, of NNI's manager and of run_experiment.py, a
full disk for 20 s, nnictl stop, and a reboot; between them nothing but the command that the screen shows (root, for the
small disk; 15 minutes on two cores). hundred: 100 trials without training that ask for their parameters after random
times, ten of which die at once, four at once. five-hundred: 500 trials of a second (20 minutes). Exit status 1 where
something isn't as it should be.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import tempfile

from chaos_kills import kills
from chaos_many import many

from imbseg.errors import InputError, Parser, run_command
from imbseg.interrupt import interrupted_by

PARTS = ("kills", "hundred", "five-hundred")


def main() -> int:
    """Run a part, print its figures and what isn't as it should be."""
    parser = Parser(prog="chaos.py", description="Experiments under fire, in figures.")
    parser.add_argument("part", nargs="?", choices=PARTS, default="kills", help="what to run (kills)")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="an empty folder; by default a temporary one")
    parser.add_argument("--trials", type=int, metavar="N", help="fewer trials: 12, 100 or 500 by default")
    parser.add_argument("--trial", default="", metavar="FLAGS", help="kills: flags of train_nni.py for other data")
    given = parser.parse_args()
    folder = (given.folder or Path(tempfile.mkdtemp(prefix="imbseg-chaos-"))).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise InputError(f"--folder {folder}: expected an empty folder")
    with interrupted_by(signal.SIGTERM):  # so that the small disk goes, too
        if given.part == "kills":
            wrong = kills(folder, given.trials or 12, given.trial)
        elif given.part == "hundred":
            wrong = many(folder, given.trials or 100, dead=10, concurrency=4, latest_s=1.5, runs_s=0.0)
        else:
            wrong = many(folder, given.trials or 500, dead=0, concurrency=4, latest_s=0.0, runs_s=1.0)
    for words in wrong:
        print(f"wrong: {words}")
    print(f"{folder}: {len(wrong)} wrong")
    return int(bool(wrong))


if __name__ == "__main__":
    run_command(main)
