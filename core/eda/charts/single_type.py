"""The value of sessions that have events of a single type."""

from __future__ import annotations

import polars as pl

from core.base.text import count, number, percent
from core.eda.parts.boxes import SCHEMA, box_statistics, chart_height, draw_boxes
from core.eda.parts.session_table import EVENTS, OF_TYPE
from core.eda.parts.theme import Figure, finished
from core.schema import EVENT_TYPES, VALUE

TITLE = "How much are sessions of a single event type worth?"
_SCHEMA = {"event_type": pl.String, "label": pl.String, **SCHEMA, "share": pl.Float64}


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """Summarize the value of train sessions whose events all have one type; one row per event type.

    Returns:
        event_type, label: The type, and the type with the number of sessions.
        sessions, mean and quantiles of the value: See `core.eda.parts.boxes`.
        share: Share of the train sessions with a value.
    """
    valued = sessions.select(VALUE, EVENTS, *OF_TYPE.values()).filter(pl.col(VALUE).is_not_null(), pl.col(EVENTS) > 0)
    only_type = pl.coalesce(
        pl.when(pl.col(column) == pl.col(EVENTS)).then(pl.lit(word)) for word, column in OF_TYPE.items()
    )
    of_one_type = valued.select(VALUE, only_type.alias("event_type")).drop_nulls("event_type")
    boxes = of_one_type.group_by("event_type").agg(box_statistics())
    return (
        boxes.sort(pl.col("event_type").cast(pl.Enum(EVENT_TYPES)))
        .with_columns(
            pl.struct("event_type", "sessions")
            .map_elements(lambda row: f"{row['event_type']} ({row['sessions']:,})", return_dtype=pl.String)
            .alias("label"),
            (pl.col("sessions") / max(valued.height, 1)).alias("share"),
        )
        .select(*_SCHEMA)
    )


def finding(data: pl.DataFrame) -> str:
    """State the share of sessions of one type, and which type has the highest average value."""
    if data.is_empty():
        return "No train session with a value has a single event type."
    best = data.sort("mean", descending=True).row(0, named=True)
    share = percent(float(data.get_column("share").sum()))
    return (
        f"{share} of the train sessions have a single event type; the average value is highest for "
        f"{best['event_type']} ({number(best['mean'])} over {count(best['sessions'], 'session')})."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw one box per event type."""
    labels = data.get_column("label").to_list()
    description = f"Values of sessions of a single event type. {finding(data)}"
    return finished(draw_boxes(data, labels), description, height=chart_height(len(labels)))
