"""Target statistics and the parts of what learners start from, against plain Python."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.features.learned.catalogue import START, learned_features, parts_of_start
from core.features.learned.prices import SUM_FEATURES, Baskets, PriceModel
from core.features.learned.value_statistics import VALUE_STATISTICS, ValueStatistics
from core.schema import CATEGORY, PRODUCT, TYPE, UNIT

SESSIONS = 6
EVENTS = st.lists(st.tuples(st.integers(0, SESSIONS - 1), st.integers(0, 4), st.integers(0, 3)), max_size=30)
"""Session, product, event type; the category is the product's remainder by 2."""


def baskets_of(rows: list[tuple[int, int, int]]) -> Baskets:
    columns = {UNIT: pl.Int64, PRODUCT: pl.Int64, CATEGORY: pl.Int64, TYPE: pl.Int64}
    data = [(session, product, product % 2, kind) for session, product, kind in rows]
    return Baskets.of(pl.DataFrame(data, schema=columns, orient="row"), np.arange(SESSIONS))


@settings(deadline=None, derandomize=True, max_examples=120)
@given(rows=EVENTS, learned=st.sets(st.integers(0, SESSIONS - 1), min_size=1), seed=st.integers(0, 99))
def test_the_statistics_are_those_of_plain_python(
    rows: list[tuple[int, int, int]], learned: set[int], seed: int
) -> None:
    values = np.random.default_rng(seed).gamma(1.0, 30.0, SESSIONS)
    chosen = np.array(sorted(learned))
    found = ValueStatistics(baskets_of(rows)).features(chosen, values[chosen])
    assert found.shape == (SESSIONS, len(VALUE_STATISTICS))
    average = values[chosen].mean()

    def worth(thing: tuple[int, int], divisor: int) -> float:
        having = {session for session, product, kind in rows if (product % divisor, kind) == thing} & learned
        return (sum(values[session] for session in having) + 10 * average) / (len(having) + 10)

    for session in range(SESSIONS):
        expected: list[float] = []
        for divisor in (10, 2):  # products, categories
            things = {(product % divisor, kind) for whose, product, kind in rows if whose == session}
            worths = [worth(thing, divisor) for thing in sorted(things)]
            expected += [sum(worths) / len(worths), max(worths)] if worths else [np.nan, np.nan]
        assert found[session].tolist() == pytest.approx(expected, abs=1e-9, nan_ok=True)


@settings(deadline=None, derandomize=True, max_examples=40)
@given(rows=EVENTS, chosen=st.sets(st.integers(0, SESSIONS - 1), min_size=1))
def test_a_part_of_the_baskets_is_that_of_these_sessions_alone(
    rows: list[tuple[int, int, int]], chosen: set[int]
) -> None:
    kept = sorted(chosen)
    whole, part = baskets_of(rows), baskets_of(rows).part(np.array(kept))
    assert part.rows == len(kept)
    items = whole.items.select(PRODUCT, TYPE).rows()
    for place, session in enumerate(kept):
        mine = sorted(items[item] for item in part.item[part.row == place])
        assert mine == sorted((product, kind) for whose, product, kind in rows if whose == session)


def test_one_extraordinary_session_bends_prices_less_if_variance_grows_with_worth() -> None:
    rows = [(session % SESSIONS, session % 5, 3) for session in range(60)]
    baskets, values = baskets_of(rows), np.array([30.0, 30, 30, 30, 30, 3_000])
    plain, weighed = (
        PriceModel(baskets).fit(np.arange(SESSIONS), values, power).of_sessions(baskets)[:5].mean()
        for power in (0.0, 1.0)
    )
    assert abs(weighed - 30) < abs(plain - 30)


def test_the_parts_of_the_start_add_up_to_it_and_go_to_what_it_is_made_of() -> None:
    names = [each.feature.name for each in learned_features()]
    draws = np.random.default_rng(3)
    learned = np.full((50, len(names)), np.nan)
    sums = [names.index(each.name) for each in SUM_FEATURES]
    learned[:, sums] = draws.normal(5.0, 3.0, (50, len(sums)))
    worth, ratio = learned[:, sums].sum(axis=1) - 18.0, draws.gamma(4.0, 0.25, 50)
    learned[:, names.index("recovered_value")] = worth
    learned[:, names.index("user_value_ratio")] = ratio
    learned[:, names.index(START.name)] = start = np.maximum(worth, 0.0) * ratio
    parts = parts_of_start(learned)
    assert parts.sum(axis=1) == pytest.approx(start - start.mean())
    assert parts.mean(axis=0) == pytest.approx(np.zeros(len(names)), abs=1e-9)
    for place in sums:
        assert np.ptp(parts[:, place] - learned[:, place]) == pytest.approx(0.0, abs=1e-9)
    credited = {names[place] for place in np.flatnonzero(np.abs(parts).sum(axis=0) > 1e-9)}
    assert credited == {*(each.name for each in SUM_FEATURES), "user_value_ratio", START.name}
