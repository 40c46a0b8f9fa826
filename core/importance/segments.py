"""Segments: how groups of sessions differ in value, prediction error and drivers."""

from __future__ import annotations

from collections import Counter
from datetime import date

import polars as pl

from core.base.text import shorten
from core.dataset import Dataset
from core.importance.explanation import PREDICTED, Explanation
from core.importance.themes import THEMES
from core.own_columns import OwnColumn
from core.schema import CATEGORY, CATEGORY_ID, START, UNIT, VALUE

BUYING, USERS, CATEGORIES, PERIODS = "Buyers and browsers", "New and returning users", "Category", "Period"
SELF_EXPLANATORY = (BUYING, USERS, PERIODS)
"""Kinds whose segments need no name of the kind. The segments of other kinds are ids or names."""
_MOST_FREQUENT = 5
"""Number of categories to compare. A session belongs to the category of most of its events; of several, to the one
with the lowest code."""
_MIN_SESSIONS = 20
"""Segments with fewer sessions are left out."""


def segments(explanation: Explanation, dataset: Dataset | None = None) -> pl.DataFrame:
    """Compare segments of the explained sessions.

    Args:
        dataset: dataset of the run; None for no categories, own columns and periods.

    Returns:
        One row per (kind, segment), in the order of kinds:
        kind, segment: name of the division, and of the segment.
        sessions: number of sessions.
        share: share of the explained sessions.
        value, predicted: average value and average prediction, in value units.
        error: root mean squared error, in value units.
        one column per theme that has features: its average effect on the predictions, in value units, relative to an
            average session.
    """
    rows = explanation.sessions.hstack(_theme_effects(explanation))
    parts = [_of_features(explanation, rows, "n_buy", BUYING, ("Browsers", "Buyers"))]
    parts.append(_of_features(explanation, rows, "user_is_known", USERS, ("New users", "Returning users")))
    if dataset is not None:
        own_categories = [column for column in dataset.card().used_own if column.kind == "category"]
        parts += [_by_category(rows, dataset), *(_by_own_column(rows, dataset, column) for column in own_categories)]
        parts.append(_by_period(rows, dataset))
    return pl.concat(part for part in parts if part is not None)


def periods(explanation: Explanation, dataset: Dataset, second_from: date) -> pl.DataFrame:
    """Compare the explained sessions before a day (UTC) with the others; rows as of `segments`."""
    return _by_period(explanation.sessions.hstack(_theme_effects(explanation)), dataset, second_from)


def _theme_effects(explanation: Explanation) -> pl.DataFrame:
    """Return the sum of the effects of the features of each theme, one row per session."""
    theme_of = dict(explanation.methods.drop_nulls("feature").select("feature", "group").unique().iter_rows())
    used = [theme for theme in THEMES if theme in theme_of.values()]
    effects = explanation.effects.cast(pl.Float64)
    return effects.select(
        pl.sum_horizontal(name for name in effects.columns if theme_of[name] == theme).alias(theme) for theme in used
    )


def _of_features(
    explanation: Explanation, rows: pl.DataFrame, feature: str, kind: str, names: tuple[str, str]
) -> pl.DataFrame | None:
    """Compare sessions whose feature is 0 with the others."""
    if feature not in explanation.cells.columns:
        return None
    is_other = explanation.cells.get_column(feature).fill_null(0) > 0
    labels = is_other.replace_strict({False: names[0], True: names[1]}, return_dtype=pl.String)
    return _summary(rows, labels, kind)


def _by_category(rows: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    ids = dataset.dictionary(CATEGORY_ID).select(CATEGORY, CATEGORY_ID)
    labelled_ids = ids.join(dataset.labels(CATEGORY_ID), on=CATEGORY_ID, how="left").collect()
    texts = {code: name or category_id for code, category_id, name in labelled_ids.iter_rows()}
    times = Counter(map(shorten, texts.values()))  # names that begin alike stay long, or they would be one segment
    names = {code: shorten(text) if times[shorten(text)] == 1 else text for code, text in texts.items()}
    labels = _most_frequent(rows, dataset, CATEGORY).replace_strict(names, default=None, return_dtype=pl.String)
    return _summary(rows, labels, CATEGORIES)


def _by_own_column(rows: pl.DataFrame, dataset: Dataset, column: OwnColumn) -> pl.DataFrame:
    return _summary(rows, _most_frequent(rows, dataset, column.stored), column.label)


def _most_frequent(rows: pl.DataFrame, dataset: Dataset, column: str) -> pl.Series:
    """Return the most frequent category of each session; null if it is not one of the top categories overall."""
    events = dataset.events("train").select(UNIT, column).join(rows.lazy().select(UNIT), on=UNIT, how="semi")
    counts = events.drop_nulls().group_by(UNIT, column).agg(pl.len()).sort("len", column, descending=[True, False])
    first = counts.collect().unique(UNIT, keep="first")
    cells = rows.select(UNIT).join(first, on=UNIT, how="left", maintain_order="left").get_column(column)
    sessions = cells.drop_nulls().value_counts(name="sessions").sort("sessions", column, descending=[True, False])
    top = sessions.head(_MOST_FREQUENT).get_column(column)
    return cells.set(~cells.is_in(top.implode()), None)


def _by_period(rows: pl.DataFrame, dataset: Dataset, second_from: date | None = None) -> pl.DataFrame:
    """Compare the sessions before a day with those from that day on; by default, the day of the median session."""
    starts = rows.select(UNIT).join(
        dataset.units().select(UNIT, START).collect(), on=UNIT, how="left", maintain_order="left"
    )
    days = pl.from_epoch(starts.get_column(START)).dt.date()
    day = second_from or days.sort().item(len(days) // 2)
    labels = (days >= day).replace_strict({False: f"Before {day}", True: f"From {day}"}, return_dtype=pl.String)
    return _summary(rows, labels, PERIODS)


def _summary(rows: pl.DataFrame, labels: pl.Series, kind: str) -> pl.DataFrame:
    themes = [name for name in rows.columns if name in THEMES]
    error = ((pl.col(VALUE) - pl.col(PREDICTED)) ** 2).mean().sqrt().alias("error")
    return (
        rows.with_columns(labels.alias("segment"))
        .drop_nulls("segment")
        .group_by("segment", maintain_order=True)
        .agg(
            pl.len().cast(pl.Int64).alias("sessions"),
            (pl.len() / rows.height).alias("share"),
            pl.col(VALUE).mean(),
            pl.col(PREDICTED).mean(),
            error,
            *(pl.col(theme).mean() for theme in themes),
        )
        .filter(pl.col("sessions") >= _MIN_SESSIONS)
        .sort("segment" if kind in SELF_EXPLANATORY else pl.col("sessions").neg(), "segment")
        .select(pl.lit(kind).alias("kind"), pl.all())
    )
