"""Where in the space of settings the good trials lie: one line a trial over the settings of a learner."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import altair as alt
import polars as pl

from core.base.text import number
from core.eda.parts.theme import ACCENT, MUTED, finished
from core.schema import LEARNER_LABELS

TITLE = "Which settings do well?"
_MOST = 200
"""Trials drawn, the best ones: more lines would hide each other."""
_BEST_SHARE = 0.1
_SCHEMA = {
    "trial": pl.Int64,
    "setting": pl.String,
    "place": pl.Float64,
    "told": pl.String,
    "loss": pl.Float64,
    "best": pl.Boolean,
}


def frame(search: pl.DataFrame, learner: str) -> pl.DataFrame:
    """One row a trial and setting of a learner: trial, setting, place (of its value between the least and the greatest
    that was tried, 0 to 1; for words, of their alphabetical order), told (its value), loss, best (whether the trial is
    among the best tenth).

    `search` has learner, trial, loss, settings (JSON or a mapping); trials given up count with their estimated loss.
    """
    mine = search.filter(pl.col("learner") == learner).sort("loss").head(_MOST)
    best = max(1, round(_BEST_SHARE * mine.height))
    told = [(row["trial"], row["loss"], _settings(row["settings"])) for row in mine.iter_rows(named=True)]
    names = dict.fromkeys(name for _, _, settings in told for name in settings)
    rows = []
    for name in names:
        values = sorted({settings[name] for _, _, settings in told if name in settings}, key=_order)
        for rank, (trial, loss, settings) in enumerate(told):
            if name in settings:
                value = settings[name]
                words = value if isinstance(value, str) else number(value)
                rows.append((trial, name, _place(value, values), words, loss, rank < best))
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def finding(data: pl.DataFrame, learner: str) -> str:
    """In which settings the best trials agree, in a sentence."""
    label = LEARNER_LABELS[learner]
    if data.is_empty():
        return f"{label} has tried nothing yet."
    spread = (
        data.filter("best")
        .group_by("setting", maintain_order=True)
        .agg((pl.col("place").max() - pl.col("place").min()).alias("spread"), pl.len())
        .filter(pl.col("len") > 1)
        .sort("spread")
    )
    if spread.is_empty():
        return f"{label}: one trial a line, the best tenth in colour."
    agreed = spread.row(0, named=True)["setting"]
    return f"{label}: the best tenth of the trials, in colour, agree most in {agreed}."


def figure(data: pl.DataFrame, learner: str) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw parallel coordinates; every axis runs from the least to the greatest value tried."""
    order = list(dict.fromkeys(data.get_column("setting")))
    base = alt.Chart(data).encode(
        x=alt.X("setting:N", sort=order, title=None, axis=alt.Axis(labelAngle=-30, labelLimit=140, grid=True)),
        y=alt.Y("place:Q", title="least to greatest tried", axis=alt.Axis(labels=False, tickCount=2)),
        detail="trial:N",
        tooltip=[
            alt.Tooltip("trial:Q", title="trial"),
            alt.Tooltip("loss:Q", format=",.4~r"),
            alt.Tooltip("setting:N"),
            alt.Tooltip("told:N", title="value"),
        ],
    )
    others = base.transform_filter("!datum.best").mark_line(color=MUTED, opacity=0.25, strokeWidth=1)
    best = base.transform_filter("datum.best").mark_line(
        color=ACCENT, opacity=0.9, strokeWidth=2, point={"size": 30, "filled": True, "color": ACCENT}
    )
    return finished(others + best, f"Settings of the trials as parallel coordinates. {finding(data, learner)}")


def _settings(told: str | Mapping[str, Any]) -> dict[str, Any]:
    return dict(json.loads(told) if isinstance(told, str) else told)


def _order(value: float | str) -> tuple[bool, float, str]:
    """Numbers by size, words by alphabet."""
    return (True, 0.0, value) if isinstance(value, str) else (False, float(value), "")


def _place(value: float | str, values: list[Any]) -> float:
    """Between the ends of what was tried; in the middle where all are alike."""
    if len(values) < 2:
        return 0.5
    if any(isinstance(each, str) for each in values):
        return values.index(value) / (len(values) - 1)
    return (float(value) - float(values[0])) / (float(values[-1]) - float(values[0]))
