"""Features of own columns: an oracle for each level and kind, equal engines, and no dependence on the order of rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from core.errors import SettingError
from core.features import compute_features, feature_catalogue
from core.features.engines.polars_engine import open_log
from core.features.groups.own import own_groups
from core.features.learned.baskets import Baskets, Catalogue
from core.features.learned.value_statistics import ValueStatistics, own_statistics
from core.features.registry import groups_of
from core.own_columns import DTYPES, OwnColumn
from core.schema import EVENT_TYPES

BUY, ADD_CART, REMOVE_CART, VIEW = (EVENT_TYPES.index(name) for name in ("BUY", "ADD_CART", "REMOVE_CART", "VIEW"))
DAY = 86_400


def column(name: str, kind: Any, level: Any = "event", *, with_purchases: bool = True) -> OwnColumn:
    return OwnColumn(name=name, kind=kind, level=level, label=name.title(), with_purchases=with_purchases)


COLUMNS = (
    column("price", "money"),
    column("list", "money", "product", with_purchases=False),
    column("rank", "number"),
    column("brand", "category", "product"),
    column("place", "category", with_purchases=False),
    column("promo", "flag"),
    column("launch", "time", "product"),
    column("age", "number", "user"),
    column("member", "flag", "user"),
    column("since", "time", "session"),
    column("device", "category", "session"),
)


@dataclass(frozen=True)
class Click:
    unit: int
    product: int
    kind: int
    time: int
    cells: tuple[Any, ...]


def cell_of(own: OwnColumn) -> st.SearchStrategy[Any]:
    values = {
        "money": st.integers(-500, 99_999).map(lambda cents: cents / 100),
        "number": st.floats(-1e9, 1e9).map(lambda number: round(number, 3)),
        "category": st.sampled_from(["Ä", "a", "B", "ß", "zz"]),
        "flag": st.booleans(),
        "time": st.integers(-100 * DAY, 100 * DAY),
    }
    return st.none() | values[own.kind]


clicks = st.builds(
    Click, st.integers(0, 4), st.integers(0, 2), st.integers(0, 3), st.integers(0, 5), st.tuples(*map(cell_of, COLUMNS))
)


def log_of(log: list[Click]) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """Return events and units. The cells of a session or user are those of its first click."""
    first = {click.unit: click for click in reversed(log)}
    rows = [
        {"unit": c.unit, "user": c.unit % 2, "product": c.product, "category": c.product % 2, "type": c.kind}
        | {"time": c.time}
        | {
            own.stored: (first[c.unit] if own.level in ("session", "user") else c).cells[index]
            for index, own in enumerate(COLUMNS)
        }
        for c in log
    ]
    schema = dict.fromkeys(("unit", "user", "product", "category"), pl.Int64) | {"type": pl.Int8, "time": pl.Int64}
    events = pl.DataFrame(rows, schema=schema | {own.stored: DTYPES[own.kind] for own in COLUMNS})
    units = events.group_by("unit", "user").agg(pl.col("time").min().alias("start")).sort("unit")
    return events.sort("unit").lazy(), units.lazy()


def oracle(own: OwnColumn, events: list[dict[str, Any]]) -> dict[str, float | None]:
    """Return the features of a session, by loops over its events in order."""
    name = own.stored

    def number(event: dict[str, Any]) -> float | None:
        cell = event[name]
        if cell is None:
            return None
        return (event["time"] - cell) / DAY if own.kind == "time" else cell if own.kind == "category" else float(cell)

    if own.level in ("session", "user"):
        cells = [cell for event in events if (cell := number(event)) is not None]
        return {} if own.kind == "category" else {name: max(cells, default=None)}
    counted = [event for event in events if own.with_purchases or event["type"] != BUY]
    cells = [cell for event in counted if (cell := number(event)) is not None]
    features = {f"{name}_filled": len(cells) / len(counted) if counted else None}
    if own.kind == "category":
        most = max((cells.count(cell) for cell in cells), default=0)
        features[f"{name}_distinct"] = float(len(set(cells)))
        features[f"{name}_share_top"] = most / len(cells) if cells else None
        return features
    last = number(events[-1]) if events[-1] in counted else None
    mean = sum(cells) / len(cells) if cells else None
    if own.kind == "flag":
        return features | {f"{name}_share": mean, f"{name}_last": last}
    features |= {f"{name}_mean": mean, f"{name}_min": min(cells, default=None), f"{name}_max": max(cells, default=None)}
    features[f"{name}_last"] = last
    if own.kind == "money":

        def of_type(kind: int) -> list[float]:
            return [cell for event in counted if event["type"] == kind and (cell := number(event)) is not None]

        viewed = of_type(VIEW)
        features[f"{name}_viewed_mean"] = sum(viewed) / len(viewed) if viewed else None
        features[f"{name}_added"] = sum(of_type(ADD_CART))
        features[f"{name}_in_cart"] = sum(of_type(ADD_CART)) - sum(of_type(REMOVE_CART))
        if own.with_purchases:
            features[f"{name}_bought"] = sum(of_type(BUY))
    return features


def in_order(events: pl.DataFrame, unit: int) -> list[dict[str, Any]]:
    """Return the events of a unit by time, type, product and own columns; empty cells come first."""
    names = ("time", "type", "product", *(own.stored for own in COLUMNS))

    def key(event: dict[str, Any]) -> list[tuple[bool, Any]]:
        cells = [event[name] for name in names]
        return [(cell is not None, "" if cell is None else cell) for cell in cells]

    rows = events.filter(pl.col("unit") == unit).to_dicts()
    return sorted(
        rows, key=lambda event: [(full, cell.encode() if isinstance(cell, str) else cell) for full, cell in key(event)]
    )


def history_oracle(
    own: OwnColumn, events: list[dict[str, Any]], others: list[dict[str, Any]]
) -> dict[str, float | None]:
    """Return the history features of a session, given the events of other sessions that count."""
    if own.kind != "money" or own.level in ("session", "user"):
        return {}
    name = own.stored

    def cells(rows: list[dict[str, Any]]) -> list[float]:
        return [row[name] for row in rows if row[name] is not None and (own.with_purchases or row["type"] != BUY)]

    def mean(numbers: list[float]) -> float | None:
        return sum(numbers) / len(numbers) if numbers else None

    def ratio(numerator: float | None, denominator: float | None) -> float | None:
        return None if numerator is None or not denominator or denominator <= 0 else numerator / denominator

    def of_others(key: str, value: int) -> float | None:
        return mean([event[name] for event in others if event[key] == value and event[name] is not None])

    user_mean = of_others("user", events[0]["user"])
    actual, usual = 0.0, 0.0
    for category in {event["category"] for event in events}:
        mine = cells([event for event in events if event["category"] == category])
        if (level := of_others("category", category)) is not None:
            actual, usual = actual + sum(mine), usual + len(mine) * level
    usual_totals = {
        f"{name}_{suffix}": sum(
            of_others("product", event["product"]) or 0 for event in events if event["type"] == kind
        )
        for kind, suffix in ((ADD_CART, "usual_added"), (BUY, "usual_bought"))
        if not own.with_purchases
    }
    return {
        f"{name}_user_mean": user_mean,
        f"{name}_per_user_mean": ratio(mean(cells(events)), user_mean),
        f"{name}_per_category_mean": ratio(actual, usual if usual > 1e-6 else None),
        **usual_totals,
    }


@settings(max_examples=15, deadline=None, derandomize=True)
@given(log=st.lists(clicks, min_size=1, max_size=25), history=st.sampled_from(["as_of", "all_rows"]))
def test_every_feature_of_an_own_column_equals_its_oracle_on_both_engines(log: list[Click], history: Any) -> None:
    events, units = log_of(log)
    table = features_of(events, units, "polars", history)
    all_events = events.collect().to_dicts()
    for unit, row in zip(units.collect().iter_rows(named=True), table.iter_rows(named=True), strict=True):
        ordered = in_order(events.collect(), unit["unit"])
        others = [event for event in all_events if event["unit"] != unit["unit"]]
        if history == "as_of":
            others = [event for event in others if event["time"] < unit["start"]]
        expected = {
            name: cell
            for own in COLUMNS
            for name, cell in (oracle(own, ordered) | history_oracle(own, ordered, others)).items()
        }
        assert list(expected) == table.columns
        for name, cell in expected.items():
            assert (cell is None) == (row[name] is None), (name, cell, row[name])
            assert cell is None or math.isclose(row[name], cell, rel_tol=1e-9, abs_tol=2e-6), (name, cell, row[name])
    assert_frame_equal(features_of(events, units, "duckdb", history), table, rel_tol=1e-9, abs_tol=1e-9)


def features_of(events: pl.LazyFrame, units: pl.LazyFrame, engine: Any, history: Any = "as_of") -> pl.DataFrame:
    return compute_features(events, units, history, groups=own_groups(COLUMNS), engine=engine, own_columns=COLUMNS)


@settings(max_examples=8, deadline=None, derandomize=True)
@given(log=st.lists(clicks, min_size=2, max_size=15), seed=st.integers(0, 99))
def test_the_order_of_the_rows_changes_nothing(log: list[Click], seed: int) -> None:
    events, units = log_of(log)
    shuffled = events.collect().sample(fraction=1, shuffle=True, seed=seed).sort("unit", maintain_order=True).lazy()
    assert_frame_equal(features_of(shuffled, units, "polars"), features_of(events, units, "polars"))


def test_purchases_that_may_not_be_used_change_no_feature() -> None:
    click = Click(0, 0, VIEW, 0, (5.0, 7.0, 1.0, "a", "B", True, 0, 30.0, True, 0, "a"))
    bought = Click(0, 0, BUY, 1, (9.0, 9.0, 2.0, "B", "zz", False, 5, 30.0, True, 0, "a"))
    dearer = Click(0, 0, BUY, 1, (9.0, 99.0, 2.0, "B", "a", False, 5, 30.0, True, 0, "a"))
    first, second = (features_of(*log_of([click, each]), "polars") for each in (bought, dearer))
    # the prices of its purchases may be used in other sessions, of which there are none here
    assert_frame_equal(first, second)
    assert first["own_list_max"].to_list() == [7.0]
    assert first["own_price_max"].to_list() == [9.0]


def test_a_category_has_the_shrunk_mean_value_of_its_training_sessions() -> None:
    own = (column("brand", "category", "product"), column("device", "category", "session"))
    cells = {"own_brand": ["a", "b", "a", None, "c"], "own_device": ["x", "x", "x", "y", None]}
    events = pl.DataFrame({"unit": [0, 0, 1, 2, 3], "product": [0] * 5, "category": [0] * 5, "type": [0] * 5, **cells})
    baskets = Baskets.of(events, np.arange(4), Catalogue.empty(own))
    learner = ValueStatistics(baskets)
    rows, values = np.array([0, 1, 2]), np.array([10.0, 40.0, 100.0])  # the last session is new
    learned = learner.learn(rows, values).own_features(baskets)
    mean = 50.0
    brand_a, brand_b = (10 + 40 + 10 * mean) / 12, (10 + 10 * mean) / 11
    device_x, device_y = (10 + 40 + 10 * mean) / 12, (100 + 10 * mean) / 11
    expected = [
        [(brand_a + brand_b) / 2, max(brand_a, brand_b), device_x],
        [brand_a, brand_a, device_x],
        [np.nan, np.nan, device_y],
        [mean, mean, np.nan],  # a new brand has the average of all training sessions
    ]
    np.testing.assert_allclose(learned, expected, rtol=1e-12)
    names = [feature.name for _, feature in own_statistics(own)]
    assert names == ["own_brand_value_mean", "own_brand_value_max", "own_device_value_mean"]


def test_features_of_own_columns_have_names_of_their_own_units_and_meanings() -> None:
    entries = feature_catalogue(COLUMNS)
    assert len({entry.feature.name for entry in entries}) == len(entries)
    mine = [entry for entry in entries if entry.group.startswith("own_")]
    histories = {f"{own.stored}_history" for own in COLUMNS if own.kind == "money"}
    assert {entry.group for entry in mine} == {own.stored for own in COLUMNS} | histories
    assert all(entry.feature.unit and entry.feature.meaning.endswith(".") for entry in mine)
    assert [entry for entry in entries if entry not in mine] == list(feature_catalogue())


@pytest.mark.parametrize("kind", ["number", "money", "category", "flag", "time"])
@pytest.mark.parametrize("level", ["event", "session", "product", "user"])
def test_a_column_without_any_cell_has_no_values(kind: Any, level: Any) -> None:
    own = (column("empty", kind, level),)
    events, units = log_of([Click(0, 0, VIEW, 0, (None,) * len(COLUMNS)), Click(1, 0, BUY, 0, (None,) * len(COLUMNS))])
    events = events.with_columns(pl.lit(None, dtype=DTYPES[own[0].kind]).alias("own_empty"))
    for engine in ("polars", "duckdb"):
        groups = own_groups(own)
        if not groups:
            assert (kind, level in ("session", "user")) == ("category", True)
            continue
        table = compute_features(events, units, "as_of", groups=groups, engine=engine, own_columns=own)
        constants = {
            "own_empty_filled",
            "own_empty_distinct",
            "own_empty_added",
            "own_empty_in_cart",
            "own_empty_bought",
        }
        for name in table.columns:
            assert table[name].to_list() == ([0.0, 0.0] if name in constants else [None, None]), name


def test_sessions_of_one_event_have_no_shorter_prefixes() -> None:
    events, units = log_of([Click(unit, 0, VIEW, unit, (None,) * len(COLUMNS)) for unit in range(3)])
    whole = pl.DataFrame({"unit": range(3), "events_seen": 1})
    with open_log(events, units, "as_of", None) as engine:
        (described, _), (values, prefix_events) = (
            engine.prefixes(groups_of(COLUMNS), prefixes) for prefixes in (whole, whole.clear())
        )
    assert values.schema == described.schema
    assert (values.height, prefix_events.height) == (0, 0)


@pytest.mark.parametrize(
    ("other", "shared"),
    [
        (column("price_mean", "number", "session"), "own_price_mean"),
        (column("price_user_mean", "number", "user"), "own_price_user_mean"),
        (column("price_history", "number"), "own_price_history"),
    ],
)
def test_columns_whose_features_would_share_a_name_are_refused(other: OwnColumn, shared: str) -> None:
    """The table would have two columns of one name, or one group would replace the other."""
    for columns in ((COLUMNS[0], other), (other, COLUMNS[0])):
        names = f"{columns[1].name} and {columns[0].name}"
        with pytest.raises(SettingError, match=f"columns {names} would have the same name, {shared}"):
            groups_of(columns)
    statistic = column("brand_value_mean", "number", "session")
    with pytest.raises(SettingError, match="own_brand_value_mean"):
        groups_of((column("brand", "category"), statistic))
    groups_of((COLUMNS[0], column("price_mean", "number")))
