"""Decide what kind of file an input is from its bytes. Names are not used, because people rename files."""

from __future__ import annotations

import json
import re
import zipfile
from dataclasses import dataclass
from typing import IO

from core.ingestion.sources.encodings import marked_encoding, unmarked_utf_16

HEAD_BYTES = 1 << 16
"""Bytes that decide the kind of a file. The first line of a JSON Lines file is usually shorter."""
_MAX_NUL_SHARE = 1 / 20
"""Programs, pictures and Arrow files have a larger share of NUL bytes at their beginning than text with stray ones."""
_AS_CSV = "Save the sheet with the events as CSV UTF-8 (in Excel under File, Save as), then try again."


@dataclass(frozen=True)
class FileKind:
    """A kind of file.

    Attributes:
        reason: why it is not read, as a clause; empty for a kind that is read.
        remedy: what to do with a file of a kind that is not read, as a sentence; empty for the usual advice.
    """

    name: str
    reason: str = ""
    remedy: str = ""


DAMAGED_ZIP = (zipfile.BadZipFile, RuntimeError)
"""What `zipfile` raises for a damaged archive, a compression that it does not know, or a password."""
EMPTY = FileKind("empty")
TEXT = FileKind("text")
JSON_LINES = FileKind("JSON Lines")
JSON_ARRAY = FileKind("JSON")
GZIP = FileKind("gzip")
ZIP = FileKind("ZIP")
PARQUET = FileKind("Parquet")
JSON_OBJECT = FileKind(
    "JSON object",
    "it is one JSON object, not an array of events",
    "Save the array of events in it as a file of its own, for example with `jq .events`, then try again.",
)
JSON_VALUES = FileKind(
    "JSON values",
    "it is a JSON array, but its elements are not objects",
    "Write each event as an object with a key for each column, or save the table as CSV, then try again.",
)
BINARY = FileKind("binary", "it contains binary data, which is not text")
_EXCEL = FileKind("Excel", "it is an Excel workbook", _AS_CSV)
_OPEN_DOCUMENT = FileKind("OpenDocument", "it is an OpenDocument file, such as a LibreOffice spreadsheet", _AS_CSV)
_OFFICE = FileKind("Office", "it is a Word, PowerPoint or other Office document", _AS_CSV)
_TAR = FileKind("tar", "it is a tar archive", "Unpack it and name the folder, or make a ZIP archive, then try again.")
_WEB_PAGE = FileKind(
    "HTML", "it is a web page, such as one that asks for a log-in", "Download the file itself, then try again."
)
_HTML_TABLE = FileKind(
    "HTML table", "it is an HTML table", "Open it in a spreadsheet program and save it as CSV UTF-8, then try again."
)
_UNPACK = "Unpack it, then try again."
_AS_TABLE = "Save the table as CSV or Parquet, then try again."
_SIGNATURES = {
    b"PAR1": PARQUET,
    b"\x1f\x8b": GZIP,
    b"PK\x03\x04": ZIP,
    b"PK\x05\x06": ZIP,
    b"\x89PNG": FileKind("PNG", "it is a PNG image"),
    b"\xff\xd8\xff": FileKind("JPEG", "it is a JPEG image"),
    b"GIF8": FileKind("GIF", "it is a GIF image"),
    b"%PDF": FileKind("PDF", "it is a PDF document"),
    b"\xd0\xcf\x11\xe0": FileKind("old Office", "it is an old Excel or Word document", _AS_CSV),
    b"\x7fELF": FileKind("program", "it is a program"),
    b"SQLite format 3": FileKind("SQLite", "it is an SQLite database; name it as sqlite:///PATH and add a query"),
    b"7z\xbc\xaf\x27\x1c": FileKind("7z", "it is a 7z archive", _UNPACK),
    b"Rar!": FileKind("RAR", "it is a RAR archive", _UNPACK),
    b"ARROW1": FileKind("Arrow", "it is an Arrow or Feather file", _AS_TABLE),
    b"\x93NUMPY": FileKind("NumPy", "it is a NumPy array", _AS_TABLE),
    b"\x89HDF": FileKind("HDF5", "it is an HDF5 file", _AS_TABLE),
    b"\x28\xb5\x2f\xfd": FileKind("zstd", "it is compressed with zstd", _UNPACK),
    b"BZh": FileKind("bzip2", "it is compressed with bzip2", _UNPACK),
    b"\xfd7zXZ": FileKind("xz", "it is compressed with xz", _UNPACK),
}
_BEGINNINGS = {
    r"\[\s*(\{|\]\s*$)": JSON_ARRAY,
    r"\[\s*([\[\"]|(-?\d[\d.e+-]*|null|true|false)\s*[,\]])": JSON_VALUES,
    r"<(!doctype html|html)\b": _WEB_PAGE,
    r"<table\b": _HTML_TABLE,
}
"""Beginning of a text, as a pattern without regard to case -> kind."""
_TAR_SIGNATURE, _TAR_AT = b"ustar", 257


