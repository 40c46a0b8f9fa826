"""How long sessions last by the clock, and what those that last longer are worth."""

from __future__ import annotations

from typing import Any

import polars as pl

from core.base.text import count, duration, number, percent, short_duration
from core.eda.parts import value_by_class
from core.eda.parts.by_file import by_file
from core.eda.parts.duration_classes import ENDS, LABELS, counted, place_of
from core.eda.parts.session_table import DURATION, EVENTS, FILE
from core.eda.parts.theme import finished
from core.schema import ROLES, VALUE

TITLE = "How long do sessions last?"
VALUE_TITLE = "Are sessions that last longer worth more?"
SINGLE = "1 event"
FEWEST = 30
"""Sessions in a class below which its mean says little."""
_SCHEMA = {
    "file": pl.String,
    "place": pl.Int64,
    "label": pl.String,
    "sessions": pl.Int64,
    "share": pl.Float64,
    "median": pl.Float64,
    "several": pl.Float64,
}


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """One row a file and class of duration (seconds from the first to the last event) of the sessions with two events
    or more: file, place (of the class, from 0), label, sessions, share (of these sessions of the file); median (of
    them, seconds) and several (share of the file's sessions that have two events or more) are the same in every row of
    a file. `sessions` is the session table.
    """
    parts = []
    for role in ROLES:
        mine = sessions.select(FILE, EVENTS, DURATION).filter(pl.col(FILE) == role, pl.col(EVENTS) > 0)
        longer = mine.filter(pl.col(EVENTS) > 1)
        if longer.is_empty():
            continue
        parts.append(
            counted(longer.get_column(DURATION), "sessions").select(
                pl.lit(role).alias("file"),
                pl.all(),
                pl.lit(longer.get_column(DURATION).median(), pl.Float64).alias("median"),
                pl.lit(longer.height / mine.height).alias("several"),
            )
        )
    return pl.concat(parts) if parts else pl.DataFrame(schema=_SCHEMA)


def value_frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """One row a class of train sessions with a value, those of a single event as class -1: place, label, sessions,
    mean, median, low and high (quartiles), in value units.
    """
    place = pl.when(pl.col(EVENTS) > 1).then(place_of(pl.col(DURATION))).otherwise(-1)
    labels = {-1: SINGLE, **dict(enumerate(LABELS))}
    return (
        value_by_class.summary(
            sessions.select(EVENTS, DURATION, VALUE).filter(pl.col(EVENTS) > 0), place.cast(pl.Int64).alias("place")
        )
        .with_columns(pl.col("place").replace_strict(labels, return_dtype=pl.String).alias("label"))
        .select("place", "label", "sessions", "mean", "median", "low", "high")
    )


def finding(data: pl.DataFrame) -> str:
    """The usual duration, in a sentence."""
    if data.is_empty():
        return "No session has two events, so none has a duration."
    row = data.row(0, named=True)
    return (
        f"{percent(row['several'])} of the sessions in {row['file']} have two events or more; half of these last at "
        f"most {duration(row['median'])}."
    )


def value_finding(data: pl.DataFrame) -> str:
    """Which class is worth most on average, among those with sessions enough to say so, in a sentence."""
    many = data.filter(pl.col("sessions") >= FEWEST)
    if many.height < 2:
        return f"There are no two classes of {FEWEST} sessions with a value to compare."
    least, most = (many.sort("mean").row(place, named=True) for place in (0, -1))
    low, high = number(least["mean"]), number(most["mean"])
    told = (
        f"Sessions are worth {high} on average, however long they last"
        if low == high
        else f"Sessions of {_class(most)} are worth most on average, {high}, those of {_class(least)} least, {low}"
    )
    return f"{told}; only classes of {count(FEWEST, 'session')} or more are compared."


def _class(row: dict[str, Any]) -> str:
    place = row["place"]
    if place < 0:
        return "a single event"
    if place == 0:
        return "several events within a second"
    if place == len(ENDS):
        return f"more than {short_duration(ENDS[-1])}"
    return f"{short_duration(ENDS[place - 1])} to {short_duration(ENDS[place])}"


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw a bar a class, the files beside each other."""
    chart = by_file(data, "from the first event to the last", LABELS, of="the sessions", tooltip="duration")
    return finished(chart, f"Durations of sessions of two events or more. {finding(data)}")


def value_figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw mean and quartiles of the value by class."""
    title = "from the first event to the last"
    chart = value_by_class.drawn(data, title, (SINGLE, *LABELS), tooltip="duration")
    return finished(chart, f"Session value by duration. {value_finding(data)}")
