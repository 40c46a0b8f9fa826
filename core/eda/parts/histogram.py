"""Histograms of amounts: bins on a log or a plain scale, and their bars."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.base.text import percent
from core.eda.parts.theme import FILE_COLOURS, short_axis
from core.schema import VALUE_UNIT

_BINS = 48  # narrow enough to show a second hump, wide enough to be no noise from some thousand values on


def on_log_scale(values: NDArray[np.float64], counted: str) -> pl.DataFrame:
    """One row a bin of sorted amounts of 0 or more: low, high and how many, by the name `counted`. 0 stands in the
    lowest bin. Empty without an amount.
    """
    positive = values[values > 0]
    low, high = (positive[0], positive[-1]) if len(positive) else (1.0, 1.0)
    # amounts that differ by a rounding error would give bins that are no wider than one
    edges = np.geomspace(low, max(high, low * 1.01), _BINS + 1)
    return _between(edges, np.clip(values, edges[0], edges[-1]), counted)


def on_plain_scale(values: NDArray[np.float64], upto: float, counted: str) -> pl.DataFrame:
    """The same in bins of equal width from 0 on; what is above `upto` stands in none."""
    return _between(np.linspace(0.0, upto if upto > 0 else 1.0, _BINS + 1), values[values <= upto], counted)


def _between(edges: NDArray[np.float64], values: NDArray[np.float64], counted: str) -> pl.DataFrame:
    schema = {"low": pl.Float64, "high": pl.Float64, counted: pl.Int64}
    if not len(values):
        return pl.DataFrame(schema=schema)
    counts, _ = np.histogram(values, bins=edges)
    return pl.DataFrame({"low": edges[:-1], "high": edges[1:], counted: counts}, schema=schema)


def _hundredth(amounts: int) -> int:
    """How many the most valuable hundredth of so many is: one at least."""
    return max(1, amounts // 100)


def top_share(values: NDArray[np.float64]) -> float:
    """Share of the sum in the most valuable hundredth (one at least) of sorted amounts; 0 where all are 0."""
    total = float(values.sum())
    return float(values[-_hundredth(len(values)) :].sum()) / total if total > 0 else 0.0


def top_words(amounts: int, thing: str, verb: str) -> str:
    """Which of so many things `top_share` is of, with the verb: their number where it is not 1% of them.

    >>> top_words(5_000, "session", "hold"), top_words(60, "session", "hold"), top_words(270, "user", "bring")
    ('the most valuable 1% hold', 'the most valuable session holds', 'the 2 most valuable users bring')
    """
    top = _hundredth(amounts)
    if percent(top / amounts) == percent(0.01):
        return f"the most valuable 1% {verb}"
    return f"the most valuable {thing} {verb}s" if top == 1 else f"the {top} most valuable {thing}s {verb}"


def bars(data: pl.DataFrame, title: str, counted: str, *, log: bool) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """A bar a bin; `title` says what the amounts are."""
    scale = alt.Scale(type="log", nice=False) if log else alt.Scale(nice=False)
    return (
        alt.Chart(data)
        .mark_bar(color=FILE_COLOURS["train"], orient="vertical", binSpacing=1)
        .encode(
            x=alt.X("low:Q", title=f"{title} ({VALUE_UNIT}{', log scale' * log})", scale=scale, axis=short_axis(6)),
            x2="high:Q",
            y=alt.Y(f"{counted}:Q", title=counted, scale=alt.Scale(zero=True), axis=short_axis(5)),
            y2=alt.value("height"),
            tooltip=[
                alt.Tooltip("low:Q", title="value from", format=",.4~r"),
                alt.Tooltip("high:Q", title="to", format=",.4~r"),
                alt.Tooltip(f"{counted}:Q", format=","),
            ],
        )
    )
