"""Whether the 80% intervals of open sessions hold, by events seen or by the time since the start."""

from __future__ import annotations

import altair as alt
import polars as pl
from scipy import stats

from core.base.text import listed, percent
from core.eda.parts.sentences import NO_PREDICTIONS
from core.eda.parts.theme import ACCENT, MUTED, Figure, Hover, finished, share_axis
from core.eda.run_charts.earliness import AXES, By, segment_in_words

TITLE = "Do the intervals hold?"
LEVEL = 0.8
"""Share of the values that should be inside their interval."""
_SCHEMA = {"segment": pl.String, "prefixes": pl.Int64, "inside": pl.Float64, "low": pl.Float64, "high": pl.Float64}


def frame(earliness: pl.DataFrame, by: By = "events") -> pl.DataFrame:
    """Return the coverage of the 80% intervals, one row per segment, in the order of time.

    Args:
        earliness: table of `core.training.live.earliness.earliness_frame`.
        by: what the segments are classes of; see `earliness.frame`.

    Returns:
        segment: label of the segment, such as "3", "6 to 7" or "to 5 minutes".
        prefixes: number of open sessions in the segment.
        inside: share of the values inside their 80% interval.
        low, high: 95% confidence interval of the share (Wilson), as if all open sessions were independent.
    """
    rows = earliness.filter(pl.col("by") == by).select("segment", "prefixes", pl.col("inside_80").alias("inside"))
    intervals = [share_interval(inside, n) for inside, n in rows.select("inside", "prefixes").iter_rows()]
    return rows.with_columns(
        pl.Series("low", [low for low, _ in intervals], pl.Float64),
        pl.Series("high", [high for _, high in intervals], pl.Float64),
    ).select(pl.col(name).cast(kind) for name, kind in _SCHEMA.items())


def share_interval(share: float, n: int) -> tuple[float, float]:
    """Return the 95% confidence interval (Wilson) of a share of `n` independent sessions, at least one."""
    interval = stats.binomtest(round(share * n), n).proportion_ci(method="wilson")
    return interval.low, interval.high


def finding(data: pl.DataFrame, by: By = "events") -> str:
    """State the coverage over all segments, and the segments in which it differs from 80% by more than chance."""
    if data.is_empty():
        return NO_PREDICTIONS
    inside = float((data["inside"] * data["prefixes"]).sum()) / float(data["prefixes"].sum())
    off = data.filter(~pl.lit(LEVEL).is_between("low", "high")).get_column("segment").to_list()
    text = f"{percent(inside)} of the final values are inside the 80% interval"
    if not off:
        return f"{text}, and no difference from 80% is larger than chance explains."
    when = f"after {listed(off)} events" if by == "events" else listed(segment_in_words(each, by) for each in off)
    return f"{text}; {when}, the share differs from 80% by more than chance explains."


def figure(data: pl.DataFrame, by: By = "events") -> Figure:
    """Draw the share of each segment with its confidence interval, and a line at 80%."""
    segments = data.get_column("segment").to_list()
    base = alt.Chart(data).encode(
        x=alt.X("segment:O", title=AXES[by], sort=segments, axis=alt.Axis(labelAngle=0)),
        tooltip=[
            *Hover.texts(segment=AXES[by]),
            *Hover.counts(prefixes="open sessions"),
            *Hover.shares(inside="inside the interval", low="95% from", high="to"),
        ],
    )
    title, scale = "share inside", alt.Scale(domain=[0, 1])
    level = (
        alt.Chart(data)
        .mark_rule(color=MUTED, strokeDash=[4, 4], aria=False)
        .encode(y=alt.datum(LEVEL, type="quantitative", title=title, scale=scale))
    )
    bars = base.mark_rule(strokeWidth=2, color=ACCENT).encode(
        y=alt.Y("low:Q", title=title, axis=share_axis(), scale=scale), y2="high:Q"
    )
    points = base.mark_point(size=70, filled=True, color=ACCENT, opacity=1).encode(y=alt.Y("inside:Q", title=title))
    return finished(bars + level + points, f"Coverage of the 80% intervals by {AXES[by]}. {finding(data, by)}")
