"""Bad inputs, each a file made on the spot, and what is said of each: a sentence, or a reason in quarantine."""

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
WORDS = "VIEW, ADD_CART, REMOVE_CART, BUY"
TIME = "event_time is no time like 2025-06-19 10:23:07+00:00"


def no_table(found: str, name: str = "train.csv") -> str:
    return (
        f"{name} cannot be read as a table ({found}): "
        "event files are CSV, CSV.GZ, ZIP or Parquet; save it as one of these and try again."
    )


def empty(name: str = "train.csv") -> str:
    return f"{name} is empty: an event file needs a header line and at least one event; export it again."


def other_encoding(which: str) -> str:
    return (
        f"The text of train.csv is {which}: any encoding can be read that a mapping names, such as "
        'encoding = "cp1252" or "latin-1"; name it there, or save the file as UTF-8, and try again.'
    )


def column_twice(column: str) -> str:
    return (
        f"train.csv has the column {column} more than once: a column that is read stands there once; "
        "rename one of the two, or name another column in a mapping."
    )


def missing(names: str, found: str, name: str = "train.csv") -> str:
    word = "columns" if "," in names else "column"
    return (
        f"{name} has no {word} {names} (found: {found}): "
        f"rename or add the missing {word}, or say with a mapping what this log calls them."
    )


def locked_zip() -> bytes:
    """A ZIP whose member says that it is encrypted: the flag stands in the local and in the central header."""
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
    """The content with all bits of one byte turned."""
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


def spoiled(column: str, text: str, rows: int) -> bytes:
    return csv_of([{**cells, column: text} if number < rows else cells for number, cells in enumerate(ROWS)])


@dataclass(frozen=True)
class Refused:
    """A file that is refused, with the exact sentence. `part` is train, test or sample."""

    content: bytes
    sentence: str
    part: str = "train"
    mapping: dict[str, object] = field(default_factory=dict)


