"""Shared code of the leak checks: the cells that they compare, and the evidence that cells predict a target."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import polars as pl

from core.base.arrays import Vector
from core.base.text import count, percent
from core.ingestion.own.explained import Codes, cell_codes, explained, predicted
from core.ingestion.own.sample import BOUGHT, FIRST
from core.own_columns import Exclusion, OwnColumn
from core.schema import TIME

LEAST: Final = 0.5
"""Share of the variance of session values. On two simulated logs with 157 columns, most of them made from values, no
limit from 0.3 to 0.6 changes a decision."""
MIN_ROWS: Final = 100
"""Sessions, products or users that are compared. With fewer, cells may explain values by chance."""
MIN_CLASS: Final = 30
"""Sessions with, and sessions without a purchase."""
NUMBERS: Final = ("number", "money")
"""Kinds of columns whose cells can be added up."""


class Reason(NamedTuple):
    """Why a column is excluded, and the sentence with the figures."""

    exclusion: Exclusion
    finding: str


def cells_of(rows: pl.DataFrame, names: tuple[str, ...], column: OwnColumn) -> Iterator[tuple[pl.DataFrame, Codes]]:
    """Yield all rows with the codes of their cells, then only the rows with a cell. An empty cell may be informative.

    For the first cell of a column of events, only rows with a cell are yielded: whether there is one may follow from
    the event types. Times are also yielded as seconds since the start of the session.
    """
    for name in names:
        filled = rows.filter(pl.col(name).is_not_null())
        only_filled = filled.height == rows.height or (column.level == "event" and name.startswith(FIRST))
        for some in (filled,) if only_filled else (rows, filled):
            cells = some.get_column(name)
            yield some, cell_codes(cells, column.kind)
            if column.kind == "time":
                yield some, cell_codes(cells - some.get_column(TIME), column.kind)


def check_purchase(rows: pl.DataFrame, names: tuple[str, ...], column: OwnColumn, where: str) -> Reason | None:
    """Check how well cells predict whether a session, or a session with a product, has a purchase.

    Args:
        where: description of the compared cells for the finding, such as "before a session buys".
    """
    for some, codes in cells_of(rows, names, column):
        bought = numbers(some, BOUGHT)
        if min(bought.sum(), len(bought) - bought.sum()) < MIN_CLASS:
            continue
        share = explained(predicted(codes, bought), bought)
        if share >= LEAST:
            return gives_away(share, "purchases", where, some.height)
    return None


def gives_away(share: float, target: str, where: str, n_rows: int) -> Reason:
    """Return the reason for cells that explain too large a share of the variance of a target."""
    return Reason(
        Exclusion.GIVES_VALUE_AWAY,
        f"Its cells {where} explain {percent(share)} of the variance of {target} ({count(n_rows, 'session')}).",
    )


def numbers(rows: pl.DataFrame, name: str) -> Vector:
    """Return a column as floats; NaN for null."""
    return rows.get_column(name).cast(pl.Float64).to_numpy()
