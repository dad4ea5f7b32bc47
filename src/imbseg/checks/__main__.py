"""PYTHONPATH=src:data/datasets python -m imbseg.checks loss|sampling|post_hoc NAME"""

import sys
from collections.abc import Callable
from typing import Any

from imbseg.checks import check_loss, check_post_hoc, check_sampler
from imbseg.errors import InputError, run_command

KINDS: dict[str, Callable[..., Any]] = {"loss": check_loss, "sampling": check_sampler, "post_hoc": check_post_hoc}


def main() -> None:
    """Check what the command line names."""
    if len(sys.argv) != 3 or sys.argv[1] not in KINDS:
        raise InputError(f"expected one of {', '.join(KINDS)}, and a name such as mine:soft_iou, found {sys.argv[1:]}")
    KINDS[sys.argv[1]](sys.argv[2])
    print(f"{sys.argv[1]} {sys.argv[2]} keeps all that is checked")


if __name__ == "__main__":
    run_command(main)