REFUSED = {
    "a PNG image": Refused(b"\x89PNG\r\n\x1a\n\x00\x00", no_table("it is a PNG image")),
    "a JPEG photo": Refused(b"\xff\xd8\xff\xe0JFIF", no_table("it is a JPEG image", "test.csv"), "test"),
    "a GIF": Refused(b"GIF89a", no_table("it is a GIF image")),
    "a PDF": Refused(b"%PDF-1.7\n%", no_table("it is a PDF document")),
    "an old Excel file": Refused(b"\xd0\xcf\x11\xe0", no_table("it is an old Excel or Word document")),
    "an Excel workbook": Refused(
        zip_of({"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>"}),
        no_table("it is an Excel workbook or another Office document"),
    ),
    "a program": Refused(b"\x7fELF\x02", no_table("it is a program")),
    "a RAR archive": Refused(b"Rar!\x1a", no_table("it is a RAR archive")),
    "a 7z archive": Refused(b"7z\xbc\xaf\x27\x1c", no_table("it is a 7z archive")),
    "an empty file": Refused(b"", empty()),
    "an empty gzip": Refused(gzip.compress(b""), empty("test.csv"), "test"),
    "blank lines only": Refused(b"  \n\n \t \n", empty()),
    "a header only": Refused(HEADER.encode() + b"\n", empty()),
    "a packed header only": Refused(gzip.compress(HEADER.encode()), empty()),
    "Parquet without rows": Refused(parquet_of(pl.DataFrame(ROWS).clear()), empty()),
    "an empty ZIP": Refused(
        zip_of({}),
        "train.csv has no file in it: a ZIP archive needs at least one event file; pack it again.",
    ),
    "a locked ZIP": Refused(locked_zip(), no_table("its ZIP archive is protected by a password")),
    "a ZIP cut short": Refused(
        zip_of({"train.csv": CSV})[:-40], no_table("its ZIP archive is broken: File is not a zip file")
    ),
    "an image in a ZIP": Refused(
        zip_of({"photo.png": b"\x89PNG\r\n\x1a\n"}), no_table("it is a PNG image", "train.csv/photo.png")
    ),
    "a gzip cut short": Refused(gzip.compress(CSV)[:-20], no_table("it is cut short")),
    "a Parquet file cut short": Refused(parquet_of(ROWS)[:-9], no_table("it is a damaged Parquet file")),
    "a 7z archive in an archive": Refused(
        zip_of({"log.7z": b"7z\xbc\xaf\x27\x1c"}), no_table("it is a 7z archive", "train.csv/log.7z")
    ),
    "a file packed with bzip2": Refused(bz2.compress(CSV), no_table("it is compressed with bzip2")),
    "a file packed with xz": Refused(lzma.compress(CSV), no_table("it is compressed with xz")),
    "a file packed with zstd": Refused(b"\x28\xb5\x2f\xfd\x24", no_table("it is compressed with zstd")),
    "a tar archive": Refused(tar_of(CSV), no_table("it is a tar archive")),
    "an SQLite database": Refused(
        b"SQLite format 3\x00", no_table("it is an SQLite database; name it as sqlite:///PATH with a query")
    ),
    "an Arrow file": Refused(b"ARROW1\x00\x00", no_table("it holds binary data, not text")),
    "a pickle": Refused(b"\x80\x04\x95\x10\x00\x00\x00", no_table("it holds binary data, not text")),
    "an archive with a folder only": Refused(
        zip_of({"log/": b""}),
        "train.csv has no file in it: a ZIP archive needs at least one event file; pack it again.",
    ),
    "an archive with an empty file": Refused(zip_of({"a.csv": b""}), empty("train.csv/a.csv")),
    "an archive in which a byte has changed": Refused(
        flipped(zip_of({"train.csv": CSV}, zipfile.ZIP_STORED), 500),
        no_table("its ZIP archive is broken: Bad CRC-32 for file 'train.csv'"),
    ),
    "a packed archive in which a byte has changed": Refused(
        flipped(zip_of({"train.csv": CSV}, zipfile.ZIP_LZMA), 60),
        no_table("its compression is broken: Corrupt input data"),
    ),
    "a gzip in which a byte has changed": Refused(
        flipped(gzip.compress(CSV, mtime=0), 15),
        no_table("its compression is broken: Error -3 while decompressing data: invalid code lengths set"),
    ),
    "a gzip with a wrong checksum": Refused(
        flipped(gzip.compress(CSV, mtime=0), -8), no_table("its compression is broken: CRC check failed …")
    ),
    "a gzip with something behind it": Refused(
        gzip.compress(CSV) + b"more", no_table("its compression is broken: Not a gzipped file (b'mo')")
    ),
    "a Parquet file in which a byte has changed": Refused(
        flipped(parquet_of(ROWS), -20), no_table("it is a damaged Parquet file")
    ),
    "Parquet with spans of time for times": Refused(
        parquet_of(pl.DataFrame(ROWS).with_columns(pl.duration(seconds=5).alias("event_time"))),
        f"train.csv: only 0 of {len(ROWS)} rows can be used ({len(ROWS)} x event_time is no time like 2025-06-19 "
        "10:23:07+00:00); at least 90% must be, so mend the file and try again.",
    ),
    "UTF-16 without a mark": Refused(
        CSV.decode().encode("utf-16-le"), other_encoding("not UTF-8, but utf-16-le by its looks")
    ),
    "UTF-16 the other way round without a mark": Refused(
        CSV.decode().encode("utf-16-be"), other_encoding("not UTF-8, but utf-16-be by its looks")
    ),
    "UTF-16 cut within a letter": Refused(
        CSV.decode().encode("utf-16")[:-1], other_encoding("not in the encoding that was told")
    ),
    "a header that is not UTF-8": Refused(
        "größe,wert\n1,2\n".encode("latin-1"), other_encoding("not UTF-8, as its first line shows")
    ),
    "a header that is not in the encoding told": Refused(
        b"event_time,\x81\n1,2\n", other_encoding("not cp1252, as its first line shows"), mapping={"encoding": "cp1252"}
    ),
    "a header with a quote that is not closed": Refused(
        b'"' + CSV, no_table("the quotes of its first line do not match")
    ),
    "a header with text behind a closing quote": Refused(
        CSV.replace(b"event_type", b'"event"_type'), no_table("the quotes of its first line do not match")
    ),
    "one line of text without end": Refused(b"a" * 3_000_000, no_table("its first line is longer than a megabyte")),
    "one name without end": Refused(b"a" * 200_000 + b"\nx\n", no_table("its first line names no columns")),
    "an HTML page": Refused(
        b"<!DOCTYPE html>\n<html><body>Not found</body></html>\n",
        missing(", ".join(ROWS[0]), "<!DOCTYPE html>"),
    ),
    "lines of JSON": Refused(
        b'{"event_time": "2025-06-02", "event_type": "VIEW"}\n' * 3,
        missing(", ".join(ROWS[0]), '{"event_time": "2025-06-02", "event_type": "VIEW"}'),
    ),
    "a table of very many columns": Refused(
        ",".join(f"c{number}" for number in range(5_000)).encode() + b"\n1\n",
        missing(", ".join(ROWS[0]), "c0, c1, c2, c3, c4, c5, c6, c7 and 4,992 more"),
    ),
    "column names of any letters and any length": Refused(
        b"\x1b[31mred,two\x07," + b"x" * 300 + b"\n1,2,3\n",
        missing(", ".join(ROWS[0]), f"\\x1b[31mred, two\\x07, {'x' * 60}…"),
    ),
    "nothing behind the line that names the separator": Refused(b"sep=;\n", empty()),
    "text that is padded with NULs": Refused(
        CSV.replace(b"VIEW", b"VIEW" + b"\x00" * 28), no_table("it holds binary data, not text")
    ),
    "a header with a NUL": Refused(CSV.replace(b"_id", b"_id\x00", 1), no_table("it holds binary data, not text")),
    "NULs in too many rows": Refused(
        CSV.replace(b"P1", b"P\x00"),
        "train.csv: only 34 of 40 rows can be used (6 x product_id holds a NUL character); at least 90% must be, so "
        "mend the file and try again.",
    ),
    "no event_type": Refused(
        CSV.replace(b"event_type", b"kind"), missing("event_type", FOUND.replace("event_type", "kind"))
    ),
    "no session_value in train": Refused(
        csv_of([{name: row[name] for name in list(row)[:-1]} for row in ROWS]),
        missing("session_value", FOUND.removesuffix(", session_value")),
    ),
    "a table of something else": Refused(
        b"a,b\n1,2\n",
        missing("event_time, event_type, product_id, category_id, user_id, user_session", "a, b", "test.csv"),
        "test",
    ),
    "two columns missing in Parquet": Refused(
        parquet_of(pl.DataFrame(ROWS).drop("event_time", "user_id")),
        missing("event_time, user_id", FOUND.replace("event_time, ", "").replace("user_id, ", "")),
    ),
    "a column of the mapping that differs in more than its case": Refused(
        CSV, missing("user", FOUND), mapping={"columns": {"user_id": "user"}}
    ),
    "a price that the mapping names and the log has not": Refused(
        CSV,
        missing("paid", FOUND),
        mapping={"value": "price_of_buys", "columns": {"price": "paid"}},
    ),
    "a column twice": Refused(
        "\n".join(f"{line},{'user_id' if line == HEADER else 'U'}" for line in LINES).encode(),
        column_twice("user_id"),
    ),
    "a column twice but for blanks": Refused(
        csv_of([{**row, " event_time": "x"} for row in ROWS]),
        column_twice("event_time"),
    ),
    "another separator than the mapping says": Refused(
        CSV,
        "The columns of train.csv are separated by commas, and the mapping names another separator: "
        "take the separator out of the mapping, then the header tells it.",
        mapping={"separator": ";"},
    ),
    "too few usable rows": Refused(
        spoiled("event_type", "LOOK", 5),
        f"train.csv: only 35 of 40 rows can be used (5 x event_type is LOOK, not one of {WORDS}); "
        "at least 90% must be, so mend the file and try again.",
    ),
    "rows of another separator than the header": Refused(
        (HEADER + "\n" + "\n".join(LINES[1:]).replace(",", ";")).encode(),
        "train.csv: only 0 of 40 rows can be used (40 x it has 1 field, the header has 7); "
        "at least 90% must be, so mend the file and try again.",
    ),
    "text of another encoding": Refused(
        csv_of([{**row, "product_id": f"ß{row['product_id']}"} for row in ROWS]).decode().encode("latin-1"),
        "train.csv: only 0 of 40 rows can be used (40 x its text is not UTF-8); "
        'at least 90% must be, so mend the file, or say encoding = "cp1252" (or what it is) in a mapping, '
        "and try again.",
    ),
    "rows of which none means anything to the mapping": Refused(
        CSV,
        "train.csv: only 0 of 40 rows can be used (10 x event_type is ADD_CART, not one of buys, "
        "10 x event_type is BUY, not one of buys, 10 x event_type is REMOVE_CART, not one of buys, "
        "10 x event_type is VIEW, not one of buys); at least one must be, so mend the file and try again.",
        mapping={"event_words": {"buys": "BUY"}, "least_usable": 0.0},
    ),
    "rows of which all are to be ignored": Refused(
        csv_of([{**row, "event_type": "look"} for row in ROWS]),
        "train.csv: only 0 of 40 rows can be used (40 x event_type is look, which is to be ignored); "
        "at least 90% must be, so mend the file and try again.",
        mapping={"ignored_words": ["look"]},
    ),
    "too few usable rows beside those to be ignored": Refused(
        csv_of(
            [
                *({**row, "event_type": "scroll", "user_id": ""} for row in ROWS[:2]),
                *({**row, "event_type": "scroll"} for row in ROWS[2:20]),
                *({**row, "event_time": "02.06.2025 12:00"} for row in ROWS[20:23]),
                *ROWS[23:],
            ]
        ),
        f"train.csv: only 17 of 20 rows can be used (3 x {TIME}; 20 more are to be ignored); "
        "at least 90% must be, so mend the file and try again.",
        mapping={"ignored_words": ["scroll"]},
    ),
    "too many rows unusable for several reasons": Refused(
        csv_of(
            [
                *({**row, "user_id": ""} for row in ROWS[:3]),
                *({**row, "session_value": "-1"} for row in ROWS[3:5]),
                *ROWS[5:],
            ]
        ),
        "train.csv: only 35 of 40 rows can be used (3 x empty user_id, 2 x session_value is negative); "
        "at least 90% must be, so mend the file and try again.",
    ),
    "too few usable rows for a strict mapping": Refused(
        spoiled("user_id", "", 1),
        "train.csv: only 39 of 40 rows can be used (1 x empty user_id); "
        "at least 100% must be, so mend the file and try again.",
        mapping={"least_usable": 1.0},
    ),
    "times in another form": Refused(
        csv_of([{**row, "event_time": "02.06.2025 12:00"} for row in ROWS]),
        f"train.csv: only 0 of 40 rows can be used (40 x {TIME}); "
        'at least 90% must be, so mend the file, or say time_format = "%d.%m.%Y %H:%M" in a mapping, and try again.',
    ),
    "epoch seconds without a mapping": Refused(
        csv_of([{**row, "event_time": f"{NOON + number}"} for number, row in enumerate(ROWS)]),
        f"train.csv: only 0 of 40 rows can be used (40 x {TIME}); "
        'at least 90% must be, so mend the file, or say time_format = "epoch_seconds" in a mapping, and try again.',
    ),
    "epoch seconds taken for milliseconds": Refused(
        csv_of([{**row, "event_time": f"{NOON + number}"} for number, row in enumerate(ROWS)]),
        "train.csv: only 0 of 40 rows can be used (40 x event_time is no time in epoch milliseconds of 1990 or later); "
        'at least 90% must be, so mend the file, or say time_format = "epoch_seconds" in a mapping, and try again.',
        mapping={"time_format": "epoch_milliseconds"},
    ),
    "a table packed twice": Refused(gzip.compress(gzip.compress(CSV)), no_table("it is compressed twice")),
    "Parquet with true and false for values": Refused(
        parquet_of(pl.DataFrame(ROWS).with_columns(pl.lit(value=True).alias("session_value"))),
        "train.csv: only 0 of 40 rows can be used (40 x session_value is no finite number); "
        "at least 90% must be, so mend the file and try again.",
    ),
    "Parquet with dates for times": Refused(
        parquet_of(pl.DataFrame(ROWS).with_columns(pl.lit(datetime.date(2025, 6, 2)).alias("event_time"))),
        f"train.csv: only 0 of 40 rows can be used (40 x {TIME}); "
        'at least 90% must be, so mend the file, or say time_format = "%Y-%m-%d" in a mapping, and try again.',
    ),
    "the train file as test": Refused(
        csv_of(rows_of(GOOD, "test")),
        "test.csv was given as train and as test: the two must be different files, the test file with the sessions "
        "to predict; pick the other one.",
    ),
    "a sample that names a session twice": Refused(
        sample_of("B1", "B2", " B1 "),
        "sample.csv names 1 session more than once (B1): "
        "each session stands there once; remove the repetitions and try again.",
        "sample",
    ),
    "a sample of another test file": Refused(
        sample_of("B1", "A1"),
        "1 of the 2 sessions in sample.csv has no event in the test file (A1): every session to predict needs at "
        "least one event; use the test file that belongs to this sample submission.",
        "sample",
    ),
    "a sample that names several sessions twice": Refused(
        sample_of("B2", "B1", "B2", "B3", "B1", "B2"),
        "sample.csv names 2 sessions more than once (B1, B2): "
        "each session stands there once; remove the repetitions and try again.",
        "sample",
    ),
    "a sample of which most sessions have no events": Refused(
        sample_of("B1", *(f"A{number}" for number in range(5))),
        "5 of the 6 sessions in sample.csv have no event in the test file (A0, A1, A2 and 2 more): every session to "
        "predict needs at least one event; use the test file that belongs to this sample submission.",
        "sample",
    ),
    "a sample with an empty id": Refused(
        sample_of("B1", " "),
        "1 of the 2 sessions in sample.csv has no event in the test file (an empty id): every session to predict needs "
        "at least one event; use the test file that belongs to this sample submission.",
        "sample",
    ),
    "a sample with a line cut short": Refused(
        sample_of("B1", "B2") + b"B3\n",
        no_table("line 4: it has 1 field, the header has 2", "sample.csv"),
        "sample",
    ),
    "a sample with a header only": Refused(sample_of("B1").split(b"\n")[0] + b"\n", empty("sample.csv"), "sample"),
    "an empty sample": Refused(b"", empty("sample.csv"), "sample"),
    "a picture for a sample": Refused(b"\x89PNG", no_table("it is a PNG image", "sample.csv"), "sample"),
    "a sample without ids": Refused(
        b"id,session_value\nB1,0\n", missing("user_session", "id, session_value", "sample.csv"), "sample"
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_refused_in_one_sentence_and_nothing_stays(tmp_path: Path, name: str) -> None:
    bad = REFUSED[name]
    files = write_files(tmp_path, GOOD, **{bad.part: bad.content})
    workspace = Workspace(tmp_path / "home")
    mapping = Mapping.checked(**bad.mapping)
    with pytest.raises(InputError) as refused:
        ingest(InputFiles(files.train, files.test, files.sample_submission, mapping=mapping), workspace)
    said = str(refused.value)
    assert re.sub(r"CRC check failed .*?\)", "CRC check failed …)", said) == bad.sentence
    assert said.isprintable()
    assert left_behind(workspace) == []


@pytest.mark.parametrize("part", ["train", "test", "sample_submission"])
def test_a_file_that_is_not_there_is_named_with_its_path(tmp_path: Path, workspace: Workspace, part: str) -> None:
    absent = tmp_path / "absent.csv"
    files = replace(write_files(tmp_path / "files", GOOD, sample=sample_of("B1")), **{part: absent})
    with pytest.raises(InputError) as refused:
        ingest(files, workspace)
    assert str(refused.value) == f"There is no file at {absent}: check the path, or pick another file."
    assert left_behind(workspace) == []


def test_a_mapping_that_the_sample_does_not_follow_does_not_hide_its_column(tmp_path: Path) -> None:
    """The sample may call the sessions as the log does, or as we do."""
    mapping = Mapping.checked(columns={"user_session": "visit"})
    for name in (b"visit", b"user_session"):
        train, test = (csv_of(rows_of(GOOD, file)).replace(b"user_session", b"visit") for file in ("train", "test"))
        sample = sample_of("B3", "B1").replace(b"user_session", name)
        files = write_files(tmp_path / name.decode(), GOOD, train=train, test=test, sample=sample)
        dataset = ingest(replace(files, mapping=mapping), Workspace(tmp_path / "home"))
        assert dataset.order().get_column("user_session").to_list() == ["B3", "B1"]
