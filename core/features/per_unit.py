"""Sums, smallest and largest numbers of every session: `group_by(unit)`, and on Polars a quarter of its time.

Events are sorted by unit there, so that a session is a run of rows, over which NumPy adds without grouping anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import narwhals as nw
import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.config import available_cores
from core.features.definition import Frame
from core.schema import UNIT

Columns = Mapping[str, nw.Expr]
_SUM, _LOW, _HIGH = "sum", "low", "high"
_NOTHING = {_SUM: 0, _LOW: np.iinfo(np.int64).max, _HIGH: np.iinfo(np.int64).min}
"""What a null counts as; what is still there after a session is null again, but for sums."""
_AT_ONCE = 6
"""Columns of all events that are held at the same time."""
_OVER_RUNS = {_SUM: np.add, _LOW: np.minimum, _HIGH: np.maximum}


def per_unit(
    rows: Frame,
    *,
    count: str | None = None,
    sums: Columns | None = None,
    lows: Columns | None = None,
    highs: Columns | None = None,
) -> Frame:
    """One row a unit: the sums, smallest and largest of whole numbers (Int64) over its rows; nulls do not count.

    A sum of nothing is 0, a smallest or largest of nothing null. `count` names a column for the number of rows. On
    Polars, rows must be sorted by unit.
    """
    wanted = {
        name: (how, expr)
        for how, columns in ((_SUM, sums), (_LOW, lows), (_HIGH, highs))
        for name, expr in (columns or {}).items()
    }
    hows = {name: how for name, (how, _) in wanted.items()}
    if isinstance(nw.to_native(rows), pl.LazyFrame):
        named = [expr.alias(name) for name, (_, expr) in wanted.items()]
        return nw.from_native(_over_runs(rows, named, hows, count).lazy())
    exprs = [expr.cast(nw.Int64).alias(name) for name, (_, expr) in wanted.items()]
    numbers = {
        name: {_SUM: nw.col(name).sum(), _LOW: nw.col(name).min(), _HIGH: nw.col(name).max()}[how]
        for name, how in hows.items()
    }
    if count is not None:
        numbers[count] = nw.len().cast(nw.Int64)
    return rows.select(UNIT, *exprs).group_by(UNIT).agg(*(number.alias(name) for name, number in numbers.items()))


def beside(left: Frame, right: Frame) -> Frame:
    """Join by unit, keeping the left one's rows; where both have the same units in the same order, side by side."""
    one, other = nw.to_native(left), nw.to_native(right)
    if isinstance(one, pl.LazyFrame) and isinstance(other, pl.LazyFrame):
        return nw.from_native(with_columns_of(one.collect(), other.collect()).lazy())
    return left.join(right, on=UNIT, how="left")


def with_columns_of(one: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """The same on Polars."""
    if one.get_column(UNIT).equals(other.get_column(UNIT)):
        return one.hstack(other.drop(UNIT))
    return one.join(other, on=UNIT, how="left", maintain_order="left")


def _over_runs(rows: Frame, exprs: Sequence[nw.Expr], hows: Mapping[str, str], count: str | None) -> pl.DataFrame:
    units = nw.to_native(rows.select(UNIT)).collect().get_column(UNIT)
    begins = np.flatnonzero(np.diff(units.to_numpy(), prepend=-1))
    found = [units.gather(begins).set_sorted()]
    if count is not None:
        found.append(pl.Series(count, np.diff(begins, append=len(units))))

    def reduced(numbers: pl.Series) -> pl.Series:
        how = hows[numbers.name]
        filled: NDArray[np.int64] = numbers.cast(pl.Int64).fill_null(_NOTHING[how]).to_numpy()
        found = pl.Series(numbers.name, _OVER_RUNS[how].reduceat(filled, begins))
        return found if how == _SUM else found.set(found == _NOTHING[how], None)

    with ThreadPoolExecutor(available_cores()) as pool:
        for few in _batched(exprs, _AT_ONCE):
            found += pool.map(reduced, nw.to_native(rows.select(*few)).collect().get_columns())
    return pl.DataFrame(found)


def _batched(items: Sequence[nw.Expr], size: int) -> Iterator[Sequence[nw.Expr]]:
    """The items, `size` at a time."""
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]
