"""Sums of own columns outside the visit, for `WindowLog`; see `window_history` for the method."""

from __future__ import annotations

import narwhals as nw

from core.features.columns import FILLED_ELSEWHERE, OWN_FILLED, OWN_SUM, SUM_ELSEWHERE, VISIT, VISIT_START
from core.features.session_log import Frame
from core.schema import TIME, UNIT

_SUMS = (SUM_ELSEWHERE, FILLED_ELSEWHERE)
_IS_EVENT = "_is_event"


def sums_before_start(events: Frame, units: Frame, key: str, cell: nw.Expr, own_sums: Frame) -> Frame:
    """Add up cells strictly before the visit's start; see `SessionLog.sums_elsewhere`.

    Args:
        events: all events of the log.
        units: unit, visit and visit start of the units.
        key: the column user, product or category.
        cell: expression of an integer over events; nulls do not count.
        own_sums: unit, `key`, OWN_SUM and OWN_FILLED of each unit and value of the key in it.
    """
    zero, one = nw.lit(0).cast(nw.Int64), nw.lit(1).cast(nw.Int64)
    markers = own_sums.join(units.select(UNIT, VISIT_START), on=UNIT, how="left").select(
        UNIT, key, nw.col(VISIT_START).alias(TIME), *(zero.alias(name) for name in _SUMS), zero.alias(_IS_EVENT)
    )
    numbers = (cell.fill_null(0).cast(nw.Int64), (~cell.is_null()).cast(nw.Int64))
    rows = events.select(
        nw.lit(-1).cast(nw.Int64).alias(UNIT),
        key,
        TIME,
        *(number.alias(name) for name, number in zip(_SUMS, numbers, strict=True)),
        one.alias(_IS_EVENT),
    )
    # A marker sorts before the events of its own second.
    running = nw.concat([markers, rows], how="vertical").with_columns(
        nw.col(name).cum_sum().over(key, order_by=[TIME, _IS_EVENT]) for name in _SUMS
    )
    at_start = running.filter(nw.col(_IS_EVENT) == 0).select(UNIT, key, *_SUMS)
    return own_sums.join(at_start, on=[UNIT, key], how="left").select(UNIT, OWN_SUM, OWN_FILLED, *_SUMS)


def sums_in_other_rows(events: Frame, units: Frame, key: str, cell: nw.Expr, own_sums: Frame) -> Frame:
    """Add up cells of the rows of both files outside the visit; see `sums_before_start` for the arguments."""
    own_sums = own_sums.join(units.select(UNIT, VISIT), on=UNIT, how="left")
    of_visit = sums(events, (VISIT, key), cell, _SUMS)
    everywhere = sums(events, (key,), cell, _SUMS)
    joined = own_sums.join(of_visit, on=[VISIT, key], how="left")
    joined = joined.join(everywhere, on=key, how="left", suffix="_everywhere")
    return joined.select(
        UNIT, OWN_SUM, OWN_FILLED, *((nw.col(f"{name}_everywhere") - nw.col(name)).alias(name) for name in _SUMS)
    )


def sums(events: Frame, keys: tuple[str, ...], cell: nw.Expr, names: tuple[str, str]) -> Frame:
    """Return one row per combination of the keys, with the sum of the cells and the number of filled ones."""
    total, filled = names
    numbers = events.select(*keys, cell.fill_null(0).alias(total), (~cell.is_null()).cast(nw.Int64).alias(filled))
    return numbers.group_by(*keys).agg(nw.col(total).sum(), nw.col(filled).sum())
