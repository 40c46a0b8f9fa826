"""Target statistics and the contributions to the start value, against plain Python."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.features.learned.baskets import Baskets
from core.features.learned.catalogue import START, learned_features, parts_of_start
from core.features.learned.price_features import SUM_FEATURES
from core.features.learned.prices import PriceModel, PriceSettings
from core.features.learned.value_statistics import VALUE_STATISTICS, ValueStatistics
from core.schema import CATEGORY, PRODUCT, TYPE, UNIT

SESSIONS = 6
EVENTS = st.lists(st.tuples(st.integers(0, SESSIONS - 1), st.integers(0, 4), st.integers(0, 3)), max_size=30)
"""Session, product, event type. The category is the product modulo 2."""


def baskets_of(rows: list[tuple[int, int, int]]) -> Baskets:
    columns = {UNIT: pl.Int64, PRODUCT: pl.Int64, CATEGORY: pl.Int64, TYPE: pl.Int64}
    data = [(session, product, product % 2, kind) for session, product, kind in rows]
    return Baskets.of(pl.DataFrame(data, schema=columns, orient="row"), np.arange(SESSIONS))


@settings(deadline=None, derandomize=True, max_examples=120)
@given(rows=EVENTS, learned=st.sets(st.integers(0, SESSIONS - 1), min_size=1), seed=st.integers(0, 99))
def test_the_statistics_equal_those_of_plain_python(
    rows: list[tuple[int, int, int]], learned: set[int], seed: int
) -> None:
    values = np.random.default_rng(seed).gamma(1.0, 30.0, SESSIONS)
    learned_rows = np.array(sorted(learned))
    statistics = ValueStatistics(baskets_of(rows))
    features = statistics.features(statistics.learn(learned_rows, values[learned_rows]))
    assert features.shape == (SESSIONS, len(VALUE_STATISTICS))
    average = values[learned_rows].mean()

    def statistic(pair: tuple[int, int], divisor: int) -> float:
        sessions = {session for session, product, kind in rows if (product % divisor, kind) == pair} & learned
        return (sum(values[session] for session in sessions) + 10 * average) / (len(sessions) + 10)

    for session in range(SESSIONS):
        expected: list[float] = []
        for divisor in (10, 2):  # products, categories
            pairs = {(product % divisor, kind) for row, product, kind in rows if row == session}
            statistics = [statistic(pair, divisor) for pair in sorted(pairs)]
            expected += [sum(statistics) / len(statistics), max(statistics)] if statistics else [np.nan, np.nan]
        assert features[session].tolist() == pytest.approx(expected, abs=1e-9, nan_ok=True)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(rows=EVENTS, chosen=st.sets(st.integers(0, SESSIONS - 1), min_size=1))
def test_a_part_of_the_baskets_holds_the_events_of_its_sessions(
    rows: list[tuple[int, int, int]], chosen: set[int]
) -> None:
    sessions = sorted(chosen)
    whole, part = baskets_of(rows), baskets_of(rows).part(np.array(sessions))
    assert part.rows == len(sessions)
    items = whole.items.select(PRODUCT, TYPE).rows()
    for part_row, session in enumerate(sessions):
        events = sorted(items[item] for item in part.item[part.row == part_row])
        assert events == sorted((product, kind) for row, product, kind in rows if row == session)


def test_an_extreme_session_changes_prices_less_if_the_variance_grows_with_the_value() -> None:
    rows = [(session % SESSIONS, session % 5, 3) for session in range(60)]
    baskets, values = baskets_of(rows), np.array([30.0, 30, 30, 30, 30, 3_000])
    unweighted, weighted = (
        PriceModel(baskets).fit(np.arange(SESSIONS), values, PriceSettings(power=power)).of_sessions(baskets)[:5].mean()
        for power in (0.0, 1.0)
    )
    assert abs(weighted - 30) < abs(unweighted - 30)


def test_the_contributions_to_the_start_value_add_up_and_go_to_its_factors() -> None:
    names = [entry.feature.name for entry in learned_features()]
    draws = np.random.default_rng(3)
    learned = np.full((50, len(names)), np.nan)
    sums = [names.index(feature.name) for feature in SUM_FEATURES]
    learned[:, sums] = draws.normal(5.0, 3.0, (50, len(sums)))
    value, ratio = learned[:, sums].sum(axis=1) - 18.0, draws.gamma(4.0, 0.25, 50)
    learned[:, names.index("recovered_value")] = value
    learned[:, names.index("user_value_ratio")] = ratio
    learned[:, names.index(START.name)] = start = np.maximum(value, 0.0) * ratio
    parts = parts_of_start(learned)
    assert parts.sum(axis=1) == pytest.approx(start - start.mean())
    assert parts.mean(axis=0) == pytest.approx(np.zeros(len(names)), abs=1e-9)
    for column in sums:
        assert np.ptp(parts[:, column] - learned[:, column]) == pytest.approx(0.0, abs=1e-9)
    credited = {names[column] for column in np.flatnonzero(np.abs(parts).sum(axis=0) > 1e-9)}
    assert credited == {*(feature.name for feature in SUM_FEATURES), "user_value_ratio", START.name}
