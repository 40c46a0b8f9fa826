"""Safe reading of the files of a workspace, which another program may have changed, replaced or damaged.

Only regular files are opened: a link could lead anywhere, and a pipe or a device could block for good. Sizes are
bounded, and JSON that is nested too deeply is refused. Every refusal is an `UnusableFileError` with its reason.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from io import BufferedReader, BufferedWriter
from pathlib import Path
from typing import Any, Final

MAX_JSON_BYTES: Final = 1 << 24
"""The card of a dataset of 100,000 files has about 10 MB. Most other JSON files have less than 100 kB."""
MAX_LOG_BYTES: Final = 1 << 20
"""Of a log, only the end is read."""
_MAX_HASHED_BYTES: Final = 1 << 33
"""Hashing 8 GB takes about 10 seconds. A sparse file of terabytes would never end."""
_SEAL: Final = "seal"
"""Name of the member of a sealed JSON object that has the hash of all others."""
_SETTLED_SECONDS: Final = 2.0
"""A hash is remembered only if the file was not changed just before: two changes may get the same time stamp."""
_MAX_REMEMBERED: Final = 10_000
_READ_FLAGS: Final = (
    os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
)
_APPEND_FLAGS: Final = (
    os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
)
_KINDS: Final[tuple[tuple[Callable[[int], bool], str], ...]] = (
    (stat.S_ISLNK, "is a link"),
    (stat.S_ISDIR, "is a folder"),
    (stat.S_ISFIFO, "is a named pipe"),
    (stat.S_ISSOCK, "is a socket"),
)

_hashes: dict[tuple[str, int, int, int, int, int], str] = {}
"""Path and identity of a file (see `_identity`) -> its SHA-256."""


class UnusableFileError(OSError):
    """A file of the workspace that cannot be used.

    Attributes:
        clause: what is wrong with the file; follows its name, such as "is a link".
    """

    def __init__(self, clause: str, number: int = errno.EINVAL) -> None:
        super().__init__(number, clause)
        self.clause = clause

    @property
    def is_missing(self) -> bool:
        """Whether there is no file of this name."""
        return self.errno == errno.ENOENT

    def __str__(self) -> str:
        return self.clause


def require_regular(path: Path) -> None:
    """Raise an UnusableFileError unless the path is a regular file, and not a link."""
    try:
        _refuse_other_kinds(os.lstat(path).st_mode)
    except UnusableFileError:
        raise
    except OSError as error:
        raise _from_os_error(error) from error


def open_regular(path: Path, max_bytes: int | None = None) -> BufferedReader:
    """Open a file for reading, without following a link and without waiting.

    Raises:
        UnusableFileError: it is missing, not a regular file, not readable, or has more than `max_bytes` bytes.
    """
    require_regular(path)  # before it is opened, because opening a device can have effects
    try:
        file = os.fdopen(os.open(path, _READ_FLAGS), "rb")
    except OSError as error:
        raise _from_os_error(error) from error
    try:
        status = os.fstat(file.fileno())
        _refuse_other_kinds(status.st_mode)
        if max_bytes is not None and status.st_size > max_bytes:
            raise UnusableFileError(f"has {status.st_size:,} bytes, more than the {max_bytes:,} that are allowed")
    except UnusableFileError:
        file.close()
        raise
    return file


def open_for_append(path: Path) -> BufferedWriter:
    """Open a file to append to it, and create it if it is missing.

    Raises:
        OSError: it is not a regular file, or not writable.
    """
    descriptor = os.open(path, _APPEND_FLAGS, 0o666)
    file = os.fdopen(descriptor, "ab")
    try:
        _refuse_other_kinds(os.fstat(descriptor).st_mode)
    except UnusableFileError:
        file.close()
        raise
    return file


def read_stored_bytes(path: Path, max_bytes: int) -> bytes:
    """Read a file of at most `max_bytes` bytes.

    Raises:
        UnusableFileError: see `open_regular`.
    """
    with open_regular(path, max_bytes) as file:
        try:
            content = file.read(max_bytes + 1)
        except OSError as error:
            raise _from_os_error(error) from error
    if len(content) > max_bytes:  # it grew in the meantime
        raise UnusableFileError(f"has more than the {max_bytes:,} bytes that are allowed")
    return content


def read_stored_text(path: Path, max_bytes: int = MAX_JSON_BYTES) -> str:
    """Read a UTF-8 file.

    Raises:
        UnusableFileError: it cannot be read, or it is not UTF-8 text.
    """
    try:
        return read_stored_bytes(path, max_bytes).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnusableFileError("is not UTF-8 text") from error


def read_stored_end(path: Path, max_bytes: int = MAX_LOG_BYTES) -> str:
    """Return the last `max_bytes` bytes of a file as text; empty if it cannot be read."""
    try:
        with open_regular(path) as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(size - max_bytes, 0))
            return file.read(max_bytes).decode("utf-8", errors="replace").replace("\0", "")
    except OSError:
        return ""


def parse_json(text: str | bytes) -> Any:  # noqa: ANN401 (JSON can be anything)
    """Parse JSON.

    Raises:
        UnusableFileError: the text is not JSON, or it is nested too deeply.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise UnusableFileError("is nested too deeply") from error
    except ValueError as error:
        raise UnusableFileError("is not valid JSON") from error


