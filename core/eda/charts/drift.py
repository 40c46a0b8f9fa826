"""Features whose distribution differs between train and test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import polars as pl

from core.base.text import count, fixed, whole
from core.eda.parts.theme import ACCENT, MUTED, Figure, Hover, finished, short_axis

TITLE = "Which features differ most between train and test?"
MAJOR_PSI = 0.25
"""Stability index from which a shift is usually called major (Siddiqi 2006, Credit Risk Scorecards)."""
_MAX_BARS = 15
"""Number of features shown, so that the chart fits on the screen."""
_PIXELS_PER_FEATURE = 20
_NUMBERS = dict.fromkeys(("psi", "ks", "p_value"), pl.Float64)
_SCHEMA = {"feature": pl.String, "label": pl.String, "about": pl.String} | _NUMBERS | {"drifted": pl.Boolean}


def frame(records: Sequence[Mapping[str, object]]) -> pl.DataFrame:
    """Return the 15 features with the highest population stability index (PSI), highest first; one row per feature.

    Args:
        records: the audit's comparison of the files, one record per feature. May be empty.

    Returns:
        feature, label, about: name and display name of the feature, and what it describes.
        psi: population stability index.
        ks, p_value: Kolmogorov-Smirnov distance (0 to 1) and its p-value.
        drifted: whether the audit counts the feature as different.
        all: number of features compared; the same in every row.
    """
    rows = [{name: record[name] for name in _SCHEMA} for record in records]
    data = pl.DataFrame(rows, schema=_SCHEMA).sort(["psi", "feature"], descending=[True, False])
    return data.with_columns(pl.len().cast(pl.Int64).alias("all")).head(_MAX_BARS)


def finding(data: pl.DataFrame) -> str:
    """Name the feature that differs most, and count those that differ."""
    if data.is_empty():
        return "One of the files has too few sessions for a comparison."
    top, n_drifted = data.row(0, named=True), data.get_column("drifted").sum()
    verdict = f"{whole(int(n_drifted))} of the {whole(data.height)} shown" if n_drifted else "none of those shown"
    return (
        f"Of {count(top['all'], 'feature')}, {top['label']} differs most (population stability index "
        f"{fixed(top['psi'], 2)}, Kolmogorov-Smirnov distance {fixed(top['ks'], 2)}); the audit flags {verdict} as "
        "drifted."
    )


def classifier_finding(own_auc: float, full_auc: float) -> str:
    """State how well a model distinguishes train sessions from test sessions.

    Args:
        own_auc: area under the ROC curve (AUC, 0.5 is chance) with features of the session's own events.
        full_auc: AUC with calendar and history features added.
    """
    return (
        f"A model that predicts which file a session comes from has an AUC of {fixed(own_auc, 2)} with the session's "
        f"own events, and of {fixed(full_auc, 2)} with calendar and history features added, which differ whenever the "
        "files cover different times (0.5 is chance; from 0.7 on, the files differ clearly)."
    )


def figure(data: pl.DataFrame) -> Figure:
    """Draw one bar per feature, coloured if the feature differs, and a line at a major shift."""
    order = data.get_column("label").to_list()
    scale = alt.Scale(domain=[True, False], range=[ACCENT, MUTED])
    title = ["population stability index", f"line: {MAJOR_PSI}, a major shift"]
    base = alt.Chart(data).encode(
        x=alt.X("psi:Q", title=title, axis=short_axis(6)),
        y=alt.Y("label:N", sort=order, title=None, axis=alt.Axis(labelLimit=230, labelOverlap=False)),
        color=alt.Color("drifted:N", scale=scale, legend=None, sort=[True, False]),
        tooltip=[
            *Hover.texts(label="feature", about="describes"),
            *Hover.numbers(".3f", psi="population stability index", ks="distance"),
            *Hover.numbers(".2g", p_value="p-value"),
        ],
    )
    bars = base.mark_bar()
    line = alt.Chart(data.head(1)).mark_rule(color=MUTED, strokeDash=[4, 4], aria=False).encode(x=alt.datum(MAJOR_PSI))
    height = 60 + _PIXELS_PER_FEATURE * max(len(order), 1)
    return finished(bars + line, f"Features by drift. {finding(data)}", height)
