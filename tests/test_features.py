"""Every feature equals an oracle in plain Python, and history features do not leak.

The oracle defines each feature by loops over lists and dictionaries. A feature without an oracle fails a test.
"""

from __future__ import annotations

import dataclasses
import math
import random
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from core.config import RunConfig
from core.dataset import Dataset
from core.features import (
    GROUPS,
    all_features,
    build_features,
    write_features,
)
from core.features import table as feature_table
from core.features.engines import polars_engine
from core.features.leakage_check import HISTORY_GROUPS
from core.features.session_log import HistoryMode
from core.ingestion.mapping import Mapping as LogMapping
from core.schema import EVENT_TYPES
from tests.events_on_the_spot import NOON, Event, Name, good_events, joined, random_events, store, unit_names, words_of
from tests.feature_oracle import ORACLE, units_of

QUICKLY = settings(max_examples=25, deadline=None, derandomize=True)
HISTORIES: tuple[HistoryMode, ...] = ("as_of", "all_rows")


Row = dict[str, float | None]


def features_by_name(dataset: Dataset, config: RunConfig) -> dict[Name, Row]:
    table = build_features(dataset, config)
    return dict(zip(unit_names(dataset, table.units), table.values.to_dicts(), strict=True))


def assert_same(actual: Row, expected: Row, label: object) -> None:
    for name, value in expected.items():
        if value is None:
            assert actual[name] is None, f"{name} of {label}"
        else:
            assert actual[name] == pytest.approx(value, rel=1e-9, abs=1e-9), f"{name} of {label}"


def test_every_feature_has_an_oracle() -> None:
    assert set(ORACLE) == {feature.name for feature in all_features()}


@QUICKLY
@given(events=random_events())
def test_every_feature_equals_its_oracle(tmp_path_factory: pytest.TempPathFactory, events: list[Event]) -> None:
    dataset = store(tmp_path_factory.mktemp("oracle"), events, LogMapping(least_usable=0.0))
    events = joined(events)
    codes = {user: code for code, user in words_of(dataset, "user_id").items()}
    products = {product: code for code, product in words_of(dataset, "product_id").items()}
    for history in HISTORIES:
        for split in (True, False):
            features = features_by_name(
                dataset, RunConfig(features="full", history=history, split_composite_sessions=split)
            )
            units = units_of(events, history, split=split, codes=codes, products=products)
            assert set(features) == {unit.name for unit in units}
            for unit in units:
                expected = {name: oracle(unit) for name, oracle in ORACLE.items()}
                assert_same(features[unit.name], expected, (unit.name, history, split))


# --- sessions small enough to follow by hand --------------------------------------------------------------------------
def features_of_session_now(tmp_path: Path, events: list[Event], history: HistoryMode = "as_of") -> Row:
    """Return the features of the session NOW of user ME, in a log with unrelated sessions."""
    unrelated = [
        dataclasses.replace(event, user=f"X{event.user}", product=f"X{event.product}") for event in good_events()
    ]
    unrelated = [dataclasses.replace(event, category="XC") for event in unrelated]
    dataset = store(tmp_path, [*unrelated, *events])
    return features_by_name(dataset, RunConfig(features="full", history=history))["train", "NOW", "ME"]


NOW = Event("train", "NOW", "ME")
EARLIER = dataclasses.replace(NOW, session="THEN", time=NOON - 1, kind="BUY")
SAME_SECOND = dataclasses.replace(NOW, session="THEN", kind="BUY")
LATER = dataclasses.replace(NOW, session="THEN", time=NOON + 1, kind="BUY")
NEW_USER = {
    "user_is_known": 0,
    "user_sessions_per_week": 0,
    "user_events_per_week": 0,
    "user_buy_per_week": 0,
    "user_buy_rate": 0.1,
    "user_seconds_since": None,
    "product_buy_rate_mean": 0.1,
    "category_add_cart_rate_max": 0.3,
}


