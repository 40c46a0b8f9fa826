"""How much each hyperparameter moved the loss of a learner's trials."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import polars as pl

from core.base.text import percent
from core.eda.parts.theme import Figure, finished, learner_scale, share_axis
from core.schema import LEARNER_LABELS

TITLE = "Which hyperparameters matter?"
_SCHEMA = {"learner": pl.String, "label": pl.String, "setting": pl.String, "share": pl.Float64}


def frame(importances: Mapping[str, Mapping[str, float]]) -> pl.DataFrame:
    """Return the importance of the hyperparameters; one row per (learner, hyperparameter), the highest first.

    Args:
        importances: Share of the variation of the loss (0 to 1) by learner and hyperparameter, as computed by Optuna.
            A learner with too few trials has none.

    Returns:
        setting: Name of the hyperparameter.
        share: Its importance, 0 to 1.
    """
    rows = [
        (learner, LEARNER_LABELS[learner], name, float(share))
        for learner, shares in importances.items()
        for name, share in sorted(shares.items(), key=lambda item: -item[1])
    ]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def finding(data: pl.DataFrame) -> str:
    """Name the most important hyperparameter of each learner."""
    if data.is_empty():
        return "There are too few trials to compare hyperparameters."
    top = data.group_by("label", maintain_order=True).first()
    phrases = [f"{row['setting']} for {row['label']} ({percent(row['share'])})" for row in top.iter_rows(named=True)]
    return f"The most important hyperparameter is {', '.join(phrases)}."


def figure(data: pl.DataFrame) -> Figure:
    """Draw one bar per hyperparameter and learner."""
    names = list(dict.fromkeys(data.get_column("learner")))
    colours = learner_scale(names)
    order = data.group_by("setting").agg(pl.col("share").max()).sort("share", descending=True).get_column("setting")
    chart = (
        alt.Chart(data)
        .mark_bar(height={"band": 0.8})
        .encode(
            x=alt.X("share:Q", title="importance", axis=share_axis()),
            y=alt.Y("setting:N", sort=order.to_list(), title=None, axis=alt.Axis(labelLimit=180)),
            yOffset=alt.YOffset("label:N", sort=[LEARNER_LABELS[name] for name in names]),
            color=alt.Color("label:N", scale=colours),
            tooltip=[
                alt.Tooltip("label:N", title="learner"),
                alt.Tooltip("setting:N", title="hyperparameter"),
                alt.Tooltip("share:Q", title="importance", format=".1%"),
            ],
        )
    )
    description = f"Importance of hyperparameters by learner. {finding(data)}"
    return finished(chart, description, height=26 * len(order) + 60)
