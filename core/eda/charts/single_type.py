"""What sessions are worth that have a single kind of event."""

from __future__ import annotations

from typing import Any

import polars as pl

from core.base.text import count, number, percent
from core.eda.parts.boxes import SCHEMA, drawn, height, numbers
from core.eda.parts.session_table import EVENTS, OF_TYPE
from core.eda.parts.theme import finished
from core.schema import EVENT_TYPES, VALUE

TITLE = "What are sessions of a single kind of event worth?"
_SCHEMA = {"event_type": pl.String, "label": pl.String, **SCHEMA, "share": pl.Float64}


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """A box an event type of train sessions that have no other: event_type, label (with how many there are), sessions,
    mean and quantiles of their value (see core.eda.parts.boxes), share (of the train sessions with a value).
    `sessions` is the session table.
    """
    valued = sessions.select(VALUE, EVENTS, *OF_TYPE.values()).filter(pl.col(VALUE).is_not_null(), pl.col(EVENTS) > 0)
    only = pl.coalesce(pl.when(pl.col(column) == pl.col(EVENTS)).then(pl.lit(word)) for word, column in OF_TYPE.items())
    alone = valued.select(VALUE, only.alias("event_type")).drop_nulls("event_type")
    told = alone.group_by("event_type").agg(numbers()).sort(pl.col("event_type").cast(pl.Enum(EVENT_TYPES)))
    labels = [f"{word} ({sessions:,})" for word, sessions in told.select("event_type", "sessions").iter_rows()]
    return told.select(
        "event_type",
        pl.Series("label", labels, pl.String),
        pl.exclude("event_type"),
        (pl.col("sessions") / max(valued.height, 1)).alias("share"),
    ).select(*_SCHEMA)


def finding(data: pl.DataFrame) -> str:
    """How many there are, and which are worth most, in a sentence."""
    if data.is_empty():
        return "No train session with a value has a single kind of event."
    best = data.sort("mean", descending=True).row(0, named=True)
    share, most = percent(float(data.get_column("share").sum())), count(best["sessions"], "session")
    return (
        f"{share} of the train sessions have a single kind of event; worth most are {most} of {best['event_type']} "
        f"alone, {number(best['mean'])} on average."
    )


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw a box a type."""
    labels = data.get_column("label").to_list()
    described = f"Spread of values of sessions of a single kind of event. {finding(data)}"
    return finished(drawn(data, labels), described, height=height(len(labels)))
