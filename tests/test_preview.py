"""Looking at a log before it is read: its first rows as they stand there, a guess, and what the guess makes of them."""

from __future__ import annotations

import gzip
import sqlite3
from pathlib import Path

import polars as pl
import pytest

from core.errors import InputError
from core.ingestion import Query
from core.ingestion.mapping import Mapping, load_mapping
from core.ingestion.preview import counts_of, peek, understood
from tests.events_on_the_spot import REES46_COLUMNS, csv_of, parquet_of, rees46_rows, same_frames, store, zip_of


def test_a_guess_reads_a_rees46_log_as_the_shipped_mapping_does(tmp_path: Path) -> None:
    train, test = csv_of(rees46_rows(10)), csv_of(rees46_rows(11))
    shipped = store(tmp_path / "shipped", [], load_mapping("rees46"), train=train, test=test)
    guess = peek(tmp_path / "shipped" / "files" / "train.csv").guess()
    assert guess.missing == ()
    assert same_frames(
        store(tmp_path / "guessed", [], Mapping.checked(**guess.settings), train=train, test=test), shipped
    )


@pytest.mark.parametrize("form", ["CSV", "gzip", "ZIP", "Parquet", "folder", "SQLite"])
def test_the_first_rows_are_shown_in_any_form(tmp_path: Path, form: str) -> None:
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
    shown = peek(source, rows=3)
    assert shown.columns == REES46_COLUMNS
    assert shown.rows == tuple(tuple(row.values()) for row in rows[:3])
    meant = understood(source, load_mapping("rees46"), with_value=True, rows=4)
    assert meant["event_type"].to_list() == ["VIEW", "ADD_CART", "REMOVE_CART", "VIEW"]
    assert meant["event_time"].to_list() == ["2019-10-01 10:00:00+00:00"] * 3 + ["2019-10-01 11:00:00+00:00"]
    assert counts_of(meant) == (4, 4)


def test_rows_that_would_be_set_aside_are_shown_with_their_reason(tmp_path: Path) -> None:
    rows = rees46_rows(10)[:3]
    rows[1]["event_type"] = "wishlist"
    (tmp_path / "log.csv").write_bytes(csv_of(rows))
    meant = understood(tmp_path / "log.csv", load_mapping("rees46"), with_value=True)
    known = "view, cart, remove_from_cart, purchase"
    assert meant["reason"].to_list() == [None, f"event_type is wishlist, not one of {known}", None]
    assert meant["event_type"].to_list() == ["VIEW", None, "REMOVE_CART"]
    assert counts_of(meant) == (2, 3)


def test_a_log_without_rows_has_nothing_to_show(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_bytes(",".join(REES46_COLUMNS).encode() + b"\n")
    with pytest.raises(InputError, match=r"^log\.csv is empty: "):
        peek(tmp_path / "log.csv")
    with pytest.raises(InputError, match=r"^log\.csv is empty: "):
        understood(tmp_path / "log.csv", load_mapping("rees46"), with_value=True)
