"""What ingestion keeps, sets aside and refuses: files in, one clean dataset out, or one sentence and nothing stored."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import io
import random
import re
import shutil
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.dataset import CARD_FILE, Dataset
from core.errors import InputError, StudioError
from core.ingestion import InputFiles, ingest, read_ids
from core.ingestion.uploads import keep_upload
from core.workspace import Workspace
from tests.events_on_the_spot import (
    NOON,
    Event,
    csv_of,
    facts_of,
    good_events,
    random_events,
    rows_of,
    sample_of,
    store,
    unit_names,
    words_of,
    write_files,
)

GOOD = good_events()
ROWS = rows_of(GOOD, "train")
CSV = csv_of(ROWS)
LINES = CSV.decode().splitlines()
HEADER = LINES[0]
FOUND = HEADER.replace(",", ", ")
QUICKLY = settings(deadline=None, derandomize=True)


def parquet_of(frame: pl.DataFrame) -> bytes:
    target = io.BytesIO()
    frame.write_parquet(target)
    return target.getvalue()


def typed_frame() -> pl.DataFrame:
    """The good train rows as a program would write them: times as times, values as numbers, words as categories."""
    return pl.DataFrame(ROWS).with_columns(
        pl.col("event_time").str.to_datetime("%Y-%m-%d %H:%M:%S%z"),
        pl.col("event_type").cast(pl.Categorical),
        pl.col("session_value").cast(pl.Float64),
    )


def with_line(number: int, line: str) -> bytes:
    """The good train file with one line (the header is line 1) replaced."""
    return "\n".join([*LINES[: number - 1], line, *LINES[number:]]).encode() + b"\n"


def with_cell(column: str, text: str, row: int = 5) -> list[dict[str, str]]:
    """The good train rows with one cell replaced."""
    return [{**cells, column: text} if number == row else cells for number, cells in enumerate(ROWS)]


def stored_bytes(dataset: Dataset) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in dataset.folder.iterdir()}


def left_behind(workspace: Workspace) -> list[str]:
    return [str(path) for path in workspace.datasets.rglob("*")]


# --- good files -------------------------------------------------------------------------------------------------------
LISTS = typed_frame().with_columns(pl.lit([1, 2]).alias("tags"), pl.lit(b"\xff").alias("thumbnail"))
TIMES = typed_frame().get_column("event_time")
BUSY_NAMES = {"line": "1", "time": "now", "value": "-3", "unit": "x", "reason": "none", "": "", "note": 'a, "b"\nc'}
GOOD_FORMS = {
    "CSV": CSV,
    "CSV without a line end at its end": CSV.rstrip(b"\n"),
    "CSV.GZ": gzip.compress(CSV),
    "CSV.GZ of several members": gzip.compress(CSV[:500]) + gzip.compress(CSV[500:]),
    "Parquet of text": parquet_of(pl.DataFrame(ROWS)),
    "Parquet with a datetime column": parquet_of(typed_frame()),
    "Parquet with times without a zone": parquet_of(typed_frame().with_columns(TIMES.dt.replace_time_zone(None))),
    "Parquet with nanoseconds": parquet_of(typed_frame().with_columns(TIMES.dt.cast_time_unit("ns"))),
    "Parquet with times of Tokyo": parquet_of(typed_frame().with_columns(TIMES.dt.convert_time_zone("Asia/Tokyo"))),
    "Parquet with lists and pictures nobody asked for": parquet_of(LISTS),
    "byte order mark": b"\xef\xbb\xbf" + CSV,
    "line ends of Windows": csv_of(ROWS, ending="\r\n"),
    "quoted fields": csv_of(ROWS, quote_all=True),
    "columns in another order": csv_of([dict(reversed(row.items())) for row in ROWS]),
    "extra columns, some named as our own": csv_of([{**BUSY_NAMES, **row} for row in ROWS]),
    "blanks around names and cells": b"\n".join(
        " , ".join(f" {cell}  " for cell in line.split(",")).encode() for line in LINES
    ),
    "times in ISO form": csv_of([{**row, "event_time": row["event_time"].replace(" ", "T")} for row in ROWS]),
    "times ending in Z": csv_of([{**row, "event_time": row["event_time"].replace("+00:00", "Z")} for row in ROWS]),
    "times ending in UTC": csv_of([{**row, "event_time": row["event_time"].replace("+00:00", " UTC")} for row in ROWS]),
    "times without a zone": csv_of([{**row, "event_time": row["event_time"].removesuffix("+00:00")} for row in ROWS]),
    "times with parts of a second": csv_of(
        [{**row, "event_time": row["event_time"].replace("+00:00", ".999+00:00")} for row in ROWS]
    ),
}


@pytest.mark.parametrize("form", GOOD_FORMS)
def test_a_good_file_is_stored_event_by_event(tmp_path: Path, form: str) -> None:
    dataset = store(tmp_path, GOOD, train=GOOD_FORMS[form])
    assert facts_of(dataset) == sorted(event.facts for event in GOOD)
    card = dataset.card()
    assert (card.train.rows, card.train.kept, card.train.quarantined) == (40, 40, 0)
    assert dataset.quarantine().collect().is_empty()
    values = dict(dataset.units().filter(pl.col("role") == 0).select("session", "value").collect().iter_rows())
    sessions = words_of(dataset, "user_session")
    assert {sessions[code]: value for code, value in values.items()} == {f"A{n}": 10.5 * n for n in range(10)}


def test_a_time_of_another_zone_is_moved_to_utc(tmp_path: Path) -> None:
    dataset = store(tmp_path, GOOD, train=csv_of(with_cell("event_time", "2025-06-02 14:30:00+02:00")))
    sixth = dataclasses.replace(GOOD[5], time=NOON + 1800)
    assert facts_of(dataset) == sorted(event.facts for event in [*GOOD[:5], sixth, *GOOD[6:]])


def test_the_name_of_a_file_does_not_count_but_its_content(tmp_path: Path) -> None:
    files = write_files(tmp_path, GOOD, train=gzip.compress(CSV))
    table = files.train.rename(tmp_path / "train.parquet")
    assert len(facts_of(ingest(InputFiles(table, files.test), Workspace(tmp_path / "home")))) == 80


def test_the_card_counts_what_the_files_hold(tmp_path: Path) -> None:
    events = [
        *GOOD,
        Event("train", "BOTH", "U9", time=NOON - 60, value=8.0),
        Event("test", "BOTH", "U9", product="NEW"),
        Event("train", "SHARED", "U1"),
        Event("train", "SHARED", "U2"),
        Event("train", "UNEVEN", "U3", value=1.0),
        Event("train", "UNEVEN", "U3", value=4.0),
    ]
    card = store(tmp_path, events, sample=sample_of("BOTH", "B1")).card()
    train = card.train
    assert (train.name, train.rows, train.sessions, train.users, train.products) == ("train.csv", 45, 13, 7, 7)
    assert (train.first_time, train.last_time) == (NOON - 60, NOON + 9 * 3600 + 180)
    assert train.value_mean == pytest.approx((10.5 * 45 + 8 + 10 + 2.5) / 13)
    assert (card.test.rows, card.test.value_mean, card.test.value_median) == (41, None, None)
    assert (card.to_predict, card.known_sessions, card.composite_train, card.composite_test) == (2, 1, 1, 0)
    assert (card.users_in_both, card.products_new_in_test, card.sessions_with_differing_values) == (7, 1, 1)
    assert (card.synthetic, card.sample_submission, card.quarantine_reasons) == (False, "sample.csv", {})


def test_files_beside_the_mark_of_the_simulator_are_called_synthetic(demo_files: InputFiles, tmp_path: Path) -> None:
    assert ingest(demo_files, Workspace(tmp_path)).card().synthetic


def test_ids_come_back_as_they_stand_in_the_files(tmp_path: Path) -> None:
    odd = ["0001", "1", "ä ö", "Ωmega", "a,b", 'say "x"', "NULL", "nan", "-", "💶"]
    users = {f"A{number}": user for number, user in enumerate(odd)}
    events = [dataclasses.replace(event, user=users.get(event.session, event.user)) for event in GOOD]
    dataset = store(tmp_path, events)
    assert facts_of(dataset) == sorted(event.facts for event in events)
    assert sorted(words_of(dataset, "user_id").values()) == sorted({event.user for event in events})


# --- the order of the submission --------------------------------------------------------------------------------------
def test_the_order_of_the_sample_submission_is_kept(tmp_path: Path) -> None:
    order = store(tmp_path, GOOD, sample=sample_of("B7", "B0", "B3")).order()
    assert order.get_column("user_session").to_list() == ["B7", "B0", "B3"]


def test_without_a_sample_all_test_sessions_are_predicted_in_the_order_of_their_ids(tmp_path: Path) -> None:
    dataset = store(tmp_path, GOOD[::-1])
    assert dataset.order().get_column("user_session").to_list() == [f"B{number}" for number in range(10)]
    assert sorted(dataset.test_sessions()) == [f"B{number}" for number in range(10)]


def test_ids_are_read_once_each_in_file_order(tmp_path: Path) -> None:
    assert read_ids(write_files(tmp_path, GOOD[::-1]).test).to_list() == [f"B{number}" for number in range(9, -1, -1)]


# --- the same files again ---------------------------------------------------------------------------------------------
def test_the_same_files_are_recognised_under_other_names_and_only_the_names_are_rewritten(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "home")
    first = ingest(write_files(tmp_path / "one", GOOD, sample=sample_of("B1")), workspace)
    stored = [path for path in first.folder.iterdir() if path.name != "card.json"]
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in stored}
    card = first.card()
    again = write_files(tmp_path / "two", GOOD, sample=sample_of("B1"))
    other_name = again.train.rename(tmp_path / "two" / "clicks.csv")
    said: list[str] = []
    second = ingest(
        InputFiles(other_name, again.test, again.sample_submission),
        workspace,
        lambda part, parts, text: said.append(text),
    )
    assert second.fingerprint == first.fingerprint
    assert said[-1] == "these files were read before"
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in stored} == before
    assert {path.name for path in second.folder.iterdir()} == {path.name for path in stored} | {"card.json"}
    named = card.model_copy(update={"name": "two", "train": card.train.model_copy(update={"name": "clicks.csv"})})
    assert second.card() == named


def test_other_content_is_another_dataset(tmp_path: Path) -> None:
    fingerprints = {
        store(tmp_path / "a", GOOD).fingerprint,
        store(tmp_path / "b", GOOD[1:]).fingerprint,
        store(tmp_path / "c", GOOD, sample=sample_of("B1")).fingerprint,
        store(tmp_path / "d", GOOD, sample=sample_of("B2")).fingerprint,
    }
    assert len(fingerprints) == 4


@settings(QUICKLY, max_examples=40)
@given(events=random_events(), seed=st.integers(0, 999))
def test_the_row_order_of_the_files_changes_no_stored_byte(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event], seed: int
) -> None:
    folder = tmp_path_factory.mktemp("order")
    shuffled = random.Random(seed).sample(events, len(events))
    one, two = (stored_bytes(store(folder / name, rows)) for name, rows in (("a", events), ("b", shuffled)))
    one.pop(CARD_FILE), two.pop(CARD_FILE)
    assert one == two


def test_rows_that_differ_in_one_cell_only_have_one_stored_order(tmp_path: Path) -> None:
    twins = [Event("train", "S", "U", category=f"C{number}", value=0.1 * number) for number in range(8)]
    one = stored_bytes(store(tmp_path / "a", [*GOOD, *twins]))
    two = stored_bytes(store(tmp_path / "b", [*twins[::-1], *GOOD]))
    assert (one["train.parquet"], one["units.parquet"]) == (two["train.parquet"], two["units.parquet"])


# --- known and composite sessions -------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("in_train", "in_test", "is_known"),
    [
        (["U1"], ["U1"], True),
        (["U1", "U2"], ["U2", "U1"], True),
        (["U1"], ["U2"], False),
        (["U1", "U2"], ["U1"], False),
        (["U1"], ["U1", "U2"], False),
        (["U1", "U2"], ["U1", "U3"], False),
    ],
)
def test_a_test_session_is_known_when_train_has_its_id_with_the_same_users(
    tmp_path: Path, in_train: list[str], in_test: list[str], is_known: bool
) -> None:
    shared = [
        *(Event("train", "S", user, value=42.0) for user in in_train),
        *(Event("test", "S", user) for user in in_test),
    ]
    dataset = store(tmp_path, [*GOOD, *shared])
    units = dataset.units().collect()
    known = dict(zip(unit_names(dataset, units), units.get_column("known_value"), strict=True))
    assert {name: value for name, value in known.items() if value is not None} == (
        {("test", "S", user): 42.0 for user in in_test} if is_known else {}
    )
    assert dataset.card().known_sessions == int(is_known)


def test_a_session_id_of_several_users_is_one_unit_a_user(tmp_path: Path) -> None:
    shared = [Event("train", "S", f"U{number}", time=NOON + number, value=7.0) for number in (3, 1, 2, 1)]
    dataset = store(tmp_path, [*GOOD, *shared, Event("test", "S", "U1")])
    units = dataset.units().filter(pl.col("composite")).collect()
    assert unit_names(dataset, units) == [("train", "S", "U1"), ("train", "S", "U2"), ("train", "S", "U3")]
    assert units.get_column("start").to_list() == [NOON + 1, NOON + 2, NOON + 3]
    assert units.get_column("value").to_list() == [7.0, 7.0, 7.0]
    card = dataset.card()
    assert (card.composite_train, card.composite_test, card.train.sessions) == (1, 0, 11)


def test_units_are_numbered_from_zero_by_file_session_and_user(tmp_path: Path) -> None:
    dataset = store(tmp_path, GOOD)
    units = dataset.units().collect()
    assert units.get_column("unit").to_list() == list(range(20))
    assert unit_names(dataset, units) == sorted(
        {(event.file, event.session, event.user) for event in GOOD}, key=lambda name: (name[0] == "test", name)
    )


def test_differing_values_of_a_session_are_averaged(tmp_path: Path) -> None:
    dataset = store(tmp_path, [*GOOD, *(Event("train", "S", "U1", value=value) for value in (1.0, 2.0, 6.0))])
    assert dataset.units().collect().get_column("value").max() == 94.5
    assert dataset.units().filter(pl.col("value") == 3.0).collect().height == 1


# --- rows that cannot be used -----------------------------------------------------------------------------------------
WORDS = "VIEW, ADD_CART, REMOVE_CART, BUY"
BAD_CELLS = [
    ("user_session", "", "empty user_session"),
    ("user_session", "   ", "empty user_session"),
    ("user_id", "", "empty user_id"),
    ("product_id", "", "empty product_id"),
    ("category_id", "", "empty category_id"),
    ("event_time", "", "event_time is no time like 2025-06-19 10:23:07+00:00"),
    ("event_time", "yesterday", "event_time is no time like 2025-06-19 10:23:07+00:00"),
    ("event_time", "2025-02-30 10:00:00", "event_time is no time like 2025-06-19 10:23:07+00:00"),
    ("event_time", "1748865600", "event_time is no time like 2025-06-19 10:23:07+00:00"),
    ("event_type", "", f"event_type is none of {WORDS}"),
    ("event_type", "view", f"event_type is none of {WORDS}"),
    ("event_type", "WISHLIST", f"event_type is none of {WORDS}"),
    ("session_value", "", "session_value is no finite number"),
    ("session_value", "12,50", "session_value is no finite number"),
    ("session_value", "many", "session_value is no finite number"),
    ("session_value", "nan", "session_value is no finite number"),
    ("session_value", "inf", "session_value is no finite number"),
    ("session_value", "-inf", "session_value is no finite number"),
    ("session_value", "-0.01", "session_value is negative"),
]


@pytest.mark.parametrize("packed", [False, True], ids=["CSV", "Parquet"])
@pytest.mark.parametrize(("column", "text", "reason"), BAD_CELLS)
def test_an_unusable_row_goes_to_quarantine_as_it_was(
    tmp_path: Path, column: str, text: str, reason: str, packed: bool
) -> None:
    rows = with_cell(column, text)
    dataset = store(tmp_path, GOOD, train=parquet_of(pl.DataFrame(rows)) if packed else csv_of(rows))
    (aside,) = dataset.quarantine().collect().to_dicts()
    assert (aside["file"], aside["line"], aside["reason"]) == ("train.csv", 7, reason)
    assert {name: aside[name] or "" for name in rows[5]} == rows[5]
    card = dataset.card()
    assert (card.train.rows, card.train.kept, card.train.quarantined) == (40, 39, 1)
    assert card.quarantine_reasons == {reason: 1}
    assert facts_of(dataset) == sorted(event.facts for number, event in enumerate(GOOD) if number != 5)


def test_a_line_cut_short_goes_to_quarantine(tmp_path: Path) -> None:
    dataset = store(tmp_path, GOOD, train=with_line(9, "2025-06-02 12:00:00+00:00,VIEW,P1"))
    (aside,) = dataset.quarantine().collect().to_dicts()
    assert (aside["line"], aside["reason"], aside["product_id"]) == (9, "empty user_session", "P1")
    assert aside["user_id"] is None


def test_a_row_of_the_test_file_goes_to_quarantine_without_a_value(tmp_path: Path) -> None:
    rows = rows_of(GOOD, "test")
    rows[-1] = {**rows[-1], "event_type": "LOOK"}
    dataset = store(tmp_path, GOOD, test=csv_of(rows))
    (aside,) = dataset.quarantine().collect().to_dicts()
    assert (aside["file"], aside["line"], aside["session_value"]) == ("test.csv", 41, None)
    assert (dataset.card().test.kept, dataset.card().test.quarantined, dataset.card().train.quarantined) == (39, 1, 0)


def test_a_row_with_several_faults_is_counted_once_by_the_first_of_them(tmp_path: Path) -> None:
    dataset = store(tmp_path, GOOD, train=with_line(7, "never,LOOK,,C1,U1,A1,-5"))
    assert dataset.quarantine().collect().get_column("reason").to_list() == ["empty product_id"]
    assert dataset.card().quarantine_reasons == {"empty product_id": 1}


def test_up_to_a_tenth_of_unusable_rows_is_set_aside(tmp_path: Path) -> None:
    rows = [{**row, "event_type": "LOOK"} if number < 4 else row for number, row in enumerate(ROWS)]
    dataset = store(tmp_path, GOOD, train=csv_of(rows))
    assert dataset.quarantine().collect().get_column("line").to_list() == [2, 3, 4, 5]
    assert dataset.card().train.kept == 36


# --- files that cannot be used ----------------------------------------------------------------------------------------
NO_TABLE = (
    "{name}.csv cannot be read as a table ({found}): "
    "event files are CSV, CSV.GZ or Parquet; save it as one of these and try again."
)
EMPTY = "{name}.csv is empty: an event file needs a header line and at least one event; export it again."
TWICE = "the column {column} stands there more than once"
MISSING_ONE = "{name}.csv has no column {missing} (found: {found}): rename or add the missing column, then try again."
MISSING = "{name}.csv has no columns {missing} (found: {found}): rename or add the missing columns, then try again."
UNUSABLE = (
    "{name}.csv: only {kept} of 40 rows can be used ({reasons}); at least 90% must be, so mend the file and try again."
)
NOT_IN_TEST = (
    "{found} no event in the test file ({ids}): every session to predict needs at least one event; "
    "use the test file that belongs to this sample submission."
)
REPEATED = "sample.csv names {found}: each session stands there once; remove the repetitions and try again."

LONG_GZIP = gzip.compress(
    HEADER.encode()
    + b"\n"
    + b"".join(f"{LINES[1].replace('P0', f'P{random.Random(number).random()}')}\n".encode() for number in range(4000))
)


def gz_with_flipped_byte(place: int) -> bytes:
    content = bytearray(gzip.compress(CSV))
    content[place] ^= 0xFF
    return bytes(content)


def in_a_zone_that_is_none(parquet: bytes) -> bytes:
    """Misspell the time zone in the schema that Arrow writes, as base64, into a Parquet file's footer."""
    (schema,) = re.findall(rb"ARROW:schema.{1,4}?(/////[A-Za-z0-9+/=]+)", parquet, re.DOTALL)
    return parquet.replace(schema, base64.b64encode(base64.b64decode(schema).replace(b"UTC", b"UFO")))


