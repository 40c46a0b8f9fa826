"""Expected scores, next to those that the host returned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from core.base.text import count, percent, verb
from core.eda.parts.theme import ACCENT, MUTED, Figure, Hover, finished, short_axis

TITLE = "Are expected scores right?"
_SCHEMA = {
    "file": pl.String,
    "foreseen": pl.Float64,
    "low": pl.Float64,
    "high": pl.Float64,
    "returned": pl.Float64,
    "metric": pl.String,
}


def frame(entries: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Return one row per entry of the log that has both scores.

    Args:
        entries: fields of `core.submission.log.Entry`.

    Returns:
        file: name of the file.
        foreseen, low, high: expected score and its 90% interval, in the unit of the metric.
        returned: score that the host returned.
        metric: label of the metric.
    """
    rows = [entry for entry in entries if entry["foreseen"] is not None and entry["returned"] is not None]
    return pl.DataFrame([{name: row[name] for name in _SCHEMA} for row in rows], schema=_SCHEMA)


def finding(data: pl.DataFrame) -> str:
    """State how many returned scores are inside their interval, and their mean distance from the expected ones."""
    if data.is_empty():
        return "No submission has both an expected and a returned score yet."
    inside = int(((data["low"] <= data["returned"]) & (data["returned"] <= data["high"])).sum())
    sentence = f"{inside} of {count(data.height, 'returned score')} {verb(inside, 'is', 'are')} inside the 90% interval"
    differences = data.filter(pl.col("returned") > 0).select((pl.col("foreseen") / pl.col("returned") - 1).abs().mean())
    if differences.item() is None:  # a difference from a score of 0 has no percentage
        return f"{sentence}."
    return f"{sentence}; on average, the expected and the returned score differ by {percent(differences.item())}."


def figure(data: pl.DataFrame) -> Figure:
    """Draw one mark with its interval per submission, and the line on which both scores are equal."""
    ends = data.select(pl.min_horizontal("low", "returned").min(), pl.max_horizontal("high", "returned").max()).row(0)
    low, high = (0.0, 1.0) if data.is_empty() else (float(ends[0]), float(ends[1]))
    scale = alt.Scale(domain=[low, high], nice=True, zero=False)
    line = alt.Chart(pl.DataFrame({"at": [low, high]})).mark_line(color=MUTED, strokeDash=[4, 4])
    diagonal = line.encode(x=alt.X("at:Q", scale=scale), y=alt.Y("at:Q", scale=scale))
    base = alt.Chart(data).encode(x=alt.X("returned:Q", title="returned score", scale=scale, axis=short_axis(5)))
    tooltip = [*Hover.texts("file", "metric"), *Hover.amounts("returned", "low", "high", foreseen="expected")]
    y = alt.Y("foreseen:Q", title="expected score, with its 90% interval", scale=scale, axis=short_axis(5))
    intervals = base.mark_rule(color=ACCENT, strokeWidth=2).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q")
    marks = base.mark_point(color=ACCENT, filled=True, size=80).encode(y=y, tooltip=tooltip)
    return finished(diagonal + intervals + marks, f"Expected and returned scores. {finding(data)}", height=320)
