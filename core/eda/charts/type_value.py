"""Session value by the number of events of each type."""

from __future__ import annotations

import altair as alt
import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.base.amounts import value_text, value_unit
from core.eda.parts import picking
from core.eda.parts.sentences import NO_VALUES
from core.eda.parts.session_table import COUNT_COLUMNS, valued_sessions
from core.eda.parts.theme import MUTED, Figure, Hover, event_scale, finished, short_axis
from core.schema import BUY, EVENT_TYPES, VALUE

TITLE = "Which events are related to the value?"
NEEDS_TYPES = True
PICK = picking.type_clicks("event_type")
_MAX_COUNT = 5
"""Sessions with this number of events of a type or more are one class."""
_LABELS = [*(str(n) for n in range(_MAX_COUNT)), f"{_MAX_COUNT}+"]
_AMOUNTS = dict.fromkeys(("mean", "low", "high"), pl.Float64)
_SCHEMA = {"event_type": pl.String, "count": pl.Int64, "label": pl.String, "sessions": pl.Int64} | _AMOUNTS


def frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """Average the value of train sessions by event type and number of events; one row per combination that occurs.

    Returns:
        event_type: event type.
        count, label: number of events of the type, where 5 means 5 or more, and the number as text.
        sessions: number of sessions.
        mean: average value.
        low, high: 95% confidence interval of the average; null for a single session.
    """
    valued = valued_sessions(sessions, *COUNT_COLUMNS.values())
    if valued.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    values = valued.get_column(VALUE).to_numpy()
    return pl.concat(
        _average_by_count(event_type, valued.get_column(column).to_numpy(), values)
        for event_type, column in COUNT_COLUMNS.items()
    )


def _average_by_count(event_type: str, events: NDArray[np.int64], values: NDArray[np.float64]) -> pl.DataFrame:
    """Return the rows of one event type. `bincount` takes half the time of `group_by` on millions of sessions."""
    count = np.minimum(events, _MAX_COUNT)
    overall = float(values.mean())
    deviation = values - overall  # squares of deviations lose fewer digits than squares of values
    sessions, total, squares = (
        np.bincount(count, weights, minlength=_MAX_COUNT + 1) for weights in (None, deviation, deviation**2)
    )
    present = np.flatnonzero(sessions)
    n, mean = sessions[present], total[present] / sessions[present]
    spread = np.sqrt(np.maximum(squares[present] - n * mean**2, 0.0) / np.maximum(n - 1, 1))
    margin = np.where(n > 1, 1.96 * spread / np.sqrt(n), np.nan)
    return pl.DataFrame(
        {
            "event_type": [event_type] * len(present),
            "count": present,
            "label": [_LABELS[index] for index in present],
            "sessions": n,
            "mean": overall + mean,
            "low": overall + mean - margin,
            "high": overall + mean + margin,
        },
        schema=_SCHEMA,
        nan_to_null=True,
    )


def finding(data: pl.DataFrame) -> str:
    """Compare the average value of sessions without a purchase and with one."""
    if data.is_empty():
        return NO_VALUES
    means = dict(data.filter(pl.col("event_type") == BUY).select("count", "mean").iter_rows())
    if 0 not in means or 1 not in means:
        return "The chart shows the average session value by the number of events of each type."
    without, with_one = value_text(means[0]), value_text(means[1])
    if without == with_one:
        return f"Sessions are worth {with_one} on average, whether or not they have a {BUY}."
    return (
        f"Sessions without a {BUY} are worth {without} on average and those with one {with_one}; this "
        "is an association, not the effect of an event."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw the average value against the number of events, one line per type."""
    base = alt.Chart(data).encode(
        x=alt.X("label:O", title="events of the type in the session", sort=_LABELS, axis=alt.Axis(labelAngle=0)),
        color=alt.Color(
            "event_type:N", scale=event_scale(), sort=list(EVENT_TYPES), legend=alt.Legend(symbolOpacity=1)
        ),
        tooltip=[
            *Hover.texts(event_type="event type", label="events"),
            *Hover.counts("sessions"),
            *Hover.amounts(mean="average value"),
        ],
    )
    lines = base.mark_line(strokeWidth=2.5, point={"size": 45, "filled": True}).encode(
        y=alt.Y("mean:Q", title=f"average session value ({value_unit()})", axis=short_axis(5))
    )
    with_interval = base.transform_filter("isValid(datum.low)")
    intervals = with_interval.mark_rule(opacity=0.5, color=MUTED).encode(y="low:Q", y2="high:Q")
    return finished(intervals + lines, f"Average session value by number of events of a type. {finding(data)}")
