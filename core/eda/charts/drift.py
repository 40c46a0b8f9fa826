"""Which features are distributed differently in test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import polars as pl

from core.base.text import count
from core.eda.parts.theme import ACCENT, MUTED, finished

TITLE = "Which features differ most between train and test?"
MAJOR_PSI = 0.25
"""Where the line is drawn: the usual mark for a major shift (Siddiqi 2006, Credit Risk Scorecards)."""

_MOST = 15  # as many names as can be read beside their bars
_BAND = 20  # pixels a feature
_SCHEMA = {
    "feature": pl.String,
    "about": pl.String,
    "psi": pl.Float64,
    "ks": pl.Float64,
    "p_value": pl.Float64,
    "drifted": pl.Boolean,
}


def frame(records: Sequence[Mapping[str, object]], most: int = _MOST) -> pl.DataFrame:
    """The features with the highest stability index, highest first: one row a feature with feature, about (what it
    describes), psi (population stability index), ks (Kolmogorov-Smirnov distance, 0 to 1), p_value (of that distance),
    drifted (whether it counts as different), all (features compared, the same in every row).

    `records` is the table of the audit's finding on drift, one record a feature; empty gives an empty frame.
    """
    rows = [{name: record[name] for name in _SCHEMA} for record in records]
    data = pl.DataFrame(rows, schema=_SCHEMA).sort(["psi", "feature"], descending=[True, False])
    return data.with_columns(pl.len().cast(pl.Int64).alias("all")).head(most)


def finding(data: pl.DataFrame) -> str:
    """How far the first feature moved, in a sentence."""
    if data.is_empty():
        return "There are too few sessions of train or of test to compare them."
    top, drifted = data.row(0, named=True), data.get_column("drifted").sum()
    so = f"{drifted:,} of the {data.height:,} shown count as different" if drifted else "none counts as different"
    return (
        f"Of {count(top['all'], 'feature')} {top['feature']} moved most, with a stability index of {top['psi']:.2f} "
        f"and a distance of {top['ks']:.2f}; {so}."
    )


def told_apart(own: float, every: float) -> str:
    """How well a model guesses which file a session is from, in a sentence; areas under the ROC curve, 0.5 to 1."""
    return (
        f"Over all sessions a model that guesses the file of a session reaches an AUC of {own:.2f} from what was done "
        f"in it and of {every:.2f} with the calendar and the past, in which files of different times differ by nature "
        "(0.5 is guessing, clear from 0.7 on)."
    )


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw a bar a feature, coloured where it counts as different, and the mark of a major shift."""
    order = data.get_column("feature").to_list()
    colour = alt.Color(
        "drifted:N", scale=alt.Scale(domain=[True, False], range=[ACCENT, MUTED]), legend=None, sort=[True, False]
    )
    bars = (
        alt.Chart(data)
        .mark_bar()
        .encode(
            x=alt.X(
                "psi:Q",
                title=["population stability index", f"line: {MAJOR_PSI}, a major shift"],
                axis=alt.Axis(tickCount=6),
            ),
            y=alt.Y("feature:N", sort=order, title=None, axis=alt.Axis(labelLimit=230, labelOverlap=False)),
            color=colour,
            tooltip=[
                "feature:N",
                alt.Tooltip("about:N", title="is about"),
                alt.Tooltip("psi:Q", title="stability index", format=".3f"),
                alt.Tooltip("ks:Q", title="distance", format=".3f"),
                alt.Tooltip("p_value:Q", title="by chance", format=".2g"),
            ],
        )
    )
    mark = alt.Chart(data.head(1)).mark_rule(color=MUTED, strokeDash=[4, 4], aria=False).encode(x=alt.datum(MAJOR_PSI))
    return finished(bars + mark, f"Features by drift. {finding(data)}", 60 + _BAND * max(len(order), 1))
