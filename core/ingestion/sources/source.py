"""Open the tables of a source: a file, an archive, a folder, a glob, or a database query."""

from __future__ import annotations

import codecs
import gzip
import io
import lzma
import os
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

from core.errors import InputError, SettingError
from core.ingestion.mapping import Mapping
from core.ingestion.mapping.refusals import short
from core.ingestion.sources.content_hash import Content
from core.ingestion.sources.csv_text import open_text
from core.ingestion.sources.database import Query, open_query
from core.ingestion.sources.parquet_file import open_parquet
from core.ingestion.sources.paths import (
    bytes_of,
    data_members,
    estimated_text_bytes_of,
    files_of,
    path_of,
    skipped_files,
)
from core.ingestion.sources.tables import ColumnPositions, OpenTable, Piece, Table

Source = Path | Query
"""Where events come from. A path is a file, a ZIP archive, a folder or a glob."""

_SIGNATURES = (
    (b"\x89PNG", "it is a PNG image"),
    (b"\xff\xd8\xff", "it is a JPEG image"),
    (b"GIF8", "it is a GIF image"),
    (b"%PDF", "it is a PDF document"),
    (b"\xd0\xcf\x11\xe0", "it is an old Excel or Word document"),
    (b"\x7fELF", "it is a program"),
    (b"SQLite format 3", "it is an SQLite database; name it as sqlite:///PATH with a query"),
    (b"7z\xbc\xaf\x27\x1c", "it is a 7z archive"),
    (b"Rar!", "it is a RAR archive"),
    (b"\x28\xb5\x2f\xfd", "it is compressed with zstd"),
    (b"BZh", "it is compressed with bzip2"),
    (b"\xfd7zXZ", "it is compressed with xz"),
    (b"\x1f\x8b", "it is compressed twice"),
)
_TAR, _TAR_AT = b"ustar", 257
_PARQUET, _GZIP, _ZIP = b"PAR1", b"\x1f\x8b", (b"PK\x03\x04", b"PK\x05\x06")
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",  # must precede UTF-16, whose mark is its prefix
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_HEAD = 4_096
_BYTES_A_NUL = 20
"""Text has fewer than one NUL byte in so many; programs, pictures and Arrow files have more at their beginning."""
_CHUNK = 1 << 20
_NETWORK = {"http", "https", "ftp", "s3", "gs", "file"}
_OFFICE = "[Content_Types].xml"
"""Office documents are ZIP archives with this member."""


def name_of(source: Source) -> str:
    """Return the display name of a source, without any password."""
    return source.name


def source_of(text: str, sql: str | None = None, option: str = "a query") -> Source:
    """Return the source for typed text: a path, or a database URL (contains `://`) with a query.

    Raises:
        InputError: the text is empty, or a URL of something other than a database.
        SettingError: a URL without a query, or a path with one; the message calls the query `option`.
    """
    if not text.strip():
        raise InputError.not_named(option.removesuffix("-query") if option.startswith("--") else "The path")
    if "://" not in text:
        if sql is not None:
            raise SettingError.query_beside_file(option, text)
        return path_of(text)
    if text.split("://", maxsplit=1)[0].lower() in _NETWORK:
        raise InputError.not_fetched(text)
    if sql is None:
        raise SettingError.missing(option, "the SELECT whose rows are the events")
    return Query(text, sql)


def estimated_text_bytes(source: Source) -> int | None:
    """Return the estimated size of the text behind a source, in bytes; None for a query."""
    return None if isinstance(source, Query) else estimated_text_bytes_of(source)


def size_in_bytes(source: Source) -> int | None:
    """Return the total size of the files behind a source, in bytes; None for a query.

    Raises:
        InputError: there is no such file.
    """
    return None if isinstance(source, Query) else bytes_of(source)


def skipped_files_of(source: Source) -> list[str]:
    """Return the names of entries that are not read; see `paths.skipped_files`."""
    return [] if isinstance(source, Query) else skipped_files(source)


def open_tables(source: Source, mapping: Mapping, content: Content | None = None) -> Iterator[Table]:
    """Open the tables of a source one after the other; read each before asking for the next.

    `content` receives the hashes of the files while they are read; None for a query.

    Raises:
        InputError: a file is not a table; raised here or while its rows are read.
    """
    if isinstance(source, Query):
        yield from open_query(source)
        return
    files = files_of(source) if content is None else content.begin()
    opened = _opened if content is None else content.opened
    for file, name in zip(files, _names_of(files), strict=True):
        with _as_input_error(name), opened(file) as stream:
            for table in _tables(name, stream, mapping):
                yield OpenTable(table.name, table.columns, partial(_pieces_with_input_errors, table))


def _names_of(files: Sequence[Path]) -> list[str]:
    """Return display names: file names, or paths below the common folder if two names are equal."""
    names = [file.name for file in files]
    if len(set(names)) == len(names):
        return names
    above = os.path.commonpath([file.parent for file in files])
    return [file.relative_to(above).as_posix() for file in files]


def _pieces_with_input_errors(table: Table, picked: ColumnPositions) -> Iterator[Piece]:
    with _as_input_error(table.name):  # damage further down the file gets the same messages
        yield from table.pieces(picked)


