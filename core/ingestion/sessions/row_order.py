"""Sort events by session (or user), moment and product, the slowest step of assembling sessions.

The leading bits of the three columns are packed into one integer, which sorts in a quarter of the time.
The few rows whose order these bits do not decide are then sorted by all three.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

_KEY_BITS = 26
"""Of 64. With about 300,000 sessions in a partition, one in 200 shares these bits with another."""
_MOST_MOMENT_BITS = 28
"""Enough for seconds and event types over two years; the rest is for the product."""


def argsort_rows(keys: NDArray[np.int64], moments: NDArray[np.int64], products: NDArray[np.int64]) -> pl.Series:
    """Return the row positions sorted by key, moment and product; rows equal in all three come in any order."""
    if not len(keys):
        return pl.Series([], dtype=pl.UInt32)
    moment_bits = min(int(moments.max() - moments.min()).bit_length(), _MOST_MOMENT_BITS)
    product_bits = 64 - _KEY_BITS - moment_bits
    packed = _leading(keys, _KEY_BITS)
    packed <<= np.uint64(moment_bits)
    packed |= _leading(moments, moment_bits)
    packed <<= np.uint64(product_bits)
    packed |= _leading(products, product_bits)
    places = pl.Series(packed).arg_sort()
    high = (packed >> np.uint64(64 - _KEY_BITS)).astype(np.uint32)
    return _decided(places, high, keys, moments, products)


def _leading(values: NDArray[np.int64], bits: int) -> NDArray[np.uint64]:
    """Return the leading `bits` bits of each value's distance from the smallest, scaled to the largest distance."""
    low, top = int(values.min()), int(values.max())
    distances = values.view(np.uint64) - np.uint64(low % (1 << 64))  # wraps around to the distance
    distances >>= np.uint64(max((top - low).bit_length() - bits, 0))
    return distances


def _decided(
    places: pl.Series,
    high: NDArray[np.uint32],
    keys: NDArray[np.int64],
    moments: NDArray[np.int64],
    products: NDArray[np.int64],
) -> pl.Series:
    """Sort runs of rows with equal leading key bits by all three columns, if they are not sorted yet."""
    run, key, moment, product = (
        pl.Series(column).gather(places).to_numpy() for column in (high, keys, moments, products)
    )  # Polars gathers in half the time of NumPy
    same_run = run[1:] == run[:-1]
    in_order = moment[1:] > moment[:-1]
    in_order |= (moment[1:] == moment[:-1]) & (product[1:] >= product[:-1])
    in_order &= key[1:] == key[:-1]
    open_pairs = np.flatnonzero(same_run & ~in_order)
    if not len(open_pairs):
        return places
    begins = np.flatnonzero(np.concatenate(([True], ~same_run)))
    ends = np.append(begins[1:], len(run))
    open_runs = np.unique(np.searchsorted(begins, open_pairs, side="right") - 1)
    rows = np.concatenate([np.arange(begins[place], ends[place]) for place in open_runs])
    left = pl.DataFrame({"key": key[rows], "moment": moment[rows], "product": product[rows]})
    exact = left.select(pl.arg_sort_by("key", "moment", "product")).to_series()
    return places.scatter(rows, places.gather(rows).gather(exact))
