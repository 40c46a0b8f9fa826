"""Users by recency, frequency and value (Hughes 1994, Strategic database marketing)."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import polars as pl

from core.base.amounts import money, value_unit
from core.base.text import percent
from core.eda.parts.sentences import NO_TRAIN_SESSIONS
from core.eda.parts.session_table import FILE
from core.eda.parts.theme import ACCENT, PALE, Figure, Hover, cell_text, finished
from core.schema import SECONDS_PER_DAY, START, USER, VALUE

TITLE = "Which users are worth most?"
_MAX_DAYS = {"last day": 1, "last 7 days": 7, "last 14 days": 14}
"""Class of recency -> upper limit in days, exclusive."""
EARLIER = "earlier"
RECENCY = (*_MAX_DAYS, EARLIER)
_MAX_SESSIONS = {"1 session": 1, "2 sessions": 2, "3 to 5": 5}
"""Class of frequency -> largest number of sessions."""
FREQUENT = "6 or more"
FREQUENCY = (*_MAX_SESSIONS, FREQUENT)
_NUMBERS = dict.fromkeys(("share", "value", "value_share"), pl.Float64)
_SCHEMA = {"recency": pl.String, "frequency": pl.String, "users": pl.Int64} | _NUMBERS


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """Count train users by recency and frequency; one row per segment that has users.

    Returns:
        recency: time from the start of the user's last session to the start of the last train session.
        frequency: number of train sessions of the user.
        users, share: number of users, and share of all train users.
        value: average over users of the sum of their session values, in value units.
        value_share: share of the total value.
    """
    train = sessions.select(FILE, USER, START, VALUE).filter(pl.col(FILE) == "train")
    if train.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    end = train.get_column(START).max()
    users = train.group_by(USER).agg(
        ((end - pl.col(START).max()) / SECONDS_PER_DAY).alias("days"),
        pl.len().alias("sessions"),
        pl.col(VALUE).sum().alias("value"),
    )
    recency = _first_label({name: pl.col("days") < days for name, days in _MAX_DAYS.items()}, EARLIER)
    frequency = _first_label({name: pl.col("sessions") <= n for name, n in _MAX_SESSIONS.items()}, FREQUENT)
    segments = users.group_by(recency.alias("recency"), frequency.alias("frequency")).agg(
        pl.len().cast(pl.Int64).alias("users"), pl.col("value").mean(), pl.col("value").sum().alias("total")
    )
    return (
        segments.with_columns(
            (pl.col("users") / pl.col("users").sum()).alias("share"),
            (pl.col("total") / pl.col("total").sum()).fill_nan(0.0).alias("value_share"),
        )
        .sort(pl.col("recency").cast(pl.Enum(RECENCY)), pl.col("frequency").cast(pl.Enum(FREQUENCY)))
        .select(*_SCHEMA)
    )


def _first_label(conditions: Mapping[str, pl.Expr], otherwise: str) -> pl.Expr:
    """Return the label of the first condition that holds."""
    return pl.coalesce(*(pl.when(holds).then(pl.lit(label)) for label, holds in conditions.items()), pl.lit(otherwise))


def finding(data: pl.DataFrame) -> str:
    """State the share of the most frequent users, or name the segment with the highest value if there are none."""
    if data.is_empty():
        return NO_TRAIN_SESSIONS
    frequent = data.filter(pl.col("frequency") == FREQUENT)
    if frequent.height:
        value_share, share = (float(frequent.get_column(name).sum()) for name in ("value_share", "share"))
        return (
            f"Users with six or more sessions are {percent(share)} of the users and hold {percent(value_share)} of the "
            "total value."
        )
    top = data.sort("value", descending=True).row(0, named=True)
    return (
        f"The segment with the highest value per user is “{top['frequency']}”, last seen “{top['recency']}”: "
        f"{money(top['value'])} on average."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw a heat map of the average value per user, labelled with the share of the users."""
    title = ["last seen before the end of the train file", "colour: value per user, label: share of the users"]
    split_words = alt.Axis(labelAngle=0, labelOverlap=False, labelExpr="split(datum.label, ' ')")
    base = alt.Chart(data).encode(
        x=alt.X("recency:N", sort=list(RECENCY), title=title, axis=split_words),
        y=alt.Y("frequency:N", sort=list(FREQUENCY)[::-1], title=None, axis=alt.Axis(grid=False)),
        tooltip=[
            *Hover.texts(recency="last seen", frequency="sessions"),
            *Hover.counts("users"),
            *Hover.shares(share="share of users", value_share="share of value"),
            *Hover.amounts(value=f"value per user ({value_unit()})"),
        ],
    )
    top = float(data.get_column("value").to_numpy().max(initial=0.0)) or 1.0
    scale = alt.Scale(domain=[0, top], range=[PALE, ACCENT])
    cells = base.mark_rect().encode(color=alt.Color("value:Q", scale=scale, legend=None))
    text = base.mark_text(fontSize=12).encode(
        text=alt.Text("share:Q", format=".1%"),
        color=cell_text(f"datum.value / {top}"),
    )
    return finished(cells + text, f"Users by recency and frequency. {finding(data)}", height=220)