def read_stored_json(path: Path, max_bytes: int = MAX_JSON_BYTES) -> Any:  # noqa: ANN401 (JSON can be anything)
    """Read a JSON file.

    Raises:
        UnusableFileError: it cannot be read, it is not JSON, or it is nested too deeply.
    """
    return parse_json(read_stored_text(path, max_bytes))


def sealed_json(text: str) -> str:
    """Return a JSON object with a hash of its content, so that `read_sealed_json` notices a change.

    The seal finds damage and careless edits. It cannot find a forgery, because anyone can compute it.

    >>> sealed_json('{"sessions": 3}') == sealed_json('{ "sessions": 3 }')
    True
    """
    content = json.loads(text)
    return json.dumps(content | {_SEAL: _digest(content)}, indent=1, ensure_ascii=False) + "\n"


def read_sealed_json(path: Path, max_bytes: int = MAX_JSON_BYTES) -> str:
    """Return the text of a JSON object without its seal. An object without a seal, of an earlier version, is accepted.

    Raises:
        UnusableFileError: the file cannot be read, is not a JSON object, or was changed after it was sealed.
    """
    content = read_stored_json(path, max_bytes)
    if not isinstance(content, dict):
        raise UnusableFileError("is not a JSON object")
    seal = content.pop(_SEAL, None)
    try:
        if seal is not None and seal != _digest(content):
            raise UnusableFileError("changed")
        return json.dumps(content)
    except RecursionError as error:
        raise UnusableFileError("is nested too deeply") from error


def is_sealed(path: Path) -> bool:
    """Return whether a JSON object has a seal, right or wrong.

    Raises:
        UnusableFileError: it cannot be read.
    """
    content = read_stored_json(path)
    return isinstance(content, dict) and _SEAL in content


def hash_stored(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal. The hash of an unchanged file is computed once in a process.

    Raises:
        UnusableFileError: see `open_regular`.
    """
    with open_regular(path, _MAX_HASHED_BYTES) as file:
        status = os.fstat(file.fileno())
        key = (str(path), *_identity(status))
        if (remembered := _hashes.get(key)) is not None:
            return remembered
        try:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise _from_os_error(error) from error
    if time.time() - max(status.st_mtime, status.st_ctime) > _SETTLED_SECONDS:
        if len(_hashes) >= _MAX_REMEMBERED:
            _hashes.clear()
        _hashes[key] = digest
    return digest


def hash_folder(folder: Path, *, excluded: Collection[str] = (), threads: int = 1) -> dict[str, str]:
    """Return path inside the folder, with slashes -> SHA-256, for everything that `stored_names` returns.

    Args:
        threads: number of files that are read at the same time.

    Raises:
        UnusableFileError: see `hash_stored`.
    """
    names = stored_names(folder, excluded)
    with ThreadPoolExecutor(threads) as pool:
        return dict(zip(names, pool.map(hash_stored, map(folder.joinpath, names)), strict=True))


def stored_names(folder: Path, excluded: Collection[str] = ()) -> list[str]:
    """Return the sorted paths inside a folder of everything that is not a folder. Links are listed, but not entered."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_symlink() or not path.is_dir())
    names = (path.relative_to(folder).as_posix() for path in paths)
    return [name for name in names if name not in excluded]


def _identity(status: os.stat_result) -> tuple[int, int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _digest(content: dict[str, Any]) -> str:
    """Return a hash of the values, whatever the order of the members and the layout of the text."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _refuse_other_kinds(mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise UnusableFileError(next((clause for is_kind, clause in _KINDS if is_kind(mode)), "is a device"))


def _from_os_error(error: OSError) -> UnusableFileError:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return UnusableFileError("is missing", errno.ENOENT)
    if error.errno in (errno.ELOOP, errno.EMLINK):
        return UnusableFileError("is a link")
    return UnusableFileError(f"cannot be read ({error.strerror or error})", error.errno or errno.EIO)
