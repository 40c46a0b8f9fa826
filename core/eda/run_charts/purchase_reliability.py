"""Whether the probability of a purchase is right: the share of sessions that bought, by predicted probability."""

from __future__ import annotations

import altair as alt
import numpy as np
import polars as pl

from core.base.text import count, percent, verb
from core.eda.parts.sentences import NO_PREDICTIONS
from core.eda.parts.theme import ACCENT, MUTED, Figure, Hover, finished, share_axis
from core.eda.run_charts.coverage_by_events import share_interval

TITLE = "Is the probability of a purchase right?"
MAX_GROUPS = 10
_SCHEMA = {"prefixes": pl.Int64} | dict.fromkeys(("predicted", "bought", "low", "high", "first", "last"), pl.Float64)


def frame(prefixes: pl.DataFrame) -> pl.DataFrame:
    """Return open sessions without a purchase so far in groups of about equal size, by their predicted probability.

    Args:
        prefixes: the table `live/prefixes.parquet` of a run; see `core.training.live.train.prefix_frame`.

    Returns:
        prefixes: number of open sessions.
        predicted: mean probability of a purchase by the end, out of fold.
        bought: share of the sessions that had one.
        low, high: 95% confidence interval of the share (Wilson), as if all open sessions were independent.
        first, last: lowest and highest probability of the group.
    """
    is_open = pl.col("drawn") & pl.col("p_buy").is_not_nan() & (pl.col("p_buy") < 1.0)
    rows = prefixes.filter(is_open).select("p_buy", "bought")
    if rows.is_empty():
        return pl.DataFrame(schema=_SCHEMA)
    probability = rows.get_column("p_buy").to_numpy()
    edges = np.unique(np.quantile(probability, np.linspace(0, 1, MAX_GROUPS + 1)[1:-1], method="inverted_cdf"))
    groups = (
        rows.group_by(pl.Series("group", np.searchsorted(edges, probability)))
        .agg(
            pl.len().cast(pl.Int64).alias("prefixes"),
            pl.col("p_buy").mean().alias("predicted"),
            pl.col("bought").mean().cast(pl.Float64),
            pl.col("p_buy").min().alias("first"),
            pl.col("p_buy").max().alias("last"),
        )
        .sort("group")
    )
    return groups.with_columns(share_interval("bought", "prefixes")).select(list(_SCHEMA))


def finding(data: pl.DataFrame) -> str:
    """Compare the predicted with the actual share, and say in how many groups chance explains the difference."""
    if data.is_empty():
        return NO_PREDICTIONS
    n = data.get_column("prefixes")
    bought, predicted = (float((data[name] * n).sum()) / float(n.sum()) for name in ("bought", "predicted"))
    unexplained = data.filter(~pl.col("predicted").is_between("low", "high")).height
    text = (
        f"Of the open sessions without a purchase so far, {percent(bought)} had one by their end, and "
        f"{percent(predicted)} were predicted"
    )
    if not unexplained:
        return f"{text}; chance explains the difference in each group."
    groups = f"{count(unexplained, 'group')} {verb(unexplained, 'differs', 'differ')}"
    return f"{text}; {groups} by more than chance explains."


def figure(data: pl.DataFrame) -> Figure:
    """Draw the share of each group with its confidence interval, and the line on which probabilities are right."""
    top = float(data.select(pl.max_horizontal("high", "predicted").max()).item() or 1.0)
    scale = alt.Scale(domain=[0, min(top * 1.05, 1.0)])
    x = alt.X("predicted:Q", title="predicted probability of a purchase", axis=share_axis(grid=False), scale=scale)
    title = "sessions with a purchase"
    base = alt.Chart(data).encode(
        x=x,
        tooltip=[
            *Hover.counts(prefixes="open sessions"),
            *Hover.shares("predicted", first="from", last="to", bought="had a purchase", low="95% from", high="95% to"),
        ],
    )
    y = alt.Y("bought:Q", title=title, axis=share_axis(), scale=scale)
    right = base.mark_line(color=MUTED, strokeDash=[4, 4], clip=True).encode(
        y=alt.Y("predicted:Q", title=title, axis=share_axis(), scale=scale), tooltip=alt.value(None)
    )
    bars = base.mark_rule(strokeWidth=2, color=ACCENT).encode(
        y=alt.Y("low:Q", title=title, axis=share_axis(), scale=scale), y2="high:Q"
    )
    line = base.mark_line(strokeWidth=2, color=ACCENT, point={"size": 60, "filled": True, "color": ACCENT}).encode(y=y)
    return finished(right + bars + line, f"Share with a purchase by predicted probability. {finding(data)}")
