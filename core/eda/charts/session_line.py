"""One session on a time line, event by event."""

from __future__ import annotations

import altair as alt
import polars as pl

from core.base.text import count, duration, number
from core.dataset import Dataset
from core.eda.parts.theme import MUTED, Figure, event_scale, finished
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
    VALUE_UNIT,
)

TITLE = "What happened in one session?"
_MAX_EVENTS = 500
"""Events shown; a session with more is most likely automated."""
_TOTALS = {
    "all_events": pl.len(),
    "all_seconds": pl.col(TIME).max() - pl.col(TIME).min(),
    "all_users": pl.col(USER).n_unique(),
}
_ID_COLUMNS = {PRODUCT_ID: PRODUCT, CATEGORY_ID: CATEGORY, USER_ID: USER}


def frame(dataset: Dataset, session_id: str) -> pl.DataFrame:
    """Return the first 500 events of a session in order of time, one row each; empty for an unknown id.

    Returns:
        second: Seconds since the first event.
        time: Time of the event (UTC).
        event_type, product_id, category_id, user_id: What the event file holds.
        session_value: Value of the session, in value units; null in test.
        all_events, all_seconds, all_users: Number of events, duration and number of users of the whole session; the
            same in every row.
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
    totals = [total.cast(pl.Int64).alias(name) for name, total in _TOTALS.items()]
    events = pl.concat(parts).sort(TIME, maintain_order=True).with_columns(totals).head(_MAX_EVENTS)
    for name, column in _ID_COLUMNS.items():
        codes = events.lazy().select(column).unique()
        ids = dataset.dictionary(name).select(column, name).join(codes, on=column, how="semi").collect()
        events = events.join(ids, on=column, how="left", maintain_order="left")
    return events.select(
        "file",
        (pl.col(TIME) - pl.col(TIME).min()).alias("second"),
        pl.from_epoch(TIME, time_unit="s").alias("time"),
        pl.col(TYPE).replace_strict(dict(enumerate(EVENT_TYPES)), return_dtype=pl.String).alias("event_type"),
        *_ID_COLUMNS,
        "session_value",
        *_TOTALS,
    )


def draw_session(dataset: Dataset, sessions: pl.DataFrame, seed: int) -> str | None:
    """Return the id of a random row of the session table, or None if the table is empty."""
    if sessions.is_empty():
        return None
    unit = sessions.select(UNIT).sample(1, seed=seed)
    code = dataset.units().join(unit.lazy(), on=UNIT, how="semi").select(SESSION)
    ids = dataset.dictionary(USER_SESSION).join(code, on=SESSION, how="semi").select(USER_SESSION).collect()
    return str(ids.item(0, 0))


def finding(data: pl.DataFrame) -> str:
    """State the number of events, the duration and the value of the session."""
    if data.is_empty():
        return "No session has this id."
    events, seconds, users = data.select(*_TOTALS).row(0)
    sentence = count(events, "event")
    if events > 1:
        sentence += f" in {duration(float(seconds))}" if seconds else " in the same second"
    if users > 1:
        sentence += f" by {count(users, 'user')} who share the id"
    if events > data.height:
        sentence += f" (the first {data.height:,} are shown)"
    values = data.get_column("session_value").drop_nulls()
    if values.is_empty():
        return f"{sentence}; the session value is unknown."
    return f"{sentence}; the session is worth {number(float(values[0]))} {VALUE_UNIT}."


def figure(data: pl.DataFrame) -> Figure:
    """Draw one mark per event, with one row per event type."""
    seconds = alt.Axis(tickCount=8, tickMinStep=1, format=",d")
    base = alt.Chart(data).encode(
        x=alt.X("second:Q", title="seconds since the first event", axis=seconds),
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
