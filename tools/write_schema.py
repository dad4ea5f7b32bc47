"""python tools/write_schema.py

Writes data/datasets/dataset.schema.json anew, from the models of data set files and of a trial's settings. At once.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
from imbseg.files import write_text
from imbseg.trial.schema import FILE, schema_text

if __name__ == "__main__":
    write_text(FILE, schema_text())
    print(f"written: {FILE}")
