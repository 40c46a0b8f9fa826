"""Session value by an own column of the log, such as brand, device or price."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import polars as pl

from core.base.amounts import value_text
from core.base.text import percent
from core.dataset import Dataset
from core.eda.parts.labels import distinct_texts
from core.eda.parts.sentences import NO_VALUES
from core.eda.parts.session_table import unit_values
from core.eda.parts.theme import Figure
from core.eda.parts.value_by_class import SUMMARY_COLUMNS, draw_summary, summarize
from core.own_columns import OwnColumn
from core.schema import ROLES, UNIT, VALUE

EMPTY, OTHER = "(empty)", "(other)"
_MAX_CLASSES = 10
"""Most frequent categories that are shown; all others are one class."""
_QUANTILES = 6
"""Classes of numbers, with about as many sessions each."""
_CELL = "cell"


def title(column: OwnColumn) -> str:
    """Return the question that the chart answers."""
    return f"How does the value depend on {column.label}?"


def frame(dataset: Dataset, column: OwnColumn) -> pl.DataFrame:
    """Summarize the value of train sessions by the content of an own column; one row per class.

    A session belongs to its most frequent category, or to the average of its numbers. Flags are "yes" if any event has
    the flag.

    Returns:
        place: position of the class in the chart. Categories are ordered by sessions, numbers by size.
        label: category, "yes" or "no", or range of numbers; EMPTY for sessions without a cell, OTHER for the rest.
        cell: the category to filter by; null for a class that cannot be filtered.
        sessions: number of sessions.
        mean, median, low, high: average, median, first and third quartile of their values.
        share: share of the train sessions with a value.
        margin: half the width of the 95% confidence interval of the average; null for a single session.
    """
    values = unit_values(dataset).collect()
    cells = pl.concat([_by_unit(dataset.events(role), column) for role in ROLES]).collect()
    sessions = values.join(cells, on=UNIT, how="left")
    classes = _of_categories(sessions) if column.kind in ("category", "flag") else _of_numbers(sessions, column)
    classed = sessions.join(classes, on=UNIT)
    margin = (1.96 * pl.col(VALUE).std() / pl.len().sqrt()).alias("margin")
    summary = summarize(classed, pl.col("place")).join(classed.group_by("place").agg(margin), on="place")
    labels = classes.select("place", "label", _CELL).unique(maintain_order=True).unique("place", keep="first")
    joined = summary.join(labels, on="place").sort("place")
    share = (pl.col("sessions") / pl.col("sessions").sum()).alias("share")
    return joined.select("place", "label", _CELL, *SUMMARY_COLUMNS, share, "margin")


def _by_unit(events: pl.LazyFrame, column: OwnColumn) -> pl.LazyFrame:
    """Return unit and cell: the most frequent category (as text) or the average number of each unit."""
    rows = events.select(UNIT, pl.col(column.stored).alias(_CELL)).drop_nulls(_CELL)
    if column.kind == "category":
        counts = rows.group_by(UNIT, _CELL).len().sort(UNIT, "len", _CELL, descending=[False, True, False])
        return counts.group_by(UNIT, maintain_order=True).agg(pl.col(_CELL).first())
    if column.kind == "flag":
        any_flag = pl.when(pl.col(_CELL).any()).then(pl.lit("yes")).otherwise(pl.lit("no"))
        return rows.group_by(UNIT).agg(any_flag.alias(_CELL))
    return rows.group_by(UNIT).agg(pl.col(_CELL).mean().cast(pl.Float64))


def _of_categories(sessions: pl.DataFrame) -> pl.DataFrame:
    """Return unit, place, label and cell: the most frequent categories, then the other ones, then empty."""
    counts = sessions.drop_nulls(_CELL).group_by(_CELL).len().sort("len", _CELL, descending=[True, False])
    ranked = counts.head(_MAX_CLASSES).select(_CELL).with_row_index("rank")
    is_empty, is_other = pl.col(_CELL).is_null(), pl.col("rank").is_null()
    label = pl.when(is_empty).then(pl.lit(EMPTY)).when(is_other).then(pl.lit(OTHER)).otherwise(_CELL)
    place = pl.when(is_empty).then(_MAX_CLASSES + 1).when(is_other).then(_MAX_CLASSES).otherwise("rank")
    return sessions.join(ranked, on=_CELL, how="left", maintain_order="left").select(
        UNIT,
        place.cast(pl.Int64).alias("place"),
        label.alias("label"),
        pl.when(~is_other).then(_CELL).alias(_CELL),
    )


def _of_numbers(sessions: pl.DataFrame, column: OwnColumn) -> pl.DataFrame:
    """Return unit, place, label and cell (null): classes of numbers with about as many sessions each, then empty."""
    numbers = sessions.get_column(_CELL)
    filled = numbers.drop_nulls()
    quantiles = [filled.quantile(step / _QUANTILES) for step in range(1, _QUANTILES)] if len(filled) else []
    edges = sorted({float(edge) for edge in quantiles if edge is not None})
    place = pl.sum_horizontal(pl.lit(0, pl.Int64), *((pl.col(_CELL) > edge).cast(pl.Int64) for edge in edges))
    places = sessions.select(
        UNIT, pl.when(pl.col(_CELL).is_null()).then(len(edges) + 1).otherwise(place).alias("place")
    )
    texts = list(distinct_texts(edges, _TIME_TEXTS if column.kind == "time" else ()).values())
    labels = dict(enumerate([*_ranges(texts), EMPTY]))
    label = pl.col("place").replace_strict(labels, return_dtype=pl.String).alias("label")
    return places.with_columns(label, pl.lit(None, dtype=pl.String).alias(_CELL))


def _ranges(edges: Sequence[str]) -> list[str]:
    """Return a label for each range between neighbouring edges, and for those below the first and above the last."""
    if not edges:
        return ["all"]
    between = [f"{low} to {high}" for low, high in pairwise(edges)]
    return [f"up to {edges[0]}", *between, f"above {edges[-1]}"]


def _time_text(time_format: str, seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime(time_format)


_TIME_TEXTS = tuple(partial(_time_text, time_format) for time_format in ("%d %b %Y", "%d %b %Y %H:%M:%S"))


def finding(data: pl.DataFrame, column: OwnColumn) -> str:
    """Name the classes of the highest and the lowest average value, if they differ by three standard errors."""
    if data.is_empty():
        return NO_VALUES
    classes = data.filter(~pl.col("label").is_in([EMPTY, OTHER]))
    empty = float(data.filter(pl.col("label") == EMPTY).get_column("share").sum())
    sentence = f"{percent(empty)} of the sessions have no {column.label}. " if empty else ""
    if classes.height < 2:
        return f"{sentence}The other sessions cannot be compared, because they are in one class."
    best, worst = (classes.sort("mean", "place").row(row, named=True) for row in (-1, 0))
    if best["mean"] - worst["mean"] < 1.5 * math.hypot(best["margin"] or math.inf, worst["margin"] or math.inf):
        return f"{sentence}The averages differ no more than by chance."
    return (
        f"{sentence}Sessions are worth {value_text(best['mean'])} on average with {column.label} {best['label']}, and "
        f"{value_text(worst['mean'])} with {worst['label']}; this is an association, not an effect."
    )


def figure(data: pl.DataFrame, column: OwnColumn) -> Figure:
    """Draw quartiles, median and average of the value by class."""
    description = f"{title(column)} {finding(data, column)}"
    labels = data.get_column("label").to_list()
    return draw_summary(data, description, title=column.label, labels=labels, class_name=column.label)


def frequent_cells(dataset: Dataset, column: OwnColumn, max_cells: int) -> list[str]:
    """Return the most frequent categories of an own column, or "yes" and "no" for a flag; empty for numbers."""
    if column.kind == "flag":
        return ["yes", "no"]
    if column.kind != "category":
        return []
    cells = pl.concat([dataset.events(role).select(pl.col(column.stored).alias(_CELL)) for role in ROLES])
    counts = cells.drop_nulls().group_by(_CELL).len().sort("len", _CELL, descending=[True, False])
    return counts.head(max_cells).collect().get_column(_CELL).to_list()
