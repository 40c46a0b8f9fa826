"""Files with one invalid row: that line is quarantined with its reason, and all other rows are stored."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from core.base.workspace import Workspace
from core.ingestion import InputFiles, Query, ingest
from tests.events_on_the_spot import (
    csv_of,
    good_events,
    must_add_up,
    parquet_of,
    quarantined_rows,
    rows_of,
    with_cell,
    with_line,
    write_files,
)

GOOD = good_events()
ROWS = rows_of(GOOD, "train")
CSV = csv_of(ROWS)
LINES = CSV.decode().splitlines()
WORDS = "VIEW, ADD_CART, REMOVE_CART, BUY"
NUL = "contains a NUL character"
TIME = "event_time is not a time such as 2025-06-19 10:23:07+00:00"


def line(number: int, text: str) -> bytes:
    """The good train file with one line (the header is line 1) replaced."""
    return with_line(CSV, number, text.encode())


def cell(column: str, text: str) -> bytes:
    """The good train file with one cell of its seventh line replaced."""
    return csv_of(with_cell(ROWS, column, text))


BAD_LINES: dict[str, tuple[bytes, int, str]] = {
    "an empty session id": (cell("user_session", ""), 7, "empty user_session"),
    "a session id of blanks": (cell("user_session", "   "), 7, "empty user_session"),
    "an empty user": (cell("user_id", ""), 7, "empty user_id"),
    "no time": (cell("event_time", ""), 7, TIME),
    "a word for a time": (cell("event_time", "yesterday"), 7, TIME),
    "the 30th of February": (cell("event_time", "2025-02-30 10:00:00"), 7, TIME),
    "epoch seconds": (cell("event_time", "1748865600"), 7, TIME),
    "the year 20025": (cell("event_time", "20025-06-01 10:00:00"), 7, TIME),
    "the year -2025": (cell("event_time", "-2025-06-01 10:00:00"), 7, TIME),
    "a date without a time of day": (cell("event_time", "2025-06-02"), 7, TIME),
    "a time with something behind it": (cell("event_time", "2025-06-02 12:00:00+00:00 or so"), 7, TIME),
    "an offset of no clock": (cell("event_time", "2025-06-02 12:00:00+99:00"), 7, TIME),
    "the 25th hour": (cell("event_time", "2025-06-02 25:00:00"), 7, TIME),
    "a time in the year 1899": (cell("event_time", "1899-12-31 23:59:59"), 7, TIME),
    "no event type": (cell("event_type", ""), 7, "empty event_type"),
    "an unknown word": (cell("event_type", "WISHLIST"), 7, f"event_type is WISHLIST, not one of {WORDS}"),
    "no value": (cell("session_value", ""), 7, "session_value is not a finite number"),
    "a comma in a value": (cell("session_value", "12,50"), 7, "session_value is not a finite number"),
    "a word for a value": (cell("session_value", "many"), 7, "session_value is not a finite number"),
    "NaN": (cell("session_value", "nan"), 7, "session_value is not a finite number"),
    "infinity": (cell("session_value", "inf"), 7, "session_value is not a finite number"),
    "a negative value": (cell("session_value", "-0.01"), 7, "session_value is negative"),
    "a value of two numbers": (cell("session_value", "10 20"), 7, "session_value is not a finite number"),
    "a value in units": (cell("session_value", "12 kg"), 7, "session_value is not a finite number"),
    "a hexadecimal value": (cell("session_value", "0x1F"), 7, "session_value is not a finite number"),
    "negative infinity": (cell("session_value", "-inf"), 7, "session_value is not a finite number"),
    "a value beyond all floats": (cell("session_value", "1e999"), 7, "session_value is not a finite number"),
    "a value beyond all money": (cell("session_value", "1e13"), 7, "session_value is above 1e+12"),
    "a NUL at the end of a session id": (cell("user_session", "A1\0"), 7, f"user_session {NUL}"),
    "a NUL in front of a user": (cell("user_id", "\0U1"), 7, f"user_id {NUL}"),
    "a NUL within a product": (cell("product_id", "P\0001"), 7, f"product_id {NUL}"),
    "a category of a NUL": (cell("category_id", "\0"), 7, f"category_id {NUL}"),
    "a NUL in a quoted cell": (cell("category_id", 'a "b"\0'), 7, f"category_id {NUL}"),
    "a NUL in an event word": (cell("event_type", "VIEW\0"), 7, f"event_type {NUL}"),
    "a NUL in a time": (cell("event_time", "2025-06-02 12:00:00\0"), 7, TIME),
    "a NUL in a value": (cell("session_value", "1\0"), 7, "session_value is not a finite number"),
    "a line cut short": (line(9, "2025-06-02,VIEW,P1"), 9, "it has 3 fields, but the header has 7"),
    "a line of one word": (line(9, "total"), 9, "it has 1 field, but the header has 7"),
    "a line with a field too many": (line(8, LINES[7] + ",more"), 8, "it has 8 fields, but the header has 7"),
    "a quote that is never closed": (line(6, '"' + LINES[5]), 6, "its quotes do not match"),
    "text behind a closing quote": (
        line(6, LINES[5].replace("P", '"P"x')),
        6,
        "its quotes do not match",
    ),
    "two quotes where one cell should be": (line(6, '"' + LINES[5] + '"'), 6, "it has 1 field, but the header has 7"),
    "a return within a line with quotes": (
        line(6, LINES[5].replace("P1", '"P\r1"').replace(",C", ",\rC")),
        6,
        "its quotes do not match",
    ),
    "a line of separators only": (line(6, ",,,,,,"), 6, "empty user_id"),
    "a line that is not UTF-8": (
        line(30, LINES[29].replace("P", "Pé")).decode().encode("latin-1"),
        30,
        "its text is not UTF-8",
    ),
    "a bad row behind a cell of three lines": (
        line(4, LINES[3].replace("P", '"P\n\n').replace(",C", '",C')).replace(b",BUY,", b",BOUGHT,", 1),
        7,
        f"event_type is BOUGHT, not one of {WORDS}",
    ),
    "a bad row behind blank lines": (line(3, "\n\n" + LINES[2] + ",x"), 5, "it has 8 fields, but the header has 7"),
}


TITLED = [{"first": "a", **row, "last": "z"} for row in ROWS]
"""The good rows between two columns that are not read."""


@pytest.mark.parametrize("column", ["first", "product_id", "last"])
@pytest.mark.parametrize("closing", [6, 25])
def test_two_quotes_in_a_column_do_not_make_one_cell_of_the_rows_between(
    tmp_path: Path, column: str, closing: int
) -> None:
    """Half of a quoted title in one row, and inches in a later one, also in the next."""
    lines = csv_of(with_cell(with_cell(TITLED, column, "Deluxe"), column, "TV 40", closing)).decode().split("\n")
    lines[6], lines[1 + closing] = lines[6].replace("Deluxe", '"Deluxe'), lines[1 + closing].replace("40", '40"')
    dataset = ingest(write_files(tmp_path, GOOD, train="\n".join(lines).encode()), Workspace(tmp_path / "home"))
    assert quarantined_rows(dataset) == [(7, "its quotes do not match", lines[6])]
    card = dataset.card().train
    assert (card.rows, card.kept, card.quarantined) == (40, 39, 1)
    must_add_up(dataset)


@pytest.mark.parametrize("column", ["first", "category_id", "last"])
def test_a_review_of_several_lines_is_one_cell_wherever_it_stands(tmp_path: Path, column: str) -> None:
    review = 'Nice,\n\nreally, but "small"\nand (in short, a, b, c, d, e, f, g, h, i, j) late,\nwarm'
    content = csv_of([{**row, column: review} for row in TITLED])
    dataset = ingest(write_files(tmp_path, GOOD, train=content), Workspace(tmp_path / "home"))
    assert dataset.card().train.kept == 40
    assert quarantined_rows(dataset) == []


def test_a_nul_at_the_end_of_a_session_id_makes_no_new_session(tmp_path: Path) -> None:
    content = csv_of(with_cell(ROWS, "user_session", f"{ROWS[5]['user_session']}\0"))
    dataset = ingest(write_files(tmp_path, GOOD, train=content), Workspace(tmp_path / "home"))
    assert dataset.card().train.sessions == 10
    assert dataset.card().quarantine_reasons == {f"user_session {NUL}": 1}


def test_a_nul_in_a_column_nobody_asked_for_does_not_matter(tmp_path: Path) -> None:
    content = csv_of([{"note": "", **row} for row in ROWS]).replace(b"\n,", b"\n\x00no\x00te,", 3)
    dataset = ingest(write_files(tmp_path, GOOD, train=content), Workspace(tmp_path / "home"))
    assert (dataset.card().train.kept, dataset.card().train.quarantined) == (40, 0)


@pytest.mark.parametrize("column", ["product_id", "user_session", "event_type"])
@pytest.mark.parametrize("kind", [pl.String, pl.Binary, pl.Categorical])
def test_parquet_has_the_same_rule_for_nuls(tmp_path: Path, kind: type[pl.DataType], column: str) -> None:
    frame = pl.DataFrame(with_cell(ROWS, column, f"{ROWS[5][column]}\0")).cast({column: kind})
    dataset = ingest(write_files(tmp_path, GOOD, train=parquet_of(frame)), Workspace(tmp_path / "home"))
    assert dataset.card().quarantine_reasons == {f"{column} {NUL}": 1}
    assert [line for line, _, _ in quarantined_rows(dataset)] == [7]


@pytest.mark.parametrize("cell", ["'A1' || char(0)", "CAST('A1' || char(0) AS BLOB)"])
def test_databases_have_the_same_rule_for_nuls(tmp_path: Path, cell: str) -> None:
    files, database = write_files(tmp_path, GOOD), tmp_path / "shop.db"
    pl.DataFrame(ROWS).write_database("log", f"sqlite:///{database}")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(f"UPDATE log SET user_session = {cell} WHERE rowid = 6")  # noqa: S608 (our own words)
        connection.commit()
    train = Query(f"sqlite:///{database}", "SELECT * FROM log")
    dataset = ingest(InputFiles(train, files.test), Workspace(tmp_path / "home"))
    assert dataset.card().quarantine_reasons == {f"user_session {NUL}": 1}


@pytest.mark.parametrize("name", BAD_LINES)
def test_a_row_that_cannot_be_used_is_set_aside_and_the_rest_goes_on(tmp_path: Path, name: str) -> None:
    content, number, reason = BAD_LINES[name]
    files = write_files(tmp_path, GOOD, train=content)
    dataset = ingest(files, Workspace(tmp_path / "home"))
    written = content.decode("utf-8", errors="replace").split("\n")[number - 1]
    assert quarantined_rows(dataset) == [(number, reason, written)]
    card = dataset.card().train
    assert (card.rows, card.kept, card.quarantined) == (40, 39, 1)
    must_add_up(dataset)
