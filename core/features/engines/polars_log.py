"""A log in memory, sorted by unit: a unit is a run of neighbouring rows, over which NumPy adds without any grouping.

That takes a quarter of the time of a `group_by` in Polars.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.config import available_cores
from core.features.columns import (
    BEFORE,
    DISTINCT_ELSEWHERE,
    ELSEWHERE,
    LAST_SEEN,
    OWN,
    RECENT,
    VISIT_START,
)
from core.features.engines.group_tables import left_join_units
from core.features.engines.sorted_arrays.lookup import look_up_history
from core.features.engines.sorted_arrays.unit_arrays import UnitArrays
from core.features.session_log import WEEK, Aggregations, Frame, SessionLog
from core.schema import EVENT_CODE, UNIT

_COLUMNS_AT_ONCE = 6
"""Columns over all events that are in memory at the same time."""


class _Reduction(NamedTuple):
    """How the rows of a unit become one number.

    `identity` replaces nulls and does not change the result. Where it is the result, the unit had no value.
    """

    function: np.ufunc
    identity: int
    null_if_empty: bool


_SUM = _Reduction(np.add, 0, null_if_empty=False)
_MINIMUM = _Reduction(np.minimum, np.iinfo(np.int64).max, null_if_empty=True)
_MAXIMUM = _Reduction(np.maximum, np.iinfo(np.int64).min, null_if_empty=True)


@dataclass(frozen=True)
class PolarsLog(SessionLog):
    """A log whose `events` and `units` are sorted by unit.

    Attributes:
        arrays: the units among the sorted arrays of the whole log.
    """

    arrays: UnitArrays

    def aggregate(
        self,
        rows: Frame,
        *,
        count: str | None = None,
        sums: Aggregations | None = None,
        minima: Aggregations | None = None,
        maxima: Aggregations | None = None,
    ) -> Frame:
        """Reduce runs of rows; see `SessionLog.aggregate`."""
        columns = {
            name: (expression.alias(name), reduction)
            for expressions, reduction in ((sums, _SUM), (minima, _MINIMUM), (maxima, _MAXIMUM))
            for name, expression in (expressions or {}).items()
        }
        units = nw.to_native(rows.select(UNIT)).collect().get_column(UNIT)
        begins = np.flatnonzero(np.diff(units.to_numpy(), prepend=-1))
        results = [units.gather(begins).set_sorted()]
        if count is not None:
            results.append(pl.Series(count, np.diff(begins, append=len(units))))

        def reduce(numbers: pl.Series) -> pl.Series:
            return _reduce_runs(numbers, begins, columns[numbers.name][1])

        with ThreadPoolExecutor(available_cores()) as pool:
            for batch in _batched([expression for expression, _ in columns.values()], _COLUMNS_AT_ONCE):
                results += pool.map(reduce, nw.to_native(rows.select(*batch)).collect().get_columns())
        return _lazy(pl.DataFrame(results))

    def join_by_unit(self, left: Frame, right: Frame) -> Frame:
        """Put tables with the same units side by side, and join others; see `SessionLog.join_by_unit`."""
        return _lazy(left_join_units(nw.to_native(left).collect(), nw.to_native(right).collect()))

    def own_counts(self, key: str) -> Frame:
        """Take the counts from the sorted arrays; see `SessionLog.own_counts`."""
        own = self.arrays.own_counts(key)
        units = self.arrays.frame.get_column(UNIT).gather(own.unit_row).set_sorted()
        counts = {OWN[event_type]: own.counts[:, code] for event_type, code in EVENT_CODE.items()}
        return _lazy(pl.DataFrame({UNIT: units, **counts}))

    def _counts_elsewhere(self, key: str) -> Frame:
        history = look_up_history(self.arrays, key, WEEK, all_rows=self.history == "all_rows")
        units = self.arrays.frame
        frame = pl.DataFrame(
            {
                UNIT: units.get_column(UNIT).gather(history.unit_row).set_sorted(),
                VISIT_START: units.get_column(VISIT_START).gather(history.unit_row),
                **{ELSEWHERE[event_type]: history.counts[:, code] for event_type, code in EVENT_CODE.items()},
                DISTINCT_ELSEWHERE: history.distinct,
                BEFORE: history.before,
                RECENT: history.recent,
                LAST_SEEN: history.last,
            }
        )
        last_seen = pl.when(pl.col(BEFORE) > 0).then(pl.col(LAST_SEEN).cast(pl.Int64) + self.first_second)
        return nw.from_native(frame.lazy().with_columns(last_seen.alias(LAST_SEEN)))


def _reduce_runs(numbers: pl.Series, begins: NDArray[np.int64], reduction: _Reduction) -> pl.Series:
    """Reduce each run of rows to one number; `begins` are the first rows of the runs."""
    filled: NDArray[np.int64] = numbers.cast(pl.Int64).fill_null(reduction.identity).to_numpy()
    reduced = pl.Series(numbers.name, reduction.function.reduceat(filled, begins))
    return reduced.set(reduced == reduction.identity, None) if reduction.null_if_empty else reduced


def _batched(items: Sequence[nw.Expr], size: int) -> Iterator[Sequence[nw.Expr]]:
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]


def _lazy(table: pl.DataFrame) -> Frame:
    return nw.from_native(table.lazy())
