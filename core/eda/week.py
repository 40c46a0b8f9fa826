"""The week of the shop: hour by weekday."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from core.dataset import Dataset
from core.eda.session_table import START
from core.eda.theme import ACCENT, EVENT_COLOURS, finished
from core.schema import BUY, EVENT_CODE, ROLES, TIME, TYPE, VALUE, VALUE_UNIT
from core.wording import number, percent

TITLE = "Which hours of the week are busy?"
BUYS_TITLE = "When do people buy?"
VALUE_TITLE = "When do valuable sessions begin?"
_HOUR, _HOURS_A_WEEK = 3_600, 168
_THURSDAY = 3
"""The first of January 1970, where epoch seconds begin; weeks begin on Monday."""
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def frame(dataset: Dataset) -> pl.DataFrame:
    """One row an hour of the week (UTC, all 168 present, both files together): weekday, hour, events, share (of all
    events), buy_share (part of the hour's events that are purchases, null for an hour without events).
    """
    hour = (pl.col(TIME) // _HOUR + 24 * _THURSDAY) % _HOURS_A_WEEK
    counted = (
        pl.concat([dataset.events(role).select(TIME, TYPE) for role in ROLES])
        .group_by(hour.cast(pl.Int64).alias("place"))
        .agg(pl.len().cast(pl.Int64).alias("events"), (pl.col(TYPE) == EVENT_CODE[BUY]).sum().alias("buys"))
        .collect()
    )
    every = pl.DataFrame({"place": range(_HOURS_A_WEEK)}, schema={"place": pl.Int64})
    whole = (
        every.join(counted, on="place", how="left").with_columns(pl.col("events", "buys").fill_null(0)).sort("place")
    )
    total = max(int(whole.get_column("events").sum()), 1)
    return whole.select(
        pl.Series("weekday", [WEEKDAYS[place // 24] for place in range(_HOURS_A_WEEK)]),
        (pl.col("place") % 24).alias("hour"),
        "events",
        (pl.col("events") / total).alias("share"),
        pl.when(pl.col("events") > 0).then(pl.col("buys") / pl.col("events")).alias("buy_share"),
    )


def finding(data: pl.DataFrame) -> str:
    """The busiest hour of the week, in a sentence."""
    if not data.get_column("events").sum():
        return "There is no event."
    busiest = data.sort("events", descending=True).row(0, named=True)
    weekend = data.filter(pl.col("weekday").is_in(WEEKDAYS[5:])).get_column("share").sum()
    return (
        f"The busiest hour of the week begins on {busiest['weekday']} at {busiest['hour']:02d}:00 UTC; "
        f"{percent(float(weekend))} of the events are on weekends, which are 28.6% of the week."
    )


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw a heat map."""
    told = [
        alt.Tooltip("events:Q", format=","),
        alt.Tooltip("share:Q", title="of all events", format=".2%"),
        alt.Tooltip("buy_share:Q", title="of them purchases", format=".1%"),
    ]
    return _heat(data, "events", told, ACCENT, f"Events by weekday and hour. {finding(data)}")


def buys_finding(data: pl.DataFrame) -> str:
    """When most is bought, in a sentence."""
    events = int(data.get_column("events").sum())
    if not events:
        return "There is no event."
    buys = data.select("weekday", (pl.col("events") * pl.col("buy_share").fill_null(0.0)).alias("buys"))
    by_day = buys.group_by("weekday", maintain_order=True).agg(pl.col("buys").sum()).sort("buys", descending=True)
    total = float(by_day.get_column("buys").sum())
    if not total:
        return "Nothing is bought."
    return (
        f"{percent(total / events)} of all events are purchases; most of them are made on {by_day.item(0, 'weekday')} "
        f"({percent(by_day.item(0, 'buys') / total)}), fewest on {by_day.item(-1, 'weekday')} "
        f"({percent(by_day.item(-1, 'buys') / total)})."
    )


def buys_figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw a heat map of the share of purchases among an hour's events."""
    told = [
        alt.Tooltip("buy_share:Q", title="purchases among the events", format=".1%"),
        alt.Tooltip("events:Q", format=","),
    ]
    return _heat(data, "buy_share", told, EVENT_COLOURS[BUY], f"Purchases by weekday and hour. {buys_finding(data)}")


def value_frame(sessions: pl.DataFrame) -> pl.DataFrame:
    """One row an hour of the week (UTC) in which train sessions with a value begin: weekday, hour, sessions, mean
    (session value, value units). `sessions` is the session table.
    """
    hour = ((pl.col(START) // _HOUR + 24 * _THURSDAY) % _HOURS_A_WEEK).cast(pl.Int64)
    return (
        sessions.select(START, VALUE)
        .filter(pl.col(VALUE).is_not_null())
        .group_by(hour.alias("place"))
        .agg(pl.len().cast(pl.Int64).alias("sessions"), pl.col(VALUE).mean().alias("mean"))
        .sort("place")
        .select(
            (pl.col("place") // 24).replace_strict(dict(enumerate(WEEKDAYS)), return_dtype=pl.String).alias("weekday"),
            (pl.col("place") % 24).alias("hour"),
            "sessions",
            "mean",
        )
    )


def value_finding(data: pl.DataFrame) -> str:
    """Which day begins the most valuable sessions, in a sentence."""
    if data.is_empty():
        return "No train session here has a value."
    total = (pl.col("mean") * pl.col("sessions")).sum() / pl.col("sessions").sum()
    by_day = data.group_by("weekday", maintain_order=True).agg(total.alias("mean")).sort("mean", descending=True)
    if by_day.height == 1:
        return f"All begin on {by_day.item(0, 'weekday')}, and are worth {number(by_day.item(0, 'mean'))} on average."
    return (
        f"Sessions that begin on {by_day.item(0, 'weekday')} are worth most, {number(by_day.item(0, 'mean'))} on "
        f"average, those of {by_day.item(-1, 'weekday')} least, {number(by_day.item(-1, 'mean'))}."
    )


def value_figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw a heat map of mean values. Hours of few sessions differ by chance; the tooltip has their number."""
    told = [
        alt.Tooltip("mean:Q", title=f"mean value ({VALUE_UNIT})", format=",.3~r"),
        alt.Tooltip("sessions:Q", format=","),
    ]
    return _heat(data, "mean", told, ACCENT, f"Mean session value by weekday and hour. {value_finding(data)}")


def _heat(data: pl.DataFrame, field: str, told: list[Any], colour: str, description: str) -> Any:  # noqa: ANN401
    """Darker where there is more."""
    chart = (
        alt.Chart(data)
        .mark_rect(color=colour)
        .encode(
            x=alt.X("hour:O", title="hour of the day (UTC)", axis=alt.Axis(labelAngle=0, values=list(range(0, 24, 3)))),
            y=alt.Y("weekday:O", title=None, sort=list(WEEKDAYS), axis=alt.Axis(grid=False)),
            opacity=alt.Opacity(f"{field}:Q", scale=alt.Scale(range=[0.08, 1]), legend=None),
            tooltip=["weekday:N", alt.Tooltip("hour:O", title="hour (UTC)"), *told],
        )
    )
    return finished(chart, description, height=240)
