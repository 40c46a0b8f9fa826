"""How many sessions view, then add to the cart, then buy, in this order."""

from __future__ import annotations

import altair as alt
import polars as pl

from core.base.text import percent
from core.dataset import Dataset
from core.eda.parts.sentences import NO_EVENTS
from core.eda.parts.theme import EVENT_COLOURS, Figure, Hover, file_opacity, finished, share_axis
from core.schema import ADD_CART, BUY, EVENT_CODE, ROLES, TYPE, UNIT, VIEW

TITLE = "How many sessions view, add to cart and buy in this order?"
NEEDS_TYPES = True
STEPS = (VIEW, ADD_CART, BUY)
_LABELS = {VIEW: "VIEW", ADD_CART: "then ADD_CART", BUY: "then BUY"}
_SCHEMA = {
    "file": pl.String,
    "event_type": pl.String,
    "label": pl.String,
    "sessions": pl.Int64,
    "share": pl.Float64,
    "of_previous": pl.Float64,
}
_AXIS_END = 1.06
"""Upper axis limit; leaves room for the label of a 100% bar."""


def frame(dataset: Dataset) -> pl.DataFrame:
    """Count the sessions that take the steps in order; one row per (file, step).

    A session reaches a step if it has an event of that type after it reached the step before. Other events may be in
    between, also of other products. Events of the same second keep the order of the file. A session of several users
    counts once per user.

    Returns:
        file: `train` or `test`; a file without events has no rows.
        event_type, label: the step, and its name in the chart.
        sessions, share: number of sessions that reach the step, and share of the file's sessions.
        of_previous: share of the sessions that reached the step before; null for the first step, and if there are none.
    """
    rows = []
    for role in ROLES:
        total, reached = _count_sessions(dataset.events(role))
        for place, (event_type, sessions) in enumerate(zip(STEPS, reached, strict=True) if total else ()):
            previous = reached[place - 1] if place else 0
            share = sessions / previous if previous else None
            rows.append((role, event_type, _LABELS[event_type], sessions, sessions / total, share))
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def _count_sessions(events: pl.LazyFrame) -> tuple[int, list[int]]:
    """Return the number of all sessions, and of those that reach each step; events are sorted by unit and time."""
    numbered = events.select(UNIT, TYPE).with_row_index("at")
    reached = numbered.select(UNIT).unique().with_columns(pl.lit(-1, pl.Int64).alias("since"))
    counts = [reached.select(pl.len())]
    for event_type in STEPS:
        of_type = numbered.filter(pl.col(TYPE) == EVENT_CODE[event_type])
        later = of_type.join(reached, on=UNIT).filter(pl.col("at").cast(pl.Int64) > pl.col("since"))
        reached = later.group_by(UNIT).agg(pl.col("at").min().cast(pl.Int64).alias("since"))
        counts.append(reached.select(pl.len()))
    total, *steps = (int(count.item()) for count in pl.collect_all(counts))
    return total, steps


def finding(data: pl.DataFrame) -> str:
    """State the share of sessions that take all steps in order, and where most are lost."""
    if data.is_empty():
        return NO_EVENTS
    role = data.item(0, "file")
    steps = data.filter(pl.col("file") == role)
    sentence = f"{percent(steps.item(-1, 'share'))} of the {role} sessions view, then add to the cart, then buy"
    cart, buy = steps.get_column("of_previous")[1:].to_list()
    if cart is None:
        return f"{sentence}; none begins with a view."
    if buy is None:
        return f"{sentence}; none adds to the cart after a view."
    return f"{sentence}; {percent(cart)} of those with a view go on to the cart, and {percent(buy)} of these to buying."


def figure(data: pl.DataFrame) -> Figure:
    """Draw one bar per step and file, labelled with its share."""
    order = [_LABELS[event_type] for event_type in STEPS]
    axis = share_axis(values=[0, 0.2, 0.4, 0.6, 0.8, 1.0])
    scale = alt.Scale(domain=[0, _AXIS_END], nice=False)
    base = alt.Chart(data).encode(
        x=alt.X("share:Q", title="share of the file's sessions", scale=scale, axis=axis),
        y=alt.Y("label:N", title=None, sort=order, axis=alt.Axis(labelLimit=160)),
        yOffset=alt.YOffset("file:N", sort=list(ROLES)),
        tooltip=[
            *Hover.texts("file", label="step"),
            *Hover.counts("sessions"),
            *Hover.shares("share", of_previous="of the step before"),
        ],
    )
    colours = alt.Scale(domain=order, range=[EVENT_COLOURS[event_type] for event_type in STEPS])
    bars = base.mark_bar().encode(color=alt.Color("label:N", scale=colours, legend=None), opacity=file_opacity())
    labels = base.mark_text(align="left", dx=4, fontSize=11).encode(text=alt.Text("share:Q", format=".1%"))
    return finished(bars + labels, f"Sessions by step in order. {finding(data)}", height=200)
