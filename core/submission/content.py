"""The bytes of a submission file, unpacked."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, cast

from core.base.text import count, listed
from core.errors import SourceError
from core.ingestion.sources.kinds import DAMAGED_ZIP, GZIP, ZIP, FileKind, kind_of
from core.ingestion.sources.paths import data_members
from core.ingestion.sources.unpacking import Allowance, Unpacked
from core.submission.unreadable import unreadable

MAX_BYTES: Final = 1 << 29
"""Maximum size of the file, and of its unpacked content. Ten million sessions need about 300 MB. A larger file is not a
submission and would fill the memory."""
_DESCRIPTION_SUFFIX: Final = ".txt"
"""In an archive with one table, members with this suffix are descriptions of it and are ignored."""


@contextmanager
def opened(path: Path) -> Iterator[tuple[IO[bytes], int]]:
    """Yield the open file and its size in bytes.

    The block must only read the file: a read error in it is reported as a fault of the file.

    Raises:
        InputError: the file is missing, too large, or not readable. If it turns out to be damaged while the block reads
            it, the block raises this error.
    """
    try:
        size = _checked_size(path)
        with path.open("rb") as stream:
            yield stream, size
    except (zlib.error, gzip.BadGzipFile, *DAMAGED_ZIP, EOFError, NotImplementedError) as error:
        raise unreadable(path.name, "its compressed data is damaged or protected by a password") from error
    except OSError as error:
        raise unreadable(path.name, f"the system reports: {error.strerror or error}") from error


def _checked_size(path: Path) -> int:
    """Return the size of a file in bytes.

    Raises:
        InputError: it is missing, not a file, or too large.
        OSError: the system refuses to say, for example because the name is too long.
    """
    if not path.exists():
        raise SourceError.not_found(path)
    if not path.is_file():
        raise unreadable(path.name, "it is not a file")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise unreadable(path.name, f"it has {size:,} bytes; the maximum is {MAX_BYTES:,}")
    return size


def read_content(path: Path) -> bytes:
    """Return the bytes of the file, unpacked.

    Raises:
        InputError: see `opened` and `unpacked_content`.
    """
    with opened(path) as (stream, size):
        return unpacked_content(stream, path.name, size)


def unpacked_content(stream: IO[bytes], name: str, packed_size: int) -> bytes:
    """Return the bytes of a plain file, those in a gzip file, or those of the only table in a ZIP archive.

    Args:
        stream: the file, at its beginning.
        name: its name, for messages.
        packed_size: its size in bytes, which limits how much it may unpack to.

    Raises:
        InputError: it is of a kind that cannot be a submission, or an archive without exactly one table.
    """
    kind = kind_of(stream)  # leaves the stream at its beginning
    _require_table_or_archive(kind, name)
    if kind not in {GZIP, ZIP}:
        return stream.read()
    read = _read_gzip if kind is GZIP else _read_zip
    content = read(stream, name, packed_size)
    inner_kind = kind_of(io.BytesIO(content))
    _require_table_or_archive(inner_kind, name)
    if inner_kind in {GZIP, ZIP}:
        raise unreadable(name, "it has an archive within an archive, which must be unpacked first")
    return content


def _require_table_or_archive(kind: FileKind, name: str) -> None:
    """Refuse JSON, and what must be exported or unpacked first.

    Other kinds that are not text, such as pictures, are read on: the check of the encoding says more about them.
    """
    if kind.reason and kind.remedy:
        raise unreadable(name, kind.reason)


def _read_gzip(stream: IO[bytes], name: str, packed_size: int) -> bytes:
    with gzip.open(stream) as unpacked:
        return _read_bounded(cast("IO[bytes]", unpacked), name, packed_size)


def _read_zip(stream: IO[bytes], name: str, packed_size: int) -> bytes:
    with zipfile.ZipFile(stream) as archive:
        non_empty = [member.filename for member in archive.infolist() if not member.is_dir() and member.file_size]
        members = data_members(non_empty)
        tables = [member for member in members if not member.lower().endswith(_DESCRIPTION_SUFFIX)]
        if len(tables) == 1:
            members = tables
        if len(members) != 1:
            names = f": {listed(members, 3)}" if members else ""
            raise unreadable(name, f"its archive has {count(len(members), 'file')} instead of one{names}")
        with archive.open(members[0]) as unpacked:
            return _read_bounded(unpacked, name, packed_size)


def _read_bounded(unpacked: IO[bytes], name: str, packed_size: int) -> bytes:
    """Return the unpacked bytes; raise an InputError instead of filling the memory."""
    content = Unpacked(unpacked, Allowance(name, packed_size)).read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise unreadable(name, f"it unpacks to more than {MAX_BYTES:,} bytes")
    return content
