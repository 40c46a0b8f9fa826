"""Rows that cannot be used: each is kept with its file, its true line, the reason and its text; the rest goes on."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import polars as pl
import pytest

from core.base.workspace import Workspace
from core.dataset import Dataset
from core.errors import InputError
from core.ingestion.mapping import Mapping
from core.ingestion.sources import csv_records, csv_text
from tests.events_on_the_spot import (
    Event,
    csv_of,
    facts_of,
    good_events,
    left_behind,
    must_add_up,
    parquet_of,
    quarantined_rows,
    rows_of,
    store,
    values_of,
    with_cell,
    with_line,
)

GOOD = good_events()
ROWS = rows_of(GOOD, "train")
CSV = csv_of(ROWS)
HEADER, *LINES = CSV.decode().splitlines()
WORDS = "VIEW, ADD_CART, REMOVE_CART, BUY"
QUOTES = "its quotes do not match"
LENIENT = Mapping(least_usable=0.0)


def text_of(*lines: str) -> bytes:
    return "\n".join([HEADER, *lines, ""]).encode()


# --- contents ---------------------------------------------------------------------------------------------------------
def test_a_row_in_quarantine_has_its_file_line_reason_and_text(tmp_path: Path) -> None:
    bad = LINES[5].replace("ADD_CART", " Look ")
    dataset = store(tmp_path, GOOD, train=with_line(CSV, 7, bad.encode()))
    assert dataset.quarantine().collect().to_dicts() == [
        {
            "file": "train.csv",
            "line": 7,
            "reason": f"event_type is Look, not one of {WORDS}",
            "row": bad,
            "ignored": False,
            "role": 0,
        }
    ]
    assert dataset.card().quarantine_reasons == {f"event_type is Look, not one of {WORDS}": 1}
    assert facts_of(dataset) == sorted(event.facts for number, event in enumerate(GOOD) if number != 5)
    must_add_up(dataset)


def test_a_dataset_without_bad_rows_has_an_empty_quarantine_with_the_same_columns(tmp_path: Path) -> None:
    empty = store(tmp_path / "good", GOOD).quarantine().collect()
    one = store(tmp_path / "bad", GOOD, train=CSV + b"x\n").quarantine().collect()
    assert empty.is_empty()
    assert empty.schema == one.schema


def test_rows_of_both_files_stand_there_in_the_order_of_their_lines(tmp_path: Path) -> None:
    train = with_line(with_line(CSV, 30, b"x"), 3, LINES[1].replace("U0", "").encode())
    test = csv_of(with_cell(rows_of(GOOD, "test"), "event_time", "now", row=39))
    dataset = store(tmp_path, GOOD, train=train, test=test)
    assert dataset.quarantine().select("role", "file", "line").collect().rows() == [
        (0, "train.csv", 3),
        (0, "train.csv", 30),
        (1, "test.csv", 41),
    ]
    card = dataset.card()
    assert (card.train.quarantined, card.test.quarantined) == (2, 1)
    must_add_up(dataset)


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_times_far_outside_any_calendar_are_set_aside_with_the_number_that_they_are(tmp_path: Path, unit: str) -> None:
    """Neither Python nor Polars can write such a time; the largest overflow where they are turned into seconds."""
    far = [2**63 - 1, -(2**63 - 1)]
    good = pl.DataFrame(ROWS).get_column("event_time").str.to_datetime("%Y-%m-%d %H:%M:%S%z").dt.cast_time_unit(unit)
    times = pl.concat([pl.Series(far), good.to_physical()[2:]]).cast(pl.Datetime(unit, "UTC"))
    days = pl.Series([2**31 - 1, -(2**31 - 1), 6_585_300, *range(len(ROWS) - 3)], dtype=pl.Int32).cast(pl.Date)
    typed = pl.DataFrame(ROWS).with_columns(times.alias("event_time"), days.alias("user_id"))
    dataset = store(tmp_path, GOOD, train=parquet_of(typed))
    found = [
        (line, json.loads(row)["event_time"], json.loads(row)["user_id"]) for line, _, row in quarantined_rows(dataset)
    ]
    first = "2262-04-11 23:47:16.854775807+00:00" if unit == "ns" else far[0]
    second = "1677-09-21 00:12:43.145224193+00:00" if unit == "ns" else far[1]
    third = "2025-06-02 12:02:00+00:00"
    assert found == [(2, first, 2**31 - 1), (3, second, -(2**31 - 1)), (4, third, 6_585_300)]
    must_add_up(dataset)


def test_bytes_and_numbers_that_are_none_stand_there_as_json_can_hold_them(tmp_path: Path) -> None:
    typed = pl.DataFrame(ROWS).with_columns(
        pl.when(pl.row_index() == 5).then(float("nan")).otherwise(2.0).alias("session_value"),
        pl.when(pl.row_index() == 7).then(pl.lit(b"\xff\x00")).otherwise(pl.lit(b"word")).alias("user_id"),
    )
    rows = quarantined_rows(store(tmp_path, GOOD, train=parquet_of(typed)))
    cells = [json.loads(row, parse_constant=pytest.fail) for _, _, row in rows]
    assert [reason for _, reason, _ in rows] == ["session_value is not a finite number", "empty user_id"]
    assert [cells[0]["session_value"], cells[0]["user_id"], cells[1]["user_id"]] == ["nan", "word", "0xff00"]


def test_a_row_of_parquet_stands_there_as_json(tmp_path: Path) -> None:
    typed = pl.DataFrame(ROWS).with_columns(
        pl.col("event_time").str.to_datetime("%Y-%m-%d %H:%M:%S%z"),
        pl.when(pl.row_index() == 5).then(-1.5).otherwise(2.0).alias("session_value"),
        pl.lit("beside").alias("note"),
    )
    dataset = store(tmp_path, GOOD, train=parquet_of(typed))
    ((line, reason, row),) = quarantined_rows(dataset)
    assert (line, reason) == (7, "session_value is negative")
    assert json.loads(row) == {
        "event_time": "2025-06-02 13:01:00+00:00",
        "event_type": "ADD_CART",
        "product_id": "P2",
        "category_id": "C2",
        "user_id": "U1",
        "user_session": "A1",
        "session_value": -1.5,
    }


def test_a_cell_that_is_a_list_where_a_text_should_stand_is_an_empty_one(tmp_path: Path) -> None:
    frame = pl.DataFrame(ROWS).with_columns(pl.lit(["U1", "U2"]).alias("user_id"))
    with pytest.raises(InputError, match=r"Only 0 of 40 rows in train\.csv are valid \(40 x empty user_id\)"):
        store(tmp_path, GOOD, train=parquet_of(frame))


def test_bytes_that_are_no_text_are_an_empty_cell(tmp_path: Path) -> None:
    users = pl.Series("user_id", [b"\xff", *(row["user_id"].encode() for row in ROWS[1:])])
    dataset = store(tmp_path, GOOD, train=parquet_of(pl.DataFrame(ROWS).with_columns(users)))
    assert [(line, reason) for line, reason, _ in quarantined_rows(dataset)] == [(2, "empty user_id")]


def test_of_a_very_long_row_the_beginning_stands_there(tmp_path: Path) -> None:
    bad = LINES[0].replace("VIEW", "x" * 100_000)
    ((_, reason, row),) = quarantined_rows(store(tmp_path, GOOD, train=text_of(bad, *LINES[1:])))
    assert row == bad[:2_000]
    assert reason == f"event_type is {'x' * 60}…, not one of {WORDS}"


def test_a_reason_is_one_line_whatever_the_word(tmp_path: Path) -> None:
    bad = LINES[0].replace("VIEW", '"a\nb\tc\x1b"')
    ((line, reason, row),) = quarantined_rows(store(tmp_path, GOOD, train=text_of(bad, *LINES[1:])))
    assert (line, row) == (2, bad)
    assert reason == f"event_type is a\\nb\\tc\\x1b, not one of {WORDS}"


def test_the_line_end_of_windows_is_not_part_of_the_row(tmp_path: Path) -> None:
    rows = with_cell(ROWS, "user_id", "")
    train = csv_of(rows, ending="\r\n")
    assert quarantined_rows(store(tmp_path, GOOD, train=train)) == [(7, "empty user_id", ",".join(rows[5].values()))]


# --- reasons ----------------------------------------------------------------------------------------------------------
def test_a_row_with_several_faults_is_counted_once_by_the_first_of_them(tmp_path: Path) -> None:
    dataset = store(tmp_path, GOOD, train=with_line(CSV, 7, b"never,LOOK,P1,C1,,A1,-5"))
    assert dataset.card().quarantine_reasons == {"empty user_id": 1}


def test_reasons_are_told_in_the_words_of_the_log(tmp_path: Path) -> None:
    names = {"event_time": "wann", "event_type": "was", "user_id": "wer", "session_value": "wert"}
    mapping = Mapping.checked(
        columns=names, time_format="%d.%m.%Y %H:%M", least_usable=0, event_words={"sieht": "VIEW"}
    )
    head = "wann,was,product_id,category_id,wer,user_session,wert"
    good = "02.06.2025 12:00,Sieht,P,C,U,S,1"
    bad = ["2025-06-02 12:00,sieht,P,C,U,S,1", "02.06.2025 12:00,kauft,P,C,U,S,1", "02.06.2025 12:00,sieht,P,C,,S,1",
           "02.06.2025 12:00,sieht,P,C,U,S,viel"]  # fmt: skip
    files = {name: "\n".join([head, good, *rows]).encode() for name, rows in (("train", bad), ("test", []))}
    dataset = store(tmp_path, GOOD, mapping, **files)
    assert [reason for _, reason, _ in quarantined_rows(dataset)] == [
        "wann is not a time of the form %d.%m.%Y %H:%M",
        "was is kauft, not one of sieht",
        "empty wer",
        "wert is not a finite number",
    ]


def test_words_to_be_ignored_are_set_aside_but_do_not_count_against_the_file(tmp_path: Path) -> None:
    rows = [{**row, "event_type": " Search " if number % 4 else "BUY"} for number, row in enumerate(ROWS)]
    dataset = store(tmp_path, GOOD, Mapping(ignored_words=("search",)), train=csv_of(rows))
    card = dataset.card().train
    assert (card.rows, card.kept, card.quarantined, card.ignored) == (40, 10, 30, 30)
    assert card.duplicates == card.removed == 0
    assert dataset.card().quarantine_reasons == {"event_type is search, which the mapping ignores": 30}
    must_add_up(dataset)


def test_events_without_a_word_can_be_ignored_too(tmp_path: Path) -> None:
    train = csv_of(with_cell(ROWS, "event_type", ""))
    dataset = store(tmp_path, GOOD, Mapping(ignored_words=("",)), train=train)
    assert dataset.card().quarantine_reasons == {"event_type is empty, which the mapping ignores": 1}


def test_more_unknown_words_than_a_person_reads_are_one_reason(tmp_path: Path) -> None:
    for words, reasons in ((5, 5), (6, 1)):
        rows = [{**row, "event_type": f"W{number}" if number < words else "VIEW"} for number, row in enumerate(ROWS)]
        dataset = store(tmp_path / f"{words}", GOOD, LENIENT, train=csv_of(rows))
        assert len(dataset.card().quarantine_reasons) == reasons
    assert dataset.card().quarantine_reasons == {f"event_type is none of {WORDS}": 6}


def test_the_card_names_the_most_frequent_reason_first_and_counts_empty_cells(tmp_path: Path) -> None:
    rows = with_cell(with_cell(with_cell(ROWS, "user_id", "", 1), "user_id", " ", 2), "event_time", "?", 3)
    card = store(tmp_path, GOOD, train=csv_of(rows)).card()
    time = "event_time is not a time such as 2025-06-19 10:23:07+00:00"
    assert list(card.quarantine_reasons.items()) == [("empty user_id", 2), (time, 1)]
    assert card.train.empty_cells == {"ADD_CART": {"user_id": 1}, "REMOVE_CART": {"user_id": 1}}


# --- how much may be quarantined --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("least", "bad", "enough"),
    [
        (0.9, 4, True),
        (0.9, 5, False),
        (1.0, 1, False),
        (0.0, 39, True),
        (0.995, 1, False),
        (0.5, 20, True),
        (0.5, 21, False),
    ],
)
def test_a_file_goes_in_as_long_as_the_share_that_the_mapping_names_is_usable(
    tmp_path: Path, least: float, bad: int, enough: bool
) -> None:
    rows = [{**row, "event_type": "LOOK"} if number < bad else row for number, row in enumerate(ROWS)]
    mapping = Mapping(least_usable=least)
    if enough:
        assert store(tmp_path, GOOD, mapping, train=csv_of(rows)).card().train.kept == 40 - bad
        return
    with pytest.raises(InputError) as refused:
        store(tmp_path, GOOD, mapping, train=csv_of(rows))
    assert (refused.value.code, refused.value.actual, refused.value.allowed) == ("too_few_valid_rows", 40 - bad, least)
    assert f"({bad} x event_type is LOOK, not one of {WORDS})" in str(refused.value)
    assert left_behind(Workspace(tmp_path / "workspace")) == []


def test_a_long_file_without_a_usable_row_is_given_up_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.ingestion.rows.read_rows._GIVE_UP_AFTER", 10)
    monkeypatch.setattr(csv_text, "PIECE_BYTES", 500)
    monkeypatch.setattr(csv_text, "_HEAD_BYTES", 200)
    rows = [{**row, "user_id": ""} for row in ROWS * 10]
    with pytest.raises(InputError, match=r"Only 0 of (\d\d|1\d\d) rows in train\.csv are valid"):
        store(tmp_path, GOOD, train=csv_of(rows))
    ignored = [{**row, "event_type": "SCROLL"} for row in ROWS]
    mapping = Mapping(ignored_words=("scroll",))
    assert store(tmp_path / "later", GOOD, mapping, train=csv_of([*ignored, *ROWS])).card().train.kept == len(ROWS)


def test_a_file_whose_unusable_rows_come_first_is_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.ingestion.rows.read_rows._GIVE_UP_AFTER", 1)
    monkeypatch.setattr(csv_text, "PIECE_BYTES", 100)
    monkeypatch.setattr(csv_text, "_HEAD_BYTES", 200)
    bad = [{**row, "user_id": ""} for row in ROWS[:4]]
    assert store(tmp_path, GOOD, train=csv_of([*bad, *ROWS])).card().train.quarantined == 4
    for kind in ("gz", "parquet"):  # how many rows these have is not known beforehand
        content = gzip.compress(csv_of([*bad, *ROWS])) if kind == "gz" else parquet_of([*bad, *ROWS])
        assert store(tmp_path / kind, GOOD, train=content).card().train.quarantined == 4


# --- true lines -------------------------------------------------------------------------------------------------------
TWO_LINES, FOUR_LINES = '"said ""so"",\nand left"', '"\n\n\n"'


def lines_of(dataset: Dataset) -> list[int]:
    return [line for line, _, _ in quarantined_rows(dataset)]


def with_note(line: str, note: str) -> str:
    return f"{note},{line}"


@pytest.mark.parametrize("piece", [csv_text.PIECE_BYTES, 90, 400])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_lines_are_those_of_the_file_behind_cells_with_line_breaks_and_blank_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str, piece: int
) -> None:
    """The product of each bad row is the number of its line, as an editor shows it."""
    chance, line, written = random.Random(3), 2, [f"note,{HEADER}"]
    expected = []
    for number in range(400):
        row = LINES[number % 40]
        kind = chance.choice(["good", "good", "good", "two", "four", "blank", "bad", "short", "quote"])
        if kind in {"bad", "short", "quote"}:
            expected.append(line)
        bad = {"bad": with_note(row.replace("2025", "when"), f"L{line}"), "short": f"L{line}", "quote": f'"L{line},x'}
        text = bad.get(kind) or {
            "two": with_note(row, TWO_LINES), "four": with_note(row, FOUR_LINES), "blank": " \t", "good": f",{row}"
        }[kind]  # fmt: skip
        written.append(text.replace("\n", ending))
        line += text.count("\n") + 1
    monkeypatch.setattr(csv_text, "PIECE_BYTES", piece)
    monkeypatch.setattr(csv_text, "_HEAD_BYTES", max(piece, 200))
    content = ending.join([*written, ""]).encode()
    dataset = store(tmp_path, GOOD, LENIENT, train=content)
    assert lines_of(dataset) == expected
    editor = content.decode().split("\n")
    for number, _, row in quarantined_rows(dataset):
        assert row == editor[number - 1].removesuffix("\r")
        assert f"L{number}" in row
    must_add_up(dataset)


def test_lines_are_true_behind_a_header_of_several_lines_and_a_separator_line(tmp_path: Path) -> None:
    head = HEADER.replace(",", ";") + ';"a\nnote"'
    good = [line.replace(",", ";") + ";" for line in LINES]
    train = "\n".join(["\n\nsep=;", head, *good[:2], "bad", *good[2:]]).encode()
    assert quarantined_rows(store(tmp_path, GOOD, train=train)) == [(8, "it has 1 field, but the header has 8", "bad")]


def test_lines_go_on_behind_the_first_piece_of_sixteen_megabytes(tmp_path: Path) -> None:
    row = (LINES[0] + "\n").encode()
    before = 17 * 2**20 // len(row)
    dataset = store(tmp_path, GOOD, train=(HEADER + "\n").encode() + row * before + b"bad\n" + row * 3)
    assert lines_of(dataset) == [before + 2]
    assert dataset.card().train.rows == before + 4


# --- quotes -----------------------------------------------------------------------------------------------------------
def test_a_quote_that_is_never_closed_costs_its_own_line_only(tmp_path: Path) -> None:
    for place, text in enumerate(['"' + LINES[4], LINES[4].replace("P1", '"P1'), LINES[4] + '"', LINES[4][:-1] + '"x']):
        good = [*LINES[:4], *LINES[5:]]
        dataset = store(tmp_path / f"{place}", GOOD, train=text_of(*good[:4], text, *good[4:]))
        if place == 0 or '"P1' in text:
            assert quarantined_rows(dataset) == [(6, QUOTES, text)]
        else:  # the quote is a letter within the value's cell
            assert quarantined_rows(dataset) == [(6, "session_value is not a finite number", text)]
        assert dataset.card().train.kept == 39


def test_an_unclosed_quote_does_not_swallow_the_cells_with_line_breaks_behind_it(tmp_path: Path) -> None:
    good = [f"{TWO_LINES},{line}" for line in LINES]
    train = "\n".join([f"note,{HEADER}", good[0], '"open,' + LINES[1], *good[2:]]).encode()
    dataset = store(tmp_path, GOOD, train=train)
    assert quarantined_rows(dataset) == [(4, QUOTES, '"open,' + LINES[1])]
    assert dataset.card().train.kept == 39


def test_an_unclosed_quote_does_not_reach_the_end_of_a_long_file(tmp_path: Path) -> None:
    dataset = store(tmp_path, GOOD, train=text_of('"' + LINES[0], *LINES * 200))
    assert quarantined_rows(dataset) == [(2, QUOTES, '"' + LINES[0])]
    assert dataset.card().train.kept == 8_000


def test_a_quote_within_a_cell_that_is_not_quoted_is_a_letter(tmp_path: Path) -> None:
    events = [Event("train", "A0", "U0", product='24" screen'), Event("train", "A0", "U0", product='say "hi" and "')]
    rows = [",".join(row.values()) for row in rows_of(events, "train")]
    dataset = store(tmp_path, GOOD, train=text_of(*LINES, *rows))
    assert quarantined_rows(dataset) == []
    products = {fact[3] for fact in facts_of(dataset)}
    assert {'24" screen', 'say "hi" and "'} <= products


def test_a_cell_of_too_many_lines_is_an_unclosed_quote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_records, "MAX_RECORD_LINES", 100)
    # the last line is complete, and its first cell ends in a quote
    for breaks, n_quarantined in ((99, 0), (100, 100)):
        note = '"' + "\n".join(f"line {number}" for number in range(breaks + 1)) + '"'
        train = "\n".join([f"note,{HEADER}", *(f",{line}" for line in LINES), f"{note},{LINES[0]}"]).encode()
        dataset = store(tmp_path / f"{breaks}", GOOD, LENIENT, train=train)
        assert len(quarantined_rows(dataset)) == n_quarantined
        must_add_up(dataset)


def test_values_are_those_of_the_rows_that_are_left(tmp_path: Path) -> None:
    rows = with_cell(ROWS, "session_value", "99", row=6)
    rows = with_cell(rows, "event_type", "LOOK", row=6)
    dataset = store(tmp_path, GOOD, train=csv_of(rows))
    assert values_of(dataset)["A1"] == 10.5
    assert dataset.card().sessions_with_differing_values == 0
