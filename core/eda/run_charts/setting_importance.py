"""How much each setting moved the loss of a learner's trials."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import polars as pl

from core.base.text import percent
from core.eda.parts.theme import LEARNER_COLOURS, finished
from core.schema import LEARNER_LABELS

TITLE = "Which settings matter?"
_SCHEMA = {"learner": pl.String, "label": pl.String, "setting": pl.String, "share": pl.Float64}


def frame(importances: Mapping[str, Mapping[str, float]]) -> pl.DataFrame:
    """One row a learner and setting, the weightiest first: learner, label, setting, share (of what all settings moved,
    0 to 1). Learners that tried too little to tell are left out.
    """
    rows = [
        (learner, LEARNER_LABELS[learner], name, float(share))
        for learner, shares in importances.items()
        for name, share in sorted(shares.items(), key=lambda each: -each[1])
    ]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def finding(data: pl.DataFrame) -> str:
    """The weightiest setting of each learner, in a sentence."""
    if data.is_empty():
        return "Too little was tried to tell which settings matter."
    firsts = data.group_by("label", maintain_order=True).first()
    told = [f"{row['setting']} ({percent(row['share'])}) of {row['label']}" for row in firsts.iter_rows(named=True)]
    return f"What moved the loss most: {', '.join(told)}."


def figure(data: pl.DataFrame) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw a bar a setting, in a panel a learner."""
    names = list(dict.fromkeys(data.get_column("learner")))
    scale = alt.Scale(domain=[LEARNER_LABELS[name] for name in names], range=[LEARNER_COLOURS[name] for name in names])
    order = data.group_by("setting").agg(pl.col("share").max()).sort("share", descending=True).get_column("setting")
    chart = (
        alt.Chart(data)
        .mark_bar(height={"band": 0.8})
        .encode(
            x=alt.X("share:Q", title="share of what all settings moved", axis=alt.Axis(format="%", tickCount=5)),
            y=alt.Y("setting:N", sort=order.to_list(), title=None, axis=alt.Axis(labelLimit=180)),
            yOffset=alt.YOffset("label:N", sort=list(scale.domain)),
            color=alt.Color("label:N", scale=scale),
            tooltip=[
                alt.Tooltip("label:N", title="learner"),
                alt.Tooltip("setting:N"),
                alt.Tooltip("share:Q", format=".1%"),
            ],
        )
    )
    return finished(chart, f"Importance of settings by learner. {finding(data)}", height=26 * len(order) + 60)
