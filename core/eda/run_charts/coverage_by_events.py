"""Whether the 80% intervals of open sessions hold, by events seen or by the time since the start."""

from __future__ import annotations

from statistics import NormalDist

import altair as alt
import polars as pl

from core.base.text import percent
from core.eda.parts.sentences import NO_PREDICTIONS
from core.eda.parts.theme import ACCENT, MUTED, Figure, Hover, finished, share_axis
from core.eda.run_charts.earliness import AXES, By, segments_in_words

TITLE = "Do the intervals hold?"
_LEVEL = 0.8
"""Share of the values that should be inside their interval, as in "80%" in the texts."""
_Z = NormalDist().inv_cdf(0.975)
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
    return rows.with_columns(share_interval("inside", "prefixes")).select(
        pl.col(name).cast(kind) for name, kind in _SCHEMA.items()
    )


def share_interval(share: str, n: str) -> tuple[pl.Expr, pl.Expr]:
    """Return the ends `low` and `high` of the 95% confidence interval (Wilson) of shares of independent sessions.

    Args:
        share: column with the shares.
        n: column with the number of sessions of each share, at least 1.
    """
    p, n_sessions = pl.col(share), pl.col(n)
    centre = p + _Z**2 / (2 * n_sessions)
    margin = _Z * (p * (1 - p) / n_sessions + _Z**2 / (4 * n_sessions**2)).sqrt()
    scale = 1 + _Z**2 / n_sessions
    low, high = (centre - margin) / scale, (centre + margin) / scale
    return low.clip(0, 1).alias("low"), high.clip(0, 1).alias("high")  # rounding can leave them just outside


def finding(data: pl.DataFrame, by: By = "events") -> str:
    """State the coverage over all segments, and the segments in which it differs from 80% by more than chance.

    Each segment is tested on its own, so chance alone names about one segment in 20.
    """
    if data.is_empty():
        return NO_PREDICTIONS
    inside = float((data["inside"] * data["prefixes"]).sum()) / float(data["prefixes"].sum())
    deviating = data.filter(~pl.lit(_LEVEL).is_between("low", "high")).get_column("segment").to_list()
    text = f"{percent(inside)} of the final values are inside the 80% interval"
    if not deviating:
        return f"{text}, and no difference from 80% is larger than chance explains."
    return f"{text}; {segments_in_words(deviating, by)}, the share differs from 80% by more than chance explains."


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
    target_line = (
        alt.Chart(data)
        .mark_rule(color=MUTED, strokeDash=[4, 4], aria=False)
        .encode(y=alt.datum(_LEVEL, type="quantitative", title=title, scale=scale))
    )
    bars = base.mark_rule(strokeWidth=2, color=ACCENT).encode(
        y=alt.Y("low:Q", title=title, axis=share_axis(), scale=scale), y2="high:Q"
    )
    points = base.mark_point(size=70, filled=True, color=ACCENT, opacity=1).encode(y=alt.Y("inside:Q", title=title))
    return finished(bars + target_line + points, f"Coverage of the 80% intervals by {AXES[by]}. {finding(data, by)}")
