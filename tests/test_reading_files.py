"""One file in any form that shops write: the same events come out, letter by letter, however it is cut into pieces."""

from __future__ import annotations

import dataclasses
import gzip
import io
import json
import uuid
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet

from core.base.workspace import Workspace
from core.dataset import Dataset
from core.ingestion import InputFiles, ingest
from core.ingestion.mapping import Mapping
from core.ingestion.sources import csv_records, csv_text, json_lines, tables
from tests.events_on_the_spot import (
    NOON,
    Event,
    csv_of,
    facts_of,
    good_events,
    parquet_of,
    quarantined_rows,
    rows_of,
    same_frames,
    sample_of,
    store,
    values_of,
    with_cell,
    with_line,
    words_of,
    write_files,
)

GOOD = good_events()
ROWS = rows_of(GOOD, "train")
CSV = csv_of(ROWS)
HEADER, FIRST, *OTHERS = CSV.split(b"\n")
FACTS = sorted(event.facts for event in GOOD)
TYPED = pl.DataFrame(ROWS).with_columns(
    pl.col("event_time").str.to_datetime("%Y-%m-%d %H:%M:%S%z"),
    pl.col("event_type").cast(pl.Categorical),
    pl.col("session_value").cast(pl.Float64),
)
"""The good train rows as a program would write them: times as times, values as numbers, words as categories."""
TIMES = TYPED.get_column("event_time")
BUSY_NAMES = {"line": "1", "time": "now", "value": "-3", "unit": "x", "reason": "none", "": "", "note": 'a, "b"\nc'}


def with_times(old: str, new: str) -> bytes:
    """The good file with every time written in another way."""
    return csv_of([{**row, "event_time": row["event_time"].replace(old, new)} for row in ROWS])


def with_separator(mark: str) -> bytes:
    return CSV.replace(b",", mark.encode())


def with_blanks() -> bytes:
    return b"\n".join(b" , ".join(b" " + cell + b"  " for cell in line.split(b",")) for line in CSV.split(b"\n")[:-1])


