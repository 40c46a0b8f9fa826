"""How many sessions get from looking to buying."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from core.base.text import percent
from core.eda.parts.session_table import EVENTS, FILE, OF_TYPE
from core.eda.parts.theme import EVENT_COLOURS, MUTED, finished
from core.schema import ADD_CART, BUY, REMOVE_CART, ROLES, VIEW

TITLE = "How many get from looking to buying?"
ALL, NO_BUY = "any event", "cart, no purchase"
_STEPS = {
    ALL: pl.lit(value=True),
    VIEW: pl.col(OF_TYPE[VIEW]) > 0,
    ADD_CART: pl.col(OF_TYPE[ADD_CART]) > 0,
    REMOVE_CART: pl.col(OF_TYPE[REMOVE_CART]) > 0,
    NO_BUY: (pl.col(OF_TYPE[ADD_CART]) > 0) & (pl.col(OF_TYPE[BUY]) == 0),
    BUY: pl.col(OF_TYPE[BUY]) > 0,
}
_COLOURS = {ALL: MUTED, NO_BUY: "#8A6D3B"} | EVENT_COLOURS
_ROOM = 1.06
"""Of the axis: the label of a whole bar stands behind it."""
_SCHEMA = {"file": pl.String, "step": pl.String, "sessions": pl.Int64, "share": pl.Float64}


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """One row a file and step: file, step (any event, an event type, or a cart that was not bought), sessions that have
    it, share (of the file's sessions). `sessions` is the session table.
    """
    reached = [(holds & (pl.col(EVENTS) > 0)).sum().cast(pl.Int64).alias(step) for step, holds in _STEPS.items()]
    by_file = {row[FILE]: row for row in sessions.group_by(FILE).agg(reached).iter_rows(named=True)}
    rows = [
        (role, step, by_file[role][step], by_file[role][step] / by_file[role][ALL])
        for role in ROLES
        if role in by_file and by_file[role][ALL]
        for step in _STEPS
    ]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def finding(data: pl.DataFrame) -> str:
    """How many carts are bought, in a sentence."""
    if data.is_empty():
        return "There is no session."
    role = data.item(0, "file")  # train, where it is there
    mine = {row["step"]: row for row in data.filter(pl.col("file") == role).iter_rows(named=True)}
    told = f"In {role} {percent(mine[BUY]['share'])} of the sessions buy"
    if not mine[ADD_CART]["sessions"]:
        return f"{told}; none puts anything into a cart."
    left = mine[NO_BUY]["sessions"] / mine[ADD_CART]["sessions"]
    return f"{told}; {percent(left)} of those that fill a cart leave without a purchase."


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw a bar a step, train and test beside each other."""
    order = list(_STEPS)
    base = alt.Chart(data).encode(
        x=alt.X(
            "share:Q",
            title="share of the file's sessions",
            scale=alt.Scale(domain=[0, _ROOM], nice=False),
            axis=alt.Axis(format="%", values=[0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        ),
        y=alt.Y("step:N", title=None, sort=order, axis=alt.Axis(labelLimit=160)),
        yOffset=alt.YOffset("file:N", sort=list(ROLES)),
        tooltip=[
            "file:N",
            alt.Tooltip("step:N", title="sessions with"),
            alt.Tooltip("sessions:Q", format=","),
            alt.Tooltip("share:Q", format=".1%"),
        ],
    )
    bars = base.mark_bar().encode(
        color=alt.Color("step:N", scale=alt.Scale(domain=order, range=[_COLOURS[step] for step in order]), legend=None),
        opacity=alt.Opacity(
            "file:N",
            scale=alt.Scale(domain=list(ROLES), range=[1.0, 0.55]),
            legend=alt.Legend(symbolFillColor=MUTED, symbolStrokeWidth=0),
        ),
    )
    labels = base.mark_text(align="left", dx=4, fontSize=11, color=MUTED).encode(text=alt.Text("share:Q", format=".0%"))
    return finished(bars + labels, f"Sessions by step from looking to buying. {finding(data)}", height=300)