def after_one_purchase(seconds_observed: int, since: int | None) -> Row:
    """Return the history after one purchase elsewhere."""
    weeks = (seconds_observed + 86_400) / 604_800
    return {
        "user_is_known": 1,
        "user_sessions_per_week": 1 / weeks,
        "user_events_per_week": 1 / weeks,
        "user_buy_per_week": 1 / weeks,
        "user_buy_rate": 2 / 11,
        "user_seconds_since": since,
        "product_popularity_mean": math.log1p(1 / weeks),
        "product_buy_rate_mean": 2 / 11,
        "category_add_cart_rate_max": 3 / 11,
    }


END_OF_LOG = max(event.time for event in good_events()) - NOON


@pytest.mark.parametrize(
    ("other", "history", "expected"),
    [
        (EARLIER, "as_of", after_one_purchase(1, since=1)),
        (SAME_SECOND, "as_of", {**NEW_USER, "product_popularity_mean": 0.0}),
        (LATER, "as_of", {**NEW_USER, "product_popularity_mean": 0.0}),
        (EARLIER, "all_rows", after_one_purchase(END_OF_LOG + 1, since=1)),
        (SAME_SECOND, "all_rows", after_one_purchase(END_OF_LOG, since=None)),
        (LATER, "all_rows", after_one_purchase(END_OF_LOG, since=None)),
    ],
    ids=[f"{history}: {when}" for history in HISTORIES for when in ("a second before", "the same second", "after")],
)
def test_as_of_counts_what_happened_strictly_before_the_session_and_all_rows_everything(
    tmp_path: Path, other: Event, history: HistoryMode, expected: Row
) -> None:
    assert_same(features_of_session_now(tmp_path, [NOW, other], history), expected, other)


def test_the_same_history_counts_less_if_it_was_observed_for_longer(tmp_path: Path) -> None:
    week_before = dataclasses.replace(EARLIER, time=NOON - 6 * 86_400)
    features = features_of_session_now(tmp_path, [NOW, week_before])
    assert_same(features, {"user_events_per_week": 1, "user_buy_rate": 2 / 11}, "NOW")


@pytest.mark.parametrize("history", HISTORIES)
def test_a_first_session_has_no_history(tmp_path: Path, history: HistoryMode) -> None:
    events = [dataclasses.replace(NOW, kind=kind, time=NOON + step) for step, kind in enumerate(EVENT_TYPES * 3)]
    assert_same(features_of_session_now(tmp_path, events, history), NEW_USER, history)


@pytest.mark.parametrize("history", HISTORIES)
def test_the_two_units_of_a_known_session_are_not_history_of_each_other(tmp_path: Path, history: HistoryMode) -> None:
    half = dataclasses.replace(NOW, file="test", time=NOON - 60)
    assert_same(features_of_session_now(tmp_path, [NOW, half], history), NEW_USER, history)


def test_a_steady_pace_of_events_has_no_trend_late_in_the_log(tmp_path: Path) -> None:
    weekly = [dataclasses.replace(NOW, session=f"W{week}", time=NOON - week * 604_800) for week in range(1, 8)]
    assert features_of_session_now(tmp_path, [NOW, *weekly])["product_trend_mean"] == pytest.approx(0.0)


def test_users_of_a_shared_session_id_have_separate_histories(tmp_path: Path) -> None:
    other_user = dataclasses.replace(NOW, user="YOU", product="P1", category="C1", time=NOON - 10_000)
    assert_same(features_of_session_now(tmp_path, [NOW, other_user]), {**NEW_USER, "n_events": 1}, "ME")


def test_an_event_at_the_epoch_counts(tmp_path: Path) -> None:
    events = [dataclasses.replace(NOW, time=50), dataclasses.replace(EARLIER, time=0)]
    assert features_of_session_now(tmp_path, events)["user_seconds_since"] == 50


def test_a_session_of_one_event_has_no_gaps(tmp_path: Path) -> None:
    assert_same(features_of_session_now(tmp_path, [NOW]), {"duration": 0, "gap_mean": None, "gap_max": None}, "NOW")


