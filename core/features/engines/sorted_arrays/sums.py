"""Adds up the cells of an own column on the users, products and categories of units, before a moment or elsewhere.

The sum over the events on a value before a moment is the difference of two running sums over the log's sorted events.
What does not depend on the cells is computed once per key, for all columns.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.features.engines.sorted_arrays.event_arrays import EventArrays
from core.features.engines.sorted_arrays.lookup import insertion_points
from core.features.engines.sorted_arrays.packed_numbers import (
    Int32s,
    Int64s,
    lower,
    require_bits,
    run_edges,
    run_starts,
    shifted,
)
from core.features.engines.sorted_arrays.unit_arrays import UnitArrays


class Sums(NamedTuple):
    """Sums of cells and numbers of filled ones: one element per (unit, value of a key in it), sorted by unit.

    Attributes:
        unit_row: the unit's row among the selected units.
        own, own_filled: sum of the cells and number of filled cells in the unit itself.
        elsewhere, elsewhere_filled: the same for events outside the visit.
    """

    unit_row: Int32s
    own: Int64s
    own_filled: Int64s
    elsewhere: Int64s
    elsewhere_filled: Int64s


class _Pairs(NamedTuple):
    """The pairs of a unit and a value of a key in it.

    Attributes:
        events: rows of the selected units' events in the log, sorted by pair.
        begins: position of each pair's first event in `events`.
        unit_row, value: unit and value of each pair.
    """

    events: Int64s
    begins: Int64s
    unit_row: Int32s
    value: Int32s


class TimeOrder(NamedTuple):
    """The events of the log sorted by the value of a key and by time.

    Attributes:
        events: row of each event in the log.
        packed: `value | time` of each event.
        edges: start of each value's run, and the end of the last one.
    """

    events: Int64s
    packed: Int64s
    edges: Int64s


class _Span(NamedTuple):
    """For each pair, the events on its value before its visit: `TimeOrder.events[begin:until]`."""

    begin: Int64s
    until: Int64s


def look_up_sums(selection: UnitArrays, key: str, cells: pl.Series, own_cells: pl.Series, *, all_rows: bool) -> Sums:
    """Add up cells on every value of a key in every selected unit.

    Args:
        selection: the units.
        key: the column user, product or category.
        cells, own_cells: integers, one per event of the log, to add up elsewhere and in the unit; nulls do not count.
        all_rows: whether to count all rows outside the visit instead of those before its start.
    """
    pairs = selection.cached(_pairs, key)
    add_elsewhere = _sums_elsewhere if all_rows else _sums_before
    return Sums(
        unit_row=pairs.unit_row,
        own=_own_sums(pairs, own_cells.fill_null(0).to_numpy()),
        own_filled=_own_sums(pairs, _is_filled(own_cells)),
        elsewhere=add_elsewhere(selection, key, cells.fill_null(0).to_numpy()),
        elsewhere_filled=add_elsewhere(selection, key, _is_filled(cells)),
    )


def _is_filled(cells: pl.Series) -> NDArray[np.bool_] | None:
    """Return which cells are filled; None if all are, because events are counted faster than filled cells."""
    return cells.is_not_null().to_numpy() if cells.null_count() else None


def _own_sums(pairs: _Pairs, numbers: NDArray[np.generic] | None) -> Int64s:
    """Return the sum of numbers (None for 1) over the events of each pair."""
    if numbers is None:
        return np.diff(pairs.begins, append=len(pairs.events))
    return np.add.reduceat(numbers[pairs.events], pairs.begins, dtype=np.int64)


def _sums_before(selection: UnitArrays, key: str, numbers: NDArray[np.generic] | None) -> Int64s:
    """Return the sum of numbers (None for 1) on each pair's value before its visit."""
    order, span = selection.log.cached(time_order, key), selection.cached(_span, key)
    if numbers is None:
        return np.asarray(span.until - span.begin)
    running = np.zeros(len(numbers) + 1, np.int64)
    np.cumsum(numbers[order.events], out=running[1:])
    return np.asarray(running[span.until] - running[span.begin])


def _sums_elsewhere(selection: UnitArrays, key: str, numbers: NDArray[np.generic] | None) -> Int64s:
    """Return the sum of numbers (None for 1) on each pair's value outside its visit."""
    log, pairs = selection.log, selection.cached(_pairs, key)
    values, visits = log.values(key), log.visits[log.unit_rows]
    numbers = np.ones(len(values), np.int64) if numbers is None else numbers
    rows = pl.DataFrame({"visit": visits, "value": values, "number": pl.Series(numbers).cast(pl.Int64)})
    by_visit = rows.group_by("visit", "value").agg(pl.col("number").sum())
    visit_of_pair = pl.DataFrame({"visit": log.visits[selection.units][pairs.unit_row], "value": pairs.value})
    in_visit = visit_of_pair.join(by_visit, on=["visit", "value"], how="left", maintain_order="left")
    everywhere = np.zeros(int(values.max()) + 1, np.int64)
    np.add.at(everywhere, values, numbers)
    return np.asarray(everywhere[pairs.value] - in_visit.get_column("number").to_numpy())


def _pairs(selection: UnitArrays, key: str) -> _Pairs:
    value_bits = selection.log.value_bits(key)
    packed = shifted(selection.unit_of_event, value_bits) | selection.log.values(key)[selection.events]
    order = np.argsort(packed, kind="stable")
    packed = packed[order]
    begins = np.flatnonzero(run_starts(packed))
    pairs = packed[begins]
    return _Pairs(
        events=order + selection.events.start if isinstance(selection.events, slice) else selection.events[order],
        begins=begins,
        unit_row=(pairs >> value_bits).astype(np.int32),
        value=lower(pairs, value_bits).astype(np.int32),
    )


def _span(selection: UnitArrays, key: str) -> _Span:
    log, pairs = selection.log, selection.cached(_pairs, key)
    order = log.cached(time_order, key)
    moments = shifted(pairs.value, log.time_bits) | log.starts[selection.units][pairs.unit_row]
    by_moment = np.argsort(moments)
    until = np.empty(len(moments), np.int64)
    until[by_moment] = insertion_points(order.packed, moments[by_moment])
    return _Span(order.edges[pairs.value], until)


def time_order(log: EventArrays, key: str) -> TimeOrder:
    """Return the events of a log sorted by the value of a key and by time.

    Raises:
        OverflowError: value and time do not fit into a packed number.
    """
    require_bits(value=log.value_bits(key), time=log.time_bits)
    values = log.values(key)
    packed = shifted(values, log.time_bits) | log.times
    order = np.argsort(packed)
    packed = packed[order]
    return TimeOrder(order, packed, run_edges(packed, int(values.max()) + 1, log.time_bits))