@contextmanager
def _opened(file: Path) -> Iterator[IO[bytes]]:
    try:
        stream = file.open("rb")
    except OSError as error:
        raise InputError.cannot_open(file, error.strerror or str(error)) from error
    with stream:
        yield stream


@contextmanager
def _as_input_error(name: str) -> Iterator[None]:
    """Turn exceptions about broken compression or text into InputErrors."""
    try:
        yield
    except EOFError as error:
        raise InputError.unreadable(name, "it is cut short") from error
    except (zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise InputError.unreadable(name, f"its compression is broken: {short(str(error))}") from error
    except UnicodeError as error:
        raise InputError.other_encoding(name) from error
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise InputError.unreadable(name, f"its ZIP archive is broken: {short(str(error))}") from error
    except OSError as error:
        # broken bzip2 in an archive, or an archive directory that points nowhere
        raise InputError.unreadable(name, f"its bytes cannot be read: {error.strerror or error}") from error


def _tables(name: str, stream: IO[bytes], mapping: Mapping) -> Iterator[Table]:
    """Detect the format from the first bytes, not from the file name."""
    head = stream.read(_HEAD)
    stream.seek(0)
    if not head:
        raise InputError.empty(name)
    if head.startswith(_ZIP):
        yield from _zipped(name, stream, mapping)
    elif head.startswith(_GZIP):
        with gzip.open(stream, "rb") as unpacked:
            yield _text(name, unpacked, mapping)  # type: ignore[arg-type]
    elif head.startswith(_PARQUET):
        yield open_parquet(name, stream)
    else:
        yield _text(name, stream, mapping)


def _zipped(name: str, stream: IO[bytes], mapping: Mapping) -> Iterator[Table]:
    with zipfile.ZipFile(stream) as archive:
        named = {member.filename: member for member in archive.infolist() if member.filename and not member.is_dir()}
        if _OFFICE in named:
            raise InputError.unreadable(name, "it is an Excel workbook or another Office document")
        taken = data_members(list(named))
        if not taken:
            raise InputError.empty_archive(name)
        for member in map(named.__getitem__, taken):
            if member.flag_bits & 1:
                raise InputError.unreadable(name, "its ZIP archive is protected by a password")
            with archive.open(member) as unpacked:
                # Seeking in a ZIP member is slow and Parquet needs it, so the member is unpacked first.
                head = unpacked.read(_HEAD)
                unpacked.seek(0)
                whole = io.BytesIO(unpacked.read()) if head.startswith(_PARQUET) else unpacked
                yield from _tables(f"{name}/{member.filename}", whole, mapping)


def _text(name: str, stream: IO[bytes], mapping: Mapping) -> Table:
    """Open text in any encoding as UTF-8; refuse what is not text."""
    head = stream.read(_HEAD)
    stream.seek(0)
    marked = next((encoding for mark, encoding in _BYTE_ORDER_MARKS.items() if head.startswith(mark)), None)
    encoding = codecs.lookup(marked or mapping.encoding).name
    if head[_TAR_AT:].startswith(_TAR):
        raise InputError.unreadable(name, "it is a tar archive")
    for signature, reason in _SIGNATURES:
        if head.startswith(signature):
            raise InputError.unreadable(name, reason)
    if encoding in {"utf-8", "ascii", "utf-8-sig"}:
        if looks_like := _wide_encoding(head):
            raise InputError.other_encoding(name, f"UTF-8, but {looks_like} by its looks")
        if _is_binary(head):
            raise InputError.unreadable(name, "it holds binary data, not text")
        return open_text(name, stream, mapping.separator)
    return open_text(name, _Utf8Stream(stream, encoding), mapping.separator, encoding)  # type: ignore[arg-type]


def _is_binary(head: bytes) -> bool:
    """Return whether bytes are not text: a NUL in the header, or many. A few stray ones only quarantine their rows."""
    header = re.split(rb"[\r\n]", head.lstrip(b"\r\n"), maxsplit=1)[0]
    return b"\x00" in header or head.count(b"\x00") * _BYTES_A_NUL > len(head)


def _wide_encoding(head: bytes) -> str | None:
    """Detect UTF-16 without a byte order mark: every other byte of its first letters is 0."""
    few = head[:16]
    for encoding, letters, zeros in (("utf-16-le", few[::2], few[1::2]), ("utf-16-be", few[1::2], few[::2])):
        if zeros and not any(zeros) and all(32 <= letter < 127 for letter in letters):
            return encoding
    return None


class _Utf8Stream(io.RawIOBase):
    """Reads a stream in another encoding as UTF-8. Undecodable bytes pass through, so their rows are quarantined."""

    def __init__(self, stream: IO[bytes], encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="surrogateescape")

    def read(self, size: int = -1) -> bytes:
        """Return at least one character until the end of the stream; `size` is only approximate."""
        while True:
            raw = self._stream.read(size)
            text = self._decoder.decode(raw, final=not raw)
            if text or not raw:
                return text.encode(errors="surrogateescape")
