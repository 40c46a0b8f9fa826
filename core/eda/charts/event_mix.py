"""The mix of event types in both files."""

from __future__ import annotations

import altair as alt
import polars as pl

from core.base.text import percent
from core.eda.parts import picking
from core.eda.parts.sentences import NO_EVENTS
from core.eda.parts.session_table import COUNT_COLUMNS, FILE
from core.eda.parts.theme import Figure, Hover, event_scale, file_opacity, finished, share_axis
from core.schema import BUY, EVENT_TYPES, ROLES, SESSION

TITLE = "What do people do in a session?"
NEEDS_TYPES = True
PICK = picking.type_clicks("event_type")
_SCHEMA = {"file": pl.String, "event_type": pl.String, "events": pl.Int64, "share": pl.Float64, "buying": pl.Float64}


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """Count events by file and event type; one row per (file, event type), all of them present.

    Returns:
        file: `train` or `test`.
        event_type: event type.
        events, share: number of events, and share of the file's events.
        buying: share of the file's sessions with a purchase, where a session of several users counts once; the same in
            every row of a file.
    """
    rows = []
    for role in ROLES:
        of_file = sessions.select(FILE, SESSION, *COUNT_COLUMNS.values()).filter(pl.col(FILE) == role)
        events = of_file.select(pl.col(*COUNT_COLUMNS.values()).sum()).row(0, named=True)
        n_buying = of_file.filter(pl.col(COUNT_COLUMNS[BUY]) > 0).get_column(SESSION).n_unique()
        n_sessions, n_events = of_file.get_column(SESSION).n_unique(), sum(events.values())
        buying = n_buying / n_sessions if n_sessions else 0.0
        rows += [
            (role, event_type, events[column], events[column] / n_events if n_events else 0.0, buying)
            for event_type, column in COUNT_COLUMNS.items()
        ]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def finding(data: pl.DataFrame) -> str:
    """Name the most frequent event type and state the share of sessions with a purchase."""
    with_events = data.filter(pl.col("events").sum().over("file") > 0)
    if with_events.is_empty():
        return NO_EVENTS
    files = with_events.unique("file", maintain_order=True)
    first = files.item(0, "file")
    top = with_events.filter(pl.col("file") == first).sort("share", descending=True).row(0, named=True)
    buying = " and ".join(f"{percent(row['buying'])} of the {row['file']} sessions" for row in files.rows(named=True))
    return (
        f"{top['event_type']} is the most frequent event type ({percent(top['share'])} of {first}); {buying} have a "
        "purchase."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw one bar per event type and file, labelled with its share."""
    with_events = data.filter(pl.col("events").sum().over("file") > 0)
    base = alt.Chart(with_events if with_events.height else data).encode(
        x=alt.X("event_type:N", title=None, sort=list(EVENT_TYPES), axis=alt.Axis(labelAngle=0)),
        xOffset=alt.XOffset("file:N", sort=list(ROLES)),
        y=alt.Y("share:Q", title="share of the file's events", axis=share_axis()),
        tooltip=[*Hover.texts("file", event_type="event type"), *Hover.counts("events"), *Hover.shares("share")],
    )
    bars = base.mark_bar().encode(
        color=alt.Color("event_type:N", scale=event_scale(), legend=None), opacity=file_opacity()
    )
    labels = base.mark_text(dy=-7, fontSize=11).encode(text=alt.Text("share:Q", format=".0%"))
    return finished(bars + labels, f"Share of events by type. {finding(data)}")