def unusable(*faults: tuple[str, str, int]) -> bytes:
    """The good rows with so many cells of a column replaced, fault after fault."""
    rows, place = [dict(row) for row in ROWS], 0
    for column, text, count in faults:
        for row in rows[place : place + count]:
            row[column] = text
        place += count
    return csv_of(rows)


BAD_FILES: dict[str, tuple[str, bytes, str]] = {
    "an image": ("train", b"\x89PNG\r\n\x1a\n\x00\x00", NO_TABLE.format(name="train", found="it is a PNG image")),
    "a photo": ("test", b"\xff\xd8\xff\xe0JFIF", NO_TABLE.format(name="test", found="it is a JPEG image")),
    "a PDF": ("train", b"%PDF-1.7\n%", NO_TABLE.format(name="train", found="it is a PDF document")),
    "a zip": (
        "sample",
        b"PK\x03\x04\x14\x00",
        NO_TABLE.format(name="sample", found="it is a ZIP archive or an Excel workbook"),
    ),
    "an empty file": ("train", b"", EMPTY.format(name="train")),
    "an empty gzip": ("test", gzip.compress(b""), EMPTY.format(name="test")),
    "only a header": ("train", HEADER.encode() + b"\n", EMPTY.format(name="train")),
    "only a header, packed": ("train", gzip.compress(HEADER.encode()), EMPTY.format(name="train")),
    "Parquet without rows": ("train", parquet_of(typed_frame().clear()), EMPTY.format(name="train")),
    "blanks": ("test", b"  \n\n \t \n", EMPTY.format(name="test")),
    "no event_type": (
        "train",
        CSV.replace(b"event_type", b"kind"),
        MISSING_ONE.format(name="train", missing="event_type", found=FOUND.replace("event_type", "kind")),
    ),
    "no event_time in Parquet": (
        "train",
        parquet_of(typed_frame().drop("event_time")),
        MISSING_ONE.format(name="train", missing="event_time", found=FOUND.removeprefix("event_time, ")),
    ),
    "no session_value in train": (
        "train",
        csv_of([{name: row[name] for name in list(row)[:-1]} for row in ROWS]),
        MISSING_ONE.format(name="train", missing="session_value", found=FOUND.removesuffix(", session_value")),
    ),
    "no user_session in the sample": (
        "sample",
        b"id,session_value\nB1,0\n",
        MISSING_ONE.format(name="sample", missing="user_session", found="id, session_value"),
    ),
    "two missing columns": (
        "train",
        CSV.replace(b"event_type", b"kind").replace(b"user_id", b"who"),
        MISSING.format(
            name="train",
            missing="event_type, user_id",
            found=FOUND.replace("event_type", "kind").replace("user_id", "who"),
        ),
    ),
    "a table of something else": (
        "test",
        b"a,b\n1,2\n",
        MISSING.format(
            name="test", missing="event_time, event_type, product_id, category_id, user_id, user_session", found="a, b"
        ),
    ),
    "a column twice": (
        "train",
        CSV.replace(b"product_id", b"user_id"),
        NO_TABLE.format(name="train", found=TWICE.format(column="user_id")),
    ),
    "a column twice but for a blank": (
        "train",
        csv_of([{**row, " event_time": "x"} for row in ROWS]),
        NO_TABLE.format(name="train", found=TWICE.format(column="event_time")),
    ),
    "NULs": (
        "train",
        CSV.replace(b"P1", b"P\x00"),
        NO_TABLE.format(name="train", found="it holds binary data, not text"),
    ),
    "UTF-16": (
        "train",
        CSV.decode().encode("utf-16"),
        NO_TABLE.format(name="train", found="it holds binary data, not text"),
    ),
    "a gzip cut short": (
        "train",
        gzip.compress(CSV)[:-20],
        NO_TABLE.format(
            name="train",
            found="its gzip compression is broken: Compressed file ended before the end-of-stream marker was reached",
        ),
    ),
    "a gzip with a flipped byte": (
        "train",
        gz_with_flipped_byte(15),
        NO_TABLE.format(
            name="train",
            found="its gzip compression is broken: Error -3 while decompressing data: invalid code lengths set",
        ),
    ),
    "a long gzip cut short": ("train", LONG_GZIP[:-5], NO_TABLE.format(name="train", found="it is cut short")),
    "a Parquet file cut short": (
        "train",
        parquet_of(typed_frame())[:-9],
        NO_TABLE.format(
            name="train",
            found="it is a damaged Parquet file",
        ),
    ),
    "a Parquet file with a time zone that is none": (
        "train",
        in_a_zone_that_is_none(parquet_of(typed_frame())),
        NO_TABLE.format(
            name="train",
            found="unable to parse time zone: 'UFO'. "
            "Please check the Time Zone Database for a list of available time zones",
        ),
    ),
    "columns separated by semicolons": (
        "train",
        csv_of(rows_of(GOOD, "train")).replace(b",", b";"),
        "The columns of train.csv are separated by semicolons: event files are separated by commas; "
        "save it as CSV with commas and try again.",
    ),
    "columns separated by tabs": (
        "test",
        csv_of(rows_of(GOOD, "test")).replace(b",", b"\t"),
        "The columns of test.csv are separated by tabs: event files are separated by commas; "
        "save it as CSV with commas and try again.",
    ),
    "a line with too many fields": (
        "train",
        with_line(8, LINES[7] + ",surplus"),
        NO_TABLE.format(name="train", found="a line has more fields than the header"),
    ),
    "text that is not UTF-8": (
        "train",
        with_line(30, LINES[29].replace("P", "Pé")).decode().encode("latin-1"),
        NO_TABLE.format(name="train", found="its text is not UTF-8"),
    ),
    "a sample with a session that has no events": (
        "sample",
        sample_of("B1", "B99"),
        NOT_IN_TEST.format(found="1 of the 2 sessions in sample.csv has", ids="B99"),
    ),
    "a sample of another test file": (
        "sample",
        sample_of("B1", *(f"A{number}" for number in range(5))),
        NOT_IN_TEST.format(found="5 of the 6 sessions in sample.csv have", ids="A0, A1, A2 and 2 more"),
    ),
    "a sample with a gap": (
        "sample",
        sample_of("B1", ""),
        NOT_IN_TEST.format(found="1 of the 2 sessions in sample.csv has", ids="an empty id"),
    ),
    "a sample that names a session twice": (
        "sample",
        sample_of("B1", "B2", " B1 "),
        REPEATED.format(found="1 session more than once (B1)"),
    ),
    "a sample that names sessions twice": (
        "sample",
        sample_of("B2", "B1", "B2", "B3", "B1", "B2"),
        REPEATED.format(found="2 sessions more than once (B1, B2)"),
    ),
    "too many unusable rows": (
        "train",
        unusable(("event_type", "LOOK", 5)),
        UNUSABLE.format(name="train", kept=35, reasons=f"5 x event_type is none of {WORDS}"),
    ),
    "too many rows unusable for several reasons": (
        "train",
        unusable(("event_time", "?", 2), ("session_value", "-1", 3), ("user_id", "", 2)),
        UNUSABLE.format(
            name="train",
            kept=33,
            reasons="3 x session_value is negative, 2 x empty user_id, "
            "2 x event_time is no time like 2025-06-19 10:23:07+00:00",
        ),
    ),
    "no usable row": (
        "train",
        unusable(("session_value", "?", 40)),
        UNUSABLE.format(name="train", kept=0, reasons="40 x session_value is no finite number"),
    ),
    "a list where a word should stand": (
        "train",
        parquet_of(typed_frame().with_columns(pl.lit(["VIEW"]).alias("event_type"))),
        UNUSABLE.format(name="train", kept=0, reasons=f"40 x event_type is none of {WORDS}"),
    ),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_refused_in_one_sentence_and_leaves_nothing_behind(
    tmp_path: Path, workspace: Workspace, case: str
) -> None:
    name, content, sentence = BAD_FILES[case]
    files = write_files(tmp_path / "files", GOOD, **{name: content})
    with pytest.raises(InputError) as refused:
        ingest(files, workspace)
    assert str(refused.value) == sentence
    assert left_behind(workspace) == []


@pytest.mark.parametrize("part", ["train", "test", "sample_submission"])
@pytest.mark.parametrize("there", ["nothing", "a folder"])
def test_a_file_that_is_not_there_is_named_with_its_path(
    tmp_path: Path, workspace: Workspace, part: str, there: str
) -> None:
    absent = tmp_path / "absent.csv"
    if there == "a folder":
        absent.mkdir()
    files = dataclasses.replace(write_files(tmp_path / "files", GOOD), **{part: absent})
    with pytest.raises(InputError) as refused:
        ingest(files, workspace)
    assert str(refused.value) == f"There is no file at {absent}: check the path, or pick another file."
    assert left_behind(workspace) == []


def test_a_disk_that_fills_up_while_writing_leaves_nothing_behind(
    tmp_path: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, written = pl.DataFrame.write_parquet, []

    def write_two(frame: pl.DataFrame, target: Path) -> None:
        if len(written) == 2:
            raise OSError("No space left on device")
        written.append(target)
        write(frame, target)

    files = write_files(tmp_path / "files", GOOD)
    monkeypatch.setattr(pl.DataFrame, "write_parquet", write_two)
    with pytest.raises(OSError, match="No space left on device"):
        ingest(files, workspace)
    assert len(written) == 2
    assert left_behind(workspace) == []


# --- whatever the bytes -----------------------------------------------------------------------------------------------
EDITS = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.sampled_from(["replace", "insert", "delete", "cut"]),
        st.one_of(st.sampled_from(list(b',"\n\r \x00;-P0\xff')), st.integers(0, 255)),
    ),
    min_size=1,
    max_size=4,
)
Edit = tuple[float, str, int]


