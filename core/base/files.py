"""Files and folders that appear whole or not at all, and what a full disk looks like."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.errors import RunError, StudioError

if sys.platform != "win32":
    import fcntl

_NO_ROOM = ("no space left on device", "disk quota exceeded", "database or disk is full", "os error 28")
_NEXT_TO_NOTHING = 2**18
"""Bytes: a disk with less of them left counts as full when something goes wrong on it."""
READING = ".reading-"
"""What the names of folders begin with in which files are read."""
_AT_WORK = ".at-work"
"""Ends the name of the file that is locked as long as somebody works in the folder beside it."""
_SECONDS_KEPT = 7 * 86_400.0
"""How long a reading lies untouched before it counts as given up where no lock tells (an earlier version's, or on
Windows): a living one writes all the time."""


def is_full_disk(error: BaseException, place: Path | None = None) -> bool:
    """Whether there was no room to write. The libraries tell it in several ways, and some of them only that writing
    went wrong: then the disk of `place` is asked, as long as what was written is still there.
    """
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    if any(words in str(error).lower() for words in _NO_ROOM):
        return True
    with suppress(OSError):
        return place is not None and shutil.disk_usage(place).free < _NEXT_TO_NOTHING
    return False


@contextmanager
def _telling_full_disks(place: Path) -> Iterator[None]:
    """Whatever goes wrong in it because the disk is full comes out as an OSError that says so."""
    try:
        yield
    except Exception as error:
        if isinstance(error, StudioError) or is_full_disk(error) or not is_full_disk(error, place):
            raise
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(place)) from error


@contextmanager
def room_on(path: Path, say: Callable[[Path], StudioError] = RunError.no_room) -> Iterator[None]:
    """Say in one sentence that the disk of `path` is full, whoever found out, and however it was said.

    Raises:
        StudioError: there was no room; `say` has the words.
    """
    try:
        yield
    except Exception as error:
        if is_full_disk(error):
            raise say(path) from error
        raise


def sync(path: Path) -> None:
    """Ask the operating system to put a file or folder on disk now (folders cannot be synced on Windows)."""
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def private_folder(place: Path, prefix: str) -> Iterator[Path]:
    """Give a folder of one's own in `place`; it is gone in the end, or moved to where it belongs by then.

    A file beside it is locked as long as we live, and by nobody else afterwards, however we ended: so `sweep`
    knows what is left of a process that was killed. The lock is there before the folder, so that a folder whose file
    nobody locks is nobody's. It stays out of the folder, whose files may be counted and hashed.
    """
    descriptor, name = tempfile.mkstemp(prefix=prefix, suffix=_AT_WORK, dir=place)
    mark, folder = Path(name), Path(name.removesuffix(_AT_WORK))
    try:
        if not _lock(descriptor):
            with suppress(OSError):  # Windows deletes no open file; it asks for no lock either
                mark.unlink()
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)
        mark.unlink(missing_ok=True)


def _lock(descriptor: int) -> bool:
    """Lock an open file until it is closed or its process ends; False where somebody has it, or it cannot be had."""
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def sweep(place: Path) -> None:
    """Delete the private folders in it whose owner is gone."""
    for mark in place.glob(f".*{_AT_WORK}"):
        with suppress(OSError):  # it ended just now, or is another account's
            descriptor = os.open(mark, os.O_RDWR)
            try:
                if _lock(descriptor):
                    shutil.rmtree(folder := mark.with_suffix(""), ignore_errors=True)
                    if not folder.exists():  # else the next sweep tries again
                        mark.unlink(missing_ok=True)
            finally:
                os.close(descriptor)
    for folder in place.glob(f"{READING}*"):
        with suppress(OSError):
            if folder.is_dir() and not _is_held(folder) and time.time() - _last_written(folder) > _SECONDS_KEPT:
                shutil.rmtree(folder, ignore_errors=True)


def _is_held(folder: Path) -> bool:
    """Whether its lock is there, which the sweep would have deleted if it were nobody's."""
    return sys.platform != "win32" and folder.with_name(folder.name + _AT_WORK).exists()


def _last_written(folder: Path) -> float:
    """When something in it was written last; epoch seconds."""
    return max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))


@contextmanager
def building_folder(final: Path, *, shared: bool = False) -> Iterator[Path]:
    """Give a temporary folder that becomes `final` when the block ends well, and vanishes when it does not.

    A reader therefore never sees half a folder. If another process finished the same folder in the meantime, the
    finished one stays: with `shared` (datasets and uploads are named by their content) ours is dropped without a word.

    Raises:
        RunError: the folder was finished by somebody else, and it is not shared.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    with private_folder(final.parent, f".{final.name}.") as temporary:
        with _telling_full_disks(temporary):
            yield temporary
        for path in sorted(temporary.rglob("*")):
            sync(path)
        sync(temporary)
        temporary.chmod(0o755)  # a finished one is as readable as its parent allows
        if final.is_dir() and not any(final.iterdir()):
            final.rmdir()
        try:
            temporary.rename(final)
        except OSError:
            if not final.is_dir():
                raise
            if not shared:
                raise RunError.folder_in_use(final) from None
        sync(final.parent)


@contextmanager
def building_file(final: Path) -> Iterator[Path]:
    """The same for one file; its folder is there."""
    descriptor, name = tempfile.mkstemp(prefix=f".{final.name}.", dir=final.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        with _telling_full_disks(temporary):
            yield temporary
        sync(temporary)
        temporary.chmod(0o644)
        temporary.replace(final)
    finally:
        temporary.unlink(missing_ok=True)
