"""The week of the shop: hour by weekday."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from core.dataset import Dataset
from core.eda.theme import ACCENT, finished
from core.schema import BUY, EVENT_CODE, ROLES, TIME, TYPE
from core.wording import percent

TITLE = "Which hours of the week are busy?"
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
    chart = (
        alt.Chart(data)
        .mark_rect(color=ACCENT)
        .encode(
            x=alt.X("hour:O", title="hour of the day (UTC)", axis=alt.Axis(labelAngle=0, values=list(range(0, 24, 3)))),
            y=alt.Y("weekday:O", title=None, sort=list(WEEKDAYS), axis=alt.Axis(grid=False)),
            opacity=alt.Opacity("events:Q", scale=alt.Scale(range=[0.08, 1]), legend=None),
            tooltip=[
                "weekday:N",
                alt.Tooltip("hour:O", title="hour (UTC)"),
                alt.Tooltip("events:Q", format=","),
                alt.Tooltip("share:Q", title="of all events", format=".2%"),
                alt.Tooltip("buy_share:Q", title="of them purchases", format=".1%"),
            ],
        )
    )
    return finished(chart, f"Events by weekday and hour. {finding(data)}", height=240)
