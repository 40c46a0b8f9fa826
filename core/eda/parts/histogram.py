"""Histograms of amounts on a logarithmic or a linear axis, and the share that the top 1% holds."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.base.amounts import value_unit
from core.base.text import percent
from core.eda.parts.density import log_edges
from core.eda.parts.split import GROUP, group_colour, group_labels
from core.eda.parts.theme import FILE_COLOURS, Figure, Hover, finished, share_axis, short_axis

_BINS, _SHARED_BINS = 48, 24
"""Narrow enough to show a second peak, wide enough to be smooth from a few thousand amounts on."""


def log_histogram(amounts: NDArray[np.float64], count: str) -> pl.DataFrame:
    """Count amounts in bins of equal width on a logarithmic scale; one row per bin, empty without amounts.

    Args:
        amounts: sorted amounts of 0 or more.
        count: name of the column of counts.

    Returns:
        low, high: ends of the bin.
        `count`: number of amounts. Amounts of 0 count in the lowest bin.
        median: median amount; the same in every row.
        top_share: share of the sum in the top 1% of the amounts (at least one), 0 if all are 0; the same in every row.
    """
    edges = log_edges(amounts[amounts > 0] if amounts.any() else np.ones(1), _BINS)
    total, top = float(amounts.sum()), float(amounts[-top_count(len(amounts)) :].sum())
    return _count_between(edges, np.clip(amounts, edges[0], edges[-1]), count).with_columns(
        pl.lit(float(np.median(amounts)) if len(amounts) else None, pl.Float64).alias("median"),
        pl.lit(top / total if total > 0 else 0.0, pl.Float64).alias("top_share"),
    )


def log_shares(amounts: Mapping[str, NDArray[np.float64]]) -> pl.DataFrame:
    """Compare groups of amounts in common bins of equal width on a logarithmic scale; one row per (group, bin).

    Args:
        amounts: group -> its amounts of 0 or more. Groups without amounts have no rows.

    Returns:
        group: the group.
        low, high: ends of the bin.
        sessions, share: number of amounts, and share of the group's amounts. Amounts of 0 count in the lowest bin.
        median: median amount of the group; the same in every row of it.
    """
    together = np.concatenate([*amounts.values(), np.empty(0)])
    edges = log_edges(together[together > 0] if together.any() else np.ones(1), _SHARED_BINS)
    bins = [
        _count_between(edges, np.clip(own, edges[0], edges[-1]), "sessions").select(
            pl.lit(group).alias(GROUP),
            pl.all(),
            (pl.col("sessions") / max(len(own), 1)).alias("share"),
            pl.lit(float(np.median(own)) if len(own) else None, pl.Float64).alias("median"),
        )
        for group, own in amounts.items()
    ]
    return pl.concat(bins)


def linear_histogram(amounts: NDArray[np.float64], upper: float, count: str) -> pl.DataFrame:
    """Count amounts up to `upper` in bins of equal width from 0; one row per bin, empty without amounts.

    Returns:
        low, high: ends of the bin.
        `count`: number of amounts.
    """
    return _count_between(np.linspace(0.0, upper if upper > 0 else 1.0, _BINS + 1), amounts[amounts <= upper], count)


def _count_between(edges: NDArray[np.float64], amounts: NDArray[np.float64], count: str) -> pl.DataFrame:
    schema = {"low": pl.Float64, "high": pl.Float64, count: pl.Int64}
    if not len(amounts):
        return pl.DataFrame(schema=schema)
    counts, _ = np.histogram(amounts, bins=edges)
    return pl.DataFrame({"low": edges[:-1], "high": edges[1:], count: counts}, schema=schema)


def top_count(n_amounts: int) -> int:
    """Return the number of amounts in the top 1%, at least 1."""
    return max(1, n_amounts // 100)


def top_phrase(n_amounts: int, noun: str, verb: str) -> str:
    """Return subject and verb of a sentence about the top share, with a count where the top is not 1%.

    >>> top_phrase(5_000, "session", "hold"), top_phrase(60, "session", "hold"), top_phrase(270, "user", "bring")
    ('the top 1% hold', 'the top session holds', 'the top 2 users bring')
    """
    top = top_count(n_amounts)
    if percent(top / n_amounts) == percent(0.01):
        return f"the top 1% {verb}"
    return f"the top {noun} {verb}s" if top == 1 else f"the top {top} {noun}s {verb}"


def draw_histogram(
    data: pl.DataFrame,
    description: str,
    *,
    title: str,
    count: str,
    log: bool,
    colour: str = FILE_COLOURS["train"],
) -> Figure:
    """Draw one bar per bin.

    Args:
        data: result of `log_histogram` or `linear_histogram`.
        title: what the amounts are, for the axis title.
        count: name of the column of counts.
        log: whether the axis of amounts is logarithmic.
    """
    scale = alt.Scale(type="log", nice=False) if log else alt.Scale(nice=False)
    base = alt.Chart(data).encode(
        x=alt.X("low:Q", title=f"{title} ({value_unit()}{', log scale' * log})", scale=scale, axis=short_axis(6)),
        x2="high:Q",
        y=alt.Y(f"{count}:Q", title=count, scale=alt.Scale(zero=True), axis=short_axis(5)),
        y2=alt.value("height"),
        tooltip=[*Hover.numbers(",.4~r", low="value from", high="to"), *Hover.counts(count)],
    )
    return finished(base.mark_bar(color=colour, orient="vertical", binSpacing=1), description)


def draw_shares(data: pl.DataFrame, description: str, *, title: str) -> Figure:
    """Draw one stepped line per group; `data` is a result of `log_shares`, and `title` says what the amounts are."""
    scale = alt.Scale(type="log", nice=False)
    base = alt.Chart(data).encode(
        x=alt.X("low:Q", title=f"{title} ({value_unit()}, log scale)", scale=scale, axis=short_axis(6)),
        y=alt.Y("share:Q", title="share of the group's sessions", axis=share_axis()),
        color=group_colour(GROUP, group_labels(data), as_lines=True),
        tooltip=[
            *Hover.texts(GROUP),
            *Hover.numbers(",.4~r", low="value from", high="to"),
            *Hover.counts("sessions"),
            *Hover.shares("share"),
        ],
    )
    return finished(base.mark_line(interpolate="step-after", strokeWidth=2.5), description)
