"""One large file from a server: what was fetched stays, a broken download goes on, and the checksum decides."""

import errno
import hashlib
import http.client
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from imbseg.datasets.transfer_meter import meter, only_one, size_text
from imbseg.errors import InputError

_BLOCK = 1 << 18  # bytes
Show = Callable[[int, int | None], None]


class _Broken(Exception):
    """The server broke off or can't be reached just now: worth another attempt."""


def download(
    url: str,
    target: Path | str,
    *,
    md5: str | None = None,
    size: int | None = None,
    timeout: float = 15.0,
    attempts: int = 4,
    pause: float = 1.0,
) -> Path:
    """Fetch a file, going on where an earlier call was broken off (its part lies beside the target, as .part).

    Args:
        url: http or https.
        target: the file to make. One that is there with the right checksum is left alone.
        md5: what the file must have, in hexadecimal.
        timeout: seconds without an answer after which an attempt is given up.
        attempts: how many in a row may bring nothing new.
        pause: seconds before the second attempt; doubled before each further one.

    Raises:
        InputError: not there, not reachable, broken off again and again, not the file that was expected, or another
            process is fetching it.
        OSError: the target's folder can't be written.
    """
    path = Path(target)
    if path.exists():
        check_file(path, md5=md5, size=size)
        return path
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise InputError(f"{url}: expected an address that starts with http:// or https://")
    path.parent.mkdir(parents=True, exist_ok=True)
    with only_one(path.with_name(path.name + ".lock"), f"fetches {path.name}"):
        if not path.exists():  # or another process has just brought it
            _fetch_whole(url, path, md5, size, timeout, attempts, pause)
        return path


def _fetch_whole(
    url: str, path: Path, md5: str | None, size: int | None, timeout: float, attempts: int, pause: float
) -> None:
    part = path.with_name(path.name + ".part")
    try:
        with meter(path.name) as show:
            _fetch_in_attempts(url, part, size, show, timeout, attempts, pause)
    except _Broken as error:
        if not (md5 and part.exists() and file_md5(part) == md5):  # the length was a lie, the file is the right one
            raise InputError(f"{url}: {error}; {_advice(part)}") from error
    if problem := _mismatch(part, md5, size):
        part.unlink()  # going on from it could never end well
        raise InputError(f"{url}: {problem}; it was removed: start the same command again, or fetch it from elsewhere")
    part.replace(path)


def check_file(path: Path | str, *, md5: str | None = None, size: int | None = None) -> None:
    """Raise InputError unless a file has this size in bytes and this MD5, as far as they are given."""
    where = Path(path)
    if not where.is_file():
        raise InputError(f"{where}: expected a file, found none; check the path")
    if problem := _mismatch(where, md5, size):
        raise InputError(f"{where}: {problem}; remove it and fetch it again")


def _mismatch(path: Path, md5: str | None, size: int | None) -> str | None:
    found = path.stat().st_size
    if size is not None and found != size:
        return f"expected {size} bytes, found {found}: the file is cut short, or another one"
    if md5 is not None and (digest := file_md5(path)) != md5:
        return f"expected the MD5 checksum {md5}, found {digest}: the file is damaged, or another one"
    return None


def file_md5(path: Path) -> str:
    """The MD5 of a file's bytes, in hexadecimal: against damage, not against forgery."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _fetch_in_attempts(
    url: str, part: Path, size: int | None, show: Show, timeout: float, attempts: int, pause: float
) -> None:
    best, fruitless = _length(part), 0
    while True:
        try:
            _fetch(url, part, size, show, timeout)
            return
        except _Broken:
            fruitless = 0 if _length(part) > best else fruitless + 1
            best = max(best, _length(part))
            if fruitless >= attempts:
                raise
            time.sleep(pause * 2 ** max(0, fruitless - 1))


def _fetch(url: str, part: Path, size: int | None, show: Show, timeout: float) -> None:
    """One request for what is still missing."""
    have = _length(part)
    if size is not None and have >= size:
        return
    response = _open(url, part, have, timeout)
    if response is None:
        return
    with response:
        start = have if response.status == 206 else 0  # a server that ignores ranges sends everything anew
        total = _total(response, url, start, size)
        _check_room(part, have, total)
        try:
            with part.open("ab" if start else "wb") as handle:
                done = _copy(response, handle, start, total, show)
        except OSError as error:  # of the disk: the network's are _Broken by now
            raise _disk_error(error, part) from error
    if total is not None and done < total:
        raise _Broken(f"expected {total} bytes, the connection ended after {done}")


def _open(url: str, part: Path, have: int, timeout: float) -> http.client.HTTPResponse | None:
    """Ask for the bytes from `have` on; None if the server says that there are no more."""
    headers = {"User-Agent": "imbseg", "Accept-Encoding": "identity"}
    request = urllib.request.Request(url, headers={**headers, "Range": f"bytes={have}-"} if have else headers)
    try:
        response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416 and error.headers.get("Content-Range", "") == f"bytes */{have}":
                return None
            if error.code == 416:
                part.unlink()  # the part is longer than the file: it belongs to another one
            elif error.code < 500 and error.code not in (408, 429):
                raise InputError(f"{url}: the server answers {error.code} {error.reason}; {_advice(part)}") from error
            raise _Broken(f"the server answers {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise _Broken(f"no answer ({getattr(error, 'reason', None) or error or type(error).__name__})") from error
    if response.status == 206 and not response.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
        response.close()
        part.unlink(missing_ok=True)
        raise _Broken(f"the server sent another range than the one from byte {have}")
    return response


def _total(response: http.client.HTTPResponse, url: str, start: int, size: int | None) -> int | None:
    """Bytes the whole file will have, as far as anybody says so."""
    announced = response.headers.get("Content-Length", "")
    if not announced.isdigit():
        return size
    total = start + int(announced)
    if size is not None and total != size:
        raise InputError(
            f"{url}: expected a file of {size} bytes, the server announces {total}; this is another file "
            "(a login page?): try again later or elsewhere"
        )
    return total


def _copy(response: http.client.HTTPResponse, handle: BinaryIO, done: int, total: int | None, show: Show) -> int:
    """Write what comes, up to `total`; returns how many bytes the part has then."""
    while total is None or done < total:
        show(done, total)
        try:
            block = response.read1(_BLOCK)
        except (OSError, http.client.HTTPException) as error:
            raise _Broken(f"the connection broke after {done} bytes ({error or type(error).__name__})") from error
        if not block:
            break
        handle.write(block)
        done += len(block)
    show(done, total)
    return done


def _check_room(part: Path, have: int, total: int | None) -> None:
    free = shutil.disk_usage(part.parent).free
    if total is not None and free < total - have:
        raise InputError(
            f"{part.parent}: {size_text(total - have)} needed for the download, {size_text(free)} free; "
            "free some space or choose another folder with --root"
        )


def _disk_error(error: OSError, part: Path) -> OSError | InputError:
    if error.errno != errno.ENOSPC:
        return error
    return InputError(
        f"{part.parent}: the disk is full; free some space and start the same command again: it goes on "
        f"from {part.name}"
    )


def _advice(part: Path) -> str:
    if _length(part):
        return f"{size_text(_length(part))} are kept in {part}: start the same command again to go on from there"
    return "check the network and the address, or fetch the file in another way"


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
