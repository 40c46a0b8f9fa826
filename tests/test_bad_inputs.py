"""Unusable input files: each is refused with one error that names the file, the reason and the counts."""

from __future__ import annotations

import bz2
import datetime
import gzip
import io
import lzma
import re
import tarfile
import zipfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl
import pytest

from core.base.workspace import Workspace
from core.errors import InputError
from core.ingestion import InputFiles, ingest
from core.ingestion.mapping import Mapping
from core.schema import EVENT_TYPES
from tests.events_on_the_spot import (
    NOON,
    csv_of,
    good_events,
    left_behind,
    parquet_of,
    rows_of,
    sample_of,
    write_files,
    zip_of,
)

GOOD = good_events()
ROWS = rows_of(GOOD, "train")
CSV = csv_of(ROWS)
LINES = CSV.decode().splitlines()
HEADER = LINES[0]
FOUND = HEADER.replace(",", ", ")
WORDS = ", ".join(EVENT_TYPES)
TIME = "event_time is not a time such as 2025-06-19 10:23:07+00:00"


@dataclass(frozen=True)
class Refusal:
    """The code of the expected error, and what its sentence must contain: names, counts and reasons."""

    code: str
    parts: tuple[str, ...]


def refusal(code: str, *parts: str) -> Refusal:
    return Refusal(code, parts)


def no_table(reason: str, name: str = "train.csv") -> Refusal:
    return refusal("not_a_table", name, f"({reason})")


def empty(name: str = "train.csv") -> Refusal:
    return refusal("empty_file", f"{name} ")


def other_encoding(evidence: str) -> Refusal:
    return refusal("other_encoding", "train.csv", evidence)


def column_twice(column: str) -> Refusal:
    return refusal("duplicate_column", "train.csv", column)


def with_and(names: str) -> str:
    """The names with "and" before the last one, unless they end with how many more there are."""
    return names if names.endswith(" more") else " and ".join(names.rsplit(", ", 1))


def missing(names: str, found: str, name: str = "train.csv") -> Refusal:
    columns = "columns" if "," in names else "column"
    return refusal("missing_columns", name, f"{columns} {with_and(names)}", with_and(found))


def too_few_rows(valid: str, reasons: str, *parts: str, at_least: str = "90%") -> Refusal:
    """`valid` is "35 of 40"."""
    return refusal("too_few_valid_rows", "train.csv", f"{valid} rows", f"({reasons})", f"At least {at_least}", *parts)


def locked_zip() -> bytes:
    """A ZIP whose member is marked as encrypted, in the local and in the central header."""
    content = bytearray(zip_of({"train.csv": CSV}))
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + flags] |= 1
    return bytes(content)


def tar_of(content: bytes) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        member = tarfile.TarInfo("train.csv")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return target.getvalue()


def flipped(content: bytes, place: int) -> bytes:
    """The content with all bits of one byte inverted."""
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


def with_bad_cells(column: str, text: str, rows: int) -> bytes:
    return csv_of([{**cells, column: text} if number < rows else cells for number, cells in enumerate(ROWS)])


@dataclass(frozen=True)
class Bad:
    """A file that is refused. `part` is train, test or sample."""

    content: bytes
    refusal: Refusal
    part: str = "train"
    mapping: dict[str, object] = field(default_factory=dict)


