"""What a trial keeps of itself on disk: written whole or not at all, read without running code."""

from pathlib import Path
from typing import Any

import torch

from imbseg.errors import InputError, first_line
from imbseg.files import whole_file


def save(path: Path, content: dict[str, Any]) -> None:
    """Write tensors, numbers and texts to a file, whole or not at all.

    Raises:
        OSError: it can't be written (a full disk, say); the error names `path`.
    """
    # An open file and no path: torch would put the temporary name, process number and all, into the archive.
    with whole_file(path) as temporary, temporary.open("wb") as handle:
        try:
            torch.save(content, handle)
        except RuntimeError as error:
            cause = error.__context__  # torch complains about its archive; what the file said stands behind it
            if not isinstance(cause, OSError):
                raise
            raise OSError(cause.errno, cause.strerror) from error


def load(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read a checkpoint.

    Raises:
        InputError: the file is missing, cut short or no checkpoint.
    """
    try:
        content = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError as error:
        raise InputError(f"checkpoint {path}: no such file") from error
    except Exception as error:  # unpickling a broken file fails in many ways
        again = "remove the run folder and start the trial again"
        raise InputError(f"checkpoint {path}: can't be read ({first_line(error)}); {again}") from error
    if not isinstance(content, dict):
        raise InputError(f"checkpoint {path}: expected a dict, found {type(content).__name__}")
    return content
