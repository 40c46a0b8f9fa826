"""How many events sessions have."""

from __future__ import annotations

import polars as pl

from core.base.text import percent
from core.eda.parts import picking
from core.eda.parts.by_file import draw_by_file
from core.eda.parts.sentences import NO_SESSIONS
from core.eda.parts.session_table import EVENTS, FILE
from core.eda.parts.split import add_groups, group_column, group_labels, group_sentence
from core.eda.parts.theme import Figure

TITLE = "How long are sessions?"
LONGEST = 20
"""Sessions with this number of events or more are one class."""
LENGTH = pl.col(EVENTS).clip(upper_bound=LONGEST).alias("length")
LABELS = [*(str(length) for length in range(1, LONGEST)), f"{LONGEST}+"]
LABEL = pl.col("length").replace_strict(dict(enumerate(LABELS, start=1)), return_dtype=pl.String).alias("label")
SPLITS = ("users", "category", "purchase")
PICK = picking.length_clicks("length", LONGEST)


def frame(sessions: pl.DataFrame, by: pl.DataFrame | None = None) -> pl.DataFrame:
    """Count sessions by number of events; one row per (file, length).

    A session of several users counts once per user.

    Args:
        by: groups that are compared instead of the files, see `core.eda.parts.split.group_units`.

    Returns:
        file: `train` or `test`. With `by`, there is `group` instead.
        length, label: number of events, where 20 means 20 or more, and the number as text.
        sessions, share: number of sessions, and share of the file's sessions.
    """
    rows, column = add_groups(sessions, by)
    counts = (
        rows.select(column, EVENTS)
        .filter(pl.col(EVENTS) > 0)
        .group_by(column, LENGTH)
        .agg(pl.len().cast(pl.Int64).alias("sessions"))
    )
    return counts.sort(column, "length").select(
        pl.col(column).cast(pl.String),
        "length",
        LABEL,
        "sessions",
        (pl.col("sessions") / pl.col("sessions").sum().over(column)).alias("share"),
    )


def finding(data: pl.DataFrame) -> str:
    """State the share of sessions with a single event in each file."""
    if data.is_empty():
        return NO_SESSIONS
    column = group_column(data)
    shares = {label: _share_of_one(data.filter(pl.col(column) == label)) for label in group_labels(data)}
    if column != FILE:
        return group_sentence("The share of sessions with a single event", shares)
    return f"{' and '.join(f'{share} of the {file} sessions' for file, share in shares.items())} have a single event."


def _share_of_one(rows: pl.DataFrame) -> str:
    return percent(float(rows.filter(pl.col("length") == 1).get_column("share").sum()))


def figure(data: pl.DataFrame) -> Figure:
    """Draw one bar per length and file."""
    description, title = f"Sessions by number of events. {finding(data)}", "events in the session"
    whole = f"the {group_column(data)}'s sessions"
    return draw_by_file(data, description, "sessions", title=title, labels=LABELS, whole=whole, class_name="events")