BAD_FILES = {
    "a PNG image": Bad(b"\x89PNG\r\n\x1a\n\x00\x00", no_table("it is a PNG image")),
    "a JPEG photo": Bad(b"\xff\xd8\xff\xe0JFIF", no_table("it is a JPEG image", "test.csv"), "test"),
    "a GIF": Bad(b"GIF89a", no_table("it is a GIF image")),
    "a PDF": Bad(b"%PDF-1.7\n%", no_table("it is a PDF document")),
    "an old Excel file": Bad(b"\xd0\xcf\x11\xe0", no_table("it is an old Excel or Word document")),
    "an Excel workbook": Bad(
        zip_of({"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>"}),
        no_table("it is an Excel workbook"),
    ),
    "a Word document": Bad(
        zip_of({"[Content_Types].xml": b"<x/>", "word/document.xml": b"<x/>"}),
        no_table("it is a Word, PowerPoint or other Office document"),
    ),
    "a LibreOffice spreadsheet": Bad(
        zip_of({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet", "content.xml": b"<x/>"}),
        no_table("it is an OpenDocument file, such as a LibreOffice spreadsheet"),
    ),
    "a JSON array of texts": Bad(
        b'["2025-06-02", "VIEW"]',
        refusal("not_a_table", "its elements are not objects", "Write each event as an object"),
    ),
    "a JSON document on several lines": Bad(
        b'{\n "events": [\n  {"event_time": "2025-06-02"}\n ]\n}\n',
        refusal("not_a_table", "it is one JSON object", "Save the array of events"),
    ),
    "a program": Bad(b"\x7fELF\x02", no_table("it is a program")),
    "a RAR archive": Bad(b"Rar!\x1a", no_table("it is a RAR archive")),
    "a 7z archive": Bad(b"7z\xbc\xaf\x27\x1c", no_table("it is a 7z archive")),
    "an empty file": Bad(b"", empty()),
    "an empty gzip": Bad(gzip.compress(b""), empty("test.csv"), "test"),
    "blank lines only": Bad(b"  \n\n \t \n", empty()),
    "a file without a header": Bad(
        CSV.split(b"\n", 1)[1],
        refusal("no_header", "The first line of train.csv is not a header", "2025-06-02 12:00:00+00:00"),
    ),
    "numbers without a header": Bad(b"1,7,3.5\n2,8,4.5\n", refusal("no_header", "(1, 7 and 3.5)"), "test"),
    "a header only": Bad(HEADER.encode() + b"\n", empty()),
    "a compressed header only": Bad(gzip.compress(HEADER.encode()), empty()),
    "Parquet without rows": Bad(parquet_of(pl.DataFrame(ROWS).clear()), empty()),
    "an empty ZIP": Bad(
        zip_of({}),
        refusal("empty_archive", "train.csv"),
    ),
    "a locked ZIP": Bad(
        locked_zip(),
        refusal("not_a_table", "train.csv is a password-protected ZIP archive", "Remove the password, then try again."),
    ),
    "a ZIP cut short": Bad(
        zip_of({"train.csv": CSV})[:-40], no_table("its ZIP archive is damaged: File is not a zip file")
    ),
    "an image in a ZIP": Bad(
        zip_of({"photo.png": b"\x89PNG\r\n\x1a\n"}), no_table("it is a PNG image", "train.csv/photo.png")
    ),
    "a gzip cut short": Bad(gzip.compress(CSV)[:-20], no_table("it is incomplete")),
    "a Parquet file cut short": Bad(parquet_of(ROWS)[:-9], no_table("it is a damaged Parquet file")),
    "a 7z archive in an archive": Bad(
        zip_of({"log.7z": b"7z\xbc\xaf\x27\x1c"}), no_table("it is a 7z archive", "train.csv/log.7z")
    ),
    "a file compressed with bzip2": Bad(bz2.compress(CSV), no_table("it is compressed with bzip2")),
    "a file compressed with xz": Bad(lzma.compress(CSV), no_table("it is compressed with xz")),
    "a file compressed with zstd": Bad(b"\x28\xb5\x2f\xfd\x24", no_table("it is compressed with zstd")),
    "a tar archive": Bad(tar_of(CSV), no_table("it is a tar archive")),
    "an SQLite database": Bad(
        b"SQLite format 3\x00", no_table("it is an SQLite database; name it as sqlite:///PATH and add a query")
    ),
    "an Arrow file": Bad(b"ARROW1\x00\x00", no_table("it is an Arrow or Feather file")),
    "a NumPy array": Bad(b"\x93NUMPY\x01\x00", no_table("it is a NumPy array")),
    "an HDF5 file": Bad(b"\x89HDF\r\n\x1a\n", no_table("it is an HDF5 file")),
    "an HTML table": Bad(b"<table><tr><td>1</td></tr></table>", no_table("it is an HTML table")),
    "a pickle": Bad(b"\x80\x04\x95\x10\x00\x00\x00", no_table("it contains binary data, which is not text")),
    "an archive with a folder only": Bad(
        zip_of({"log/": b""}),
        refusal("empty_archive", "train.csv"),
    ),
    "an archive with an empty file": Bad(zip_of({"a.csv": b""}), empty("train.csv/a.csv")),
    "an archive in which a byte has changed": Bad(
        flipped(zip_of({"train.csv": CSV}, zipfile.ZIP_STORED), 500),
        no_table("its ZIP archive is damaged: Bad CRC-32 for file 'train.csv'"),
    ),
    "a packed archive in which a byte has changed": Bad(
        flipped(zip_of({"train.csv": CSV}, zipfile.ZIP_LZMA), 60),
        no_table("its compressed data is damaged: Corrupt input data"),
    ),
    "a gzip in which a byte has changed": Bad(
        flipped(gzip.compress(CSV, mtime=0), 15),
        no_table("its compressed data is damaged: Error -3 while decompressing data: invalid code lengths set"),
    ),
    "a gzip with a wrong checksum": Bad(
        flipped(gzip.compress(CSV, mtime=0), -8), no_table("its compressed data is damaged: CRC check failed …")
    ),
    "a gzip followed by other bytes": Bad(
        gzip.compress(CSV) + b"more", no_table("its compressed data is damaged: Not a gzipped file (b'mo')")
    ),
    "a Parquet file in which a byte has changed": Bad(
        flipped(parquet_of(ROWS), -20), no_table("it is a damaged Parquet file")
    ),
    "Parquet with spans of time for times": Bad(
        parquet_of(pl.DataFrame(ROWS).with_columns(pl.duration(seconds=5).alias("event_time"))),
        too_few_rows(f"0 of {len(ROWS)}", f"{len(ROWS)} x event_time is not a time such as 2025-06-19 10:23:07+00:00"),
    ),
    "UTF-16 cut within a letter": Bad(
        CSV.decode().encode("utf-16")[:-1], other_encoding("not in the expected encoding")
    ),
    "a header that is not UTF-8": Bad(
        "größe,wert\n1,2\n".encode("latin-1"),
        other_encoding("not UTF-8, as its first line shows"),
        mapping={"encoding": "utf-8"},
    ),
    "a header that is not in the mapping's encoding": Bad(
        b"event_time,\x81\n1,2\n", other_encoding("not cp1252, as its first line shows"), mapping={"encoding": "cp1252"}
    ),
    "a header with a quote that is not closed": Bad(b'"' + CSV, no_table("the quotes of its first line do not match")),
    "a header with text after a closing quote": Bad(
        CSV.replace(b"event_type", b'"event"_type'), no_table("the quotes of its first line do not match")
    ),
    "one very long line": Bad(b"a" * 3_000_000, no_table("its first line is longer than a megabyte")),
    "one very long column name": Bad(b"a" * 200_000 + b"\nx\n", no_table("its first line names no columns")),
    "an HTML page": Bad(
        b"<!DOCTYPE html>\n<html><body>Not found</body></html>\n",
        no_table("it is a web page, such as one that asks for a log-in"),
    ),
    "lines of JSON": Bad(
        b'{"event_time": "2025-06-02", "event_type": "VIEW"}\n' * 3,
        missing(", ".join(list(ROWS[0])[2:]), "event_time, event_type"),
    ),
    "lines of JSON with all events of a session": Bad(
        b'{"session": 1, "events": [{"aid": 5}]}\n' * 3,
        refusal("missing_columns", "session and events", "The column events has nested values", "Flatten the file"),
    ),
    "a header of very many empty names": Bad(
        b"event_time" + b"," * 20_000 + b"\n1\n",
        refusal("too_many_columns", "20,001 columns", "10,000"),
    ),
    "a table of very many columns": Bad(
        ",".join(f"c{number}" for number in range(5_000)).encode() + b"\n1\n",
        missing(", ".join(ROWS[0]), "c0, c1, c2, c3, c4, c5, c6, c7 and 4,992 more"),
    ),
    "column names of any letters and any length": Bad(
        b"\x1b[31mred,two\x07," + b"x" * 300 + b"\n1,2,3\n",
        missing(", ".join(ROWS[0]), f"\\x1b[31mred, two\\x07, {'x' * 60}…"),
    ),
    "nothing after the line that names the separator": Bad(b"sep=;\n", empty()),
    "text that is padded with NULs": Bad(
        CSV.replace(b"VIEW", b"VIEW" + b"\x00" * 28), no_table("it contains binary data, which is not text")
    ),
    "a header with a NUL": Bad(
        CSV.replace(b"_id", b"_id\x00", 1), no_table("it contains binary data, which is not text")
    ),
    "NULs in too many rows": Bad(
        CSV.replace(b"P1", b"P\x00"),
        too_few_rows("34 of 40", "6 x product_id contains a NUL character"),
    ),
    "no event_type": Bad(
        CSV.replace(b"event_type", b"kind"), missing("event_type", FOUND.replace("event_type", "kind"))
    ),
    "no session_value in train": Bad(
        csv_of([{name: row[name] for name in list(row)[:-1]} for row in ROWS]),
        missing("session_value", FOUND.removesuffix(", session_value")),
    ),
    "a table of something else": Bad(
        b"a,b\n1,2\n",
        missing("event_time, event_type, product_id, category_id, user_id, user_session", "a, b", "test.csv"),
        "test",
    ),
    "two columns missing in Parquet": Bad(
        parquet_of(pl.DataFrame(ROWS).drop("event_time", "user_id")),
        missing("event_time, user_id", FOUND.replace("event_time, ", "").replace("user_id, ", "")),
    ),
    "a column of the mapping that differs in more than its case": Bad(
        CSV, missing("user", FOUND), mapping={"columns": {"user_id": "user"}}
    ),
    "a mapping that names a price column the log does not have": Bad(
        CSV,
        missing("paid", FOUND),
        mapping={"value": "price_of_buys", "columns": {"price": "paid"}},
    ),
    "a column twice": Bad(
        "\n".join(f"{line},{'user_id' if line == HEADER else 'U'}" for line in LINES).encode(),
        column_twice("user_id"),
    ),
    "a column twice but for blanks": Bad(
        csv_of([{**row, " event_time": "x"} for row in ROWS]),
        column_twice("event_time"),
    ),
    "another separator than that of the mapping": Bad(
        CSV,
        refusal("other_separator", "train.csv", "commas"),
        mapping={"separator": ";"},
    ),
    "too few valid rows": Bad(
        with_bad_cells("event_type", "LOOK", 5),
        too_few_rows("35 of 40", f"5 x event_type is LOOK, not one of {WORDS}"),
    ),
    "rows of another separator than the header": Bad(
        (HEADER + "\n" + "\n".join(LINES[1:]).replace(",", ";")).encode(),
        too_few_rows("0 of 40", "40 x it has 1 field, but the header has 7"),
    ),
    "text of another encoding": Bad(
        csv_of([{**row, "product_id": f"ß{row['product_id']}"} for row in ROWS]).decode().encode("latin-1"),
        too_few_rows("0 of 40", "40 x its text is not UTF-8", 'encoding = "cp1252" (or the actual encoding)'),
        mapping={"encoding": "utf-8"},
    ),
    "only event words that the mapping does not have": Bad(
        CSV,
        too_few_rows(
            "0 of 40",
            ", ".join(f"10 x event_type is {word}, not one of buys" for word in sorted(EVENT_TYPES)),
            at_least="one",
        ),
        mapping={"event_words": {"buys": "BUY"}, "least_usable": 0.0},
    ),
    "only rows that the mapping ignores": Bad(
        csv_of([{**row, "event_type": "look"} for row in ROWS]),
        too_few_rows("0 of 40", "40 x event_type is look, which the mapping ignores"),
        mapping={"ignored_words": ["look"]},
    ),
    "too few valid rows next to ignored ones": Bad(
        csv_of(
            [
                *({**row, "event_type": "scroll", "user_id": ""} for row in ROWS[:2]),
                *({**row, "event_type": "scroll"} for row in ROWS[2:20]),
                *({**row, "event_time": "02.06.2025 12:00"} for row in ROWS[20:23]),
                *ROWS[23:],
            ]
        ),
        too_few_rows("17 of 20", f"3 x {TIME}; the mapping ignores 20 more"),
        mapping={"ignored_words": ["scroll"]},
    ),
    "too few valid rows for several reasons": Bad(
        csv_of(
            [
                *({**row, "user_id": ""} for row in ROWS[:3]),
                *({**row, "session_value": "-1"} for row in ROWS[3:5]),
                *ROWS[5:],
            ]
        ),
        too_few_rows("35 of 40", "3 x empty user_id, 2 x session_value is negative"),
    ),
    "too few valid rows for a strict mapping": Bad(
        with_bad_cells("user_id", "", 1),
        too_few_rows("39 of 40", "1 x empty user_id", at_least="100%"),
        mapping={"least_usable": 1.0},
    ),
    "times in another form": Bad(
        csv_of([{**row, "event_time": "02.06.2025 12:00"} for row in ROWS]),
        too_few_rows("0 of 40", f"40 x {TIME}", 'time_format = "%d.%m.%Y %H:%M"'),
    ),
    "epoch seconds without a mapping": Bad(
        csv_of([{**row, "event_time": f"{NOON + number}"} for number, row in enumerate(ROWS)]),
        too_few_rows("0 of 40", f"40 x {TIME}", 'time_format = "epoch_seconds"'),
    ),
    "epoch nanoseconds without a mapping": Bad(
        csv_of([{**row, "event_time": f"{(NOON + number) * 10**9}"} for number, row in enumerate(ROWS)]),
        too_few_rows("0 of 40", f"40 x {TIME}", 'time_format = "epoch_nanoseconds"'),
    ),
    "epoch seconds read as milliseconds": Bad(
        csv_of([{**row, "event_time": f"{NOON + number}"} for number, row in enumerate(ROWS)]),
        too_few_rows(
            "0 of 40",
            "40 x event_time is not a time in epoch milliseconds of 1990 or later",
            'time_format = "epoch_seconds"',
        ),
        mapping={"time_format": "epoch_milliseconds"},
    ),
    "a table compressed twice": Bad(gzip.compress(gzip.compress(CSV)), no_table("it is compressed twice")),
    "Parquet with true and false for values": Bad(
        parquet_of(pl.DataFrame(ROWS).with_columns(pl.lit(value=True).alias("session_value"))),
        too_few_rows("0 of 40", "40 x session_value is not a finite number"),
    ),
    "Parquet with dates for times": Bad(
        parquet_of(pl.DataFrame(ROWS).with_columns(pl.lit(datetime.date(2025, 6, 2)).alias("event_time"))),
        too_few_rows("0 of 40", f"40 x {TIME}", 'time_format = "%Y-%m-%d"'),
    ),
    "the train file as test": Bad(
        csv_of(rows_of(GOOD, "test")),
        refusal("same_file_twice", "test.csv"),
    ),
    "a sample that names a session twice": Bad(
        sample_of("B1", "B2", " B1 "),
        refusal("repeated_sessions", "sample.csv", "1 session ", "(B1)"),
        "sample",
    ),
    "a sample of another test file": Bad(
        sample_of("B1", "A1"),
        refusal("sessions_without_events", "1 of 2 sessions in sample.csv is ", "(A1)"),
        "sample",
    ),
    "a sample that names several sessions twice": Bad(
        sample_of("B2", "B1", "B2", "B3", "B1", "B2"),
        refusal("repeated_sessions", "sample.csv", "2 sessions ", "(B1 and B2)"),
        "sample",
    ),
    "a sample of which most sessions have no events": Bad(
        sample_of("B1", *(f"A{number}" for number in range(5))),
        refusal("sessions_without_events", "5 of 6 sessions in sample.csv are ", "(A0, A1, A2 and 2 more)"),
        "sample",
    ),
    "a sample with an empty id": Bad(
        sample_of("B1", " "),
        refusal("empty_session_ids", "sample.csv has 1 row without a session id"),
        "sample",
    ),
    "a sample with a line cut short": Bad(
        sample_of("B1", "B2") + b"B3\n",
        no_table("line 4: it has 1 field, but the header has 2", "sample.csv"),
        "sample",
    ),
    "a sample with a header only": Bad(sample_of("B1").split(b"\n")[0] + b"\n", empty("sample.csv"), "sample"),
    "an empty sample": Bad(b"", empty("sample.csv"), "sample"),
    "a picture for a sample": Bad(b"\x89PNG", no_table("it is a PNG image", "sample.csv"), "sample"),
    "a sample without ids": Bad(
        b"id,session_value\nB1,0\n", missing("user_session", "id, session_value", "sample.csv"), "sample"
    ),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_an_unusable_file_is_refused_and_nothing_is_stored(tmp_path: Path, name: str) -> None:
    bad = BAD_FILES[name]
    files = write_files(tmp_path, GOOD, **{bad.part: bad.content})
    workspace = Workspace(tmp_path / "home")
    mapping = Mapping.checked(**bad.mapping)
    with pytest.raises(InputError) as caught:
        ingest(InputFiles(files.train, files.test, files.sample_submission, mapping=mapping), workspace)
    sentence = re.sub(r"CRC check failed .*?\)", "CRC check failed …)", str(caught.value))
    assert caught.value.code == bad.refusal.code
    assert [part for part in bad.refusal.parts if part not in sentence] == []
    assert sentence.isprintable()
    assert left_behind(workspace) == []


@pytest.mark.parametrize("part", ["train", "test", "sample_submission"])
def test_an_absent_file_is_named_with_its_path(tmp_path: Path, workspace: Workspace, part: str) -> None:
    absent = tmp_path / "absent.csv"
    files = replace(write_files(tmp_path / "files", GOOD, sample=sample_of("B1")), **{part: absent})
    with pytest.raises(InputError) as caught:
        ingest(files, workspace)
    assert (caught.value.code, caught.value.actual) == ("file_not_found", absent)
    assert str(absent) in str(caught.value)
    assert left_behind(workspace) == []


def test_a_sample_may_use_the_column_name_of_the_mapping_or_of_the_product(tmp_path: Path) -> None:
    mapping = Mapping.checked(columns={"user_session": "visit"})
    for name in (b"visit", b"user_session"):
        train, test = (csv_of(rows_of(GOOD, file)).replace(b"user_session", b"visit") for file in ("train", "test"))
        sample = sample_of("B3", "B1").replace(b"user_session", name)
        files = write_files(tmp_path / name.decode(), GOOD, train=train, test=test, sample=sample)
        dataset = ingest(replace(files, mapping=mapping), Workspace(tmp_path / "home"))
        assert dataset.submission_order().get_column("user_session").to_list() == ["B3", "B1"]
