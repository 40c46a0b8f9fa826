"""The fast order of events is exactly the order by three columns, whatever the numbers are."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.ingestion.sessions.row_order import argsort_rows

LEAST, MOST = -(2**63), 2**63 - 1
CLOSE = st.sampled_from([LEAST, LEAST + 1, -1, 0, 1, 2**35, 2**35 + 1, MOST - 1, MOST])
WHOLE = CLOSE | st.integers(LEAST, MOST)
MOMENTS = st.sampled_from([0, 1, 2, 2**28, 2**28 + 1]) | st.integers(-(2**40), 2**40)


def ordered(keys: list[int], moments: list[int], products: list[int]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Ordered the fast way and by a plain sort."""
    names = ("key", "moment", "product")
    rows = pl.DataFrame([keys, moments, products], schema=dict.fromkeys(names, pl.Int64))
    return rows[argsort_rows(*(rows.get_column(name).to_numpy() for name in rows.columns))], rows.sort(rows.columns)


@settings(deadline=None, derandomize=True, max_examples=300)
@given(rows=st.lists(st.tuples(WHOLE, MOMENTS, WHOLE), max_size=40))
def test_any_rows_come_in_the_order_of_a_plain_sort(rows: list[tuple[int, int, int]]) -> None:
    fast, plain = ordered(*([row[place] for row in rows] for place in range(3)))
    assert fast.equals(plain)


@pytest.mark.parametrize("keys", [3, 1_000, 2**62], ids=["few sessions", "some sessions", "every row its own session"])
@pytest.mark.parametrize("span", [1, 10**6, 2**40], ids=["one moment", "a month", "longer than the packed bits"])
def test_many_rows_come_in_the_order_of_a_plain_sort(keys: int, span: int) -> None:
    """Enough sessions that several share their leading bits, and enough ties in time that products decide."""
    rng = np.random.default_rng(keys + span)
    columns = (rng.integers(0, keys, 50_000), rng.integers(0, span, 50_000), rng.integers(LEAST, MOST, 50_000))
    fast, plain = ordered(*(column.tolist() for column in columns))
    assert fast.equals(plain)
