"""The value of sessions that have events of a single type."""

from __future__ import annotations

import polars as pl

from core.base.amounts import value_text
from core.base.text import count, percent, whole
from core.eda.parts.boxes import SCHEMA, box_statistics, draw_boxes
from core.eda.parts.labels import texts_of
from core.eda.parts.session_table import COUNT_COLUMNS, EVENTS, valued_sessions
from core.eda.parts.theme import Figure
from core.schema import EVENT_TYPES

TITLE = "How much are sessions of a single event type worth?"
NEEDS_TYPES = True
_SCHEMA = {"event_type": pl.String, "label": pl.String, **SCHEMA, "share": pl.Float64}


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """Summarize the value of train sessions whose events all have one type; one row per event type that occurs.

    Returns:
        event_type, label: the type, and the type with the number of sessions.
        sessions, mean, p5, low, median, high, p95: see `core.eda.parts.boxes.box_statistics`.
        share: share of the train sessions with a value.
    """
    valued = valued_sessions(sessions, *COUNT_COLUMNS.values())
    only_type = pl.coalesce(
        pl.when(pl.col(column) == pl.col(EVENTS)).then(pl.lit(event_type))
        for event_type, column in COUNT_COLUMNS.items()
    )
    rows = (
        valued.with_columns(only_type.alias("event_type"))
        .drop_nulls("event_type")
        .group_by("event_type")
        .agg(box_statistics())
        .sort(pl.col("event_type").cast(pl.Enum(EVENT_TYPES)))
        .with_columns(
            (pl.col("sessions") / max(valued.height, 1)).alias("share"),
        )
    )
    counts = texts_of(rows.get_column("sessions"), whole)
    return rows.with_columns(pl.format("{} ({})", "event_type", counts).alias("label")).select(*_SCHEMA)


def finding(data: pl.DataFrame) -> str:
    """State the share of sessions of one type, and which type has the highest average value."""
    if data.is_empty():
        return "No train session with a value has a single event type."
    best = data.sort("mean", descending=True).row(0, named=True)
    share = percent(float(data.get_column("share").sum()))
    return (
        f"{share} of the train sessions have a single event type; the average value is highest for "
        f"{best['event_type']} ({value_text(best['mean'])} over {count(best['sessions'], 'session')})."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw one box per event type."""
    labels = data.get_column("label").to_list()
    return draw_boxes(data, labels, f"Values of sessions of a single event type. {finding(data)}")
