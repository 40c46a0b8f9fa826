"""Open the tables of a source: a file, an archive, a folder, a glob, or a database query."""

from __future__ import annotations

import codecs
import gzip
import io
import lzma
import os
import re
import sys
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, cast

from core.base.files import path_of
from core.errors import InputError, SettingError, SourceError
from core.ingestion.mapping import Mapping
from core.ingestion.mapping.refusals import short
from core.ingestion.sources import kinds
from core.ingestion.sources.content_hash import Content
from core.ingestion.sources.csv_text import open_text
from core.ingestion.sources.encodings import SAMPLE_BYTES, Detection, detect_encoding, marked_encoding
from core.ingestion.sources.json_array import ArrayLines
from core.ingestion.sources.json_lines import open_json_lines
from core.ingestion.sources.kinds import FileKind, kind_of
from core.ingestion.sources.parquet_file import open_parquet
from core.ingestion.sources.paths import data_members, files_of
from core.ingestion.sources.query import Query
from core.ingestion.sources.tables import ColumnPositions, Piece, Table
from core.ingestion.sources.unpacking import MAX_MEMBERS, Allowance, Rejoined, unpacked

Source = Path | Query
"""Where events come from. A path names a file, a ZIP archive, a folder or a glob."""

_FILE_SCHEMES = {"http", "https", "ftp", "s3", "gs", "file"}
_HEADER_BYTES = 1 << 20  # read in a fraction of the time of SAMPLE_BYTES, and longer than any header that is accepted
_ENCRYPTED = 1  # flag of a ZIP member
_TEXT_PER_BYTE = {".gz": 8, ".parquet": 8, ".pq": 8, ".zip": 8}
"""Estimated bytes of text per compressed byte; they decide only the number of partitions."""


@dataclass(frozen=True)
class _TextFormat:
    """Settings for text files: what the mapping says, the encoding to prefer where one can only be assumed, and whether
    the rows will not be read.
    """

    separator: str | None
    encoding: str | None
    assumed_encoding: str | None
    only_header: bool


def source_of(text: str, sql: str | None = None, option: str = "a query") -> Source:
    """Return the source that a person typed: a path, or a database URL (with `://`) and a query.

    Args:
        option: what messages call the query.

    Raises:
        InputError: the text is empty, or a URL of something other than a database.
        SettingError: a URL comes without a query, or a path with one.
    """
    if not text.strip():
        raise SourceError.no_file_named(option.removesuffix("-query") if option.startswith("--") else "The path")
    if "://" not in text:
        if sql is not None:
            raise SettingError.query_on_file(option, text)
        return path_of(text)
    if text.split("://", maxsplit=1)[0].lower() in _FILE_SCHEMES:
        raise SourceError.web_address(re.sub(r"//[^/]*@", "//***@", text))
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


def most_rows(source: Source, shortest: int) -> int:
    """Return an upper bound of the rows of a source, if none has fewer than `shortest` bytes. A query has no bound."""
    return sys.maxsize if isinstance(source, Query) else sum(map(_most_bytes, files_of(source))) // shortest


def _most_bytes(file: Path) -> int:
    """Return the highest number of bytes that a file may have when it is unpacked."""
    with _opened(file) as stream:
        is_packed = kind_of(stream) in {kinds.GZIP, kinds.ZIP, kinds.PARQUET}
    return Allowance(file.name, _size(file)).limit if is_packed else _size(file)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError as error:  # deleted meanwhile
        raise SourceError.cannot_open(file, error.strerror or str(error)) from error


def header_of(source: Source, mapping: Mapping) -> list[str]:
    """Return the column names of the first table of a source; empty if it has no table.

    Raises:
        InputError: the first file is not a table.
    """
    return [name for table in islice(_open_tables(source, mapping, only_header=True), 1) for name in table.columns]


def open_tables(
    source: Source, mapping: Mapping, content: Content | None = None, *, assumed_encoding: str | None = None
) -> Iterator[Table]:
    """Open the tables of a source one after the other. Each must be read before the next is requested.

    Args:
        assumed_encoding: used instead of an encoding that can only be assumed, so that all files are read alike.
        content: receives the hashes of the files while they are read; None for a query.

    Raises:
        InputError: a file is not a table; raised here or while its rows are read.
    """
    return _open_tables(source, mapping, content, assumed_encoding=assumed_encoding)


