"""How often users come back, and how much the sessions of returning users are worth."""

from __future__ import annotations

import altair as alt
import polars as pl

from core.base.amounts import value_text, value_unit
from core.base.text import percent
from core.eda.parts.labels import texts_of
from core.eda.parts.sentences import NO_TRAIN_SESSIONS
from core.eda.parts.session_table import FILE
from core.eda.parts.theme import FILE_COLOURS, Figure, Hover, finished, share_axis
from core.schema import ROLES, USER, VALUE

TITLE = "Do users come back?"
_MAX_COUNT = 10
"""Users with this number of sessions or more are one class."""
_LABELS = [*(str(n) for n in range(1, _MAX_COUNT)), f"{_MAX_COUNT}+"]
_NUMBERS = dict.fromkeys(("share", "mean", "returning"), pl.Float64)
_SCHEMA = {"count": pl.Int64, "label": pl.String, "users": pl.Int64} | _NUMBERS


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """Count train users by their number of train sessions; one row per number that occurs.

    Returns:
        count, label: number of sessions, where 10 means 10 or more, and the number as text.
        users, share: number of users, and share of the train users.
        mean: average value of the sessions of these users; null if no value is known.
        returning: share of the test users who are also in the train file; the same in every row, null without test
            users.
    """
    train, test = (sessions.select(FILE, USER, VALUE).filter(pl.col(FILE) == role) for role in ROLES)
    if train.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    users = train.group_by(USER).agg(
        pl.len().cast(pl.Int64).alias("sessions"),
        pl.col(VALUE).sum().alias("value"),
        pl.col(VALUE).count().alias("n_values"),
    )
    test_users = test.select(pl.col(USER).unique())
    n_returning = test_users.join(users, on=USER, how="semi").height
    returning = n_returning / test_users.height if test_users.height else None
    labels = dict(enumerate(_LABELS, start=1))
    return (
        users.group_by(pl.col("sessions").clip(upper_bound=_MAX_COUNT).alias("count"))
        .agg(
            pl.len().cast(pl.Int64).alias("users"),
            (pl.col("value").sum() / pl.col("n_values").sum()).fill_nan(None).alias("mean"),
        )
        .sort("count")
        .with_columns(
            pl.col("count").replace_strict(labels, return_dtype=pl.String).alias("label"),
            (pl.col("users") / pl.col("users").sum()).alias("share"),
            pl.lit(returning, pl.Float64).alias("returning"),
        )
        .select(*_SCHEMA)
    )


def finding(data: pl.DataFrame) -> str:
    """State the share of users with a single session, and the share of test users who are also in the train file."""
    if data.is_empty():
        return NO_TRAIN_SESSIONS
    once = float(data.filter(pl.col("count") == 1).get_column("share").sum())
    sentence = f"{percent(once)} of the train users have a single session"
    returning = data.item(0, "returning")
    if returning is None:
        return f"{sentence}."
    return f"{sentence}; {percent(returning)} of the test users also occur in the train file."


def figure(data: pl.DataFrame) -> Figure:
    """Draw one bar per number of sessions, labelled with the average value."""
    label = texts_of(data.get_column("mean"), value_text).alias("mean_label")
    title = ["train sessions of the user", "label: average session value"]
    base = alt.Chart(data.with_columns(label)).encode(
        x=alt.X("label:N", title=title, sort=_LABELS, axis=alt.Axis(labelAngle=0)),
        y=alt.Y("share:Q", title="share of the train users", axis=share_axis()),
        tooltip=[
            *Hover.texts(label="sessions"),
            *Hover.counts("users"),
            *Hover.shares("share"),
            *Hover.amounts(mean=f"average session value ({value_unit()})"),
        ],
    )
    bars = base.mark_bar(color=FILE_COLOURS["train"])
    labels = base.mark_text(dy=-8, fontSize=11).encode(text="mean_label:N")
    return finished(bars + labels, f"Users by number of sessions. {finding(data)}")
