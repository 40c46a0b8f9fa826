"""Bad inputs, each a file made on the spot, and what is said of each: a sentence, or a reason in quarantine."""

from __future__ import annotations

import gzip
import io
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pytest

from core.errors import InputError
from core.ingestion import InputFiles, Query, ingest
from core.ingestion.mapping import Mapping
from core.workspace import Workspace
from tests.events_on_the_spot import csv_of, good_events, rows_of, sample_of, write_files

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


def missing(names: str, found: str, name: str = "train.csv") -> str:
    word = "columns" if "," in names else "column"
    return (
        f"{name} has no {word} {names} (found: {found}): "
        f"rename or add the missing {word}, or say with a mapping what this log calls them."
    )


def parquet_of(frame: pl.DataFrame) -> bytes:
    target = io.BytesIO()
    frame.write_parquet(target)
    return target.getvalue()


def zip_of(**members: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_dot_", "."), content)
    return target.getvalue()


def locked_zip() -> bytes:
    """A ZIP whose member says that it is encrypted: the flag stands in the local and in the central header."""
    content = bytearray(zip_of(train_dot_csv=CSV))
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + flags] |= 1
    return bytes(content)


def with_line(number: int, line: str) -> bytes:
    """The good train file with one line (the header is line 1) replaced."""
    return ("\n".join([*LINES[: number - 1], line, *LINES[number:]]) + "\n").encode()


