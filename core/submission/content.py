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
from core.ingestion.sources.kinds import DAMAGED_ZIP, GZIP, JSON, ZIP, FileKind, kind_of
from core.ingestion.sources.paths import data_members
from core.ingestion.sources.unpacking import Allowance, Unpacked
from core.submission.unreadable import unreadable

MAX_BYTES: Final = 1 << 29
"""Ten million sessions need about 300 MB. A larger file is not a submission and would fill the memory."""
_READ_ME: Final = ".txt"
"""Ending of the members of an archive that are taken for a description if there is one table next to them."""


@contextmanager
def opened(path: Path) -> Iterator[tuple[IO[bytes], int]]:
    """Yield the open file and its size.

    Raises:
        InputError: the file is missing or too large; or it cannot be read, or is damaged, which may show in the block.
    """
    if not path.exists():
        raise SourceError.not_found(path)
    if not path.is_file():
        raise unreadable(path.name, "it is not a file")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise unreadable(path.name, f"it has {size:,} bytes; the maximum is {MAX_BYTES:,}")
    try:
        with path.open("rb") as stream:
            yield stream, size
    except (zlib.error, *DAMAGED_ZIP, EOFError, NotImplementedError) as error:
        raise unreadable(path.name, "its compressed data is damaged or protected by a password") from error
    except OSError as error:
        raise unreadable(path.name, f"the system reports: {error.strerror or error}") from error


def read_content(path: Path) -> bytes:
    """Return the bytes of the file, unpacked.

    Raises:
        InputError: see `opened` and `unpacked_content`.
    """
    with opened(path) as (stream, size):
        return unpacked_content(stream, path.name, size)


def unpacked_content(stream: IO[bytes], name: str, size: int) -> bytes:
    """Return the bytes of a file, of a gzip file, or of the only table in a ZIP archive.

    Raises:
        InputError: it is of a kind that cannot be a submission, or an archive without exactly one table.
    """
    kind = kind_of(stream)
    _refuse_other(kind, name)
    if kind not in {GZIP, ZIP}:
        return stream.read()
    content = _of_gzip(stream, name, size) if kind is GZIP else _of_archive(stream, name, size)
    inner = kind_of(io.BytesIO(content))
    _refuse_other(inner, name)
    if inner in {GZIP, ZIP}:
        raise unreadable(name, "it has an archive within an archive, which must be unpacked first")
    return content


def _refuse_other(kind: FileKind, name: str) -> None:
    if kind is JSON or (kind.reason and kind.remedy):
        raise unreadable(name, kind.reason)


def _of_gzip(stream: IO[bytes], name: str, size: int) -> bytes:
    with gzip.open(stream) as packed:
        return _bounded(cast("IO[bytes]", packed), name, size)


def _of_archive(stream: IO[bytes], name: str, size: int) -> bytes:
    with zipfile.ZipFile(stream) as archive:
        sizes = {member.filename: member.file_size for member in archive.infolist() if not member.is_dir()}
        members = data_members(member for member, n_bytes in sizes.items() if n_bytes)
        tables = [member for member in members if not member.lower().endswith(_READ_ME)]
        if len(tables) == 1:
            members = tables
        if len(members) != 1:
            names = f": {listed(members, 3)}" if members else ""
            raise unreadable(name, f"its archive has {count(len(members), 'file')} instead of one{names}")
        with archive.open(members[0]) as packed:
            return _bounded(packed, name, size)


def _bounded(packed: IO[bytes], name: str, size: int) -> bytes:
    content = Unpacked(packed, Allowance(name, size)).read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise unreadable(name, f"it unpacks to more than {MAX_BYTES:,} bytes")
    return content
