"""The chart of values by an own column, and the filter by its cells."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from core.audit import draw_sample
from core.audit.drift_rules import SESSION, subject
from core.base.workspace import Workspace
from core.dataset import Dataset
from core.eda.charts import feature_value, own_value
from core.eda.parts.feature_sample import join_values
from core.eda.parts.selection import Selection
from core.eda.parts.session_filter import filter_sessions
from core.eda.parts.session_table import session_table
from core.ingestion import InputFiles, ingest
from core.ingestion.mapping import Mapping
from core.own_columns import OwnColumn
from core.schema import UNIT

OWN = {
    "price": {"column": "Price", "kind": "money"},
    "device": {"column": "Device", "kind": "category", "level": "session"},
    "promo": {"column": "Promo", "kind": "flag"},
    "launch": {"column": "Launch", "kind": "time", "level": "product"},
}
HEADER = "event_time,event_type,product_id,category_id,user_id,user_session,session_value,Price,Device,Promo,Launch"


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """60 sessions in train and 10 in test: mobile ones are worth 10, desktop ones 30, those without a device 20."""
    rows = {"train": [HEADER], "test": [HEADER]}
    for number in range(70):
        file = "train" if number < 60 else "test"
        device, value = [("mobile", 10), ("desktop", 30), ("", 20)][number % 3]
        for step in range(2):
            price = "" if number % 10 == 9 else f"{number + step}.5"
            rows[file].append(
                f"2025-06-{1 + number % 9:02}T10:{step:02}:00Z,VIEW,P{step},C,U{number},S{number},{value + number % 2},"
                f"{price},{device},{'yes' if step and number % 2 else 'no'},2025-0{1 + step}-01"
            )
    for file, lines in rows.items():
        (tmp_path / f"{file}.csv").write_text("\n".join(lines) + "\n")
    files = InputFiles(tmp_path / "train.csv", tmp_path / "test.csv", mapping=Mapping.checked(own=OWN))
    return ingest(files, Workspace(tmp_path / "home"))


def chart(dataset: Dataset, name: str) -> tuple[pl.DataFrame, str]:
    column = next(own.column for own in dataset.card().own if own.name == name)
    data = own_value.frame(dataset, column)
    own_value.figure(data, column).to_dict()
    return data, own_value.finding(data, column)


def test_categories_are_compared_by_the_average_value_of_their_sessions(dataset: Dataset) -> None:
    data, finding = chart(dataset, "device")
    rows = {row["label"]: (row["sessions"], row["mean"], row["cell"]) for row in data.iter_rows(named=True)}
    assert rows == {
        "desktop": (20, 30.5, "desktop"),
        "mobile": (20, 10.5, "mobile"),
        "(empty)": (20, 20.5, None),
    }
    assert data["share"].sum() == pytest.approx(1)
    assert "33.3% of the sessions have no Device." in finding
    assert "worth 30.5 on average with Device desktop, and 10.5 with mobile" in finding


def test_numbers_are_compared_in_ranges_of_about_equal_size(dataset: Dataset) -> None:
    data, finding = chart(dataset, "price")
    assert data["sessions"].sum() == 60
    assert data["sessions"][:-1].is_between(8, 10).all()
    assert data["label"][0] == "up to 11.0"
    assert data["label"][-1] == "(empty)"
    assert data["cell"].null_count() == data.height
    assert finding.endswith("The averages differ no more than by chance.")


def test_a_session_has_a_flag_if_any_event_has_it(dataset: Dataset) -> None:
    data, _ = chart(dataset, "promo")
    assert dict(data.select("label", "sessions").iter_rows()) == {"no": 30, "yes": 30}


def test_times_are_shown_as_days(dataset: Dataset) -> None:
    data, _ = chart(dataset, "launch")
    assert data["label"][0].startswith("up to 16 Jan 2025")


@pytest.mark.parametrize(
    ("kind", "first", "step", "last"),
    [("number", 1e3, 0.001, "above 1,000.05"), ("time", 1.7e9, 1.0, "above 14 Nov 2023 22:14:09")],
    ids=["number", "time"],
)
def test_ranges_that_look_alike_have_different_labels(kind: str, first: float, step: float, last: str) -> None:
    cells = pl.DataFrame({UNIT: range(60), "cell": [first + step * number for number in range(60)]})
    column = OwnColumn(name="x", level="event", kind=kind, label="X")  # type: ignore[arg-type]
    classes = own_value._of_numbers(cells, column)
    assert classes["label"].n_unique() == classes["place"].n_unique() == 6
    assert classes["label"][-1] == last


@pytest.mark.parametrize(
    ("own", "sessions", "words"),
    [
        (("device=mobile",), 24, "with device mobile"),
        (("device=mobile", "device=desktop"), 47, "with device mobile or desktop"),
        (("device=mobile", "promo=yes"), 12, "with device mobile, with promo yes"),
        (("promo=no",), 70, "with promo no"),
        (("price=3.5",), 2, "with price 3.5"),
        (("colour=red",), 0, "with colour red"),
        (("device=a=b",), 0, "with device a=b"),
    ],
)
def test_sessions_are_filtered_by_cells(dataset: Dataset, own: Any, sessions: int, words: str) -> None:
    selection = Selection(own=own)
    assert filter_sessions(session_table(dataset), dataset, selection).height == sessions
    assert selection.describe() == words
    assert Selection.from_query(selection.as_query()) == selection


def test_cells_to_choose_from_are_the_most_frequent(dataset: Dataset) -> None:
    by_name = {own.name: own_value.frequent_cells(dataset, own.column, 1) for own in dataset.card().own}
    assert by_name == {"price": [], "device": ["mobile"], "promo": ["yes", "no"], "launch": []}


def test_features_of_own_columns_are_related_to_the_value_and_compared_between_the_files(dataset: Dataset) -> None:
    sample = draw_sample(dataset)
    own = {name for name in sample.names if name.startswith("own_price")}
    features = join_values(sample.train_table(), dataset)
    related = feature_value.frame(features)
    assert own
    assert own <= set(related["feature"])
    mean = related.row(by_predicate=pl.col("feature") == "own_price_mean", named=True)
    value, cells = features.rows["value"].to_numpy(), features.rows["own_price_mean"].to_numpy()
    known = ~np.isnan(cells)
    assert mean["pearson"] == pytest.approx(np.corrcoef(cells[known], value[known])[0, 1])
    assert "price" in mean["meaning"].lower()
    compared = {entry.feature.name: subject(entry) for entry in sample.entries if entry.feature.name in own}
    assert compared["own_price_mean"] == SESSION