def kind_of(stream: IO[bytes], encoding: str | None = None) -> FileKind:
    """Return the kind of a file, and leave the stream at its beginning.

    Args:
        stream: a file, or an unpacked member of an archive, at its beginning.
        encoding: encoding of text; None to detect it.
    """
    head = stream.read(HEAD_BYTES)
    stream.seek(0)
    kind = _kind_of_head(head, encoding)
    return _kind_of_zip(stream) if kind is ZIP else kind


def is_read_out_of_order(head: bytes) -> bool:
    """Return whether a file that begins with these bytes has its directory at its end, as ZIP and Parquet have."""
    return _kind_of_head(head, None) in {ZIP, PARQUET}


def _kind_of_head(head: bytes, encoding: str | None) -> FileKind:
    if not head:
        return EMPTY
    for signature, kind in _SIGNATURES.items():
        if head.startswith(signature):
            return kind
    if head[_TAR_AT:].startswith(_TAR_SIGNATURE):
        return _TAR
    wide = marked_encoding(head) or (unmarked_utf_16(head) if encoding is None else None)
    if encoding in {None, "utf-8", "utf-8-sig", "ascii"} and wide is None and _is_binary(head):
        return BINARY
    return _kind_of_text(head.decode(wide or encoding or "utf-8", errors="replace"))


def _is_binary(head: bytes) -> bool:
    """Return whether bytes are not text: they have a NUL in the header, or many. Other NULs quarantine their rows."""
    header = re.split(rb"[\r\n]", head.lstrip(b"\r\n"), maxsplit=1)[0]
    return b"\x00" in header or head.count(b"\x00") > _MAX_NUL_SHARE * len(head)


def _kind_of_text(text: str) -> FileKind:
    """Distinguish JSON and web pages from text. Only a first line that is an object makes a file JSON Lines."""
    text = text.lstrip("\ufeff \t\r\n")
    for pattern, kind in _BEGINNINGS.items():
        if re.match(pattern, text, re.IGNORECASE):
            return kind
    if not re.match(r"\{\s*[\"}]", text):
        return TEXT
    line, line_end, _ = text.partition("\n")
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        is_cut = not line_end and len(text) > HEAD_BYTES // 8
        spans_lines = re.match(r"\{\s*(\"[^\"]*\"\s*:[^\"]*)?[\[{,]?\s*\n", text)
        return JSON_LINES if is_cut else JSON_OBJECT if spans_lines else TEXT
    return JSON_LINES


def _kind_of_zip(stream: IO[bytes]) -> FileKind:
    """Return the kind of a ZIP file: some documents are ZIP archives, which their members show.

    A damaged archive counts as ZIP, and its reader reports the damage.
    """
    try:
        with zipfile.ZipFile(stream) as archive:
            names = set(archive.namelist())
    except (*DAMAGED_ZIP, ValueError, OSError):
        return ZIP
    finally:
        stream.seek(0)
    if "[Content_Types].xml" in names:
        return _EXCEL if any(name.startswith("xl/") for name in names) else _OFFICE
    return _OPEN_DOCUMENT if {"mimetype", "content.xml"} <= names else ZIP
