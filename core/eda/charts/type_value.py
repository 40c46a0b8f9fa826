"""What sessions with events of each type are worth."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.base.text import number
from core.eda.parts import picking
from core.eda.parts.session_table import EVENTS, OF_TYPE
from core.eda.parts.theme import MUTED, event_scale, finished
from core.schema import BUY, EVENT_TYPES, VALUE, VALUE_UNIT

TITLE = "Which events go with value?"
PICK = picking.types("event_type")
_MOST = 5
"""Events of a type from which on sessions stand together."""
_SCHEMA = {
    "event_type": pl.String,
    "count": pl.Int64,
    "label": pl.String,
    "sessions": pl.Int64,
    "mean": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
}
_LABELS = [*(str(number) for number in range(_MOST)), f"{_MOST}+"]


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """One row an event type and how often a train session has it: event_type, count (5 stands for 5 and more), label,
    sessions, mean value, low and high (its 95 % interval; null for one session), in value units. `sessions` is the
    session table.
    """
    valued = sessions.select(VALUE, EVENTS, *OF_TYPE.values()).filter(pl.col(VALUE).is_not_null(), pl.col(EVENTS) > 0)
    values = valued.get_column(VALUE).to_numpy()
    middle = float(values.mean()) if len(values) else 0.0
    parts = [
        _by_count(valued.get_column(column).to_numpy(), values - middle, middle, word)
        for word, column in OF_TYPE.items()
    ]
    return pl.concat(parts) if valued.height else pl.DataFrame(schema=_SCHEMA)


def _by_count(events: NDArray[np.int64], off: NDArray[np.float64], middle: float, word: str) -> pl.DataFrame:
    """The rows of one event type, from the sessions' events of it and how far their values are off the mean of all.

    Counted by place: four group_by of millions of sessions take twice the time.
    """
    count = np.minimum(events, _MOST)
    sessions = np.bincount(count, minlength=_MOST + 1)
    there = np.flatnonzero(sessions)
    n = sessions[there]
    mean = np.bincount(count, off, minlength=_MOST + 1)[there] / n
    squares = np.bincount(count, off**2, minlength=_MOST + 1)[there]
    spread = np.sqrt(np.maximum(squares - n * mean**2, 0.0) / np.maximum(n - 1, 1))
    error = np.where(n > 1, 1.96 * spread / np.sqrt(n), np.nan)
    return pl.DataFrame(
        {
            "event_type": [word] * len(there),
            "count": there,
            "label": [_LABELS[place] for place in there],
            "sessions": n,
            "mean": middle + mean,
            "low": middle + mean - error,
            "high": middle + mean + error,
        },
        schema=_SCHEMA,
        nan_to_null=True,
    )


def finding(data: pl.DataFrame) -> str:
    """What a purchase goes with, in a sentence."""
    if data.is_empty():
        return "No train session here has a value."
    buys = {row["count"]: row for row in data.filter(pl.col("event_type") == BUY).iter_rows(named=True)}
    if 0 not in buys or 1 not in buys:
        return "Mean value of the train sessions by how often they have an event of a type."
    return (
        f"Sessions without a {BUY} are worth {number(buys[0]['mean'])} on average, those with one "
        f"{number(buys[1]['mean'])}; this is what goes together, not what an event adds."
    )


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw the mean value over the number of events, a line a type."""
    base = alt.Chart(data).encode(
        x=alt.X("label:O", title="events of the type in the session", sort=_LABELS, axis=alt.Axis(labelAngle=0)),
        color=alt.Color(
            "event_type:N", scale=event_scale(), sort=list(EVENT_TYPES), legend=alt.Legend(symbolOpacity=1)
        ),
        tooltip=[
            alt.Tooltip("event_type:N", title="event type"),
            alt.Tooltip("label:O", title="events"),
            alt.Tooltip("sessions:Q", format=","),
            alt.Tooltip("mean:Q", title="mean value", format=",.3~r"),
        ],
    )
    lines = base.mark_line(strokeWidth=2.5, point={"size": 45, "filled": True}).encode(
        y=alt.Y("mean:Q", title=f"mean session value ({VALUE_UNIT})", axis=alt.Axis(tickCount=5))
    )
    several = base.transform_filter("isValid(datum.low)")
    spread = several.mark_rule(opacity=0.5, color=MUTED).encode(y="low:Q", y2="high:Q")
    return finished(spread + lines, f"Mean session value by number of events of a type. {finding(data)}")