def test_monday_noon_is_hour_twelve_of_day_zero(tmp_path: Path) -> None:
    expected = {"start_hour": 12, "start_weekday": 0, "hour_sin": 0, "hour_cos": -1}
    assert_same(features_of_session_now(tmp_path, [NOW]), expected, "NOW")


# --- the table as a file ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("history", "units_per_batch"), [("as_of", 1), ("as_of", 7), ("all_rows", 7), ("all_rows", 1_000)]
)
def test_a_table_written_in_batches_equals_the_table_built_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, history: str, units_per_batch: int
) -> None:
    draws = random.Random(units_per_batch)
    sessions, users = (3, 2) if units_per_batch == 1 else (12, 5)  # each batch takes half a second
    rows = [
        Event(
            draws.choice(["train", "test"]),
            f"S{draws.randrange(sessions)}",
            f"U{draws.randrange(users)}",
            f"P{draws.randrange(4)}",
            time=NOON + draws.randrange(900_000),
        )
        for _ in range(90)
    ]
    dataset, config = store(tmp_path, [*good_events(), *rows]), RunConfig(features="full", history=history)
    whole = build_features(dataset, config)
    monkeypatch.setattr(polars_engine, "_UNITS_PER_BATCH", units_per_batch)
    in_batches = build_features(dataset, config)
    assert_frame_equal(in_batches.values, whole.values, rel_tol=1e-14, abs_tol=0)
    monkeypatch.setattr(feature_table, "_IDS_AT_ONCE", 2 * units_per_batch)
    progress: list[tuple[int, int]] = []
    n_written = write_features(
        dataset, config, tmp_path / "f.parquet", lambda done, total, _: progress.append((done, total))
    )
    assert n_written == whole.units.height > 20
    table = pl.read_parquet(tmp_path / "f.parquet")
    assert_frame_equal(
        table.drop("user_session", "user_id"), whole.units.hstack(whole.values), rel_tol=1e-14, abs_tol=0
    )
    for id_column, number in (("user_session", "session"), ("user_id", "user")):
        ids = words_of(dataset, id_column)
        assert table[id_column].to_list() == [ids[code] for code in table[number]]
    n_steps = -(-n_written // units_per_batch) * len(GROUPS)
    assert progress[-1] == (n_steps, n_steps)
    assert [done for done, _ in progress] == list(range(n_steps + 1))


# --- composite sessions without splitting -----------------------------------------------------------------------------
def test_without_splitting_the_users_of_a_session_id_become_one_unit(tmp_path: Path) -> None:
    shared = [Event("train", "S", f"U{number}", f"P{number}", time=NOON + 10_000 * number) for number in (2, 1, 0)]
    dataset = store(tmp_path, [*good_events(), *shared])
    split, merged = (
        build_features(dataset, RunConfig(features="full", split_composite_sessions=split)) for split in (True, False)
    )
    assert (split.units.height, merged.units.height) == (23, 21)
    assert merged.values.height == merged.units.height
    (row,) = np.flatnonzero(merged.units.get_column("composite"))
    assert unit_names(dataset, merged.units)[row] == ("train", "S", "U0")
    assert merged.units.row(row, named=True)["start"] == NOON
    assert_same(merged.values.row(row, named=True), {"n_events": 3, "n_products": 3, "duration": 20_000}, "S")


@pytest.mark.parametrize("history", ["as_of", "all_rows"])
def test_without_splitting_the_units_of_a_session_in_both_files_are_not_history_of_each_other(
    history: HistoryMode, tmp_path: Path
) -> None:
    """A different user begins in each file."""
    shared = [
        Event("train", "S", "UA", "PX", "CX", time=NOON),
        Event("train", "S", "UB", "PX", "CX", time=NOON + 10_000),
        Event("test", "S", "UB", "PX", "CX", time=NOON + 20_000),
        Event("test", "S", "UA", "PX", "CX", time=NOON + 30_000),
    ]
    dataset = store(tmp_path, [*good_events(), *shared])
    table = build_features(dataset, RunConfig(features="full", split_composite_sessions=False, history=history))
    rows = np.flatnonzero(table.units.get_column("composite"))
    assert [unit_names(dataset, table.units)[row] for row in rows] == [("train", "S", "UA"), ("test", "S", "UA")]
    assert table.values[rows].get_column("product_seconds_since").to_list() == [None, None]


# --- the table --------------------------------------------------------------------------------------------------------
def test_the_table_has_one_row_per_unit_and_one_column_per_feature_in_order(tmp_path: Path) -> None:
    table = build_features(store(tmp_path, good_events()), RunConfig(features="full"))
    assert table.units.get_column("unit").to_list() == list(range(20))
    assert table.names == [feature.name for feature in all_features()]
    assert set(table.values.schema.values()) == {pl.Float64}


def test_the_lean_table_has_the_same_values_in_fewer_columns(tmp_path: Path) -> None:
    dataset = store(tmp_path, good_events())
    lean, full = (build_features(dataset, RunConfig.checked(features=features)).values for features in ("lean", "full"))
    left_out = {feature.name for group in GROUPS if not group.lean for feature in group.features}
    assert lean.columns == [name for name in full.columns if name not in left_out]
    assert_frame_equal(lean, full.select(lean.columns))
    # what the classes of the expected score, the times of the users' sessions and the intervals are made of
    assert {"n_events", "duration", "user_is_known"} <= set(lean.columns)


def test_the_matrix_has_the_masked_rows_with_nan_for_null(tmp_path: Path) -> None:
    dataset = store(tmp_path, [*good_events(), Event("train", "ONE", "U1")])
    table = build_features(dataset, RunConfig(features="full"))
    matrix = table.matrix(table.units.get_column("role") == 0)
    assert matrix.shape == (11, len(table.names))
    assert matrix.dtype == np.float64
    assert matrix.flags.c_contiguous
    (row,) = np.flatnonzero(matrix[:, table.names.index("n_events")] == 1)
    assert np.isnan(matrix[row, table.names.index("gap_mean")])


def test_progress_names_every_group(tmp_path: Path) -> None:
    progress: list[tuple[int, int, str]] = []
    build_features(store(tmp_path, good_events()), RunConfig(features="full"), lambda *step: progress.append(step))
    assert {label for _, _, label in progress} == {*(group.name.replace("_", " ") for group in GROUPS), ""}
    assert [done for done, _, _ in progress] == list(range(len(GROUPS) + 1))


@settings(QUICKLY, max_examples=8)
@given(events=random_events(), seed=st.integers(0, 999), history=st.sampled_from(HISTORIES))
def test_the_row_order_of_the_files_changes_no_feature(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event], seed: int, history: HistoryMode
) -> None:
    folder = tmp_path_factory.mktemp("order")
    shuffled = random.Random(seed).sample(events, len(events))
    tables = [
        build_features(
            store(folder / name, rows, LogMapping(least_usable=0.0)), RunConfig(features="full", history=history)
        ).values
        for name, rows in (("a", events), ("b", shuffled))
    ]
    assert tables[0].equals(tables[1])


# --- the registry -----------------------------------------------------------------------------------------------------
def test_names_of_features_and_groups_are_unique() -> None:
    names = [feature.name for feature in all_features()]
    groups = [group.name for group in GROUPS]
    assert len(set(names)) == len(names)
    assert len(set(groups)) == len(groups)
    assert set(HISTORY_GROUPS) == {"context", *(name for name in groups if name.endswith("_history"))}
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", name) for name in [*names, *groups])


@pytest.mark.parametrize("feature", all_features(), ids=lambda feature: feature.name)
def test_a_feature_has_a_unit_and_a_sentence_about_its_meaning(feature) -> None:
    assert feature.unit.strip()
    assert re.fullmatch(r"[A-Z][^\n]*[^\s.]\.", feature.meaning)
