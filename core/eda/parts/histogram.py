"""Histograms of amounts on a logarithmic or a linear axis, and the share that the top 1% holds."""

from __future__ import annotations

import altair as alt
import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.base.text import percent
from core.eda.parts.theme import FILE_COLOURS, Figure, short_axis
from core.schema import VALUE_UNIT

_BINS = 48
"""Narrow enough to show a second peak, wide enough to be smooth from a few thousand amounts on."""


def log_histogram(amounts: NDArray[np.float64], name: str) -> pl.DataFrame:
    """Count amounts in bins of equal width on a logarithmic scale; one row per bin.

    Args:
        amounts: Sorted amounts of 0 or more. Amounts of 0 count in the lowest bin.

    Returns:
        low, high (ends of the bin) and the counts. Empty without amounts.
    """
    positive = amounts[amounts > 0]
    low, high = (positive[0], positive[-1]) if len(positive) else (1.0, 1.0)
    # amounts that differ only by rounding would give bins of no width
    edges = np.geomspace(low, max(high, low * 1.01), _BINS + 1)
    return _count_between(edges, np.clip(amounts, edges[0], edges[-1]), name)


def linear_histogram(amounts: NDArray[np.float64], upper: float, name: str) -> pl.DataFrame:
    """Count amounts in bins of equal width from 0 to `upper`; one row per bin, as in `log_histogram`.

    Amounts above `upper` are not counted.
    """
    return _count_between(np.linspace(0.0, upper if upper > 0 else 1.0, _BINS + 1), amounts[amounts <= upper], name)


def _count_between(edges: NDArray[np.float64], amounts: NDArray[np.float64], name: str) -> pl.DataFrame:
    schema = {"low": pl.Float64, "high": pl.Float64, name: pl.Int64}
    if not len(amounts):
        return pl.DataFrame(schema=schema)
    counts, _ = np.histogram(amounts, bins=edges)
    return pl.DataFrame({"low": edges[:-1], "high": edges[1:], name: counts}, schema=schema)


def _top_count(n_amounts: int) -> int:
    """Return how many amounts the top 1% is, at least one."""
    return max(1, n_amounts // 100)


def top_share(amounts: NDArray[np.float64]) -> float:
    """Return the share of the sum that the top 1% of sorted amounts holds; 0 if all amounts are 0."""
    total = float(amounts.sum())
    return float(amounts[-_top_count(len(amounts)) :].sum()) / total if total > 0 else 0.0


def top_phrase(n_amounts: int, thing: str, verb: str) -> str:
    """Return the subject and verb of a sentence about `top_share`, with a count where the top is not 1%.

    >>> top_phrase(5_000, "session", "hold"), top_phrase(60, "session", "hold"), top_phrase(270, "user", "bring")
    ('the top 1% hold', 'the top session holds', 'the top 2 users bring')
    """
    top = _top_count(n_amounts)
    if percent(top / n_amounts) == percent(0.01):
        return f"the top 1% {verb}"
    return f"the top {thing} {verb}s" if top == 1 else f"the top {top} {thing}s {verb}"


def draw_histogram(data: pl.DataFrame, title: str, name: str, *, log: bool) -> Figure:
    """Draw one bar per bin.

    Args:
        data: Result of `log_histogram` or `linear_histogram`.
        title: What the amounts are, for the axis title.
        log: Whether the axis of amounts is logarithmic.
    """
    scale = alt.Scale(type="log", nice=False) if log else alt.Scale(nice=False)
    chart: Figure = (
        alt.Chart(data)
        .mark_bar(color=FILE_COLOURS["train"], orient="vertical", binSpacing=1)
        .encode(
            x=alt.X("low:Q", title=f"{title} ({VALUE_UNIT}{', log scale' * log})", scale=scale, axis=short_axis(6)),
            x2="high:Q",
            y=alt.Y(f"{name}:Q", title=name, scale=alt.Scale(zero=True), axis=short_axis(5)),
            y2=alt.value("height"),
            tooltip=[
                alt.Tooltip("low:Q", title="value from", format=",.4~r"),
                alt.Tooltip("high:Q", title="to", format=",.4~r"),
                alt.Tooltip(f"{name}:Q", format=","),
            ],
        )
    )
    return chart
