"""Paths, atomic files and folders, scratch folders, deletion, and detection of full disks.

An atomic file or folder is written under a temporary name, synced to disk and renamed, so readers see all of it or
nothing. What a killed process leaves under a temporary name is deleted by `sweep`.
"""

from __future__ import annotations

import errno
import glob
import os
import re
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

_FULL_DISK_CODES = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FULL_DISK_TEXTS = ("no space left on device", "disk quota exceeded", "database or disk is full", "os error 28")
_FULL_DISK_BYTES = 2**18
"""If a write fails on a disk with less free space, the disk counts as full."""
_LOCK_SUFFIX = ".at-work"
_DELETED_SUFFIX = ".deleted"
_DRAFT = re.compile(r"\..+\.[0-9a-f]{8}")
"""Names of the temporary files of earlier versions."""
_LOCK_SECONDS = 10.0
"""Longest wait for the lock of a new folder. Only a `sweep` can hold it, for an instant."""
_ABANDONED_SECONDS = 7 * 86_400.0
"""A draft without a lock is abandoned if nothing was written for a week; a running process writes often."""


def path_of(text: str) -> Path:
    """Return the path that a person typed, with a leading `~` expanded to the home folder."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # there is no such user, so the file name begins with ~
        return Path(text)


def is_file(path: Path) -> bool:
    """Return whether there is a file at a path; False, too, if a path cannot be that long."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_full_disk(error: BaseException, path: Path | None = None) -> bool:
    """Return whether an error means that the disk is full.

    Libraries report this in several ways, and some only say that writing failed. In that case, the free space on the
    disk of `path` decides, so call this function before the partial output is deleted.
    """
    if isinstance(error, OSError) and error.errno in _FULL_DISK_CODES:
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


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path. Its file replaces `path` if the block succeeds, and is deleted otherwise.

    The parent folder must exist. Drafts of the same file that killed processes left there are deleted.
    """
    if not path.parent.is_dir():  # creating the lock would create it
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path.parent))
    sweep(path.parent, path.name)
    with _locked_draft(path.parent, f".{path.name}.") as temporary:
        temporary.touch(exist_ok=False)  # fails here, before any work, if the folder is not writable
        with _full_disk_as_os_error(path.parent):
            yield temporary
        sync(temporary)
        temporary.replace(path)
        sync(path.parent)


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
    sweep(path.parent, path.name)
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
    """Yield a new folder in `parent` that only this process uses. It is deleted at the end, unless it was moved."""
    with _locked_draft(parent, prefix) as folder:
        folder.mkdir(mode=0o700)
        yield folder


@contextmanager
def _locked_draft(parent: Path, prefix: str) -> Iterator[Path]:
    """Yield a new name in `parent` for a temporary file or folder. Anything with this name at the end is deleted.

    A lock file next to it is held until then. The operating system releases it when the process ends, even if it is
    killed, so `sweep` can recognize what was abandoned. The lock is acquired before anything has the name, so a draft
    whose lock is free is never in use. The lock file is outside a folder, because files inside are counted and hashed.
    """
    draft = parent / f"{prefix}{secrets.token_hex(4)}"
    lock = _lock_of(draft)
    try:
        try:
            lock.acquire(timeout=_LOCK_SECONDS)
        except OSError:  # the file system has no locks; `sweep` ignores a draft without a lock file
            _lock_path(draft).unlink(missing_ok=True)
        try:
            yield draft
        finally:
            remove(draft)
    finally:
        lock.release()
        if not os.path.lexists(draft):  # else the next sweep tries again
            _lock_path(draft).unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Delete a file, or a folder with its content, as far as that is possible. A link is removed, never its target."""
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def remove_hidden_first(path: Path) -> None:
    """Delete a folder that others may read. It is renamed before, so that readers never see half of it.

    If the process is killed in between, `sweep` deletes the rest.

    Raises:
        OSError: the folder cannot be renamed.
    """
    if path.is_symlink():  # the folder that it leads to belongs to someone else
        path.unlink()
        return
    hidden = path.with_name(f".{path.name}.{secrets.token_hex(4)}{_DELETED_SUFFIX}")
    path.rename(hidden)
    remove(hidden)


def sweep(parent: Path, name: str = "") -> None:
    """Delete the temporary files and folders in `parent` whose processes have ended; with `name`, only drafts of it."""
    prefix = f".{glob.escape(name)}." if name else "."
    for lock_path in parent.glob(f"{prefix}*{_LOCK_SUFFIX}"):
        draft = lock_path.with_suffix("")
        with suppress(OSError), _lock_of(draft).acquire(timeout=0):  # fails if in use, or of another account
            remove(draft)
            if not os.path.lexists(draft):  # else the next sweep tries again
                lock_path.unlink(missing_ok=True)


def sweep_all(folder: Path) -> None:
    """Sweep a folder of the workspace and all folders in it, and delete what was hidden to be deleted.

    Also delete what earlier versions left without a lock file, if nothing was written to it for a week.
    """
    for name, folders, files in os.walk(folder):
        parent = Path(name)
        if any(file.endswith(_LOCK_SUFFIX) for file in files):
            sweep(parent)
        for inner in [*folders, *files]:
            path = parent / inner
            if not inner.startswith(".") or inner.endswith(_LOCK_SUFFIX) or not os.path.lexists(path):
                continue
            if inner.endswith(_DELETED_SUFFIX) or _is_abandoned(path):
                remove(path)
        folders[:] = [inner for inner in folders if not inner.startswith(".")]


def _is_abandoned(path: Path) -> bool:
    """Return whether a hidden path is a draft of an earlier version, which had no lock files."""
    is_draft = path.name.startswith(READING_PREFIX) or (_DRAFT.fullmatch(path.name) and path.is_file())
    if not is_draft or path.is_symlink() or _lock_path(path).exists():
        return False
    try:
        last_write = max(each.stat().st_mtime for each in (path, *path.rglob("*")))
    except OSError:
        return False
    return time.time() - last_write > _ABANDONED_SECONDS


def _lock_path(draft: Path) -> Path:
    return draft.with_name(draft.name + _LOCK_SUFFIX)


def _lock_of(draft: Path) -> FileLock:
    # The fallback of filelock is a marker file, which a killed process would leave behind.
    return FileLock(_lock_path(draft), fallback_to_soft=False)
