"""How many events sessions have."""

from __future__ import annotations

import polars as pl

from core.base.text import percent
from core.eda.parts import picking
from core.eda.parts.by_file import draw_by_file
from core.eda.parts.sentences import NO_SESSIONS
from core.eda.parts.session_table import EVENTS, FILE
from core.eda.parts.theme import Figure, finished
from core.schema import ROLES

TITLE = "How long are sessions?"
LONGEST = 20
"""Sessions of this many events or more are one class."""
LENGTH = pl.col(EVENTS).clip(upper_bound=LONGEST).alias("length")
LABELS = [*(str(length) for length in range(1, LONGEST)), f"{LONGEST}+"]
LABEL = pl.col("length").replace_strict(dict(enumerate(LABELS, start=1)), return_dtype=pl.String).alias("label")
PICK = picking.length_clicks("length", LONGEST)


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """Count sessions by number of events; one row per file and length.

    Returns:
        length: Number of events; 20 means 20 or more.
        label: The length as text.
        sessions: Number of sessions.
        share: Share of the file's sessions.
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
    shares = []
    for role in ROLES:
        of_file = data.filter(pl.col(FILE) == role)
        if of_file.height:
            single = float(of_file.filter(pl.col("length") == 1).get_column("share").sum())
            shares.append(f"{percent(single)} of the {role} sessions")
    return f"{' and '.join(shares)} have a single event."


def figure(data: pl.DataFrame) -> Figure:
    """Draw one bar per length and file."""
    chart = draw_by_file(data, "events in the session", LABELS, whole="the file's sessions", tooltip="events")
    return finished(chart, f"Sessions by number of events. {finding(data)}")
