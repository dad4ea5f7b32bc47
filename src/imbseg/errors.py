"""One kind of error for bad input, and how a command ends on it: one sentence, exit status 2, no traceback."""

import argparse
import difflib
import errno
import io
import math
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn


class InputError(ValueError):
    """What the user gave can't be used; the message says what was expected, found, where, and what to do."""


class TrialFailed(RuntimeError):
    """A trial ran and can't end well (a non-finite loss, say): exit status 1, status `failed`."""


class Parser(argparse.ArgumentParser):
    """A command's flags, none of them abbreviated: what can't be read is an InputError in place of usage lines."""

    def __init__(self, **settings: Any) -> None:
        """As argparse.ArgumentParser."""
        super().__init__(**{"allow_abbrev": False, **settings})

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found, or the nearest flag of an unknown one."""
        unknown = message.removeprefix("unrecognized arguments: ")
        if unknown == message:
            raise InputError(f"{' '.join(message.split())}; see {self.prog} --help")
        word = unknown.split()[0].split("=")[0]
        if not word.startswith("-"):
            raise InputError(f"unexpected argument {word!r}; see {self.prog} --help")
        raise unknown_name("flag", word, [one for one in self._option_string_actions if one.startswith("--")])


def unknown_name(what: str, name: object, choices: Iterable[str]) -> InputError:
    """An error that names the nearest choice and lists all of them.

    >>> str(unknown_name("loss", "focl", ["cross_entropy", "focal"]))
    "unknown loss 'focl' (did you mean 'focal'?); choose from: cross_entropy, focal"
    """
    names = [str(choice) for choice in choices]
    near = difflib.get_close_matches(str(name), names, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return InputError(f"unknown {what} {str(name)!r}{hint}; choose from: {', '.join(names)}")


def first_line(error: BaseException) -> str:
    """What a library says of an error, in at most 120 letters; its type where it says nothing (an empty file).

    >>> first_line(IndexError()), first_line(ValueError("bad magic\\nat byte 0"))
    ('IndexError', 'bad magic')
    """
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


def first_ten(problems: list[str], what: str) -> InputError:
    """One error for many broken files: the first ten, and how many more."""
    more = f"\n  ... and {len(problems) - 10} more" if len(problems) > 10 else ""
    lines = "".join(f"\n  {problem}" for problem in problems[:10])
    return InputError(f"{len(problems)} {what}:{lines}{more}" if len(problems) > 1 else problems[0])


def listed(names: Sequence[str], most: int = 3, between: str = ", ") -> str:
    """The first of some names, and how many more.

    >>> listed(["a", "b", "c", "d", "e"]), listed(["a", "b", "c"], 2, "; ")
    ('a, b, c and 2 more', 'a; b; and 1 more')
    """
    rest = f"{'' if between == ', ' else between.rstrip()} and {len(names) - most} more" if len(names) > most else ""
    return between.join(names[:most]) + rest


def above_zero(text: str | None, what: str) -> float:
    """A finite number above 0 of the command line.

    >>> above_zero("1.5", "--hours: expected")
    1.5

    Raises:
        InputError: it is none; `what` begins the sentence.
    """
    try:
        found = float(text or "")
    except ValueError:
        found = math.nan
    if not 0 < found < math.inf:
        raise InputError(f"{what} a number above 0, found {text!r}")
    return found


def amount(count: int, what: str) -> str:
    """A number of things.

    >>> amount(1, "row"), amount(2, "row")
    ('1 row', '2 rows')
    """
    return f"{count} {what}{'' if count == 1 else 's'}"


def disk_full(error: OSError) -> bool:
    """Whether there is no room, on the disk or for this user: room can be made while a trial goes on."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def describe_os_error(error: OSError) -> str:
    """A sentence for a file that can't be written or read."""
    where = f"{error.filename}: " if error.filename else ""
    if disk_full(error):
        return f"{where}the disk is full; nothing was left half written; free some space and start again"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{where}no permission ({error.strerror}); choose another folder or change its permissions"
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return f"{where}expected a folder, found a file; choose another folder or move the file away"
    return f"{where}{error.strerror or error}"


def run_command(main: Callable[[], int | None]) -> None:
    """Run a script's main function and exit: 0, 1 for a failed trial, 2 for bad input, 130 after Ctrl-C.

    Where nobody reads the output any more (`| head`), it ends like a program that SIGPIPE stopped: 141, in silence.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # of a file's name that is no text
    try:
        status = main() or 0
        sys.stdout.flush()
    except InputError as error:
        status = _say(str(error), 2)
    except TrialFailed as error:
        status = _say(str(error), 1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what Python flushes at its end goes nowhere
        status = 141
    except OSError as error:
        status = _say(describe_os_error(error), 2)
    except MemoryError as error:
        what = first_line(error) if str(error) else "it was asked for more than there is"
        status = _say(f"not enough memory ({what}); nothing was left half written", 2)
    except KeyboardInterrupt:
        status = _say("interrupted; start the same command again to go on", 130)
    sys.exit(status)


def _say(message: str, status: int) -> int:
    print(f"error: {message}" if status != 130 else message, file=sys.stderr)
    return status