def _open_tables(
    source: Source,
    mapping: Mapping,
    content: Content | None = None,
    *,
    assumed_encoding: str | None = None,
    only_header: bool = False,
) -> Iterator[Table]:
    if isinstance(source, Query):
        from core.ingestion.sources.database import open_query  # noqa: PLC0415 (SQLAlchemy takes long to load)

        yield from open_query(source)
        return
    form = _TextFormat(mapping.separator, mapping.encoding, assumed_encoding, only_header)
    files = files_of(source) if content is None else content.begin()
    opened = _opened if content is None else content.opened
    for file, name in zip(files, _names_of(files), strict=True):
        with _as_input_error(name), opened(file) as stream:
            for table in _tables(name, stream, form, Allowance(name, _size(file))):
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
        raise SourceError.cannot_open(file, error.strerror or str(error)) from error
    with stream:
        yield stream


@contextmanager
def _as_input_error(name: str) -> Iterator[None]:
    """Turn exceptions about damaged compression or text into InputErrors."""
    try:
        yield
    except EOFError as error:
        raise SourceError.unreadable(name, "it is incomplete") from error
    except (zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise SourceError.unreadable(name, f"its compressed data is damaged: {short(str(error))}") from error
    except UnicodeError as error:
        raise SourceError.other_encoding(name) from error
    except kinds.DAMAGED_ZIP as error:
        raise SourceError.unreadable(name, f"its ZIP archive is damaged: {short(str(error))}") from error
    except OSError as error:  # damaged bzip2 in an archive, or an archive directory that points beyond the file
        raise SourceError.unreadable(name, f"its bytes cannot be read: {error.strerror or error}") from error


def _tables(name: str, stream: IO[bytes], form: _TextFormat, allowance: Allowance) -> Iterator[Table]:
    kind = kind_of(stream, form.encoding)
    if kind.reason:
        raise SourceError.unreadable(name, kind.reason, kind.remedy)
    if kind is kinds.EMPTY:
        raise SourceError.empty(name)
    if kind is kinds.ZIP:
        yield from _zipped(name, stream, form, allowance.inside())
    elif kind is kinds.GZIP:
        inside = allowance.inside()
        with gzip.open(stream, "rb") as compressed, unpacked(cast("IO[bytes]", compressed), inside) as content:
            if kind_of(content, form.encoding) is kinds.GZIP:
                raise SourceError.unreadable(name, "it is compressed twice", "Unpack it once, then try again.")
            yield from _tables(name, content, form, inside)
    elif kind is kinds.PARQUET:
        yield open_parquet(name, stream, allowance)
    else:
        yield _text(name, stream, form, kind)


def _zipped(name: str, stream: IO[bytes], form: _TextFormat, allowance: Allowance) -> Iterator[Table]:
    with zipfile.ZipFile(stream) as archive:
        named = {member.filename: member for member in archive.infolist() if member.filename and not member.is_dir()}
        names = data_members(named)
        if not names:
            raise SourceError.empty_archive(name)
        if len(names) > MAX_MEMBERS:
            raise SourceError.too_many_members(name, len(names), MAX_MEMBERS)
        allowance.require(sum(named[member].file_size for member in names))
        for member in map(named.__getitem__, names):
            if member.flag_bits & _ENCRYPTED:
                raise InputError(
                    f"{name} is a password-protected ZIP archive, which cannot be read.",
                    "Remove the password, then try again.",
                    code="not_a_table",
                    actual=name,
                )
            with archive.open(member) as compressed, unpacked(compressed, allowance) as content:
                yield from _tables(f"{name}/{member.filename}", content, form, allowance)


def _text(name: str, stream: IO[bytes], form: _TextFormat, kind: FileKind) -> Table:
    """Open text in any encoding as UTF-8."""
    sample = stream.read(_HEADER_BYTES if form.only_header else SAMPLE_BYTES)
    if form.only_header and not sample.isascii():  # only then, the letters of the rows may decide those of the header
        sample += stream.read(SAMPLE_BYTES - len(sample))
    if form.encoding is None:
        detection = detect_encoding(sample)
        if form.assumed_encoding and detection.note:
            detection = replace(detection, encoding=form.assumed_encoding)
    else:
        detection = Detection(codecs.lookup(marked_encoding(sample) or form.encoding).name)
    text = cast("IO[bytes]", Rejoined(sample, stream))
    expected = detection.encoding
    if expected in {"utf-8", "ascii", "utf-8-sig"}:
        expected = "UTF-8"
    else:
        text = cast("IO[bytes]", _Utf8Stream(text, expected))
    if kind is kinds.JSON_ARRAY:
        text = cast("IO[bytes]", ArrayLines(name, text))
    if kind in {kinds.JSON_ARRAY, kinds.JSON_LINES}:
        table = open_json_lines(name, text, expected)
    else:
        table = open_text(name, text, form.separator, expected)
    return replace(table, encoding=detection)


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
