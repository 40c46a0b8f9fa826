"""Several integers packed into the bits of one 64-bit integer, so that a single sort orders by all of them.

A layout such as `value | time | type` names the parts from the highest bits to the lowest. The lowest part of an event
is its type, in TYPE_BITS bits. Bits of the other parts depend on the log, and are properties of `EventArrays`.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.schema import EVENT_TYPES

Int64s = NDArray[np.int64]
Int32s = NDArray[np.int32]
"""For ranks and rows. No log has two billion of them, and they take half the memory."""
TYPE_BITS = (len(EVENT_TYPES) - 1).bit_length()
"""Bits of an event type."""
MOST_BITS = 63
"""Bits of a packed number. The sign bit stays free, because negative numbers would sort first."""
_MAX_ENTRIES_PER_CODE = 4
"""Maximum size of a lookup table, relative to the number of codes. Codes that spread further are ranked by a join."""


def require_bits(**bits: int) -> None:
    """Check that parts fit into one packed number.

    Args:
        bits: name of a part -> number of its bits.

    Raises:
        OverflowError: they take more than MOST_BITS bits.
    """
    if sum(bits.values()) > MOST_BITS:
        parts = ", ".join(f"{name} ({n_bits} bits)" for name, n_bits in bits.items())
        raise OverflowError(f"{parts} do not fit into {MOST_BITS} bits")


def shifted(numbers: Int32s, bits: int) -> Int64s:
    """Shift numbers to the left, as int64, to leave room for `bits` lower bits.

    >>> shifted(np.array([1, 2], np.int32), 4).tolist()
    [16, 32]
    """
    return numbers.astype(np.int64) << bits


def lower(packed: Int64s, bits: int) -> Int64s:
    """Return the lowest `bits` bits of packed numbers."""
    return packed & ((1 << bits) - 1)


def run_starts(numbers: Int64s) -> NDArray[np.bool_]:
    """Return a mask of the first number of each run of equal neighbours.

    >>> run_starts(np.array([3, 3, 5])).tolist()
    [True, False, True]
    """
    starts = np.ones(len(numbers), bool)
    np.not_equal(numbers[1:], numbers[:-1], out=starts[1:])
    return starts


def run_edges(packed: Int64s, n_values: int, bits: int) -> Int64s:
    """Return the position where the run of each value begins in sorted packed numbers, and where the last run ends.

    The values, `packed >> bits`, range from 0 to n_values - 1. A value without numbers has an empty run.

    Returns:
        n_values + 1 positions: the run of value v is `packed[edges[v] : edges[v + 1]]`.

    >>> run_edges(np.array([0b001, 0b011, 0b100]), n_values=3, bits=1).tolist()
    [0, 1, 2, 3]
    """
    return np.searchsorted(packed, np.arange(n_values + 1, dtype=np.int64) << bits)


def dense_ranks(codes: pl.Series) -> Int32s:
    """Return the rank of each code among the distinct codes, from 0. There must be at least one code, and no null.

    >>> dense_ranks(pl.Series("code", [70, 10, 70])).tolist()
    [1, 0, 1]
    """
    numbers = codes.to_numpy()
    first, last = int(numbers.min()), int(numbers.max())
    if last - first < _MAX_ENTRIES_PER_CODE * len(numbers):  # true for the codes that ingestion assigns
        occurs = np.zeros(last - first + 1, np.int32)
        occurs[numbers - first] = 1
        ranks = np.cumsum(occurs, dtype=np.int32) - 1
        return np.asarray(ranks[numbers - first], dtype=np.int32)
    # np.unique would sort all codes, which takes six times as long.
    ranked = codes.unique().sort().to_frame().with_columns(pl.int_range(pl.len(), dtype=pl.Int32).alias("_rank"))
    joined = codes.to_frame().join(ranked, on=codes.name, how="left", maintain_order="left")
    return joined.get_column("_rank").to_numpy()


def type_counts_before(packed: Int64s) -> Int32s:
    """Return the number of events of each type before each position of packed events, shape (events + 1, types)."""
    types = lower(packed, TYPE_BITS).astype(np.int8)
    counts = np.zeros((len(packed) + 1, len(EVENT_TYPES)), np.int32)  # a lookup reads one row: neighbouring memory
    for code in range(len(EVENT_TYPES)):
        np.cumsum(types == code, out=counts[1:, code])
    return counts
