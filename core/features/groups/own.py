"""Features of own columns: statistics of their cells over the session's own events.

A column of events or products has statistics over events, and a column of sessions or users its single value. The
features of categories only count events; models use their meaning through session values
(core.features.learned.value_statistics). `own_descriptions` has the names of all features that are computed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial, reduce
from typing import Final

import narwhals as nw

from core.features.columns import FILLED_ELSEWHERE, IS_LAST, N_CELLS, OWN_FILLED, OWN_SUM, SUM_ELSEWHERE, names_by_type
from core.features.definition import FeatureGroup
from core.features.groups.own_descriptions import own_features, own_history_features, usual_totals
from core.features.session_log import Frame, SessionLog
from core.own_columns import OwnColumn
from core.schema import (
    ADD_CART,
    BUY,
    CATEGORY,
    EVENT_CODE,
    PRODUCT,
    REMOVE_CART,
    SECONDS_PER_DAY,
    TIME,
    TYPE,
    UNIT,
    USER,
    VIEW,
)

SCALE: Final = 1_000_000
"""Cells are added up in whole millionths, because sums of integers are exact on every engine. A sum above 9.2e12 would
not fit; `core.own_columns.LARGEST` keeps single cells far below."""
PER_SCALE: Final = 1 / SCALE
"""A factor, because the last bit of a division by a constant depends on the number of rows in Polars."""
MILLIONTHS_PER_SECOND: Final = SCALE / SECONDS_PER_DAY
"""Millionths of a day per second."""

_N_COUNTED, _N_FILLED = "_n_counted", "_n_filled"
"""Number of the session's events that count, and of those among them with a cell."""
_N_VIEWED: Final = "_n_viewed"
"""Number of views with a cell."""
_SUM, _MIN, _MAX, _LAST = "_sum", "_min", "_max", "_last"
"""Statistics of the cells in millionths."""
_SUM_OF_TYPE: Final = names_by_type("_sum_{}")
"""Event type -> sum of its cells in millionths."""
_N_DISTINCT, _N_TOP = "_n_distinct", "_n_top"
"""Number of different categories, and number of events with the most frequent one."""
_ACTUAL, _USUAL = "_actual", "_usual"
"""Sum of a session's cells, and the sum that the means of other sessions add up to; in millionths."""


def own_groups(columns: Sequence[OwnColumn]) -> tuple[FeatureGroup, ...]:
    """Return one group per own column that has features in the feature table, in the order of the columns."""
    groups = []
    for column in columns:
        if features := own_features(column):
            groups.append(FeatureGroup(column.stored, features, partial(_compute, column=column)))
        if features := own_history_features(column):
            compute = partial(_compute_history, column=column)
            groups.append(FeatureGroup(f"{column.stored}_history", features, compute, "history"))
    return tuple(groups)


def _compute(log: SessionLog, column: OwnColumn) -> Frame:
    if column.level in ("session", "user"):
        return _single_value(log, column)
    return _count_categories(log, column) if column.kind == "category" else _summarize_numbers(log, column)


def _single_value(log: SessionLog, column: OwnColumn) -> Frame:
    """Return the cell of a session or user, which is the same on all of its events."""
    values = log.aggregate(log.events, maxima={column.stored: _session_cell(column)})
    return values.with_columns(nw.col(column.stored) * PER_SCALE)


def _summarize_numbers(log: SessionLog, column: OwnColumn) -> Frame:
    name, cell, is_money = column.stored, _session_cell(column), column.kind == "money"
    sums = {_SUM: cell, _N_COUNTED: _is_counted(column), _N_FILLED: ~cell.is_null()}
    table = log.aggregate(
        log.events,
        sums=sums | _sums_by_type(cell) if is_money else sums,
        minima={_MIN: cell},
        maxima={_MAX: cell, _LAST: nw.when(nw.col(IS_LAST)).then(cell)},
    )
    return table.with_columns(
        _share_filled(name),
        _mean(_SUM, _N_FILLED).alias(f"{name}_share" if column.kind == "flag" else f"{name}_mean"),
        (nw.col(_MIN) * PER_SCALE).alias(f"{name}_min"),
        (nw.col(_MAX) * PER_SCALE).alias(f"{name}_max"),
        (nw.col(_LAST) * PER_SCALE).alias(f"{name}_last"),
        *(_totals_by_type(name) if is_money else ()),
    )


def _sums_by_type(cell: nw.Expr) -> dict[str, nw.Expr]:
    """Return the sums that `_totals_by_type` needs."""
    cells = {event_type: nw.when(nw.col(TYPE) == code).then(cell) for event_type, code in EVENT_CODE.items()}
    sums = {_SUM_OF_TYPE[event_type]: cell_of_type for event_type, cell_of_type in cells.items()}
    return {**sums, _N_VIEWED: ~cells[VIEW].is_null()}


def _totals_by_type(name: str) -> tuple[nw.Expr, ...]:
    """Return the features of money by event type, named as in `own_descriptions`."""
    added, removed, bought = (nw.col(_SUM_OF_TYPE[event_type]) for event_type in (ADD_CART, REMOVE_CART, BUY))
    return (
        _mean(_SUM_OF_TYPE[VIEW], _N_VIEWED).alias(f"{name}_viewed_mean"),
        (added * PER_SCALE).alias(f"{name}_added"),
        ((added - removed) * PER_SCALE).alias(f"{name}_in_cart"),
        (bought * PER_SCALE).alias(f"{name}_bought"),
    )


