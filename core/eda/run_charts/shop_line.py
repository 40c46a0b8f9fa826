"""The total value of the open sessions of a shop over time: the forecast, and the final value."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import altair as alt
import polars as pl

from core.base.amounts import money, value_interval, value_text, value_unit
from core.base.text import count, verb
from core.eda.parts.theme import ACCENT, NEGATIVE, Figure, Hover, finished, short_axis

FORECAST, FINAL = "forecast", "final value"
_SCHEMA = {"moment": pl.Int64, "sessions": pl.Int64} | dict.fromkeys(("value", "low", "high", "final"), pl.Float64)
_COLOURS = {FORECAST: ACCENT, FINAL: NEGATIVE}
Point = tuple[int, int, float, float, float, float | None]
"""A moment: the columns of `_SCHEMA` in order."""


def frame(points: Iterable[Point]) -> pl.DataFrame:
    """Return one row per moment, in order.

    Args:
        points: epoch seconds, number of open sessions, their expected total value with its 80% interval (the high end
            may be infinite), and the sum of their final values (None if it is not known).

    Returns:
        time: the moment, in UTC.
        sessions: number of open sessions.
        value, low, high: the total, in value units; `high` is null if the interval has no upper end.
        final: the sum of the final values; null if it is not known.
    """
    rows = pl.DataFrame(list(points), schema=_SCHEMA, orient="row")
    return rows.select(
        pl.from_epoch("moment", "s").cast(pl.Datetime("ms")).alias("time"),
        "sessions",
        "value",
        "low",
        pl.when(pl.col("high").is_finite()).then("high").alias("high"),
        "final",
    )


def finding(n_open: int, value: float, low: float, high: float, final: float | None) -> str:
    """State the expected total of the open sessions, and their final value if it is known.

    Args:
        n_open: number of open sessions.
        value, low, high: their expected total value and its 80% interval, in value units; `high` may be infinite.
        final: the sum of their final values; None if it is not known.
    """
    if not n_open:
        return "No session is open."
    text = (
        f"{count(n_open, 'session')} {verb(n_open, 'is', 'are')} open, with an expected total of {money(value)} "
        f"(80% interval: {value_interval(low, high)})"
    )
    return f"{text}." if final is None else f"{text}; their final value is {value_text(final)}."


def figure(data: pl.DataFrame, span: tuple[int, int] | None = None) -> Figure:
    """Draw the forecast with its interval, and the final values.

    The description has no numbers: if it changed when data arrives, the chart would be drawn again instead of updated.

    Args:
        span: ends of the time axis, in epoch seconds. If None, the axis covers the data, and the line of the final
            values is left out, because they are not known yet.
    """
    domain = alt.Undefined if span is None else [_date_time(end) for end in span]
    time_format, shown = ("%H:%M:%S", (FORECAST,)) if span is None else ("%H:%M", tuple(_COLOURS))
    final = {} if span is None else {"final": FINAL}
    base = alt.Chart(data).encode(
        x=alt.X("time:T", title=None, axis=alt.Axis(format=time_format, tickCount=6), scale=alt.Scale(domain=domain)),
        tooltip=[
            alt.Tooltip("time:T", title="time", format="%H:%M:%S"),
            *Hover.counts(sessions="open sessions"),
            *Hover.amounts(value=FORECAST, low="80% interval from", high="to", **final),
        ],
    )
    title = f"total value ({value_unit()})"
    band = base.mark_area(opacity=0.2, color=ACCENT).encode(
        y=alt.Y("low:Q", title=title, axis=short_axis(5)), y2="high:Q"
    )
    scale = alt.Scale(domain=[*shown], range=[_COLOURS[name] for name in shown])
    legend = alt.Legend(symbolType="stroke", symbolSize=100)
    lines = (
        base.transform_calculate(**{FORECAST: "datum.value", FINAL: "datum.final"})
        .transform_fold([*shown], as_=["total", "amount"])
        .transform_filter("isValid(datum.amount)")
        .mark_line(strokeWidth=2)
        .encode(
            y=alt.Y("amount:Q", title=title, axis=short_axis(5)),
            color=alt.Color("total:N", scale=scale, legend=legend),
        )
    )
    return finished(band + lines, "Total value of the open sessions over time, with its 80% interval")


def _date_time(seconds: int) -> alt.DateTime:
    """Return a time without a time zone, like the times in the data."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return alt.DateTime(year=moment.year, month=moment.month, date=moment.day, hours=moment.hour, minutes=moment.minute)
