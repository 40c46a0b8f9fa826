"""Adds up the cells of an own column on the users, products and categories of units, before a moment or elsewhere.

The sum over the events on a value before a moment is the difference of two running sums over the log's sorted events.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import polars as pl

from core.features.columns import FILLED_ELSEWHERE, OWN_FILLED, OWN_SUM, SUM_ELSEWHERE
from core.features.engines.sorted_arrays.event_arrays import EventArrays
from core.features.engines.sorted_arrays.lookup import insertion_points
from core.features.engines.sorted_arrays.packed_numbers import Int64s, run_edges, shifted
from core.features.engines.sorted_arrays.unit_arrays import UnitArrays

ROW: Final = "row"
"""Row of a unit among the selected units."""
_VALUE, _VISIT = "value", "visit"


class _TimeOrder(NamedTuple):
    """The events sorted by the value of a key and by time.

    Attributes:
        events: row of each event in the log.
        packed: their values and times, packed.
        edges: start of each value's run, and the end of the last one.
    """

    events: Int64s
    packed: Int64s
    edges: Int64s


def look_up_sums(selection: UnitArrays, key: str, cells: pl.Series, *, all_rows: bool) -> pl.DataFrame:
    """Add up cells on every value of a key in every selected unit.

    Args:
        selection: the units.
        key: the column user, product or category.
        cells: integers, one per event of the log; nulls do not count.
        all_rows: whether to count all rows outside the visit instead of those before its start.

    Returns:
        One row per (unit, value of the key in it), sorted by unit: ROW, OWN_SUM, OWN_FILLED, SUM_ELSEWHERE,
        FILLED_ELSEWHERE.
    """
    log = selection.log
    own = pl.DataFrame(
        {
            ROW: selection.unit_of_event,
            _VALUE: log.values(key)[selection.events],
            OWN_SUM: cells[selection.events] if isinstance(selection.events, slice) else cells.gather(selection.events),
        }
    )
    own = own.group_by(ROW, _VALUE).agg(pl.col(OWN_SUM).sum(), pl.col(OWN_SUM).count().alias(OWN_FILLED))
    own = own.sort(ROW, _VALUE)
    elsewhere = _elsewhere(selection, key, cells, own) if all_rows else _before(selection, key, cells, own)
    return own.hstack(elsewhere).cast({OWN_FILLED: pl.Int64})


def _before(selection: UnitArrays, key: str, cells: pl.Series, own: pl.DataFrame) -> pl.DataFrame:
    log = selection.log
    order = log.cached(_time_order, key)
    values = own.get_column(_VALUE).to_numpy()
    moments = shifted(values, log.time_bits) | log.starts[selection.units][own.get_column(ROW).to_numpy()]
    by_moment = np.argsort(moments)
    until = np.empty(len(moments), np.int64)
    until[by_moment] = insertion_points(order.packed, moments[by_moment])
    begin, ordered = order.edges[values], cells.gather(order.events)
    numbers = {SUM_ELSEWHERE: ordered.fill_null(0).to_numpy(), FILLED_ELSEWHERE: ordered.is_not_null().to_numpy()}
    running = {name: np.append(0, np.cumsum(each, dtype=np.int64)) for name, each in numbers.items()}
    return pl.DataFrame({name: sums[until] - sums[begin] for name, sums in running.items()})


def _elsewhere(selection: UnitArrays, key: str, cells: pl.Series, own: pl.DataFrame) -> pl.DataFrame:
    log = selection.log
    rows = pl.DataFrame({_VISIT: log.visits[log.unit_rows], _VALUE: log.values(key), "cell": cells})
    sums = (pl.col("cell").sum().alias(SUM_ELSEWHERE), pl.col("cell").count().cast(pl.Int64).alias(FILLED_ELSEWHERE))
    visits = pl.Series(_VISIT, log.visits[selection.units][own.get_column(ROW).to_numpy()])
    of_visit = own.with_columns(visits).join(
        rows.group_by(_VISIT, _VALUE).agg(sums), on=[_VISIT, _VALUE], how="left", maintain_order="left"
    )
    everywhere = own.select(_VALUE).join(rows.group_by(_VALUE).agg(sums), on=_VALUE, how="left", maintain_order="left")
    names = (SUM_ELSEWHERE, FILLED_ELSEWHERE)
    return pl.DataFrame([everywhere.get_column(name) - of_visit.get_column(name) for name in names])


def _time_order(log: EventArrays, key: str) -> _TimeOrder:
    values = log.values(key)
    packed = shifted(values, log.time_bits) | log.times
    order = np.argsort(packed, kind="stable")
    packed = packed[order]
    return _TimeOrder(order, packed, run_edges(packed, int(values.max()) + 1, log.time_bits))