def edited(content: bytes, edits: list[Edit]) -> bytes:
    changed = bytearray(content)
    for where, what, byte in edits:
        place = int(where * len(changed))
        if what == "replace" and changed:
            changed[place] = byte
        elif what == "insert":
            changed.insert(place, byte)
        elif what == "delete":
            del changed[place : place + 1 + byte % 40]
        elif what == "cut" and byte % 8 == 0:
            del changed[place:]
    return bytes(changed)


def refused_or_adding_up(folder: Path, name: str, content: bytes) -> Dataset | None:
    """Ingest the good pair with one file replaced: None when it was refused as it should be, or a whole dataset."""
    files = write_files(folder / "files", GOOD, **{name: content})
    workspace = Workspace(folder / "home")
    try:
        dataset = ingest(files, workspace)
    except StudioError as refused:
        assert str(refused).endswith(".")
        assert left_behind(workspace) == []
        return None
    card, aside = dataset.card(), dataset.quarantine().collect()
    for role, part in (("train", card.train), ("test", card.test)):
        assert part.rows == part.kept + part.quarantined
        assert part.kept == dataset.events(role).collect().height >= 0.9 * part.rows
    assert aside.height == card.train.quarantined + card.test.quarantined == sum(card.quarantine_reasons.values())
    assert set(aside.get_column("file")) <= {"train.csv", "test.csv"}
    return dataset


