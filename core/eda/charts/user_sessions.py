"""How often users come back, and what those who do are worth."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from core.base.text import number, percent
from core.eda.parts.session_table import FILE
from core.eda.parts.theme import FILE_COLOURS, MUTED, finished
from core.schema import ROLES, USER, VALUE, VALUE_UNIT

TITLE = "Do users come back?"
_MOST = 10
"""Sessions of a user from which on users stand together."""
_LABELS = [*(str(place) for place in range(1, _MOST)), f"{_MOST}+"]
_SCHEMA = {
    "count": pl.Int64,
    "label": pl.String,
    "users": pl.Int64,
    "share": pl.Float64,
    "mean": pl.Float64,
    "returning": pl.Float64,
}


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """One row a number of train sessions that a user has: count (10 stands for 10 and more), label, users, share (of
    the train users), mean (value of their sessions, value units; null without values), returning (share of the test
    users who are in train; the same in every row, null without test users). `sessions` is the session table.
    """
    train, test = (sessions.select(FILE, USER, VALUE).filter(pl.col(FILE) == role) for role in ROLES)
    if train.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    users = train.group_by(USER).agg(
        pl.len().cast(pl.Int64).alias("sessions"),
        pl.col(VALUE).sum().alias("value"),
        pl.col(VALUE).count().alias("valued"),
    )
    asked = test.select(pl.col(USER).unique())
    returning = asked.join(users, on=USER, how="semi").height / asked.height if asked.height else None
    count = pl.col("sessions").clip(upper_bound=_MOST)
    return (
        users.group_by(count.alias("count"))
        .agg(pl.len().cast(pl.Int64).alias("users"), (pl.col("value").sum() / pl.col("valued").sum()).alias("mean"))
        .sort("count")
        .select(
            "count",
            pl.when(pl.col("count") == _MOST)
            .then(pl.lit(_LABELS[-1]))
            .otherwise(pl.col("count").cast(pl.String))
            .alias("label"),
            "users",
            (pl.col("users") / pl.col("users").sum()).alias("share"),
            pl.col("mean").fill_nan(None),
            pl.lit(returning, pl.Float64).alias("returning"),
        )
    )


def finding(data: pl.DataFrame) -> str:
    """How many come once, and how many of the test users are known, in a sentence."""
    if data.is_empty():
        return "There is no train session here."
    once = data.filter(pl.col("count") == 1).get_column("share").sum()
    told = f"{percent(float(once))} of the train users have a single session"
    returning = data.item(0, "returning")
    return (
        f"{told}; {percent(returning)} of the test users are known from train." if returning is not None else f"{told}."
    )


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw a bar a number of sessions; the label carries the mean value."""
    told = pl.col("mean").map_elements(number, return_dtype=pl.String).fill_null("")
    base = alt.Chart(data.with_columns(told.alias("told"))).encode(
        x=alt.X(
            "label:N",
            title=["sessions of the user in train", "label: mean value of a session"],
            sort=_LABELS,
            axis=alt.Axis(labelAngle=0),
        ),
        y=alt.Y("share:Q", title="share of the train users", axis=alt.Axis(format="%", tickCount=5)),
        tooltip=[
            alt.Tooltip("label:N", title="sessions"),
            alt.Tooltip("users:Q", format=","),
            alt.Tooltip("share:Q", format=".1%"),
            alt.Tooltip("mean:Q", title=f"mean session value ({VALUE_UNIT})", format=",.3~r"),
        ],
    )
    bars = base.mark_bar(color=FILE_COLOURS["train"])
    labels = base.mark_text(dy=-8, fontSize=11, color=MUTED).encode(text="told:N")
    return finished(bars + labels, f"Users by number of sessions. {finding(data)}")
