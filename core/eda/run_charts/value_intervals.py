"""How uncertain the values of scored sessions are: typical prediction intervals by decile of the predicted value."""

from __future__ import annotations

import altair as alt
import polars as pl

from core.base.amounts import value_text, value_unit
from core.base.text import span
from core.eda.parts.theme import ACCENT, Figure, Hover, finished, short_axis
from core.schema import SESSION_VALUE

TITLE = "How uncertain is the value of a session?"
_DECILES = 10
_SCHEMA = {"decile": pl.Int64, "sessions": pl.Int64, **dict.fromkeys(("value", "low", "high"), pl.Float64)}


def frame(values: pl.DataFrame) -> pl.DataFrame:
    """Return the median value and 80% interval by decile of the value; one row per decile, the lowest values first.

    Ends of intervals are not averaged or summed, because the errors of sessions differ in sign and have heavy tails.

    Args:
        values: one row per session with the columns session_value, low_80 and high_80.

    Returns:
        decile: 1 to 10.
        sessions: number of sessions with an interval.
        value: median predicted value.
        low, high: medians of the ends of the 80% intervals; high is null if half of the intervals have no upper end.

        Empty if fewer than ten sessions have an interval.
    """
    rows = values.filter(pl.col("low_80").is_not_null())
    if rows.height < _DECILES:
        return pl.DataFrame(schema=_SCHEMA)
    rank = pl.col(SESSION_VALUE).rank("ordinal").cast(pl.Int64)
    high = pl.col("high_80").fill_null(float("inf")).median()
    return (
        rows.group_by(((rank - 1) * _DECILES // rows.height + 1).alias("decile"))
        .agg(
            pl.len().cast(pl.Int64).alias("sessions"),
            pl.col(SESSION_VALUE).median().alias("value"),
            pl.col("low_80").median().alias("low"),
            pl.when(high.is_finite()).then(high).alias("high"),
        )
        .sort("decile")
        .select(*_SCHEMA)
    )


def finding(data: pl.DataFrame) -> str:
    """Compare the typical interval of the fifth decile with that of the top decile."""
    if data.is_empty():
        return "Fewer than ten sessions have a prediction interval."
    middle, top = data.row(_DECILES // 2 - 1, named=True), data.row(-1, named=True)
    return (
        f"A typical session of the fifth decile is worth {value_text(middle['value'])} (80% interval: "
        f"{_interval(middle)}), one of the top decile {value_text(top['value'])} ({_interval(top)})."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw the typical value of each decile with its interval."""
    base = alt.Chart(data).encode(
        x=alt.X("decile:O", title="decile of the predicted value, lowest to highest", axis=alt.Axis(labelAngle=0)),
        tooltip=[
            *Hover.counts("decile", "sessions"),
            *Hover.amounts(value="median value", low="80% interval from", high="to"),
        ],
    )
    intervals = (
        base.transform_filter("isValid(datum.high)")
        .mark_rule(strokeWidth=2, color=ACCENT)
        .encode(y=alt.Y("low:Q", title=f"predicted value ({value_unit()})", axis=short_axis(5)), y2="high:Q")
    )
    points = base.mark_point(size=70, filled=True, color=ACCENT, opacity=1).encode(y="value:Q")
    return finished(intervals + points, f"Typical 80% prediction interval by decile of the value. {finding(data)}")


def _interval(row: dict[str, float | None]) -> str:
    low, high = value_text(row["low"]), row["high"]
    return f"at least {low}" if high is None else span(low, value_text(high))
