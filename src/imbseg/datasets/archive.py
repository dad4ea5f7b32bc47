"""Unpack a tar archive without trusting it: every name is checked before anything is written."""

import os
import shutil
import tarfile
from pathlib import Path, PurePosixPath

from imbseg.console import progress
from imbseg.datasets.transfer_meter import size_text
from imbseg.errors import InputError


def extract_tar(archive: Path | str, destination: Path | str, *, inside: str = "") -> Path:
    """Unpack an archive, plain or compressed, so that one folder of it becomes `destination`: whole or not at all.

    Args:
        archive: a tar file; how it is compressed is seen from its content, not from its name.
        inside: the folder inside the archive, such as "VOCdevkit/VOC2012"; empty for all of it.

    Raises:
        InputError: no archive, cut short, holding a path outside of it, a link or a special file, lacking `inside`,
            too large for the disk, or the destination is there already.
        OSError: it can't be written, or the disk is full; nothing stays behind.
    """
    source, target = Path(archive), Path(destination)
    if target.exists():
        raise InputError(f"{target}: expected nothing here yet; move it away or choose another folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{os.getpid()}.tmp.{target.name}")
    try:
        _extract_all(source, temporary)
        found = temporary / inside
        if not found.is_dir():
            raise InputError(f"{source}: expected a folder {inside} in the archive, found none; is it another archive?")
        found.replace(target)
    except OSError as error:
        raise OSError(error.errno, error.strerror, error.filename or str(target)) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def _extract_all(source: Path, folder: Path) -> None:
    try:
        with tarfile.open(source) as tar:
            members = tar.getmembers()
            for member in members:
                _check_member(member, source)
            _check_end(tar, members)
            _check_room(folder, sum(member.size for member in members))
            folder.mkdir()
            for member in progress(members, total=len(members), what="unpacking"):
                tar.extract(member, folder, filter="data")
    except (tarfile.TarError, EOFError) as error:
        raise InputError(
            f"{source}: expected a tar archive, found something else or one cut short ({error}); fetch it again"
        ) from error


def _check_member(member: tarfile.TarInfo, source: Path) -> None:
    """Refuse whatever could reach outside the folder, or isn't a plain file or folder."""
    name = member.name.replace("\\", "/")
    if name.startswith("/") or ".." in PurePosixPath(name).parts or name[1:2] == ":":
        what = "a path outside the archive"
    elif member.issym() or member.islnk():
        what = f"a link (to {member.linkname})"
    elif not (member.isreg() or member.isdir()) or member.issparse():
        what = "a special file"
    else:
        return
    raise InputError(
        f"{source}: member {member.name!r} is {what}, expected only files and folders; nothing was "
        "unpacked: fetch the archive from its source again"
    )


def _check_end(tar: tarfile.TarFile, members: list[tarfile.TarInfo]) -> None:
    """An archive ends in a block of zeros; tarfile takes one that was cut between two members for whole."""
    if not members or tar.fileobj is None:
        return
    last = members[-1]
    tar.fileobj.seek(last.offset_data + -(-last.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE)
    if tar.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("its end is missing")


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder.parent).free
    if free < needed:
        raise InputError(
            f"{folder.parent}: {size_text(needed)} needed to unpack, {size_text(free)} free; "
            "free some space or choose another folder with --root"
        )
