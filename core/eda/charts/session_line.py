"""One session on a time line, event by event."""

from __future__ import annotations

import altair as alt
import polars as pl

from core import schema
from core.base.amounts import money
from core.base.text import count, duration, whole
from core.dataset import Dataset
from core.eda.parts.labels import labels_of
from core.eda.parts.theme import MUTED, Figure, Hover, event_scale, finished

TITLE = "What happened in one session?"
_MAX_EVENTS = 500
"""Number of events shown. A session with more events is most likely automated."""
_TOTALS = {
    "all_events": pl.len(),
    "all_seconds": pl.col(schema.TIME).max() - pl.col(schema.TIME).min(),
    "all_users": pl.col(schema.USER).n_unique(),
}
_ID_COLUMNS = {schema.PRODUCT_ID: schema.PRODUCT, schema.CATEGORY_ID: schema.CATEGORY, schema.USER_ID: schema.USER}

_LABELS = {schema.PRODUCT_ID: "product", schema.CATEGORY_ID: "category"}


def frame(dataset: Dataset, session_id: str) -> pl.DataFrame:
    """Return the first 500 events of a session in order of time, one row each; empty for an unknown id.

    Returns:
        file: `train` or `test`.
        second: seconds since the first event.
        time: time of the event (UTC).
        event_type, product_id, category_id, user_id: columns of the event file.
        product, category: names of the product and the category, with the id if several have the name; only if the log
            has names.
        session_value: value of the session; null in test, and if it is unknown.
        all_events, all_seconds, all_users: number of events, duration in seconds and number of users of the whole
            session; the same in every row.
    """
    session = dataset.dictionary(schema.USER_SESSION).filter(pl.col(schema.USER_SESSION) == session_id)
    values = dataset.units().select(schema.UNIT, pl.col(schema.VALUE).alias("session_value"))
    parts = [
        dataset.events(role)
        .join(session, on=schema.SESSION, how="semi")
        .with_columns(pl.lit(role).alias("file"))
        .join(values, on=schema.UNIT, how="left")
        .collect()
        for role in schema.ROLES
    ]
    totals = [total.cast(pl.Int64).alias(name) for name, total in _TOTALS.items()]
    events = pl.concat(parts).sort(schema.TIME, maintain_order=True).with_columns(totals).head(_MAX_EVENTS)
    for name, column in _ID_COLUMNS.items():
        codes = events.lazy().select(column).unique()
        ids = dataset.dictionary(name).select(column, name).join(codes, on=column, how="semi").collect()
        events = events.join(ids, on=column, how="left", maintain_order="left")
    labels = [
        label.alias(kind)
        for name, kind in _LABELS.items()
        if (label := labels_of(dataset, events.get_column(name))) is not None
    ]
    event_types = dict(enumerate(schema.EVENT_TYPES))
    return events.select(
        "file",
        (pl.col(schema.TIME) - pl.col(schema.TIME).min()).alias("second"),
        pl.from_epoch(schema.TIME, time_unit="s").alias("time"),
        pl.col(schema.TYPE).replace_strict(event_types, return_dtype=pl.String).alias("event_type"),
        *_ID_COLUMNS,
        *labels,
        "session_value",
        *_TOTALS,
    )


def draw_session(dataset: Dataset, sessions: pl.DataFrame, seed: int) -> str | None:
    """Return the id of a random row of the session table, or None if the table is empty."""
    if sessions.is_empty():
        return None
    unit = sessions.select(schema.UNIT).sample(1, seed=seed)
    session = dataset.units().join(unit.lazy(), on=schema.UNIT, how="semi")
    ids = dataset.dictionary(schema.USER_SESSION).join(session, on=schema.SESSION, how="semi").collect()
    return str(ids.item(0, schema.USER_SESSION))


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
        sentence += f" (the first {whole(data.height)} are shown)"
    values = data.get_column("session_value").drop_nulls()
    if values.is_empty():
        return f"{sentence}; the session value is unknown."
    return f"{sentence}; the session is worth {money(float(values[0]))}."


def figure(data: pl.DataFrame) -> Figure:
    """Draw one mark per event, with one row per event type."""
    seconds, event_types = alt.Axis(tickCount=8, tickMinStep=1, format=",d"), list(schema.EVENT_TYPES)
    names: dict[str, str] = {}
    for name, kind in _LABELS.items():
        names |= {kind: kind, name: name} if kind in data.columns else {name: kind}
    base = alt.Chart(data).encode(
        x=alt.X("second:Q", title="seconds since the first event", axis=seconds),
        y=alt.Y("event_type:N", title=None, sort=event_types, scale=alt.Scale(domain=event_types)),
    )
    line = base.mark_line(color=MUTED, strokeWidth=1, opacity=0.6).encode(order="second:Q", y="event_type:N")
    marks = base.mark_circle(size=110, opacity=0.85).encode(
        color=alt.Color("event_type:N", scale=event_scale(), legend=None),
        tooltip=[
            *Hover.texts(event_type="event type"),
            alt.Tooltip("time:T", title="time (UTC)", format="%d %b %Y %H:%M:%S"),
            *Hover.texts(**names, user_id="user", file="file"),
        ],
    )
    return finished(line + marks, f"Events of one session over time. {finding(data)}", height=200)
