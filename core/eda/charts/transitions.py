"""Transitions from one event type to the next within a session."""

from __future__ import annotations

from collections import Counter

import altair as alt
import polars as pl

from core.base.text import percent
from core.dataset import Dataset
from core.eda.parts.sentences import NO_TRAIN_EVENTS, join_clauses
from core.eda.parts.theme import ACCENT, PALE, Figure, Hover, cell_text, finished
from core.schema import EVENT_TYPES, TYPE, UNIT

TITLE = "Which event comes next?"
NEEDS_TYPES = True
BEGIN, END = "begin", "end"
_FROM, _TO = (BEGIN, *EVENT_TYPES), (*EVENT_TYPES, END)
_SCHEMA = {"from_type": pl.String, "to_type": pl.String, "times": pl.Int64, "share": pl.Float64}


def frame(dataset: Dataset) -> pl.DataFrame:
    """Count transitions in the train file; one row per pair of event types, all pairs present.

    Events of the same second keep the order of the file.

    Returns:
        from_type: event type, or "begin" for the start of a session.
        to_type: next event type, or "end" for the end of a session.
        times: number of transitions.
        share: share of the transitions from `from_type`; null if there are none.

        Empty if the train file has no events.
    """
    # events are sorted by unit and time, so a unit begins or ends where the neighbour is of another unit
    unit, event_type = pl.col(UNIT), pl.col(TYPE)
    is_first = (unit != unit.shift(1)).fill_null(value=True)
    is_last = (unit != unit.shift(-1)).fill_null(value=True)
    events = dataset.events("train").select(
        pl.when(is_first).then(event_type).alias("first"),
        event_type.alias("current"),
        pl.when(~is_last).then(event_type.shift(-1)).alias("next"),
    )
    names = dict(enumerate(EVENT_TYPES)) | {None: END}
    times: Counter[tuple[str, str]] = Counter()
    for first, current, following, n in events.group_by("first", "current", "next").len().collect().iter_rows():
        times[names[current], names[following]] += n
        if first is not None:
            times[BEGIN, names[first]] += n
    if not times:
        return pl.DataFrame(schema=_SCHEMA)
    rows = [(before, after, times[before, after], None) for before in _FROM for after in _TO]
    pairs = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
    total = pl.col("times").sum().over("from_type")
    impossible = (pl.col("from_type") == BEGIN) & (pl.col("to_type") == END)
    return pairs.filter(~impossible).with_columns(pl.when(total > 0).then(pl.col("times") / total).alias("share"))


def finding(data: pl.DataFrame) -> str:
    """State what most often follows the first two event types that occur."""
    clauses = []
    for event_type in EVENT_TYPES:
        following = data.filter(pl.col("from_type") == event_type, pl.col("times") > 0).sort("times", descending=True)
        if following.height:
            top = following.row(0, named=True)
            outcome = "the session ends" if top["to_type"] == END else f"{top['to_type']} follows"
            clauses.append(f"after {event_type}, {outcome} in {percent(top['share'])} of the cases")
    return join_clauses(clauses[:2], NO_TRAIN_EVENTS)


def figure(data: pl.DataFrame) -> Figure:
    """Draw a table of shares, darker where the share is higher. Types that do not occur have no row and no column."""
    split_words = alt.Axis(labelAngle=0, orient="top", labelOverlap=False, labelExpr="split(datum.label, '_')")
    present = data.filter(pl.col("share").is_not_null(), pl.col("times").sum().over("to_type") > 0)
    base = alt.Chart(present).encode(
        x=alt.X("to_type:N", title="next", sort=list(_TO), axis=split_words),
        y=alt.Y("from_type:N", title="after", sort=list(_FROM), axis=alt.Axis(grid=False)),
        tooltip=[*Hover.texts(from_type="after", to_type="next"), *Hover.counts("times"), *Hover.shares("share")],
    )
    cells = base.mark_rect().encode(
        color=alt.Color("share:Q", scale=alt.Scale(domain=[0, 1], range=[PALE, ACCENT]), legend=None)
    )
    text = base.mark_text(fontSize=12).encode(text=alt.Text("share:Q", format=".0%"), color=cell_text("datum.share"))
    return finished(cells + text, f"Transitions between event types. {finding(data)}", height=240)
