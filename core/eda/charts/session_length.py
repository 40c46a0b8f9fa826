"""How many events sessions have."""

from __future__ import annotations

import polars as pl

from core.base.text import percent
from core.eda.parts import picking
from core.eda.parts.by_file import draw_by_file
from core.eda.parts.sentences import NO_SESSIONS
from core.eda.parts.session_table import EVENTS, FILE
from core.eda.parts.theme import Figure
from core.schema import ROLES

TITLE = "How long are sessions?"
LONGEST = 20
"""Sessions with this number of events or more are one class."""
LENGTH = pl.col(EVENTS).clip(upper_bound=LONGEST).alias("length")
LABELS = [*(str(length) for length in range(1, LONGEST)), f"{LONGEST}+"]
LABEL = pl.col("length").replace_strict(dict(enumerate(LABELS, start=1)), return_dtype=pl.String).alias("label")
PICK = picking.length_clicks("length", LONGEST)


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """Count sessions by number of events; one row per (file, length).

    A session of several users counts once per user.

    Returns:
        file: `train` or `test`.
        length, label: number of events, where 20 means 20 or more, and the number as text.
        sessions, share: number of sessions, and share of the file's sessions.
    """
    counts = (
        sessions.select(FILE, EVENTS)
        .filter(pl.col(EVENTS) > 0)
        .group_by(FILE, LENGTH)
        .agg(pl.len().cast(pl.Int64).alias("sessions"))
    )
    return counts.sort(pl.col(FILE).cast(pl.Enum(ROLES)), "length").select(
        pl.col(FILE).cast(pl.String),
        "length",
        LABEL,
        "sessions",
        (pl.col("sessions") / pl.col("sessions").sum().over(FILE)).alias("share"),
    )


def finding(data: pl.DataFrame) -> str:
    """State the share of sessions with a single event in each file."""
    if data.is_empty():
        return NO_SESSIONS
    shares = [
        f"{percent(float(rows.filter(pl.col('length') == 1).get_column('share').sum()))} of the {file} sessions"
        for (file,), rows in data.group_by(FILE, maintain_order=True)
    ]
    return f"{' and '.join(shares)} have a single event."


def figure(data: pl.DataFrame) -> Figure:
    """Draw one bar per length and file."""
    description, title = f"Sessions by number of events. {finding(data)}", "events in the session"
    return draw_by_file(
        data, description, "sessions", title=title, labels=LABELS, whole="the file's sessions", class_name="events"
    )
