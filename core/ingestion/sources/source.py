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
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO

from core.base.files import path_of
from core.errors import InputError, SettingError
from core.ingestion.mapping import Mapping
from core.ingestion.mapping.refusals import short
from core.ingestion.sources.content_hash import Content
from core.ingestion.sources.csv_text import open_text
from core.ingestion.sources.database import Query, open_query
from core.ingestion.sources.parquet_file import open_parquet
from core.ingestion.sources.paths import data_members, files_of
from core.ingestion.sources.tables import ColumnPositions, Piece, Table

Source = Path | Query
"""Where events come from. A path names a file, a ZIP archive, a folder or a glob."""

_SIGNATURES = (
    (b"\x89PNG", "it is a PNG image"),
    (b"\xff\xd8\xff", "it is a JPEG image"),
    (b"GIF8", "it is a GIF image"),
    (b"%PDF", "it is a PDF document"),
    (b"\xd0\xcf\x11\xe0", "it is an old Excel or Word document"),
    (b"\x7fELF", "it is a program"),
    (b"SQLite format 3", "it is an SQLite database; name it as sqlite:///PATH and add a query"),
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
_HEAD_BYTES = 4_096
_MAX_NUL_SHARE = 1 / 20
"""Programs, pictures and Arrow files have a larger share of NUL bytes at their beginning than text with stray ones."""
_FILE_SCHEMES = {"http", "https", "ftp", "s3", "gs", "file"}
_ENCRYPTED = 1  # flag of a ZIP member
_OFFICE_MEMBER = "[Content_Types].xml"  # Office documents are ZIP archives with this member
_TEXT_PER_BYTE = {".gz": 8, ".parquet": 8, ".pq": 8, ".zip": 8}
"""Estimated bytes of text per compressed byte; they decide only the number of partitions."""


def source_of(text: str, sql: str | None = None, option: str = "a query") -> Source:
    """Return the source that a person typed: a path, or a database URL (with `://`) and a query.

    Args:
        option: what messages call the query.

    Raises:
        InputError: the text is empty, or a URL of something other than a database.
        SettingError: a URL comes without a query, or a path with one.
    """
    if not text.strip():
        raise InputError.no_file_named(option.removesuffix("-query") if option.startswith("--") else "The path")
    if "://" not in text:
        if sql is not None:
            raise SettingError.query_on_file(option, text)
        return path_of(text)
    if text.split("://", maxsplit=1)[0].lower() in _FILE_SCHEMES:
        raise InputError.web_address(re.sub(r"//[^/]*@", "//***@", text))
    if sql is None:
        raise SettingError.missing(option, "the SELECT whose rows are the events")
    return Query(text, sql)


def estimated_text_bytes(source: Source) -> int | None:
    """Return the estimated size of a source as uncompressed text, in bytes; None for a query."""
    if isinstance(source, Query):
        return None
    return sum(_size(file) * _TEXT_PER_BYTE.get(file.suffix.lower(), 1) for file in files_of(source))


def size_in_bytes(source: Source) -> int | None:
    """Return the total size of the files behind a source, in bytes; None for a query."""
    return None if isinstance(source, Query) else sum(map(_size, files_of(source)))


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError as error:  # deleted meanwhile
        raise InputError.cannot_open(file, error.strerror or str(error)) from error


def open_tables(source: Source, mapping: Mapping, content: Content | None = None) -> Iterator[Table]:
    """Open the tables of a source one after the other. Each must be read before the next is requested.

    Args:
        content: receives the hashes of the files while they are read; None for a query.

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
                yield replace(table, pieces=partial(_pieces_with_input_errors, table))


def _names_of(files: Sequence[Path]) -> list[str]:
    """Return display names: file names, or paths below the common folder if two file names are equal."""
    names = [file.name for file in files]
    if len(set(names)) == len(names):
        return names
    common = os.path.commonpath([file.parent for file in files])
    return [file.relative_to(common).as_posix() for file in files]


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
    """Turn exceptions about damaged compression or text into InputErrors."""
    try:
        yield
    except EOFError as error:
        raise InputError.unreadable(name, "it is incomplete") from error
    except (zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise InputError.unreadable(name, f"its compressed data is damaged: {short(str(error))}") from error
    except UnicodeError as error:
        raise InputError.other_encoding(name) from error
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise InputError.unreadable(name, f"its ZIP archive is damaged: {short(str(error))}") from error
    except OSError as error:  # damaged bzip2 in an archive, or an archive directory that points beyond the file
        raise InputError.unreadable(name, f"its bytes cannot be read: {error.strerror or error}") from error


def _tables(name: str, stream: IO[bytes], mapping: Mapping) -> Iterator[Table]:
    """Detect the format from the first bytes, not from the file name."""
    head = stream.read(_HEAD_BYTES)
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
        if _OFFICE_MEMBER in named:
            raise InputError.unreadable(name, "it is an Excel workbook or another Office document")
        names = data_members(named)
        if not names:
            raise InputError.empty_archive(name)
        for member in map(named.__getitem__, names):
            if member.flag_bits & _ENCRYPTED:
                raise InputError(
                    f"{name} is a password-protected ZIP archive, which cannot be read.",
                    "Remove the password, then try again.",
                    code="not_a_table",
                    actual=name,
                )
            with archive.open(member) as unpacked:
                # Seeking in a ZIP member is slow and Parquet needs it, so the member is unpacked first.
                head = unpacked.read(_HEAD_BYTES)
                unpacked.seek(0)
                content = io.BytesIO(unpacked.read()) if head.startswith(_PARQUET) else unpacked
                yield from _tables(f"{name}/{member.filename}", content, mapping)


def _text(name: str, stream: IO[bytes], mapping: Mapping) -> Table:
    """Open text in any encoding as UTF-8, and refuse content that is not text."""
    head = stream.read(_HEAD_BYTES)
    stream.seek(0)
    marked_encoding = next((encoding for mark, encoding in _BYTE_ORDER_MARKS.items() if head.startswith(mark)), None)
    encoding = codecs.lookup(marked_encoding or mapping.encoding).name
    if head[_TAR_AT:].startswith(_TAR):
        raise InputError.unreadable(name, "it is a tar archive")
    for signature, reason in _SIGNATURES:
        if head.startswith(signature):
            raise InputError.unreadable(name, reason)
    if encoding in {"utf-8", "ascii", "utf-8-sig"}:
        if utf_16 := _detected_utf_16(head):
            raise InputError.other_encoding(name, f"UTF-8; it appears to be {utf_16}")
        if _is_binary(head):
            raise InputError.unreadable(name, "it contains binary data, which is not text")
        return open_text(name, stream, mapping.separator)
    return open_text(name, _Utf8Stream(stream, encoding), mapping.separator, encoding)  # type: ignore[arg-type]


def _is_binary(head: bytes) -> bool:
    """Return whether bytes are not text: they have a NUL in the header, or many. Other NULs quarantine their rows."""
    header = re.split(rb"[\r\n]", head.lstrip(b"\r\n"), maxsplit=1)[0]
    return b"\x00" in header or head.count(b"\x00") > _MAX_NUL_SHARE * len(head)


def _detected_utf_16(head: bytes) -> str | None:
    """Return the name of the encoding if text is UTF-16 without a byte order mark: every other byte is 0."""
    start = head[:16]
    for encoding, letters, zeros in (("utf-16-le", start[::2], start[1::2]), ("utf-16-be", start[1::2], start[::2])):
        if zeros and not any(zeros) and all(32 <= letter < 127 for letter in letters):
            return encoding
    return None


class _Utf8Stream(io.RawIOBase):
    """Reads a stream in another encoding as UTF-8. Undecodable bytes are kept, so their rows are quarantined."""

    def __init__(self, stream: IO[bytes], encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="surrogateescape")

    def read(self, size: int = -1) -> bytes:
        """Return at least one character until the end of the stream, and approximately `size` bytes."""
        while True:
            raw = self._stream.read(size)
            text = self._decoder.decode(raw, final=not raw)
            if text or not raw:
                return text.encode(errors="surrogateescape")
