"""python src/demo_page.py --model DIR [--port N]

A page on this machine: drop an image, and see its classes and where the network is in doubt. DIR is what export.py
wrote. It listens on 127.0.0.1 alone and asks nothing of any other machine. Needs `make setup EXTRA=page`, once.
"""

import importlib.util
import os
import sys
from pathlib import Path

from imbseg.errors import InputError, Parser, run_command
from imbseg.files import REPOSITORY

OWN = REPOSITORY / "tools" / "page" / ".venv" / "bin" / "python"


def main() -> None:
    """Open the folder, serve the page until Ctrl-C."""
    parser = Parser(prog="demo_page.py", description="A page that labels an image with a folder of export.py.")
    parser.add_argument("--model", required=True, type=Path, metavar="DIR", help="what export.py wrote")
    parser.add_argument("--port", type=int, default=0, metavar="N", help="port on 127.0.0.1; default: a free one")
    options = parser.parse_args()
    if not 0 <= options.port < 2**16:
        raise InputError(f"--port: expected 0..65535, found {options.port}")
    if importlib.util.find_spec("gradio") is None:
        if not OWN.is_file():
            raise InputError("gradio isn't installed here: run `make setup EXTRA=page`, once")
        os.execv(OWN, [str(OWN), *sys.argv])  # its environment has all of this one too
    from imbseg.export.page import Labeller, serve

    serve(Labeller.of(options.model), options.port)


if __name__ == "__main__":
    run_command(main)