@settings(QUICKLY, max_examples=120)
@given(name=st.sampled_from(["train", "test"]), edits=EDITS)
def test_a_damaged_csv_is_refused_or_every_line_of_it_accounted_for(
    tmp_path_factory: pytest.TempPathFactory, name: str, edits: list[Edit]
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    content = edited(csv_of(rows_of(GOOD, name)), edits)
    dataset = refused_or_adding_up(folder, name, content)
    if dataset is not None and b'"' not in content:  # a quoted line end is part of its cell
        card = dataset.card()
        assert (card.train if name == "train" else card.test).rows == len(content.strip(b"\n").split(b"\n")) - 1
    shutil.rmtree(folder)


@settings(QUICKLY, max_examples=60)
@given(name=st.sampled_from(["train", "test"]), edits=EDITS)
def test_a_damaged_gzip_is_refused_or_adds_up(
    tmp_path_factory: pytest.TempPathFactory, name: str, edits: list[Edit]
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    packed = gzip.compress(csv_of(rows_of(GOOD, name)), mtime=0)
    refused_or_adding_up(folder, name, edited(packed, edits))
    shutil.rmtree(folder)


def test_a_parquet_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = parquet_of(typed_frame())
    for length in range(1, len(whole), 97):
        assert refused_or_adding_up(tmp_path, "train", whole[:length]) is None


@settings(QUICKLY, max_examples=100)
@given(edits=EDITS)
def test_a_damaged_parquet_file_is_refused_or_adds_up(
    tmp_path_factory: pytest.TempPathFactory, edits: list[Edit]
) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    refused_or_adding_up(folder, "train", edited(parquet_of(typed_frame()), edits))
    shutil.rmtree(folder)


# --- uploads ----------------------------------------------------------------------------------------------------------
class Upload(io.BytesIO):
    """A browser's upload: a stream with the name that the visitor's machine gave it."""

    def __init__(self, name: str, content: bytes = CSV) -> None:
        super().__init__(content)
        self.name = name


CLIMBING = [
    ("train.csv", "train.csv"),
    ("../../train.csv", "train.csv"),
    ("/etc/passwd", "passwd"),
    ("a/b/../c.csv", "c.csv"),
    ("..", "file"),
    (".", "file"),
    ("", "file"),
    ("...", "file"),
    (".bashrc", "bashrc"),
    ("..\\..\\evil.csv", "_.._evil.csv"),
    ("C:\\data\\x.csv", "C__data_x.csv"),
    ("~/x.csv", "x.csv"),
    ("nul\0and\nline.csv", "nul_and_line.csv"),
    ("$(rm) ;x.csv", "__rm_ _x.csv"),
    ("événements 2.csv", "événements 2.csv"),
    ("x" * 500 + ".csv.gz", "x" * 53 + ".csv.gz"),
    ("€" * 300, "_" * 60),
    ("語" * 300, "語" * 60),
]


@pytest.mark.parametrize(("name", "kept_as"), CLIMBING, ids=[ascii(name[:20]) for name, _ in CLIMBING])
def test_an_upload_stays_in_its_folder_whatever_its_name(workspace: Workspace, name: str, kept_as: str) -> None:
    path = keep_upload(workspace, {"train": Upload(name)})["train"]
    assert path.name == kept_as
    assert path.resolve().is_relative_to(workspace.uploads.resolve())
    assert path.read_bytes() == CSV
    assert [found for found in workspace.root.rglob("*") if found.is_file()] == [path]


def test_the_same_upload_again_finds_its_folder(workspace: Workspace) -> None:
    first = keep_upload(workspace, {"train": Upload("a.csv"), "test": Upload("b.csv", b"b")})
    before = {path: path.stat().st_mtime_ns for path in first.values()}
    second = keep_upload(workspace, {"test": Upload("b.csv", b"b"), "train": Upload("a.csv")})
    assert second == first
    assert {path: path.stat().st_mtime_ns for path in second.values()} == before
    assert len(list(workspace.uploads.iterdir())) == 1


def test_the_same_content_under_another_name_is_found_under_that_name(workspace: Workspace) -> None:
    for name in ("a.csv", "b.csv"):
        path = keep_upload(workspace, {"train": Upload(name)})["train"]
        assert (path.name, path.read_bytes()) == (name, CSV)


def test_two_uploads_of_one_name_stay_apart(workspace: Workspace) -> None:
    kept = keep_upload(workspace, {"train": Upload("x.csv", b"one"), "test": Upload("x.csv", b"two")})
    assert (kept["train"].read_bytes(), kept["test"].read_bytes()) == (b"one", b"two")


def test_other_content_under_the_same_name_replaces_nothing(workspace: Workspace) -> None:
    old = keep_upload(workspace, {"train": Upload("x.csv", b"old")})["train"]
    new = keep_upload(workspace, {"train": Upload("x.csv", b"new")})["train"]
    assert (old.read_bytes(), new.read_bytes()) == (b"old", b"new")


def test_an_upload_that_was_read_already_is_kept_whole(workspace: Workspace) -> None:
    upload = Upload("x.csv")
    upload.read()
    assert keep_upload(workspace, {"train": upload})["train"].read_bytes() == CSV


def test_an_upload_that_breaks_off_leaves_nothing_behind(workspace: Workspace) -> None:
    class BreakingOff(Upload):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError("connection lost")

    with pytest.raises(OSError, match="connection lost"):
        keep_upload(workspace, {"test": Upload("a.csv"), "train": BreakingOff("b.csv")})
    assert list(workspace.uploads.iterdir()) == []


def test_kept_uploads_can_be_ingested(workspace: Workspace) -> None:
    kept = keep_upload(workspace, {"train": Upload("x.csv"), "test": Upload("x.csv", csv_of(rows_of(GOOD, "test")))})
    assert len(facts_of(ingest(InputFiles(kept["train"], kept["test"]), workspace))) == 80
