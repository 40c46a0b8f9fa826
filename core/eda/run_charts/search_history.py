"""What the search of settings gained, trial after trial."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from core.base.text import count, number, percent
from core.eda.parts.theme import LEARNER_COLOURS, finished
from core.schema import LEARNER_LABELS

TITLE = "What did tuning gain?"


def frame(search: pl.DataFrame) -> pl.DataFrame:
    """One row a trial, by learner and trial: learner, label, trial (from 1), loss, best (the least loss so far of a
    trial through all folds; null before the first), outcome (in words).

    `search` is the run's table of trials; empty gives an empty frame.
    """
    through = pl.when("complete").then("loss")
    folds = pl.col("folds").cast(pl.String)
    order = pl.Enum(list(LEARNER_LABELS))
    return (
        search.sort(pl.col("learner").cast(order), "trial")
        .with_columns(
            pl.col("learner").replace_strict(LEARNER_LABELS, return_dtype=pl.String).alias("label"),
            through.cum_min().forward_fill().over("learner").alias("best"),
            pl.when("complete")
            .then(pl.lit("through all folds"))
            .when(pl.col("folds") == 1)
            .then(pl.lit("given up after 1 fold"))
            .otherwise(pl.concat_str(pl.lit("given up after "), folds, pl.lit(" folds")))
            .alias("outcome"),
        )
        .select("learner", "label", "trial", "loss", "best", "outcome", "complete")
    )


def finding(data: pl.DataFrame) -> str:
    """How many settings were tried and what the best of them gained on the first, in a sentence."""
    if data.is_empty():
        return "Nothing was tuned."
    complete = data.filter("complete")
    gains = (
        complete.group_by("label", maintain_order=True)
        .agg(pl.col("loss").first().alias("first"), pl.col("loss").min().alias("least"))
        .with_columns((1 - pl.col("least") / pl.col("first")).fill_nan(0).alias("gain"))
        .sort("gain", descending=True)
    )
    most = gains.row(0, named=True)
    tried = f"{count(data.height, 'setting')} tried, {complete.height} of them through all folds"
    return (
        f"{tried}: {most['label']} gained most, {percent(most['gain'])}, from {number(most['first'])} to "
        f"{number(most['least'])}."
    )


def figure(data: pl.DataFrame, loss_title: str) -> Any:  # noqa: ANN401 (Altair's charts share no type)
    """Draw the best so far as a line a learner, and the trials that went through all folds as points."""
    shown = data.filter(pl.col("best").is_not_null())
    labels = list(dict.fromkeys(shown.get_column("label")))
    names = list(dict.fromkeys(shown.get_column("learner")))
    colour = alt.Color("label:N", scale=alt.Scale(domain=labels, range=[LEARNER_COLOURS[name] for name in names]))
    base = alt.Chart(shown).encode(
        x=alt.X("trial:Q", title="trial", axis=alt.Axis(tickMinStep=1, tickCount=8, format="d")), color=colour
    )
    y = alt.Scale(zero=False, nice=True)
    lines = base.mark_line(interpolate="step-after", strokeWidth=2.5).encode(
        y=alt.Y("best:Q", title=loss_title, scale=y, axis=alt.Axis(tickCount=5))
    )
    points = (
        base.transform_filter("datum.complete")
        .mark_circle(size=36, opacity=0.7)
        .encode(
            y=alt.Y("loss:Q", scale=y),
            tooltip=[
                alt.Tooltip("label:N", title="learner"),
                alt.Tooltip("trial:Q", title="trial"),
                alt.Tooltip("loss:Q", title=loss_title, format=",.4~r"),
                alt.Tooltip("outcome:N", title="outcome"),
            ],
        )
    )
    return finished(lines + points, f"Best loss so far by trial and learner. {finding(data)}")