def _count_categories(log: SessionLog, column: OwnColumn) -> Frame:
    name, is_counted = column.stored, _is_counted(column)
    is_filled = is_counted & ~nw.col(name).is_null()
    events = log.aggregate(log.events, sums={_N_COUNTED: is_counted, _N_FILLED: is_filled})
    categories = log.aggregate(
        log.category_counts(name, is_counted),
        count=_N_DISTINCT,
        sums={_SUM: nw.col(N_CELLS)},
        maxima={_N_TOP: nw.col(N_CELLS)},
    )
    return log.join_by_unit(events, categories).with_columns(
        _share_filled(name),
        nw.col(_N_DISTINCT).fill_null(0).alias(f"{name}_distinct"),
        (nw.col(_N_TOP) / nw.col(_SUM)).alias(f"{name}_share_top"),
    )


def _compute_history(log: SessionLog, column: OwnColumn) -> Frame:
    """Compare the session's cells with those of other sessions, whose purchases always count: they are over."""
    tables = [_compare_with_user(log, column), _compare_with_categories(log, column)]
    tables += [_usual_total(log, column, event_type, feature) for event_type, feature in usual_totals(column).items()]
    return reduce(log.join_by_unit, tables)


def _compare_with_user(log: SessionLog, column: OwnColumn) -> Frame:
    mean = f"{column.stored}_user_mean"
    cells = log.sums_elsewhere(USER, cell_in_millionths(column), _session_cell(column))
    return cells.with_columns((_mean_elsewhere() * PER_SCALE).alias(mean)).select(
        UNIT, mean, _ratio(_mean(OWN_SUM, OWN_FILLED), nw.col(mean)).alias(f"{column.stored}_per_user_mean")
    )


def _compare_with_categories(log: SessionLog, column: OwnColumn) -> Frame:
    """Divide the sum of the session's cells by the sum expected from other sessions of the same categories.

    A category without cells in other sessions is left out of both sums.
    """
    cells = log.sums_elsewhere(CATEGORY, cell_in_millionths(column), _session_cell(column))
    categories = cells.select(
        UNIT,
        nw.when(nw.col(FILLED_ELSEWHERE) > 0).then(nw.col(OWN_SUM)).alias(_ACTUAL),
        _rounded(_mean_elsewhere() * nw.col(OWN_FILLED)).alias(_USUAL),
    )
    totals = log.aggregate(categories, sums={_ACTUAL: nw.col(_ACTUAL), _USUAL: nw.col(_USUAL)})
    ratio = _ratio(nw.col(_ACTUAL), nw.col(_USUAL))
    return totals.select(UNIT, ratio.alias(f"{column.stored}_per_category_mean"))


def _usual_total(log: SessionLog, column: OwnColumn, event_type: str, feature: str) -> Frame:
    """Return the sum over the session's events of a type of what their products have on average in other sessions."""
    is_of_type = (nw.col(TYPE) == EVENT_CODE[event_type]).cast(nw.Int64)
    products = log.sums_elsewhere(PRODUCT, cell_in_millionths(column), is_of_type)
    n_events = nw.col(OWN_SUM)  # the sum of `is_of_type`
    usual = products.select(UNIT, _rounded(_mean_elsewhere() * n_events).alias(_USUAL))
    return log.aggregate(usual, sums={feature: nw.col(_USUAL)}).with_columns(nw.col(feature) * PER_SCALE)


def _mean_elsewhere() -> nw.Expr:
    """Return the mean cell of other sessions in millionths, for rows of `sums_elsewhere`; null without a cell."""
    return nw.when(nw.col(FILLED_ELSEWHERE) > 0).then(nw.col(SUM_ELSEWHERE) / nw.col(FILLED_ELSEWHERE))


def _session_cell(column: OwnColumn) -> nw.Expr:
    """Return the cell of an event of the session itself in millionths; null if the event does not count."""
    return nw.when(_is_counted(column)).then(cell_in_millionths(column))


def cell_in_millionths(column: OwnColumn) -> nw.Expr:
    """Return the cell of an event in millionths: days since a time, 0 or 1 for a flag, otherwise the number."""
    cell = nw.col(column.stored)
    if column.kind == "time":
        return _rounded((nw.col(TIME) - cell) * MILLIONTHS_PER_SECOND)
    if column.kind == "flag":
        return cell.cast(nw.Int64) * SCALE
    return _rounded(cell * SCALE)


def _is_counted(column: OwnColumn) -> nw.Expr:
    """Return an expression of whether an event of the session counts: a purchase does only if it may be used."""
    return (nw.col(TYPE) != EVENT_CODE[BUY]) | nw.lit(column.with_purchases)


def _share_filled(name: str) -> nw.Expr:
    """Return the share of the events that count that have a cell; null if none counts."""
    return (nw.col(_N_FILLED) / _null_if_zero(_N_COUNTED)).alias(f"{name}_filled")


def _mean(total: str, count: str) -> nw.Expr:
    """Return the mean of cells from their sum in millionths and their number; null without one."""
    return nw.col(total) / _null_if_zero(count) * PER_SCALE


def _ratio(numerator: nw.Expr, denominator: nw.Expr) -> nw.Expr:
    """Return a ratio of averages; null unless the denominator is positive."""
    return nw.when(denominator > 0).then(numerator / denominator)


def _rounded(number: nw.Expr) -> nw.Expr:
    """Round halves up. `round` differs between engines for halves, which occur in means of prices."""
    return (number + 0.5).floor().cast(nw.Int64)


def _null_if_zero(count: str) -> nw.Expr:
    """Return a number of events, or null instead of 0, because engines divide by 0 in different ways."""
    return nw.when(nw.col(count) > 0).then(nw.col(count))
