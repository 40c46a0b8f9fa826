"""How early the value of a session is known: errors and widths of intervals, against simple predictions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import altair as alt
import polars as pl

from core.base.amounts import unit_text, value_text
from core.base.text import difference, listed, noun_form
from core.eda.parts.sentences import NO_PREDICTIONS, join_clauses
from core.eda.parts.theme import ACCENT, LEARNER_COLOURS, MUTED, NEGATIVE, Figure, Hover, finished, short_axis

By = Literal["events", "seconds"]
Measure = Literal["error", "width"]
TITLES: dict[Measure, str] = {"error": "How early is the value known?", "width": "How wide are the intervals?"}
AXES: dict[By, str] = {"events": "events so far", "seconds": "time since the start"}
MODEL, AVERAGE, SO_FAR, WHOLE = "model", "average", "value so far", "finished sessions"
_COLUMNS: dict[Measure, str] = {"error": "mse", "width": "width_80"}
"""Measure -> its column for the model, in the table of the training."""
_SUFFIXES = {"": MODEL, "_average": AVERAGE, "_so_far": SO_FAR, "_whole_sessions": WHOLE}
"""What is appended to that column -> the predictor of the column."""
_Y_TITLES: dict[Measure, str] = {
    "error": "root mean squared error (value units)",
    "width": "average width of the 80% intervals (value units)",
}
_SUBJECTS: dict[Measure, str] = {
    "error": "the typical error is",
    "width": "the average width of the 80% intervals is",
}
_REFERENCES: dict[Measure, str] = {"error": "than predicting the average", "width": "than around the average"}
_COLOURS = {MODEL: ACCENT, AVERAGE: MUTED, SO_FAR: LEARNER_COLOURS["linear"], WHOLE: NEGATIVE}
_STATED_SEGMENTS: dict[By, str] = {"events": "5", "seconds": "to 5 minutes"}
"""The finding compares the first segment with this one, if the table has it."""


def frame(earliness: pl.DataFrame, by: By = "events", measure: Measure = "error") -> pl.DataFrame:
    """Return a measure of each predictor by segment, one row per (predictor, segment), in the order of time.

    Args:
        earliness: table of `core.training.live.earliness.earliness_frame`.
        by: whether segments are classes of the events so far, or of the seconds since the start.
        measure: the error, or the mean width of 80% intervals. The intervals of the other predictors are as wide as
            needed to contain 80% of the values of their segment.

    Returns:
        segment: label of the segment, such as "3", "6 to 7" or "to 5 minutes".
        prefixes: number of open sessions in the segment.
        predictor: "model", "average", "value so far" or "finished sessions".
        amount: root mean squared error, or width, in value units.
    """
    columns = {f"{_COLUMNS[measure]}{suffix}": predictor for suffix, predictor in _SUFFIXES.items()}
    amount = pl.col("amount")
    return (
        earliness.filter(pl.col("by") == by)
        .rename(columns)
        .unpivot(list(_COLOURS), index=["segment", "prefixes"], variable_name="predictor", value_name="amount")
        .with_columns(amount.sqrt() if measure == "error" else amount)
    )


def finding(data: pl.DataFrame, by: By = "events", measure: Measure = "error") -> str:
    """Compare the model with the average in the first segment, and in a later one."""
    if data.is_empty():
        return NO_PREDICTIONS
    segments = data.get_column("segment").unique(maintain_order=True).to_list()
    later = _STATED_SEGMENTS[by] if _STATED_SEGMENTS[by] in segments else segments[-1]
    first = _compare(data, segments[0], by)
    clauses = [f"{first.when}, {_SUBJECTS[measure]} {first.amount}"]
    if first.compared:
        clauses[0] += f", {first.compared} {_REFERENCES[measure]}"
    if later != segments[0]:
        last = _compare(data, later, by)
        clauses.append(f"{last.when}, it is {last.amount}{', ' * bool(last.compared)}{last.compared}")
    return join_clauses(clauses, NO_PREDICTIONS)


def growth(errors: pl.DataFrame) -> str:
    """Say that errors grow with the events, if those of the model and of the average end higher than they begin."""
    ends = errors.group_by("predictor", maintain_order=True).agg(
        pl.col("amount").first().alias("first"), pl.col("amount").last().alias("last")
    )
    compared = ends.filter(pl.col("predictor").is_in((MODEL, AVERAGE)))
    if compared.is_empty() or not compared.select((pl.col("last") > pl.col("first")).all()).item():
        return ""
    return "The errors grow with the events, because the values of longer sessions vary more."


def figure(data: pl.DataFrame, by: By = "events", measure: Measure = "error") -> Figure:
    """Draw one line per predictor."""
    segments = data.get_column("segment").unique(maintain_order=True).to_list()
    dashes = [[1, 0]] * (len(_COLOURS) - 1) + [[5, 4]]  # the last line may cover that of the value so far
    colours = alt.Scale(domain=list(_COLOURS), range=list(_COLOURS.values()))
    legend = alt.Legend(symbolType="stroke", symbolSize=100)
    chart = (
        alt.Chart(data)
        .mark_line(strokeWidth=2, point={"size": 40, "filled": True})
        .encode(
            x=alt.X("segment:O", title=AXES[by], sort=segments, axis=alt.Axis(labelAngle=0)),
            y=alt.Y("amount:Q", title=unit_text(_Y_TITLES[measure]), axis=short_axis(5)),
            color=alt.Color("predictor:N", scale=colours, legend=legend),
            strokeDash=alt.StrokeDash(
                "predictor:N", scale=alt.Scale(domain=list(_COLOURS), range=dashes), legend=legend
            ),
            tooltip=[
                *Hover.texts("predictor", segment=AXES[by]),
                *Hover.counts(prefixes="open sessions"),
                *Hover.amounts(amount=measure),
            ],
        )
    )
    return finished(chart, f"{measure.capitalize()} by {AXES[by]}. {finding(data, by, measure)}")


def segments_in_words(segments: Sequence[str], by: By) -> str:
    """Return when segments are, for a sentence.

    >>> segments_in_words(["1"], "events"), segments_in_words(["1", "6 to 7", "over 20"], "events")
    ('after 1 event', 'after 1, 6 to 7 and over 20 events')
    >>> segments_in_words(["at once", "to 5 minutes"], "seconds")
    'at once and after up to 5 minutes'
    """
    if by == "events":
        return f"after {listed(segments)} {noun_form(1 if list(segments) == ['1'] else 2, 'event')}"
    return listed(f"after up {segment}" if segment.startswith("to ") else segment for segment in segments)


class _Comparison(NamedTuple):
    """The model in one segment, in words.

    Attributes:
        when: when the segment is.
        amount: the model's amount.
        compared: how it compares with the average, such as "12% lower"; empty if one of them is unknown.
    """

    when: str
    amount: str
    compared: str


def _compare(data: pl.DataFrame, segment: str, by: By) -> _Comparison:
    rows = data.filter(pl.col("segment") == segment)
    amounts = dict(rows.select("predictor", "amount").iter_rows())
    model, average = amounts[MODEL], amounts[AVERAGE]
    is_known = model is not None and average
    compared = difference(model, average, equal="not lower") if is_known else ""
    return _Comparison(segments_in_words([segment], by), value_text(model), compared)
