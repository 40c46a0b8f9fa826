"""The preview of a log: its first rows, a guess of its mapping, and the rows as a mapping reads them."""

from __future__ import annotations

import gzip
import sqlite3
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from pyarrow import parquet
from syrupy.assertion import SnapshotAssertion

from core.base.workspace import Workspace
from core.errors import InputError
from core.ingestion import Query
from core.ingestion.completed_mapping import complete_mapping
from core.ingestion.drafts import unrecognised_note
from core.ingestion.mapping import Mapping, load_mapping
from core.ingestion.peek import peek
from core.ingestion.preview import count_usable, preview_rows
from core.ingestion.saved_mappings import known_mappings, save_mapping
from tests.events_on_the_spot import (
    REES46_COLUMNS,
    csv_of,
    parquet_of,
    rees46_rows,
    same_frames,
    store,
    with_line,
    zip_of,
)


def test_a_guess_reads_a_rees46_log_as_the_shipped_mapping_does(tmp_path: Path) -> None:
    train, test = csv_of(rees46_rows(10)), csv_of(rees46_rows(11))
    shipped = store(tmp_path / "shipped", [], load_mapping("rees46"), train=train, test=test)
    guess = peek(tmp_path / "shipped" / "files" / "train.csv").guess()
    assert guess.missing == ()
    assert same_frames(
        store(tmp_path / "guessed", [], Mapping.checked(**guess.settings), train=train, test=test), shipped
    )


@pytest.mark.parametrize("form", ["CSV", "gzip", "ZIP", "Parquet", "folder", "SQLite"])
def test_any_kind_of_source_can_be_previewed(tmp_path: Path, form: str) -> None:
    rows = rees46_rows(10)
    path = tmp_path / "log"
    if form == "SQLite":
        connection = sqlite3.connect(path)
        pl.DataFrame(rows).to_pandas().to_sql("log", connection, index=False)
        connection.close()
    elif form == "folder":
        path.mkdir()
        (path / "a.csv").write_bytes(",".join(REES46_COLUMNS).encode() + b"\n")
        (path / "b.csv").write_bytes(csv_of(rows))
    else:
        content = csv_of(rows)
        forms = {"gzip": gzip.compress(content), "ZIP": zip_of({"a.csv": content}), "Parquet": parquet_of(rows)}
        path.write_bytes(forms.get(form, content))
    source = Query(f"sqlite:///{path}", "SELECT * FROM log") if form == "SQLite" else path
    log = peek(source, rows=3)
    assert log.columns == REES46_COLUMNS
    assert log.rows == tuple(tuple(row.values()) for row in rows[:3])
    preview = preview_rows(source, load_mapping("rees46"), with_value=True, rows=4)
    assert preview["event_type"].to_list() == ["VIEW", "ADD_CART", "REMOVE_CART", "VIEW"]
    assert preview["event_time"].to_list() == ["2019-10-01 10:00:00+00:00"] * 3 + ["2019-10-01 11:00:00+00:00"]
    assert count_usable(preview) == (4, 4)


def test_rows_that_would_be_quarantined_are_shown_with_their_reason(tmp_path: Path) -> None:
    rows = rees46_rows(10)[:3]
    rows[1]["event_type"] = "wishlist"
    (tmp_path / "log.csv").write_bytes(csv_of(rows))
    preview = preview_rows(tmp_path / "log.csv", load_mapping("rees46"), with_value=True)
    known = "view, cart, remove_from_cart, purchase"
    assert preview["reason"].to_list() == [None, f"event_type is wishlist, not one of {known}", None]
    assert preview["event_type"].to_list() == ["VIEW", None, "REMOVE_CART"]
    assert count_usable(preview) == (2, 3)


def test_a_log_without_rows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes(",".join(REES46_COLUMNS).encode() + b"\n")
    with pytest.raises(InputError, match=r"^log\.csv is empty\. "):
        peek(tmp_path / "log.csv")
    with pytest.raises(InputError, match=r"^log\.csv is empty\. "):
        preview_rows(tmp_path / "log.csv", load_mapping("rees46"), with_value=True)