TEXTS = {
    "CSV": CSV,
    "CSV without a line end at its end": CSV.rstrip(b"\n"),
    "semicolons": with_separator(";"),
    "tabs": with_separator("\t"),
    "bars": with_separator("|"),
    "a first line that names semicolons": b"sep=;\r\n" + with_separator(";").replace(b"\n", b"\r\n"),
    "a first line that names tabs": b"sep=\t\n" + with_separator("\t"),
    "a byte order mark": b"\xef\xbb\xbf" + CSV,
    "a byte order mark and a first line that names the separator": b"\xef\xbb\xbfSEP=|\n" + with_separator("|"),
    "UTF-16, least byte first": CSV.decode().encode("utf-16"),
    "UTF-16, greatest byte first": b"\xfe\xff" + CSV.decode().encode("utf-16-be"),
    "line ends of Windows": csv_of(ROWS, ending="\r\n"),
    "line ends of old Macs": CSV.replace(b"\n", b"\r"),
    "quoted cells": csv_of(ROWS, quote_all=True),
    "quoted cells with line ends of Windows": csv_of(ROWS, quote_all=True, ending="\r\n"),
    "cells with line breaks in a column that is not read": csv_of([{"note": 'a\n\n"b",', **row} for row in ROWS]),
    "a header with a line break": csv_of([{"what was\nsaid": "", **row} for row in ROWS]),
    "blank lines between": CSV.replace(b"\n", b"\n\n"),
    "blank lines before the header and lines of blanks at the end": b"\n \n" + CSV + b"  \n\t\n\n",
    "columns in another order": csv_of([dict(reversed(row.items())) for row in ROWS]),
    "column names in capitals": CSV.replace(HEADER, HEADER.upper()),
    "blanks around names and cells": with_blanks(),
    "columns besides, some named as our own": csv_of([{**BUSY_NAMES, **row} for row in ROWS]),
    "a quote in the middle of a cell that is not read": csv_of([{**row, "note": ""} for row in ROWS]).replace(
        b",\n", b',a 24" screen\n'
    ),
    "times with a T": with_times(" ", "T"),
    "times ending in Z": with_times("+00:00", "Z"),
    "times ending in UTC": with_times("+00:00", " UTC"),
    "times without an offset": with_times("+00:00", ""),
    "times with parts of a second": with_times("+00:00", ".999+00:00"),
    "times with a blank before the offset": with_times("+00:00", " +00:00"),
    "times of which some have a T": with_times("12:0", "12:0").replace(b"02 14:", b"02T14:"),
    "CSV.GZ": gzip.compress(CSV),
    "CSV.GZ of several members": gzip.compress(CSV[:500]) + gzip.compress(CSV[500:]),
}
PARQUET = {
    "texts": pl.DataFrame(ROWS),
    "types of their own": TYPED,
    "times without a zone": TYPED.with_columns(TIMES.dt.replace_time_zone(None)),
    "nanoseconds": TYPED.with_columns(TIMES.dt.cast_time_unit("ns")),
    "milliseconds": TYPED.with_columns(TIMES.dt.cast_time_unit("ms")),
    "times of Tokyo": TYPED.with_columns(TIMES.dt.convert_time_zone("Asia/Tokyo")),
    "texts as bytes": pl.DataFrame(ROWS).cast(pl.Binary),
    "values as exact decimals": TYPED.with_columns(pl.col("session_value").cast(pl.Decimal(12, 4))),
    "values as single floats": TYPED.cast({"session_value": pl.Float32}),
    "lists and pictures that are not read": TYPED.with_columns(
        pl.lit([1, 2]).alias("tags"), pl.lit(b"\xff").alias("thumbnail")
    ),
}
FORMS = TEXTS | {f"Parquet with {name}": parquet_of(frame) for name, frame in PARQUET.items()}


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The good files, stored."""
    return store(tmp_path_factory.mktemp("right"), GOOD)


@pytest.mark.parametrize("form", FORMS)
def test_a_good_file_is_stored_event_by_event_and_in_any_form_alike(tmp_path: Path, right: Dataset, form: str) -> None:
    dataset = store(tmp_path, GOOD, train=FORMS[form])
    assert facts_of(dataset) == FACTS
    assert values_of(dataset) == {f"A{number}": 10.5 * number for number in range(10)}
    card = dataset.card().train
    assert (card.rows, card.kept, card.quarantined) == (40, 40, 0)
    assert quarantined_rows(dataset) == []
    assert same_frames(dataset, right)


def arrow_of(table: pa.Table) -> bytes:
    """A table as a Parquet file, with types that Polars does not have."""
    target = io.BytesIO()
    parquet.write_table(table, target)
    return target.getvalue()


def read_in_pieces(folder: Path, monkeypatch: pytest.MonkeyPatch, piece: int, train: bytes) -> Dataset:
    with monkeypatch.context() as patch:
        patch.setattr(csv_text, "PIECE_BYTES", piece)
        patch.setattr(csv_text, "_HEAD_BYTES", 200)
        return store(folder, GOOD, train=train)


@pytest.mark.parametrize("piece", [1, 64, 500, 3_000])
@pytest.mark.parametrize("form", ["CSV", "quoted cells", "line ends of Windows", "line ends of old Macs",
                                  "UTF-16, greatest byte first", "blank lines between", "CSV.GZ of several members",
                                  "cells with line breaks in a column that is not read"])  # fmt: skip
def test_a_file_read_in_pieces_of_any_size_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, piece: int
) -> None:
    dataset = read_in_pieces(tmp_path, monkeypatch, piece, TEXTS[form])
    assert facts_of(dataset) == FACTS
    assert quarantined_rows(dataset) == []


def test_a_piece_is_large_enough_that_most_files_are_one() -> None:
    assert tables.PIECE_BYTES == csv_text.PIECE_BYTES == 16 * 1024**2


def test_the_name_of_a_file_does_not_count_but_its_content(tmp_path: Path) -> None:
    files = write_files(tmp_path, GOOD, train=gzip.compress(CSV))
    table = files.train.rename(tmp_path / "train.parquet")
    assert facts_of(ingest(InputFiles(table, files.test), Workspace(tmp_path / "home"))) == FACTS


def test_a_time_of_another_zone_is_moved_to_utc(tmp_path: Path) -> None:
    dataset = store(tmp_path, GOOD, train=csv_of(with_cell(ROWS, "event_time", "2025-06-02 14:30:00+02:00")))
    sixth = dataclasses.replace(GOOD[5], time=NOON + 1800)
    assert facts_of(dataset) == sorted(event.facts for event in [*GOOD[:5], sixth, *GOOD[6:]])


@pytest.mark.parametrize(
    ("text", "second"),
    [("1969-12-31 23:59:59.5", -1), ("1970-01-01 00:00:00.5", 0), ("1900-01-01 00:00:00", -2_208_988_800)],
)
def test_a_part_of_a_second_is_cut_off_also_before_1970(tmp_path: Path, text: str, second: int) -> None:
    dataset = store(tmp_path, GOOD, train=csv_of(with_cell(ROWS, "event_time", text)))
    assert min(fact[6] for fact in facts_of(dataset)) == min(second, NOON)


@pytest.mark.parametrize("zone", ["-05:30", "Z", "UTC+2", "UTC+02:00", "Asia/Tokyo", "Nowhere/Else"])
def test_a_moment_is_the_same_whatever_zone_a_parquet_file_names_beside_it(tmp_path: Path, zone: str) -> None:
    table = TYPED.with_columns(pl.col("event_type").cast(pl.String)).to_arrow()
    times = table.column("event_time").combine_chunks().cast(pa.timestamp("us", zone))
    dataset = store(tmp_path, GOOD, train=arrow_of(table.set_column(0, "event_time", times)))
    assert facts_of(dataset) == FACTS


# --- ids --------------------------------------------------------------------------------------------------------------
def test_ids_come_back_as_they_stand_in_the_files(tmp_path: Path) -> None:
    odd = ["0001", "1", "ä ö", "Ωmega", "a,b", 'say "x"', "NULL", "nan", "-", "💶", "two\nlines", "x" * 3_000]
    users = {f"A{number % 10}": user for number, user in enumerate(odd)}
    events = [dataclasses.replace(event, user=users.get(event.session, event.user)) for event in GOOD]
    events += [Event("train", f"A{10 + number}", user) for number, user in enumerate(odd)]
    dataset = store(tmp_path, events)
    assert facts_of(dataset) == sorted(event.facts for event in events)
    assert sorted(words_of(dataset, "user_id").values()) == sorted({event.user for event in events})


NUMBERS = {
    "whole numbers": (pl.Series([7, 8]), ["7", "8"]),
    "floats, as of a column that once had gaps": (pl.Series([7.0, 8.0]), ["7", "8"]),
    "floats of which some have a fraction": (pl.Series([7.0, 8.5]), ["7", "8.5"]),
    "numbers that differ by less than a float resolves": (
        pl.Series([2**53, 2**53 + 1]),
        ["9007199254740992", "9007199254740993"],
    ),
    "exact numbers": (pl.Series([Decimal("7"), Decimal("8")]), ["7", "8"]),
    "exact numbers with decimals": (
        pl.Series([Decimal("7.00"), Decimal("80.50")], dtype=pl.Decimal(10, 2)),
        ["7", "80.50"],
    ),
    "truth values": (pl.Series([True, False]), ["false", "true"]),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_an_id_that_a_program_wrote_as_a_number_is_the_text_a_person_would_write(tmp_path: Path, kind: str) -> None:
    two, texts = NUMBERS[kind]
    products = pl.concat([two] * 20).alias("product_id")
    dataset = store(tmp_path, GOOD, train=parquet_of(TYPED.with_columns(products)))
    stored = dataset.dictionary("product_id").filter("in_train").collect().get_column("product_id")
    assert sorted(stored) == texts


def test_ids_that_are_uuids_are_the_text_that_people_write(tmp_path: Path) -> None:
    made = [uuid.UUID(int=number * 2**90 + number) for number in range(40)]
    cells = pa.array([None, *(each.bytes for each in made[1:])], pa.binary(16))
    props = pa.ExtensionArray.from_storage(pa.json_(), pa.array(['{"a": 1}'] * 40))
    tests = pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1] * 40, pa.int8()))
    table = pl.DataFrame(ROWS).to_arrow().drop_columns(["product_id", "category_id", "user_id"])
    table = table.append_column("product_id", pa.ExtensionArray.from_storage(pa.uuid(), cells))
    table = table.append_column("category_id", props).append_column("user_id", tests)
    dataset = store(tmp_path, GOOD, train=arrow_of(table))
    assert quarantined_rows(dataset) == []
    train = [fact for fact in facts_of(dataset) if fact[0] == "train"]
    assert sorted(fact[3] for fact in train) == sorted(["(unknown)", *(str(each) for each in made[1:])])
    assert {(fact[2], fact[4]) for fact in train} == {("1", '{"a": 1}')}


@pytest.mark.parametrize("gap", [None, float("nan")], ids=["nothing", "NaN"])
def test_a_gap_in_a_column_of_numbers_is_an_empty_id(tmp_path: Path, gap: float | None) -> None:
    users = pl.Series("user_id", [gap, *(number % 6 for number in range(39))], dtype=pl.Float64, strict=False)
    dataset = store(tmp_path, GOOD, train=parquet_of(TYPED.with_columns(users)))
    assert [(line, reason) for line, reason, _ in quarantined_rows(dataset)] == [(2, "empty user_id")]
    assert {fact[2] for fact in facts_of(dataset) if fact[0] == "train"} == {"0", "1", "2", "3", "4", "5"}


def test_event_types_that_a_program_wrote_as_numbers_are_words_like_others(tmp_path: Path) -> None:
    words = {"1": "VIEW", "2": "ADD_CART", "3": "BUY"}
    kinds = pl.Series("event_type", [1.0, 2.0, 3.0, 4.0] * 10)
    mapping = Mapping(event_words=words, ignored_words=("4",))
    rows = pl.DataFrame(rows_of(GOOD, "test")).with_columns(kinds.cast(pl.Int64))
    dataset = store(
        tmp_path, GOOD, mapping, train=parquet_of(TYPED.with_columns(kinds)), test=rows.write_csv().encode()
    )
    assert {fact[5] for fact in facts_of(dataset)} == set(words.values())
    assert dataset.card().quarantine_reasons == {"event_type is 4, which the mapping ignores": 20}


def test_ids_of_the_sample_may_be_numbers_too(tmp_path: Path) -> None:
    events = [dataclasses.replace(event, session=event.session.replace("B", "")) for event in GOOD]
    sample = parquet_of(pl.DataFrame({"user_session": [7.0, 3.0], "session_value": [0.0, 0.0]}))
    dataset = store(tmp_path / "typed", events, sample=sample)
    text = store(tmp_path / "text", events, sample=sample_of("7", "3"))
    assert dataset.submission_order().equals(text.submission_order())
    assert text.submission_order().get_column("user_session").to_list() == ["7", "3"]


# --- encodings --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("encoding", "word"),
    [("latin-1", "Überzug ß"), ("cp1252", "Preis in €"), ("utf-16-le", "Ωmega"), ("utf-16-be", "Ωmega"),
     ("utf-16", "💶"), ("utf-8-sig", "Überzug"), ("shift_jis", "日本語"), ("gb18030", "中文"), ("koi8-r", "Куртка"),
     ("ascii", "plain")],
)  # fmt: skip
def test_letters_of_an_encoding_that_the_mapping_names_arrive_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, word: str
) -> None:
    events = [dataclasses.replace(event, product=f"{word} {event.product}") for event in GOOD]
    files = {name: csv_of(rows_of(events, name)).decode().encode(encoding) for name in ("train", "test")}
    for piece in (csv_text.PIECE_BYTES, 37):  # which cuts letters in two
        monkeypatch.setattr(csv_text, "PIECE_BYTES", piece)
        monkeypatch.setattr(csv_text, "_HEAD_BYTES", max(piece, 300))
        dataset = store(tmp_path / f"{piece}", events, Mapping.checked(encoding=encoding), **files)
        assert facts_of(dataset) == sorted(event.facts for event in events)


def test_a_letter_that_the_encoding_does_not_have_costs_its_line_only(tmp_path: Path) -> None:
    test = csv_of(rows_of(GOOD, "test"))
    dataset = store(tmp_path, GOOD, Mapping(encoding="cp1252"), train=with_line(CSV, 9, FIRST + b"\x81"), test=test)
    assert [(line, reason) for line, reason, _ in quarantined_rows(dataset)] == [(9, "its text is not cp1252")]
    assert dataset.card().train.kept == 39


# --- JSON Lines -------------------------------------------------------------------------------------------------------
def test_json_lines_parsed_together_and_one_by_one_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        {"user_id": "u", "price": 5.0, "items": [{"id": 1}, []]},
        {"user_id": 12.0, "price": 2.5, "items": {"a": {"b": [1]}}},
        {"price": None, "user_id": True},
        {"user_id": "[é", "price": "1,5"},
    ]
    content = "\n".join(json.dumps(line) for line in lines).encode()

    def cells(picked: dict[str, int]) -> list[tuple[str, ...]]:
        table = json_lines.open_json_lines("file", io.BytesIO(content))
        return [row for piece in table.pieces(picked) for row in piece.read().rows.rows()]

    together = cells({"user_id": 0, "price": 1}), cells({"items": 2})
    monkeypatch.setattr(json_lines, "_parse_fast", lambda *_: None)
    assert (cells({"user_id": 0, "price": 1}), cells({"items": 2})) == together
    assert together[0] == [("u", "5"), ("12", "2.5"), ("true", None), ("[é", "1,5")]
    assert together[1][0] == ('[{"id": 1}, []]',)


# --- quotes and separators --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("separator", [",", ";"])
def test_blanks_before_quotes_are_not_part_of_a_cell(
    tmp_path: Path, right: Dataset, separator: str, ending: str
) -> None:
    lines = [list(ROWS[0]), *(list(row.values()) for row in ROWS)]
    text = ending.join(f"{separator} ".join(f'"{cell}"' for cell in line) for line in lines)
    for content in (text, text + ending):
        assert same_frames(store(tmp_path / f"{len(content)}", GOOD, train=content.encode()), right)


def test_a_quote_after_a_blank_within_a_text_is_part_of_it(tmp_path: Path) -> None:
    rows = [{**row, "product_id": f' "{row["product_id"]}" pan'} for row in ROWS]
    text = "\n".join(",".join(cells) for cells in (ROWS[0], *(row.values() for row in rows)))
    dataset = store(tmp_path, GOOD, train=text.encode())
    assert {fact[3] for fact in facts_of(dataset)} >= {'"P1" pan'}


@pytest.mark.parametrize("n_lines", [101, 2_000])
def test_a_cell_of_many_lines_is_a_cell(tmp_path: Path, right: Dataset, n_lines: int) -> None:
    """Pretty-printed JSON, as in exports of Google Analytics."""
    cell = "{\n" + '  "key": "a, b",\n' * n_lines + "}"
    dataset = store(tmp_path, GOOD, train=csv_of([{"params": cell, **row} for row in ROWS]))
    assert same_frames(dataset, right)


def test_a_quote_that_is_closed_too_late_is_named_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_records, "MAX_RECORD_LINES", 3)
    row = FIRST.replace(b",VIEW,", b',"VIEW\nx\nx\nx\nx",')
    dataset = store(tmp_path, GOOD, Mapping.checked(least_usable=0.8), train=b"\n".join([HEADER, row, *OTHERS]))
    assert quarantined_rows(dataset)[0][1] == "a quote in it is not closed within 3 lines"
    assert dataset.card().train.quarantined == 5


def test_quotes_after_backslashes_are_read(tmp_path: Path) -> None:
    """As Spark, MySQL and Hive write them; a backslash before another backslash is one, too."""
    names = {"P1": 'a 12" pan, steel', "P2": '"', "P3": 'C:\\"x"', "P4": 'both "" kinds'}
    rows = [{**row, "product_id": names.get(row["product_id"], row["product_id"])} for row in ROWS]
    escaped = []
    for row in rows:
        cells = (cell.replace("\\", "\\\\").replace('"', '\\"') for cell in row.values())
        escaped.append(",".join(f'"{cell}"' if '"' in cell else cell for cell in cells).encode())
    events = [dataclasses.replace(event, product=names.get(event.product, event.product)) for event in GOOD]
    train = b"\n".join([HEADER, *escaped, b""])
    dataset = store(tmp_path, GOOD, train=train)
    assert [fact for fact in facts_of(dataset) if fact[0] == "train"] == sorted(
        event.facts for event in events if event.file == "train"
    )
    assert dataset.card().train.quarantined == 0


def test_a_backslash_at_the_end_of_a_quoted_cell_is_part_of_it(tmp_path: Path) -> None:
    train = CSV.replace(b",P1,", b',"P1\\",')
    products = {fact[3] for fact in facts_of(store(tmp_path, GOOD, train=train)) if fact[0] == "train"}
    assert products == {"P0", "P1\\", "P2", "P3", "P4", "P5", "P6"}


def test_other_quotes_after_backslashes_are_refused_with_a_word_on_them(tmp_path: Path) -> None:
    train = b"\n".join([HEADER, FIRST.replace(b",P0,", b',"P\\"0"x"",'), *OTHERS])
    assert [row[1] for row in quarantined_rows(store(tmp_path, GOOD, train=train))] == [
        "it has quotes after backslashes, which must be doubled instead"
    ]


@pytest.mark.parametrize("separator", [b",", b";", b"\t"])
@pytest.mark.parametrize("ends", ["rows", "header", "both"])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_a_separator_too_many_at_the_ends_of_lines_does_not_matter(
    tmp_path: Path, right: Dataset, separator: bytes, ends: str, line_end: bytes
) -> None:
    header = HEADER + b"," * (ends != "rows")
    rows = [row + b"," * (ends != "header") for row in (FIRST, *OTHERS) if row]
    train = line_end.join([header, *rows, b""]).replace(b",", separator)
    assert same_frames(store(tmp_path, GOOD, train=train), right)


def test_a_separator_at_the_end_of_a_single_row_may_be_that_of_a_cell(tmp_path: Path) -> None:
    train = b"\n".join([HEADER, FIRST + b",", *OTHERS])
    dataset = store(tmp_path, GOOD, train=train)
    assert [row[:2] for row in quarantined_rows(dataset)] == [(2, "it has 8 fields, but the header has 7")]
