"""How many sessions get from viewing to buying."""

from __future__ import annotations

import altair as alt
import polars as pl

from core.base.text import percent
from core.eda.parts.sentences import NO_SESSIONS
from core.eda.parts.session_table import COUNT_COLUMNS, EVENTS, FILE
from core.eda.parts.split import add_groups, group_colour, group_column, group_labels, group_sentence
from core.eda.parts.theme import EVENT_COLOURS, MUTED, Figure, Hover, file_opacity, finished, share_axis
from core.schema import ADD_CART, BUY, REMOVE_CART, ROLES, VIEW

TITLE = "How many sessions get from viewing to buying?"
NEEDS_TYPES = True
SPLITS = ("users", "category")
ALL, NO_BUY = "any event", "cart, no purchase"
_HAS = {event_type: pl.col(column) > 0 for event_type, column in COUNT_COLUMNS.items()}
_STEPS = {
    ALL: pl.lit(value=True),
    VIEW: _HAS[VIEW],
    ADD_CART: _HAS[ADD_CART],
    REMOVE_CART: _HAS[REMOVE_CART],
    NO_BUY: _HAS[ADD_CART] & ~_HAS[BUY],
    BUY: _HAS[BUY],
}
_COLOURS = {ALL: MUTED, NO_BUY: "#8A6D3B"} | EVENT_COLOURS
_AXIS_END = 1.06
"""Upper axis limit; leaves room for the label of a 100% bar."""
_SCHEMA: dict[str, type[pl.DataType]] = {"step": pl.String, "sessions": pl.Int64, "share": pl.Float64}


def frame(sessions: pl.DataFrame, by: pl.DataFrame | None = None) -> pl.DataFrame:
    """Count the sessions that reach each step, in any order; one row per (file, step).

    A session of several users counts once per user.

    Args:
        by: groups that are compared instead of the files, see `core.eda.parts.split.group_units`.

    Returns:
        file: `train` or `test`. With `by`, there is `group` instead.
        step: "any event", an event type, or "cart, no purchase".
        sessions, share: number of sessions that reach the step, and share of the file's sessions.
    """
    reached = [(mask & (pl.col(EVENTS) > 0)).sum().cast(pl.Int64).alias(step) for step, mask in _STEPS.items()]
    table, column = add_groups(sessions, by)
    counts = table.group_by(column).agg(reached).sort(column).filter(pl.col(ALL) > 0)
    rows = [
        (row[column], step, row[step], row[step] / row[ALL]) for row in counts.iter_rows(named=True) for step in _STEPS
    ]
    return pl.DataFrame(rows, schema={column: pl.String, **_SCHEMA}, orient="row")


def finding(data: pl.DataFrame) -> str:
    """State the share of sessions with a purchase, and the share of carts without one."""
    if data.is_empty():
        return NO_SESSIONS
    if group_column(data) != FILE:
        shares = data.filter(pl.col("step") == BUY)
        names, amounts = group_labels(data), map(percent, shares.get_column("share"))
        return group_sentence("The share of sessions with a purchase", dict(zip(names, amounts, strict=True)))
    role = data.item(0, "file")  # train, unless it has no sessions
    steps = {row["step"]: row for row in data.filter(pl.col("file") == role).iter_rows(named=True)}
    sentence = f"{percent(steps[BUY]['share'])} of the {role} sessions have a purchase"
    if not steps[ADD_CART]["sessions"]:
        return f"{sentence}; none adds anything to a cart."
    abandoned = steps[NO_BUY]["sessions"] / steps[ADD_CART]["sessions"]
    return f"{sentence}; {percent(abandoned)} of those that add to a cart leave without buying."


def figure(data: pl.DataFrame) -> Figure:
    """Draw one bar per step and file, labelled with its share."""
    order, column = list(_STEPS), group_column(data)
    groups = list(ROLES) if column == FILE else group_labels(data)
    base = alt.Chart(data).encode(
        x=alt.X(
            "share:Q",
            title=f"share of the {column}'s sessions",
            scale=alt.Scale(domain=[0, _AXIS_END], nice=False),
            axis=share_axis(values=[0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        ),
        y=alt.Y("step:N", title=None, sort=order, axis=alt.Axis(labelLimit=160)),
        yOffset=alt.YOffset(f"{column}:N", sort=groups),
        tooltip=[*Hover.texts(column, "step"), *Hover.counts("sessions"), *Hover.shares("share")],
    )
    if column == FILE:
        colours = alt.Scale(domain=order, range=[_COLOURS[step] for step in order])
        bars = base.mark_bar().encode(color=alt.Color("step:N", scale=colours, legend=None), opacity=file_opacity())
    else:
        bars = base.mark_bar().encode(color=group_colour(column, groups))
    labels = base.mark_text(align="left", dx=4, fontSize=11).encode(text=alt.Text("share:Q", format=".0%"))
    return finished(
        bars + labels, f"Sessions by step from viewing to buying. {finding(data)}", height=max(300, 90 * len(groups))
    )
