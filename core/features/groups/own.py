"""Features of own columns: statistics of their cells over the session's own events.

A column of events or products has statistics over events. One of sessions or users has a single value per session.
Categories are mostly used through session values (core.features.learned.value_statistics); here they are only counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import narwhals as nw

from core.features.columns import FILLED_ELSEWHERE, IS_LAST, N_CELLS, OWN_FILLED, OWN_SUM, SUM_ELSEWHERE
from core.features.definition import FeatureGroup
from core.features.groups.own_descriptions import USUAL, own_features, own_history_features
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

_ONE = 1_000_000
"""Cells are added up as whole millionths, because sums of integers are exact on every engine."""
_DAY_MILLIONTHS = _ONE / SECONDS_PER_DAY
_RATIO = "_ratio"
_IN_CART = {ADD_CART: "added", REMOVE_CART: "removed"}


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


def _compute_history(log: SessionLog, column: OwnColumn) -> Frame:
    name, cell, own_cell = column.stored, _cell(column.model_copy(update={"with_purchases": True})), _cell(column)
    is_known = nw.col(FILLED_ELSEWHERE) > 0
    mean = nw.when(is_known).then(nw.col(SUM_ELSEWHERE) / nw.col(FILLED_ELSEWHERE))
    user = log.sums_elsewhere(USER, cell, own_cell).with_columns((mean / _ONE).alias(f"{name}_user_mean"))
    user = user.with_columns(_ratio(nw.col(OWN_SUM) / _or_null(OWN_FILLED) / _ONE, nw.col(f"{name}_user_mean")))
    categories = log.sums_elsewhere(CATEGORY, cell, own_cell).select(
        UNIT,
        nw.when(is_known).then(nw.col(OWN_SUM)).alias("_actual"),
        _rounded(mean * nw.col(OWN_FILLED)).alias("_usual"),
    )
    totals = log.aggregate(categories, sums={"_actual": nw.col("_actual"), "_usual": nw.col("_usual")})
    by_category = totals.select(UNIT, _ratio(nw.col("_actual"), nw.col("_usual")).alias(f"{name}_per_category_mean"))
    by_user = user.rename({_RATIO: f"{name}_per_user_mean"}).select(UNIT, f"{name}_user_mean", f"{name}_per_user_mean")
    table = log.join_by_unit(by_user, by_category)
    for event_type, suffix in () if column.with_purchases else USUAL.items():
        is_type = (nw.col(TYPE) == EVENT_CODE[event_type]).cast(nw.Int64)
        products = log.sums_elsewhere(PRODUCT, cell, is_type)
        usual = products.select(UNIT, _rounded(mean * nw.col(OWN_SUM)).alias("_usual"))
        total = log.aggregate(usual, sums={f"{name}_{suffix}": nw.col("_usual")})
        table = log.join_by_unit(table, total).with_columns(nw.col(f"{name}_{suffix}") / _ONE)
    return table


def _ratio(numerator: nw.Expr, denominator: nw.Expr) -> nw.Expr:
    """Return a ratio of averages; null unless the denominator is positive."""
    return nw.when(denominator > 0).then(numerator / denominator).alias(_RATIO)


def _compute(log: SessionLog, column: OwnColumn) -> Frame:
    if column.level in ("session", "user"):
        only = log.aggregate(log.events, maxima={column.stored: _cell(column)})
        return only.with_columns(nw.col(column.stored) / _ONE)
    return _categories(log, column) if column.kind == "category" else _numbers(log, column)


def _numbers(log: SessionLog, column: OwnColumn) -> Frame:
    name, cell = column.stored, _cell(column)
    by_type = {
        key: nw.when(nw.col(TYPE) == EVENT_CODE[event_type]).then(cell)
        for event_type, key in {VIEW: "viewed", **_IN_CART, BUY: "bought"}.items()
    }
    sums = {f"_{key}": each for key, each in by_type.items()} if column.kind == "money" else {}
    counts = {"_counted": _is_counted(column), "_filled": ~cell.is_null()}
    if column.kind == "money":
        counts["_n_viewed"] = ~by_type["viewed"].is_null()
    table = log.aggregate(
        log.events,
        sums={"_sum": cell, **sums, **counts},
        minima={"_min": cell},
        maxima={"_max": cell, "_last": nw.when(nw.col(IS_LAST)).then(cell)},
    )
    mean = nw.col("_sum") / _or_null("_filled") / _ONE
    columns = [_filled(name), mean.alias(f"{name}_share" if column.kind == "flag" else f"{name}_mean")]
    columns += [(nw.col(f"_{key}") / _ONE).alias(f"{name}_{key}") for key in ("min", "max", "last")]
    if column.kind == "money":
        columns += [
            (nw.col("_viewed") / _or_null("_n_viewed") / _ONE).alias(f"{name}_viewed_mean"),
            (nw.col("_added") / _ONE).alias(f"{name}_added"),
            ((nw.col("_added") - nw.col("_removed")) / _ONE).alias(f"{name}_in_cart"),
            (nw.col("_bought") / _ONE).alias(f"{name}_bought"),
        ]
    return table.with_columns(*columns)


def _categories(log: SessionLog, column: OwnColumn) -> Frame:
    name = column.stored
    counts = log.aggregate(log.events, sums={"_counted": _is_counted(column), "_filled": _is_filled(column)})
    values = log.aggregate(
        log.category_counts(name, _is_counted(column)),
        count="_distinct",
        sums={"_events": nw.col(N_CELLS)},
        maxima={"_top": nw.col(N_CELLS)},
    )
    return log.join_by_unit(counts, values).with_columns(
        _filled(name),
        nw.col("_distinct").fill_null(0).alias(f"{name}_distinct"),
        (nw.col("_top") / nw.col("_events")).alias(f"{name}_share_top"),
    )


def _cell(column: OwnColumn) -> nw.Expr:
    """Return the cell of an event in millionths; days since a time, and 0 or 1 for a flag. Null if it is not used."""
    cell = nw.col(column.stored)
    if column.kind == "time":
        number = _rounded((nw.col(TIME) - cell) * _DAY_MILLIONTHS)
    elif column.kind == "flag":
        number = cell.cast(nw.Int64) * _ONE
    else:
        number = _rounded(cell * _ONE)
    return nw.when(_is_counted(column)).then(number)


def _rounded(number: nw.Expr) -> nw.Expr:
    """Round halves up. `round` differs between engines for halves, which occur in means of prices."""
    return (number + 0.5).floor().cast(nw.Int64)


def _is_counted(column: OwnColumn) -> nw.Expr:
    """Return whether an event counts: every event, unless purchases may not be used."""
    return (nw.col(TYPE) != EVENT_CODE[BUY]) | nw.lit(column.with_purchases)


def _is_filled(column: OwnColumn) -> nw.Expr:
    return _is_counted(column) & ~nw.col(column.stored).is_null()


def _filled(name: str) -> nw.Expr:
    return (nw.col("_filled") / _or_null("_counted")).alias(f"{name}_filled")


def _or_null(count: str) -> nw.Expr:
    """Return a number of events, or null instead of 0, because engines divide by 0 in different ways."""
    return nw.when(nw.col(count) > 0).then(nw.col(count))
