"""Where the best trials of a learner lie in its search space, as parallel coordinates."""

from __future__ import annotations

import json
from typing import Any

import altair as alt
import polars as pl

from core.base.text import number
from core.eda.parts.theme import ACCENT, MUTED, Figure, Hover, finished
from core.schema import LEARNER_LABELS

TITLE = "Which hyperparameters do well?"
_MAX_TRIALS = 200
"""Number of best trials that are drawn; more lines would hide each other."""
_BEST_SHARE = 0.1
"""Share of the drawn trials that are in colour."""
_SCHEMA = {
    "trial": pl.Int64,
    "setting": pl.String,
    "place": pl.Float64,
    "value": pl.String,
    "loss": pl.Float64,
    "best": pl.Boolean,
}


def frame(search: pl.DataFrame, learner: str) -> pl.DataFrame:
    """Return the hyperparameters of a learner's best 200 trials; one row per (trial, hyperparameter).

    Args:
        search: the run's table of trials: learner, trial, loss (an estimate for pruned trials) and settings (JSON or a
            mapping).

    Returns:
        trial: number of the trial, from 1.
        setting, value: name of the hyperparameter, and its value as text.
        place: position between the smallest and the largest value tried, 0 to 1. Texts are in alphabetical order.
        loss: loss of the trial.
        best: whether the trial is among the best 10%.
    """
    all_trials = search.filter(pl.col("learner") == learner)
    n_best = max(1, round(_BEST_SHARE * all_trials.height))
    best_first = all_trials.sort("loss").head(_MAX_TRIALS)
    trials = [
        (trial, loss, json.loads(settings) if isinstance(settings, str) else settings)
        for trial, loss, settings in best_first.select("trial", "loss", "settings").iter_rows()
    ]
    rows = []
    for name in dict.fromkeys(name for _, _, params in trials for name in params):
        tried = sorted({params[name] for _, _, params in trials if name in params}, key=_sort_key)
        for rank, (trial, loss, params) in enumerate(trials):
            if name in params:
                value = params[name]
                text = value if isinstance(value, str) else number(value)
                rows.append((trial, name, _position(value, tried), text, loss, rank < n_best))
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def _sort_key(value: float | str) -> tuple[bool, float, str]:
    return (True, 0.0, value) if isinstance(value, str) else (False, float(value), "")


def _position(value: float | str, tried: list[Any]) -> float:
    """Return the position of a value between the first and the last tried value, 0 to 1; 0.5 if there is only one."""
    if len(tried) < 2:
        return 0.5
    if any(isinstance(other, str) for other in tried):
        return tried.index(value) / (len(tried) - 1)
    return (float(value) - float(tried[0])) / (float(tried[-1]) - float(tried[0]))


def finding(data: pl.DataFrame, learner: str) -> str:
    """Name the hyperparameter in which the best trials agree most."""
    label = LEARNER_LABELS[learner]
    if data.is_empty():
        return f"{label} has no trials yet."
    spread = (
        data.filter("best")
        .group_by("setting", maintain_order=True)
        .agg((pl.col("place").max() - pl.col("place").min()).alias("spread"), pl.len())
        .filter(pl.col("len") > 1)
        .sort("spread")
    )
    if spread.is_empty():
        return f"Each line is a trial of {label}; the best 10% are in colour."
    return f"The best 10% of {label}'s trials (in colour) agree most in {spread.item(0, 'setting')}."


def figure(data: pl.DataFrame, learner: str) -> Figure:
    """Draw one line per trial; every axis runs from the smallest to the largest value tried."""
    order = list(dict.fromkeys(data.get_column("setting")))
    names = alt.Axis(labelAngle=-30, labelLimit=140, grid=True)
    base = alt.Chart(data).encode(
        x=alt.X("setting:N", sort=order, title=None, axis=names),
        y=alt.Y("place:Q", title="smallest to largest tried", axis=alt.Axis(labels=False, tickCount=2)),
        detail="trial:N",
        tooltip=[
            *Hover.counts("trial"),
            *Hover.numbers(",.4~r", "loss"),
            *Hover.texts(setting="hyperparameter", value="value"),
        ],
    )
    others = base.transform_filter("!datum.best").mark_line(color=MUTED, opacity=0.25, strokeWidth=1)
    best = base.transform_filter("datum.best").mark_line(
        color=ACCENT, opacity=0.9, strokeWidth=2, point={"size": 30, "filled": True, "color": ACCENT}
    )
    return finished(others + best, f"Hyperparameters of the trials as parallel coordinates. {finding(data, learner)}")
