"""Cells of own columns are parsed by their kind, and what is not of the kind is counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from core.base.workspace import Workspace
from core.dataset import Dataset
from core.errors import InputError, SettingError
from core.ingestion import InputFiles, ingest
from core.ingestion.mapping import Mapping
from core.ingestion.rows.own_cells import own_cells
from core.schema import ROLES

DAY = 86_400


def parsed(kind: str, cells: list[Any], **settings: Any) -> tuple[list[Any], int]:
    """Return the parsed cells, and how many with content are not of the kind."""
    mapping = Mapping.checked(own={"x": {"column": "X", "kind": kind}}, **settings)
    (column,), counts = own_cells(pl.DataFrame({"own_x": cells}, strict=False), mapping)
    assert counts["own_x", True] == column.count()
    return column.to_list(), counts["own_x", False]


@pytest.mark.parametrize(
    ("kind", "cells", "expected", "unreadable"),
    [
        ("number", ["1", "2.5", "-3", "1e3", "", "n/a", "many", None], [1, 2.5, -3, 1000, None, None, None, None], 1),
        ("money", ["$1,299.00", "12 EUR", "(3.50)", "1e10", "free"], [1299, 12, -3.5, None, None], 2),
        ("number", [1, 2, None], [1, 2, None], 0),
        (
            "category",
            [" Acme ", "acme", "", "NULL", "Müller & Söhne", "x" * 150],
            ["Acme", "acme", None, None, "Müller & Söhne", "x" * 100],
            0,
        ),
        ("category", [12.0, 7.5, None], ["12", "7.5", None], 0),
        (
            "flag",
            ["yes", "No", "TRUE", "0", "evet", "nein", "", "maybe"],
            [True, False, True, False, True, False, None, None],
            1,
        ),
        ("flag", [True, False, None], [True, False, None], 0),
        ("flag", [1, 0, 2], [True, False, None], 1),
        (
            "time",
            ["1970-01-02", "1970-01-01 00:00:05", "02.01.1970", "1970-01-03T00:00:00Z", "", "soon"],
            [DAY, 5, DAY, 2 * DAY, None, None],
            1,
        ),
    ],
)
@pytest.mark.parametrize("repeated", [1, 50])
def test_cells_are_parsed_by_kind(
    kind: str, cells: list[Any], expected: list[Any], unreadable: int, repeated: int
) -> None:
    assert parsed(kind, cells * repeated) == (expected * repeated, unreadable * repeated)


def test_numbers_have_the_decimal_mark_of_the_log() -> None:
    assert parsed("money", ["1.299,50", "7,5"], decimal=",") == ([1299.5, 7.5], 0)


def test_a_time_may_have_the_format_of_the_log() -> None:
    assert parsed("time", ["1750000000", "2025-06-15"], time_format="epoch_seconds") == (
        [1_750_000_000, 1_749_945_600],
        0,
    )


def ingested(tmp_path: Path, train: str, test: str, own: dict[str, Any]) -> Dataset:
    for name, text in (("train", train), ("test", test)):
        (tmp_path / f"{name}.csv").write_text(text)
    files = InputFiles(tmp_path / "train.csv", tmp_path / "test.csv", mapping=Mapping.checked(own=own))
    return ingest(files, Workspace(tmp_path / "home"))


HEADER = "event_time,event_type,product_id,category_id,user_id,user_session"


def rows(file: str, value: bool, cells: list[str]) -> str:
    lines = [
        f"2025-06-02 12:00:{number:02}+00:00,VIEW,P{number},C,U{number},{file}{number}{',9.5' if value else ''},{cell}"
        for number, cell in enumerate(cells)
    ]
    return "\n".join(lines) + "\n"


def test_cells_stay_with_their_events_and_bad_ones_quarantine_nothing(tmp_path: Path) -> None:
    train = f"{HEADER},session_value,Brand\n" + rows("a", True, ["x", "", "y"] * 8)
    test = f"{HEADER},brand\n" + rows("b", False, ["z", "x"] * 12)
    dataset = ingested(tmp_path, train, test, {"brand": {"column": "Brand", "kind": "category"}})
    stored = {role: dataset.events(role).select("product", "own_brand").collect() for role in ROLES}
    assert stored["train"]["own_brand"].value_counts().sort("own_brand").rows() == [(None, 8), ("x", 8), ("y", 8)]
    assert stored["test"]["own_brand"].value_counts().sort("own_brand").rows() == [("x", 12), ("z", 12)]
    card = dataset.card()
    assert card.train.quarantined == card.test.quarantined == 0
    (own,) = card.own
    assert (own.label, own.filled_train, own.filled_test, own.distinct) == ("Brand", pytest.approx(2 / 3), 1.0, 3)


def test_a_train_file_without_an_own_column_is_refused(tmp_path: Path) -> None:
    train = f"{HEADER},session_value,brand\n" + rows("a", True, ["x"] * 24)
    with pytest.raises(InputError, match="has no column colour"):
        ingested(
            tmp_path,
            train,
            f"{HEADER},brand\n" + rows("b", False, ["x"] * 24),
            {"colour": {"column": "colour", "kind": "category"}},
        )


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"Brand": {"column": "b", "kind": "category"}}, "own.Brand is 'Brand'. Allowed: a lower-case letter"),
        ({"b": {"column": "b", "kind": "text"}}, "own.b.kind is 'text'. Allowed: 'number', 'money'"),
        ({"b": {"column": "b"}}, "own.b.kind is missing. It takes number, money, category, flag or time"),
        ({"b": "brand"}, "own.b is 'brand'. Allowed: a table with column and kind"),
        ({"b": {"column": "session_value", "kind": "number"}}, "Allowed: another column than columns.session_value"),
        ({"a": {"column": "x", "kind": "flag"}, "b": {"column": "X", "kind": "flag"}}, "another column than own.a"),
        ({"b": {"column": "b", "kind": "flag", "unit": "x"}}, "There is no setting own.b.unit"),
    ],
)
def test_bad_settings_are_refused_in_one_sentence(own: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError) as error:
        Mapping.checked(own=own)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
