"""Tells usable rows from unusable ones. An unusable row is kept aside with its reason, never dropped in silence."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from core.errors import InputError
from core.ingestion.readers import LINE
from core.schema import (
    CATEGORY_ID,
    EVENT_COLUMNS,
    EVENT_TIME,
    EVENT_TYPE,
    EVENT_TYPES,
    PRODUCT_ID,
    SESSION_VALUE,
    TIME,
    USER_ID,
    USER_SESSION,
    VALUE,
)

REASON = "reason"
FILE = "file"
_LARGEST_VALUE = 1e12
"""No session is worth more in any currency; the squares of much larger values leave the range of a float."""
MIN_USABLE = 0.9
"""A file with more than a tenth of unusable rows is more likely the wrong file than a dirty one."""

_OTHER_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_ID_COLUMNS = (USER_SESSION, USER_ID, PRODUCT_ID, CATEGORY_ID)
_TIME_FORMATS = ("%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f%z")
_NAIVE_FORMATS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f")


def require_columns(name: str, found: Sequence[str], needed: Sequence[str]) -> None:
    """Raise InputError when a needed column is absent; the sentence names what is there instead."""
    there = [column for column in found if column != LINE]
    missing = [column for column in needed if column not in there]
    if len(missing) == len(needed) and len(there) == 1:
        separator = next((word for mark, word in _OTHER_SEPARATORS.items() if mark in there[0]), None)
        if separator is not None:
            raise InputError.other_separator(name, separator)
    if missing:
        raise InputError.missing_columns(name, missing, there)


def validated(name: str, rows: pl.DataFrame, *, with_value: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split the rows of an event file (all columns text) into usable and quarantined.

    Usable rows carry `time` (epoch seconds, UTC) and, in train, `value` beside their columns. Quarantined rows carry
    file, line, reason and every column as it was.

    Raises:
        InputError: a needed column is missing, or fewer than MIN_USABLE of the rows can be used.
    """
    needed = (*EVENT_COLUMNS, SESSION_VALUE) if with_value else EVENT_COLUMNS
    require_columns(name, rows.columns, needed)
    checked = rows.with_columns(
        _epoch_seconds(rows.get_column(EVENT_TIME)),
        *([pl.col(SESSION_VALUE).str.strip_chars().cast(pl.Float64, strict=False).alias(VALUE)] if with_value else []),
    ).with_columns(_reason(with_value=with_value))
    bad = checked.filter(pl.col(REASON).is_not_null())
    good = checked.filter(pl.col(REASON).is_null()).drop(REASON)
    if good.height < MIN_USABLE * rows.height or good.is_empty():
        counts = bad.group_by(REASON).len().sort(["len", REASON], descending=[True, False])
        reasons = ", ".join(f"{count:,} x {reason}" for reason, count in counts.iter_rows())
        raise InputError.too_few_rows(name, good.height, rows.height, reasons, MIN_USABLE)
    return good, quarantined(name, bad)


def quarantined(name: str, bad: pl.DataFrame) -> pl.DataFrame:
    """Put unusable rows in the quarantine's form: file, line, reason, and the row's own columns as text."""
    return bad.select(
        pl.lit(name).alias(FILE),
        pl.col(LINE).cast(pl.Int64).alias("line"),
        pl.col(REASON),
        *(
            pl.col(column) if column in bad.columns else pl.lit(None, dtype=pl.String).alias(column)
            for column in (*EVENT_COLUMNS, SESSION_VALUE)
        ),
    )


def _epoch_seconds(times: pl.Series) -> pl.Series:
    """Parse event times to epoch seconds, null where none of the formats fits. Without an offset, UTC is meant."""
    distinct = pl.DataFrame({EVENT_TIME: times.unique()})  # a second holds many events: parse each text once
    text = pl.col(EVENT_TIME).str.strip_chars().str.replace(r"\s?(UTC|Z)$", "+00:00")
    aware = [text.str.to_datetime(form, time_unit="us", time_zone="UTC", strict=False) for form in _TIME_FORMATS]
    naive = [
        text.str.to_datetime(form, time_unit="us", strict=False).dt.replace_time_zone("UTC") for form in _NAIVE_FORMATS
    ]
    parsed = distinct.with_columns(pl.coalesce(*aware, *naive).dt.epoch("s").alias(TIME))
    return times.to_frame().join(parsed, on=EVENT_TIME, how="left", maintain_order="left").get_column(TIME)


def _reason(*, with_value: bool) -> pl.Expr:
    """The first reason why a row cannot be used, null for a usable row."""
    rules = {
        f"empty {column}": pl.col(column).is_null() | (pl.col(column).str.strip_chars() == "") for column in _ID_COLUMNS
    }
    rules[f"{EVENT_TIME} is no time like 2025-06-19 10:23:07+00:00"] = pl.col(TIME).is_null()
    words = ", ".join(EVENT_TYPES)
    rules[f"{EVENT_TYPE} is none of {words}"] = ~pl.col(EVENT_TYPE).str.strip_chars().is_in(EVENT_TYPES).fill_null(
        False
    )
    if with_value:
        rules[f"{SESSION_VALUE} is no finite number"] = ~pl.col(VALUE).is_finite().fill_null(False)
        rules[f"{SESSION_VALUE} is negative"] = pl.col(VALUE) < 0
        rules[f"{SESSION_VALUE} is above {_LARGEST_VALUE:.0e}"] = pl.col(VALUE) > _LARGEST_VALUE
    return pl.coalesce(pl.when(rule).then(pl.lit(reason)) for reason, rule in rules.items()).alias(REASON)
