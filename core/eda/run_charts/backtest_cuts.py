"""The expected score with its interval and the actual score, for several splits of one log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import polars as pl

from core.base.text import count
from core.eda.parts.theme import ACCENT, NEGATIVE, Figure, Hover, finished, short_axis

TITLE = "Does the expected score hold?"
_SCHEMA: dict[str, Any] = {
    "cut": pl.String,
    "expected": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "actual": pl.Float64,
    "inside": pl.Boolean,
}


def frame(cuts: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return one row per split with an expected and an actual score, in the order of `cuts`.

    Args:
        cuts: records of `core.pipeline.backtest.Cut`. Those without a run or with a withheld score are left out.

    Returns:
        cut: start of the test file as text (UTC).
        expected, low, high, actual: expected score, ends of its 90% interval, and actual score.
        inside: whether the actual score is inside the interval.
    """
    rows = [[cut[name] for name in _SCHEMA] for cut in cuts if "actual" in cut and not cut["expected_withheld"]]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def finding(data: pl.DataFrame) -> str:
    """Say for how many splits the actual score is inside the interval."""
    if data.is_empty():
        return "No split has both an expected and an actual score yet."
    n_inside = int(data.get_column("inside").sum())
    return f"The actual score is inside the 90% interval for {n_inside} of {count(data.height, 'split')}."


def figure(data: pl.DataFrame, metric: str) -> Figure:
    """Draw the interval of each split, with the expected and the actual score as points."""
    hover = [*Hover.texts(cut="test from"), *Hover.numbers(",.4~r", "expected", "low", "high", "actual")]
    base = alt.Chart(data).encode(
        x=alt.X("cut:N", title=None, sort=None, axis=alt.Axis(labelAngle=0, labelExpr="slice(datum.label, 0, 10)")),
        tooltip=hover,
    )
    title = f"{metric} on the test file"
    colours = {"expected": ACCENT, "actual": NEGATIVE}
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    y = alt.Y("low:Q", title=title, axis=short_axis(5), scale=alt.Scale(zero=False))
    intervals = base.mark_rule(strokeWidth=6, opacity=0.25, color=ACCENT).encode(y=y, y2="high:Q")
    points = (
        base.transform_fold(list(colours), as_=["score", "amount"])
        .mark_point(size=90, filled=True, opacity=1)
        .encode(
            y=alt.Y("amount:Q", title=title),
            color=alt.Color("score:N", scale=scale),
            shape=alt.Shape("score:N", scale=alt.Scale(domain=list(colours), range=["square", "circle"]), legend=None),
        )
    )
    return finished(intervals + points, f"Expected and actual {metric} by split. {finding(data)}")