def test_columns_of_any_type_and_with_repeated_names_can_be_previewed(tmp_path: Path) -> None:
    table = pl.DataFrame(rees46_rows(10)).to_arrow()
    rows, opaque = table.num_rows, pa.opaque(pa.decimal256(60, 1), "money", "shop")
    unusual = {
        "props": pa.ExtensionArray.from_storage(pa.json_(), pa.array(['{"a":1}'] * rows)),
        "visit": pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes(range(16))] * rows, pa.binary(16))),
        "tags": pa.array([[1, 2]] * rows),
        "seen": pa.array([[0]] * rows, pa.list_(pa.timestamp("us", "UTC+2"))),
        "lasted": pa.array([5] * rows, pa.duration("us")),
        "clock": pa.array([1_000_000] * rows, pa.time64("us")),
        "paid": pa.ExtensionArray.from_storage(opaque, pa.array([5] * rows, opaque.storage_type)),
        "wide": pa.array([5] * rows, pa.decimal256(60, 1)),
    }
    for name, cells in unusual.items():
        table = table.append_column(name, cells)
    for name in ("brand", "note", "note"):
        table = table.append_column(name, pa.array([f"{name} {table.num_columns}"] * rows))
    parquet.write_table(table, tmp_path / "log.parquet")
    log = peek(tmp_path / "log.parquet", rows=1)
    assert log.columns == (*REES46_COLUMNS, *unusual, "brand", "note", "note")
    texts = ('{"a":1}', "00010203-0405-0607-0809-0a0b0c0d0e0f", "", "", "", "00:00:01", "5.0", "5.0")
    assert log.rows == ((*rees46_rows(10)[0].values(), *texts, "brand 17", "note 18", "note 19"),)
    assert log.guess().missing == ()
    assert count_usable(preview_rows(tmp_path / "log.parquet", load_mapping("rees46"), with_value=True)) == (10, 10)


def test_unparsable_lines_are_shown_in_file_order_and_counted(tmp_path: Path) -> None:
    content = csv_of(rees46_rows(10))
    for number in range(2, 30, 2):
        content = with_line(content, number, b"x,y")
    (tmp_path / "log.csv").write_bytes(content)
    preview = preview_rows(tmp_path / "log.csv", load_mapping("rees46"), with_value=True)
    assert preview["reason"].to_list() == ["it has 2 fields, but the header has 9", None] * 5
    assert preview["event_type"].to_list() == [
        None,
        "ADD_CART",
        None,
        "VIEW",
        None,
        "BUY",
        None,
        "VIEW",
        None,
        "REMOVE_CART",
    ]
    assert count_usable(preview) == (5, 10)
    assert len(peek(tmp_path / "log.csv").rows) == 84 - 14


def test_a_log_without_a_parsable_row_is_refused_with_its_first_line(tmp_path: Path) -> None:
    header, *lines = csv_of(rees46_rows(10)).rstrip(b"\n").split(b"\n")
    (tmp_path / "log.csv").write_bytes(b"\n".join([header, *(line + b",x" for line in lines)]))
    message = r"^log\.csv cannot be read as a table \(line 2: it has 10 fields, but the header has 9\)\. "
    with pytest.raises(InputError, match=message):
        peek(tmp_path / "log.csv")
    preview = preview_rows(tmp_path / "log.csv", load_mapping("rees46"), with_value=True)
    assert preview["reason"].to_list() == ["it has 10 fields, but the header has 9"] * 10
    assert count_usable(preview) == (0, 10)


def test_the_encoding_of_a_log_is_detected_unless_a_mapping_names_it(tmp_path: Path) -> None:
    rows = [{**row, "brand": "Bär"} for row in rees46_rows(10)]
    (tmp_path / "log.csv").write_bytes(csv_of(rows).decode().encode("cp1252"))
    log = peek(tmp_path / "log.csv")
    assert log.rows[0] == tuple(rows[0].values())
    assert log.encoding is not None
    assert log.encoding.encoding == "cp1252"
    assert "Bär" in log.encoding.sentence
    other = peek(tmp_path / "log.csv", Mapping(encoding="cp1251"))
    assert other.rows[0] == tuple({**rows[0], "brand": "Bдr"}.values())
    with pytest.raises(InputError, match=r"^The text of log\.csv is not UTF-8, as its line 2 shows"):
        peek(tmp_path / "log.csv", Mapping(encoding="utf-8"))


