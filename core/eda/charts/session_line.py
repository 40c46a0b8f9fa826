"""One session as a time line: what its users did, second by second."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from core.base.text import count, duration, number
from core.dataset import Dataset
from core.eda.parts.theme import MUTED, event_scale, finished
from core.schema import (
    CATEGORY,
    CATEGORY_ID,
    EVENT_TYPES,
    PRODUCT,
    PRODUCT_ID,
    ROLE,
    ROLES,
    SESSION,
    TIME,
    TRAIN_ROLE,
    TYPE,
    UNIT,
    USER,
    USER_ID,
    USER_SESSION,
    VALUE,
)

TITLE = "What happened in one session?"
_MOST = 500
"""Events shown; a session with more is a machine's."""
_WHOLE = ("all_events", "all_seconds", "all_users")
_IDS = {PRODUCT_ID: PRODUCT, CATEGORY_ID: CATEGORY, USER_ID: USER}


def frame(dataset: Dataset, session_id: str) -> pl.DataFrame:
    """One row an event of a session, in time, at most 500: file, second (since its first event), time (UTC),
    event_type, product_id, category_id, user_id, session_value (of its user's train part; null in test). Of the whole
    session, shown or not, and the same in every row: all_events, all_seconds (from the first to the last), all_users.
    Empty for an unknown id.
    """
    code = dataset.dictionary(USER_SESSION).filter(pl.col(USER_SESSION) == session_id).select(SESSION)
    values = dataset.units().filter(pl.col(ROLE) == TRAIN_ROLE).select(UNIT, pl.col(VALUE).alias("session_value"))
    parts = [
        dataset.events(role)
        .join(code, on=SESSION, how="semi")
        .with_columns(pl.lit(role).alias("file"))
        .join(values, on=UNIT, how="left")
        .collect()
        for role in ROLES
    ]
    whole = (pl.len(), pl.col(TIME).max() - pl.col(TIME).min(), pl.col(USER).n_unique())
    counted = [each.cast(pl.Int64).alias(name) for each, name in zip(whole, _WHOLE, strict=True)]
    events = pl.concat(parts).sort(TIME, maintain_order=True).with_columns(counted).head(_MOST)
    for name, column in _IDS.items():
        wanted = events.select(column).unique()
        ids = dataset.dictionary(name).select(column, name).join(wanted.lazy(), on=column, how="semi").collect()
        events = events.join(ids, on=column, how="left", maintain_order="left")
    return events.select(
        "file",
        (pl.col(TIME) - pl.col(TIME).min()).alias("second"),
        pl.from_epoch(TIME, time_unit="s").alias("time"),
        pl.col(TYPE).replace_strict(dict(enumerate(EVENT_TYPES)), return_dtype=pl.String).alias("event_type"),
        *_IDS,
        "session_value",
        *_WHOLE,
    )


def drawn(dataset: Dataset, sessions: pl.DataFrame, draw: int) -> str | None:
    """The id of a session of the table, another one for each `draw`; None where there is none."""
    if sessions.is_empty():
        return None
    unit = sessions.select(UNIT).sample(1, seed=draw)
    code = dataset.units().join(unit.lazy(), on=UNIT, how="semi").select(SESSION)
    found = dataset.dictionary(USER_SESSION).join(code, on=SESSION, how="semi").select(USER_SESSION).collect()
    return str(found.item(0, 0))


def finding(data: pl.DataFrame) -> str:
    """How long it was and what it was worth, in a sentence."""
    if data.is_empty():
        return "There is no session of that id."
    events, seconds, users = data.select(_WHOLE).row(0)
    told = count(events, "event")
    if events > 1:
        told += f" in {duration(float(seconds))}" if seconds else " in the same second"
    if users > 1:
        told += f" by {count(users, 'user')}, who share the id"
    if events > data.height:
        told += f" (the first {data.height:,} are drawn)"
    value = data.get_column("session_value").drop_nulls()
    return f"{told}; worth {number(float(value[0]))} value units." if len(value) else f"{told}; its value is not known."


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw a mark an event, a row an event type."""
    base = alt.Chart(data).encode(
        x=alt.X(
            "second:Q", title="seconds since its first event", axis=alt.Axis(tickCount=8, tickMinStep=1, format=",d")
        ),
        y=alt.Y("event_type:N", title=None, sort=list(EVENT_TYPES), scale=alt.Scale(domain=list(EVENT_TYPES))),
    )
    line = base.mark_line(color=MUTED, strokeWidth=1, opacity=0.6).encode(order="second:Q", y="event_type:N")
    marks = base.mark_circle(size=110, opacity=0.85).encode(
        color=alt.Color("event_type:N", scale=event_scale(), legend=None),
        tooltip=[
            alt.Tooltip("event_type:N", title="event type"),
            alt.Tooltip("time:T", title="time (UTC)", format="%d %b %Y %H:%M:%S"),
            alt.Tooltip("product_id:N", title="product"),
            alt.Tooltip("category_id:N", title="category"),
            alt.Tooltip("user_id:N", title="user"),
            "file:N",
        ],
    )
    return finished(line + marks, f"Events of one session over time. {finding(data)}", height=200)