def with_cell(column: str, text: str, row: int = 5) -> bytes:
    return csv_of([{**cells, column: text} if number == row else cells for number, cells in enumerate(ROWS)])


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
        zip_of(**{"[Content_Types]_dot_xml": b"<x/>"}),
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
        zip_of(),
        "train.csv has no file in it: a ZIP archive needs at least one event file; pack it again.",
    ),
    "a locked ZIP": Refused(locked_zip(), no_table("its ZIP archive is protected by a password")),
    "a ZIP cut short": Refused(
        zip_of(train_dot_csv=CSV)[:-40], no_table("its ZIP archive is broken: File is not a zip file")
    ),
    "an image in a ZIP": Refused(
        zip_of(photo_dot_png=b"\x89PNG\r\n\x1a\n"), no_table("it is a PNG image", "train.csv/photo.png")
    ),
    "a gzip cut short": Refused(gzip.compress(CSV)[:-20], no_table("it is cut short")),
    "a Parquet file cut short": Refused(parquet_of(pl.DataFrame(ROWS))[:-9], no_table("it is a damaged Parquet file")),
    "bytes that are no text": Refused(CSV.replace(b"P1", b"P\x00"), no_table("it holds binary data, not text")),
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
    "a price that the mapping names and the log has not": Refused(
        CSV,
        missing("paid", FOUND),
        mapping={"value": "price_of_buys", "columns": {"price": "paid"}},
    ),
    "a column twice": Refused(
        "\n".join(f"{line},{'user_id' if line == HEADER else 'U'}" for line in LINES).encode(),
        no_table("the column user_id stands there more than once"),
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
    "too few usable rows for a strict mapping": Refused(
        spoiled("user_id", "", 1),
        "train.csv: only 39 of 40 rows can be used (1 x empty user_id); "
        "at least 100% must be, so mend the file and try again.",
        mapping={"least_usable": 1.0},
    ),
    "times in another form": Refused(
        csv_of([{**row, "event_time": "02.06.2025 12:00"} for row in ROWS]),
        f"train.csv: only 0 of 40 rows can be used (40 x {TIME}); "
        "at least 90% must be, so mend the file and try again.",
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
    assert str(refused.value) == bad.sentence
    assert list(workspace.datasets.iterdir()) == []


ASIDE: dict[str, tuple[bytes, int, str]] = {
    "an empty session id": (with_cell("user_session", ""), 7, "empty user_session"),
    "a session id of blanks": (with_cell("user_session", "   "), 7, "empty user_session"),
    "an empty user": (with_cell("user_id", ""), 7, "empty user_id"),
    "an empty product": (with_cell("product_id", ""), 7, "empty product_id"),
    "an empty category": (with_cell("category_id", ""), 7, "empty category_id"),
    "no time": (with_cell("event_time", ""), 7, TIME),
    "a word for a time": (with_cell("event_time", "yesterday"), 7, TIME),
    "the 30th of February": (with_cell("event_time", "2025-02-30 10:00:00"), 7, TIME),
    "epoch seconds": (with_cell("event_time", "1748865600"), 7, TIME),
    "the year 20025": (with_cell("event_time", "20025-06-01 10:00:00"), 7, TIME),
    "the year -2025": (with_cell("event_time", "-2025-06-01 10:00:00"), 7, TIME),
    "no event type": (with_cell("event_type", ""), 7, "empty event_type"),
    "an unknown word": (with_cell("event_type", "WISHLIST"), 7, f"event_type is WISHLIST, not one of {WORDS}"),
    "no value": (with_cell("session_value", ""), 7, "session_value is no finite number"),
    "a comma in a value": (with_cell("session_value", "12,50"), 7, "session_value is no finite number"),
    "a word for a value": (with_cell("session_value", "many"), 7, "session_value is no finite number"),
    "NaN": (with_cell("session_value", "nan"), 7, "session_value is no finite number"),
    "infinity": (with_cell("session_value", "inf"), 7, "session_value is no finite number"),
    "a negative value": (with_cell("session_value", "-0.01"), 7, "session_value is negative"),
    "a value beyond all money": (with_cell("session_value", "1e13"), 7, "session_value is above 1e+12"),
    "a line cut short": (with_line(9, "2025-06-02,VIEW,P1"), 9, "it has 3 fields, the header has 7"),
    "a line of one word": (with_line(9, "total"), 9, "it has 1 field, the header has 7"),
    "a line with a field too many": (with_line(8, LINES[7] + ",more"), 8, "it has 8 fields, the header has 7"),
    "a quote that is never closed": (with_line(6, '"' + LINES[5]), 6, "its quotes do not match"),
    "text behind a closing quote": (
        with_line(6, LINES[5].replace("P", '"P"x')),
        6,
        "its quotes do not match",
    ),
    "a line that is not UTF-8": (
        with_line(30, LINES[29].replace("P", "Pé")).decode().encode("latin-1"),
        30,
        "its text is not UTF-8",
    ),
    "a bad row behind a cell of three lines": (
        with_line(4, LINES[3].replace("P", '"P\n\n').replace(",C", '",C')).replace(b",BUY,", b",BOUGHT,", 1),
        7,
        f"event_type is BOUGHT, not one of {WORDS}",
    ),
    "a bad row behind blank lines": (with_line(3, "\n\n" + LINES[2] + ",x"), 5, "it has 8 fields, the header has 7"),
}


@pytest.mark.parametrize("name", ASIDE)
def test_a_row_that_cannot_be_used_is_set_aside_and_the_rest_goes_on(tmp_path: Path, name: str) -> None:
    content, line, reason = ASIDE[name]
    files = write_files(tmp_path, GOOD, train=content)
    dataset = ingest(files, Workspace(tmp_path / "home"))
    (aside,) = dataset.quarantine().collect().to_dicts()
    assert (aside["file"], aside["reason"], aside["ignored"], aside["role"]) == ("train.csv", reason, False, 0)
    card = dataset.card().train
    assert (card.rows, card.kept, card.quarantined) == (40, 39, 1)
    assert aside["line"] == line
    written = content.decode("utf-8", errors="replace").split("\n")[line - 1]
    assert aside["row"] == written


@pytest.mark.parametrize(
    ("url", "sql", "sentence"),
    [
        (
            "shop",
            "SELECT 1",
            "The address of the database cannot be understood (Could not parse SQLAlchemy URL from given URL string): "
            "it is like sqlite:///shop.db or postgresql://user:password@host/shop; correct it and try again.",
        ),
    ],
)
def test_an_address_that_is_none_is_a_sentence(tmp_path: Path, url: str, sql: str, sentence: str) -> None:
    files = write_files(tmp_path, GOOD)
    with pytest.raises(InputError) as refused:
        ingest(InputFiles(Query(url, sql), files.test), Workspace(tmp_path / "home"))
    assert str(refused.value) == sentence