MIXED_MARKS = "event_time;event_type;product_id;category_id;price;user_id;user_session\n" + "\n".join(
    f"2025-03-24 18:58:{number} UTC;purchase;P1;C1;{'4,90' if number % 2 else '4.90'};U1;S{number}"
    for number in range(10, 30)
)


def test_an_incomplete_guess_is_refused_with_the_open_setting_and_its_values(
    tmp_path: Path, snapshot: SnapshotAssertion
) -> None:
    path = tmp_path / "log.csv"
    path.write_text(MIXED_MARKS)
    guess = peek(path).guess()
    assert guess.missing == ("session_value",)
    incomplete = Mapping.checked(**guess.settings)
    with pytest.raises(InputError) as caught:
        preview_rows(path, incomplete, with_value=True)
    for expected in ("columns.session_value", '"price_of_buys"', "columns.price", "4.90", "4,90"):
        assert expected in str(caught.value)
    assert str(caught.value) == snapshot
    assert count_usable(preview_rows(path, incomplete, with_value=False)) == (10, 10)
    with pytest.raises(InputError, match=r"^train\.csv has no column session_value, .* columns\.session_value"):
        store(tmp_path, [], incomplete, train=MIXED_MARKS.encode(), test=MIXED_MARKS.encode() + b"\n")


@pytest.mark.parametrize(
    ("column", "role"),
    [("event_time", "event_time"), ("user_id", "user_id"), ("user_session", "user_session"), ("brand", None)],
)
def test_a_role_without_a_column_is_refused_with_the_columns_that_are_left(
    tmp_path: Path, column: str, role: str | None
) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(
        csv_of([{("x" if name == column else name): cell for name, cell in row.items()} for row in rees46_rows(10)])
    )
    if role is None:
        assert complete_mapping(path, load_mapping("rees46"))[1] == []
        return
    with pytest.raises(InputError, match=rf"columns\.{role} .*not use yet: .*x") as caught:
        complete_mapping(path, load_mapping("rees46"))
    assert str(caught.value).startswith(f"log.csv has no column {column}, ")


@pytest.mark.parametrize(
    ("header", "with_value", "roles"),
    [
        ("a,b", True, "event time, event type, product, user or session value"),
        ("a,b", False, "event time, event type, product or user"),
        ("event_time,product_id,category_id,user_id,user_session", False, "event type"),
        ("event_time,event_type,product_id,category_id,user_id,user_session", True, "session value"),
        ("event_time,event_type,product_id,category_id,user_id,user_session", False, None),
    ],
)
def test_columns_that_were_not_recognised_are_named(
    header: str, with_value: bool, roles: str | None, tmp_path: Path
) -> None:
    cells = {"event_time": "2025-06-01 10:00:00", "event_type": "BUY"}
    path = tmp_path / "log.csv"
    path.write_text(f"{header}\n{','.join(cells.get(name, f'{name}1') for name in header.split(','))}\n")
    note = unrecognised_note(peek(path), with_value=with_value)
    if roles is None:
        assert note is None
    else:
        assert note is not None
        assert note.startswith(
            f"No column of log.csv was recognized as {roles}. Its columns are {header.split(',', maxsplit=1)[0]}"
        )


def test_saved_mappings_whose_names_differ_in_signs_or_at_the_end_are_all_kept(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    names = ["Shop A!", "Shop A?", f"{'long ' * 20}a", f"{'long ' * 20}b", "𠀀" * 60]
    for name in names:
        save_mapping(workspace, Mapping(name=name))
        save_mapping(workspace, Mapping(name=name, decimal=","))
    saved = known_mappings(workspace)
    assert [saved[name].decimal for name in names] == [","] * len(names)
    assert len(list(workspace.mappings.glob("*.toml"))) == len(names)
