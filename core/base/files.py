"""Paths, atomic files and folders, scratch folders, and detection of full disks.

An atomic file or folder is written under a temporary name, synced to disk and renamed, so readers see all of it or
nothing.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock

from core.errors import RunError, StudioError

READING_PREFIX = ".reading-"
"""Start of the names of scratch folders in which event files are read."""

_FULL_DISK_TEXTS = ("no space left on device", "disk quota exceeded", "database or disk is full", "os error 28")
_FULL_DISK_BYTES = 2**18
"""If a write fails on a disk with less free space, the disk counts as full."""
_LOCK_SUFFIX = ".at-work"
_LOCK_SECONDS = 10.0
"""Longest wait for the lock of a new folder. Only a `sweep` can hold it, for an instant."""
_ABANDONED_SECONDS = 7 * 86_400.0
"""A scratch folder without a lock is abandoned if nothing was written for a week; a running process writes often."""


def path_of(text: str) -> Path:
    """Return the path that a person typed, with a leading `~` expanded to the home folder."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # there is no such user, so the file name begins with ~
        return Path(text)


def is_full_disk(error: BaseException, path: Path | None = None) -> bool:
    """Return whether an error means that the disk is full.

    Libraries report this in several ways, and some only say that writing failed. In that case, the free space on the
    disk of `path` decides, so call this function before the partial output is deleted.
    """
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    if any(text in str(error).lower() for text in _FULL_DISK_TEXTS):
        return True
    with suppress(OSError):
        return path is not None and shutil.disk_usage(path).free < _FULL_DISK_BYTES
    return False


@contextmanager
def reporting_full_disk(path: Path, to_error: Callable[[Path], StudioError] = RunError.disk_full) -> Iterator[None]:
    """Replace any error that means "disk full" with `to_error(path)`.

    Raises:
        StudioError: the disk is full.
    """
    try:
        yield
    except Exception as error:
        if is_full_disk(error):
            raise to_error(path) from error
        raise


@contextmanager
def _full_disk_as_os_error(path: Path) -> Iterator[None]:
    """Replace a library's error with ENOSPC if the disk is full, before the partial output is deleted."""
    try:
        yield
    except Exception as error:
        if isinstance(error, StudioError) or not is_full_disk(error, path):
            raise
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error


def sync(path: Path) -> None:
    """Flush a file or folder to disk. On Windows, folders are skipped, because they cannot be flushed."""
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path. Its file replaces `path` if the block succeeds, and is deleted otherwise.

    The parent folder must exist.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    temporary.touch(exist_ok=False)  # fails here, before any work, if the folder is not writable
    try:
        with _full_disk_as_os_error(path.parent):
            yield temporary
        sync(temporary)
        temporary.replace(path)
        sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_text_atomically(path: Path, text: str) -> None:
    """Write a UTF-8 file with `atomic_file`."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextmanager
def atomic_folder(path: Path, *, shared: bool = False, synced: bool = True) -> Iterator[Path]:
    """Yield a temporary folder that becomes `path` if the block succeeds, and is deleted otherwise.

    Args:
        path: the final folder. It must be absent or empty; its parents are created.
        shared: whether several processes may write the same content to `path`. If another one finishes first, its
            folder is kept and this one is deleted.
        synced: whether to wait until everything is on disk. Without it, files may be incomplete after a power failure,
            so readers must check their content.

    Raises:
        RunError: another process created the folder in the meantime, and it is not shared.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(path.parent, f".{path.name}.") as temporary:
        with _full_disk_as_os_error(temporary):
            yield temporary
        if synced:
            for inner in (*sorted(temporary.rglob("*")), temporary):
                sync(inner)
        temporary.chmod(0o755)  # scratch folders are private
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
        try:
            temporary.rename(path)
        except OSError:
            if not path.is_dir():
                raise
            if not shared:
                raise RunError.folder_in_use(path) from None
        if synced:
            sync(path.parent)


@contextmanager
def scratch_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """Yield a new folder in `parent` that only this process uses. It is deleted at the end, unless it was moved.

    A lock file next to the folder is held until then. The operating system releases it when the process ends, even if
    it is killed, so `sweep` can recognise abandoned folders. The lock is acquired before the folder is created, so a
    folder whose lock is free is never in use. The lock file is outside, because files inside are counted and hashed.
    """
    folder = parent / f"{prefix}{secrets.token_hex(4)}"
    lock = _lock_of(folder)
    try:
        try:
            lock.acquire(timeout=_LOCK_SECONDS)
        except OSError:  # the file system has no locks; `sweep` ignores a folder without a lock file
            _lock_path(folder).unlink(missing_ok=True)
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        lock.release()
        _lock_path(folder).unlink(missing_ok=True)


def sweep(parent: Path) -> None:
    """Delete the scratch folders in `parent` whose processes have ended."""
    for lock_path in parent.glob(f".*{_LOCK_SUFFIX}"):
        folder = lock_path.with_suffix("")
        with suppress(OSError), _lock_of(folder).acquire(timeout=0):  # fails if in use, or of another account
            shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():  # else the next sweep tries again
                lock_path.unlink(missing_ok=True)
    for folder in parent.glob(f"{READING_PREFIX}*"):  # those of earlier versions have no lock
        with suppress(OSError):
            if folder.is_dir() and not _lock_path(folder).exists():
                last_write = max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))
                if time.time() - last_write > _ABANDONED_SECONDS:
                    shutil.rmtree(folder, ignore_errors=True)


def _lock_path(folder: Path) -> Path:
    return folder.with_name(folder.name + _LOCK_SUFFIX)


def _lock_of(folder: Path) -> FileLock:
    # The fallback of filelock is a marker file, which a killed process would leave behind.
    return FileLock(_lock_path(folder), fallback_to_soft=False)
