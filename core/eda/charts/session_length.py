"""How long sessions are, and what longer ones are worth."""

from __future__ import annotations

from typing import Any

import polars as pl

from core.base.text import number, percent
from core.eda.parts import picking, value_by_class
from core.eda.parts.by_file import by_file
from core.eda.parts.session_table import EVENTS, FILE
from core.eda.parts.theme import finished
from core.schema import ROLES, VALUE

TITLE = "How long are sessions?"
VALUE_TITLE = "Are longer sessions worth more?"
_LAST = 20
"""Events from which on sessions stand together."""
PICK = picking.lengths("length", _LAST)
_LENGTH = pl.col(EVENTS).clip(upper_bound=_LAST)
_LABEL = pl.when(pl.col("length") == _LAST).then(pl.lit(f"{_LAST}+")).otherwise(pl.col("length").cast(pl.String))
_LABELS = [*(str(length) for length in range(1, _LAST)), f"{_LAST}+"]


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """One row a file and length: file, length (events, 20 stands for 20 and more), label, sessions, share (of the
    file's sessions). `sessions` is the session table.
    """
    counted = (
        sessions.select(FILE, EVENTS)
        .filter(pl.col(EVENTS) > 0)
        .group_by(FILE, _LENGTH.alias("length"))
        .agg(pl.len().cast(pl.Int64).alias("sessions"))
    )
    return (
        counted.with_columns((pl.col("sessions") / pl.col("sessions").sum().over(FILE)).alias("share"), label=_LABEL)
        .sort(pl.col(FILE).cast(pl.Enum(ROLES)), "length")
        .select(pl.col(FILE).cast(pl.String), "length", "label", "sessions", "share")
    )


def value_frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """One row a length of train sessions with a value: length, label, sessions, mean, median, low and high (quartiles),
    in value units.
    """
    return (
        value_by_class.summary(sessions.select(EVENTS, VALUE).filter(pl.col(EVENTS) > 0), _LENGTH.alias("length"))
        .with_columns(label=_LABEL)
        .select("length", "label", "sessions", "mean", "median", "low", "high")
    )


def finding(data: pl.DataFrame) -> str:
    """How many have a single event, in a sentence."""
    if data.is_empty():
        return "There is no session."
    told = []
    for role in ROLES:
        mine = data.filter(pl.col(FILE) == role)
        if mine.height:
            told.append(f"{percent(float(mine.filter(pl.col('length') == 1).get_column('share').sum()))} in {role}")
    return f"Sessions of a single event are {' and '.join(told)}."


def value_finding(data: pl.DataFrame) -> str:
    """What the shortest and the longest are worth, in a sentence."""
    if data.is_empty():
        return "No train session here has a value."
    first, last = data.row(0, named=True), data.row(-1, named=True)
    if data.height == 1:
        return f"Sessions of {first['label']} events are worth {number(first['mean'])} on average."
    return (
        f"Sessions of {first['label']} {'event' if first['length'] == 1 else 'events'} are worth "
        f"{number(first['mean'])} on average, those of {last['label']} events {number(last['mean'])}."
    )


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw a bar a length and file."""
    chart = by_file(data, "events in the session", _LABELS, of="the file's sessions", tooltip="events")
    return finished(chart, f"Sessions by number of events. {finding(data)}")


def value_figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw mean and quartiles of the value by length."""
    chart = value_by_class.drawn(data, "events in the session", _LABELS, tooltip="events")
    return finished(chart, f"Session value by number of events. {value_finding(data)}")
