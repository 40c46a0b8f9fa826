"""Users by how lately and how often they came, and what they are worth: recency, frequency, value.

Source: Hughes (1994), Strategic database marketing.
"""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from core.base.text import number, percent
from core.eda.parts.session_table import FILE, START
from core.eda.parts.theme import ACCENT, finished
from core.schema import USER, VALUE, VALUE_UNIT

TITLE = "Which users are worth most?"
_SECONDS_A_DAY = 86_400
_RECENT = {"last day": 1, "last 7 days": 7, "last 14 days": 14}
EARLIER = "earlier"
RECENCY = (*_RECENT, EARLIER)
FREQUENCY = ("1 session", "2 sessions", "3 to 5", "6 or more")
_SCHEMA = {
    "recency": pl.String,
    "frequency": pl.String,
    "users": pl.Int64,
    "share": pl.Float64,
    "value": pl.Float64,
    "value_share": pl.Float64,
}


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """One row a segment of train users that has any: recency (when their last session began, before the end of train),
    frequency (their sessions in train), users, share (of the users), value (mean over users of the sum of their
    sessions' values, value units), value_share (of all value). `sessions` is the session table.
    """
    train = sessions.select(FILE, USER, START, VALUE).filter(pl.col(FILE) == "train")
    if train.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    end = train.get_column(START).max()
    users = train.group_by(USER).agg(
        ((end - pl.col(START).max()) / _SECONDS_A_DAY).alias("days"),
        pl.len().alias("sessions"),
        pl.col(VALUE).sum().alias("value"),
    )
    recency = pl.lit(EARLIER)
    for name, days in reversed(_RECENT.items()):
        recency = pl.when(pl.col("days") < days).then(pl.lit(name)).otherwise(recency)
    count = pl.col("sessions")
    frequency = (
        pl.when(count == 1)
        .then(pl.lit(FREQUENCY[0]))
        .when(count == 2)
        .then(pl.lit(FREQUENCY[1]))
        .when(count <= 5)
        .then(pl.lit(FREQUENCY[2]))
        .otherwise(pl.lit(FREQUENCY[3]))
    )
    found = users.group_by(recency.alias("recency"), frequency.alias("frequency")).agg(
        pl.len().cast(pl.Int64).alias("users"), pl.col("value").mean(), pl.col("value").sum().alias("sum")
    )
    return (
        found.with_columns(
            (pl.col("users") / pl.col("users").sum()).alias("share"),
            (pl.col("sum") / pl.col("sum").sum()).fill_nan(0.0).alias("value_share"),
        )
        .sort(pl.col("recency").cast(pl.Enum(RECENCY)), pl.col("frequency").cast(pl.Enum(FREQUENCY)))
        .select(*_SCHEMA)
    )


def finding(data: pl.DataFrame) -> str:
    """What the most frequent users hold, in a sentence."""
    if data.is_empty():
        return "There is no train session here."
    often = data.filter(pl.col("frequency") == FREQUENCY[-1])
    if often.height:
        held, share = (float(often.get_column(name).sum()) for name in ("value_share", "share"))
        return (
            f"Users with six or more sessions are {percent(share)} of the users and hold {percent(held)} of all value."
        )
    best = data.sort("value", descending=True).row(0, named=True)
    return f"Users with {best['frequency']}, last seen {best['recency']}, are worth most: {number(best['value'])} each."


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw a heat map of the value a user; the label carries the share of the users."""
    base = alt.Chart(data).encode(
        x=alt.X(
            "recency:N",
            sort=list(RECENCY),
            title=["last seen before the end of train", "colour: value a user, label: share of the users"],
            axis=alt.Axis(labelAngle=0, labelOverlap=False, labelExpr="split(datum.label, ' ')"),
        ),
        y=alt.Y("frequency:N", sort=list(FREQUENCY)[::-1], title=None, axis=alt.Axis(grid=False)),
        tooltip=[
            alt.Tooltip("recency:N", title="last seen"),
            alt.Tooltip("frequency:N", title="sessions"),
            alt.Tooltip("users:Q", format=","),
            alt.Tooltip("share:Q", title="of the users", format=".1%"),
            alt.Tooltip("value:Q", title=f"value a user ({VALUE_UNIT})", format=",.3~r"),
            alt.Tooltip("value_share:Q", title="of all value", format=".1%"),
        ],
    )
    cells = base.mark_rect().encode(color=alt.Color("value:Q", scale=alt.Scale(range=["#E8ECFB", ACCENT]), legend=None))
    most = float(data.get_column("value").to_numpy().max(initial=0.0))
    text = base.mark_text(fontSize=12).encode(
        text=alt.Text("share:Q", format=".1%"),
        color=alt.condition(f"datum.value > {0.7 * most}", alt.value("white"), alt.value("#1F2937")),
    )
    return finished(cells + text, f"Users by recency and frequency. {finding(data)}", height=220)
