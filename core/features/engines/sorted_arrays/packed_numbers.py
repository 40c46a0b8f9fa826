"""Several integers packed into one of 64 bits, so that one sort orders by all of them."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.schema import EVENT_TYPES

Int64s = NDArray[np.int64]
Int32s = NDArray[np.int32]
"""For ranks and rows: no log has two billion of them, and they take half the memory."""
TYPE_BITS = (len(EVENT_TYPES) - 1).bit_length()
"""Bits of an event type, the lowest bits of a packed event."""
_TYPE_MASK = (1 << TYPE_BITS) - 1
_MOST_SPREAD = 4
"""A lookup table may have this many entries per code; codes that spread further are ranked by a join."""


def shifted(numbers: Int32s, bits: int) -> Int64s:
    """Return the numbers in the bits above the lowest `bits`.

    >>> shifted(np.array([1, 2], np.int32), 4).tolist()
    [16, 32]
    """
    return numbers.astype(np.int64) << bits


def lower(packed: Int64s, bits: int) -> Int64s:
    """Return the lowest `bits` of packed numbers."""
    return packed & ((1 << bits) - 1)


def run_starts(numbers: Int64s) -> NDArray[np.bool_]:
    """Mark the first number of each run of equal numbers.

    >>> run_starts(np.array([3, 3, 5])).tolist()
    [True, False, True]
    """
    starts = np.ones(len(numbers), bool)
    np.not_equal(numbers[1:], numbers[:-1], out=starts[1:])
    return starts


def run_edges(packed: Int64s, n_values: int, bits: int) -> Int64s:
    """Return where the run of each value begins in sorted packed numbers, and where the last one ends.

    Args:
        packed: sorted numbers whose bits above the lowest `bits` are a value.
        n_values: the values are 0 to n_values - 1; a value without numbers has an empty run.
        bits: number of bits below the value.

    Returns:
        n_values + 1 positions: the run of value v is `packed[edges[v] : edges[v + 1]]`.
    """
    return np.searchsorted(packed, np.arange(n_values + 1, dtype=np.int64) << bits)


def dense_ranks(codes: pl.Series) -> Int32s:
    """Replace the smallest code by 0, the next larger one by 1, and so on.

    >>> dense_ranks(pl.Series("code", [70, 10, 70])).tolist()
    [1, 0, 1]
    """
    numbers = codes.to_numpy()
    first, last = int(numbers.min()), int(numbers.max())
    if last - first < _MOST_SPREAD * len(numbers):  # as codes of ingestion are
        occurs = np.zeros(last - first + 1, np.int32)
        occurs[numbers - first] = 1
        ranks = np.cumsum(occurs, dtype=np.int32) - 1
        return np.asarray(ranks[numbers - first], dtype=np.int32)
    # np.unique would sort all codes, in six times the time.
    ranked = codes.unique().sort().to_frame().with_columns(pl.int_range(pl.len(), dtype=pl.Int32).alias("_rank"))
    joined = codes.to_frame().join(ranked, on=codes.name, how="left", maintain_order="left")
    return joined.get_column("_rank").to_numpy()


def type_counts_before(packed: Int64s) -> Int32s:
    """Return how many events of each type precede each position of packed events: (events + 1, types)."""
    types = (packed & _TYPE_MASK).astype(np.int8)
    counts = np.zeros((len(packed) + 1, len(EVENT_TYPES)), np.int32)  # one row is one memory access
    for code in range(len(EVENT_TYPES)):
        np.cumsum(types == code, out=counts[1:, code])
    return counts
