"""How much of the variation of the loss between a learner's trials each hyperparameter explains."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import polars as pl

from core.base.text import listed, percent
from core.eda.parts.theme import Figure, Hover, finished, learner_scale, share_axis
from core.schema import LEARNER_LABELS

TITLE = "Which hyperparameters matter?"
_SCHEMA = {"learner": pl.String, "label": pl.String, "setting": pl.String, "share": pl.Float64}


def frame(importances: Mapping[str, Mapping[str, float]]) -> pl.DataFrame:
    """Return the importance of the hyperparameters; one row per (learner, hyperparameter), a learner's highest first.

    Args:
        importances: share of the variation of the loss (0 to 1) by learner and hyperparameter, as computed by Optuna.
            A learner with too few trials has an empty mapping.

    Returns:
        learner, label: code and display name of the learner.
        setting: name of the hyperparameter.
        share: its importance, 0 to 1.
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
    return f"The most important hyperparameter is {listed(phrases)}."


def figure(data: pl.DataFrame) -> Figure:
    """Draw one bar per hyperparameter and learner."""
    order = data.group_by("setting").agg(pl.col("share").max()).sort("share", descending=True).get_column("setting")
    base = alt.Chart(data).encode(
        x=alt.X("share:Q", title="importance", axis=share_axis()),
        y=alt.Y("setting:N", sort=order.to_list(), title=None, axis=alt.Axis(labelLimit=180)),
        yOffset=alt.YOffset("label:N", sort=list(dict.fromkeys(data.get_column("label")))),
        color=alt.Color("label:N", scale=learner_scale(data.get_column("learner"))),
        tooltip=[*Hover.texts(label="learner", setting="hyperparameter"), *Hover.shares(share="importance")],
    )
    description = f"Importance of hyperparameters by learner. {finding(data)}"
    return finished(base.mark_bar(height={"band": 0.8}), description, height=26 * len(order) + 60)
