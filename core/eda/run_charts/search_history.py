"""The lowest loss of the hyperparameter search, trial by trial."""

from __future__ import annotations

import altair as alt
import polars as pl

from core.base.text import count, number, percent, verb, whole
from core.eda.parts.theme import Figure, Hover, finished, learner_scale, short_axis
from core.schema import LEARNER_LABELS

TITLE = "What did tuning gain?"


def frame(search: pl.DataFrame) -> pl.DataFrame:
    """Add the lowest loss so far to all trials of a search; one row per trial, sorted by learner and trial.

    Args:
        search: the run's table of trials: learner, trial, loss (0 or more), complete and folds. May be empty.

    Returns:
        learner, label: code and display name of the learner.
        trial: number of the trial, from 1.
        loss: loss of the trial; an estimate for a pruned trial.
        best: lowest loss so far among complete trials of the learner; null until one completes.
        outcome: "completed", or "pruned after ..." with the number of folds.
        complete: whether the trial ran on all folds.
    """
    plural = pl.when(pl.col("folds") == 1).then(pl.lit("")).otherwise(pl.lit("s"))
    pruned_after = pl.format("pruned after {} fold{}", "folds", plural)
    return (
        search.sort(pl.col("learner").cast(pl.Enum(list(LEARNER_LABELS))), "trial")
        .with_columns(
            pl.col("learner").replace_strict(LEARNER_LABELS, return_dtype=pl.String).alias("label"),
            pl.when("complete").then("loss").cum_min().forward_fill().over("learner").alias("best"),
            pl.when("complete").then(pl.lit("completed")).otherwise(pruned_after).alias("outcome"),
        )
        .select("learner", "label", "trial", "loss", "best", "outcome", "complete")
    )


def finding(data: pl.DataFrame) -> str:
    """Name the learner with the largest relative gain over its first complete trial."""
    if data.is_empty():
        return "No hyperparameters were tuned."
    complete = data.filter("complete")
    if complete.is_empty():
        return (
            f"No trial has run on all folds; {count(data.height, 'trial')} {verb(data.height, 'was', 'were')} pruned."
        )
    gains = (
        complete.group_by("label", maintain_order=True)
        .agg(pl.col("loss").first().alias("first"), pl.col("loss").min().alias("lowest"))
        .with_columns((1 - pl.col("lowest") / pl.col("first")).fill_nan(0).alias("gain"))
        .sort("gain", descending=True, maintain_order=True)
    )
    top = gains.row(0, named=True)
    sentence = f"Of {count(data.height, 'trial')}, {whole(complete.height)} ran on all folds"
    if number(top["first"]) == number(top["lowest"]):
        return f"{sentence}; none has clearly improved on the first one of its learner."
    return (
        f"{sentence}; {top['label']} gained most, "
        f"{percent(top['gain'])}, from a loss of {number(top['first'])} to {number(top['lowest'])}."
    )


def figure(data: pl.DataFrame, loss_title: str) -> Figure | None:
    """Draw the lowest loss so far as one line per learner, and the complete trials as points.

    None if no trial is complete, because there is nothing to draw then.
    """
    shown = data.filter(pl.col("best").is_not_null())
    if shown.is_empty():
        return None
    base = alt.Chart(shown).encode(
        x=alt.X("trial:Q", title="trial", axis=alt.Axis(tickMinStep=1, tickCount=8, format="d")),
        color=alt.Color("label:N", scale=learner_scale(shown.get_column("learner"))),
    )
    losses = alt.Scale(zero=False, nice=True)
    lines = base.mark_line(interpolate="step-after", strokeWidth=2.5).encode(
        y=alt.Y("best:Q", title=loss_title, scale=losses, axis=short_axis(5))
    )
    tooltip = [
        *Hover.texts(label="learner"),
        *Hover.counts("trial"),
        *Hover.numbers(",.4~r", loss=loss_title),
        *Hover.texts("outcome"),
    ]
    complete = base.transform_filter("datum.complete").mark_circle(size=36, opacity=0.7)
    points = complete.encode(y=alt.Y("loss:Q", scale=losses), tooltip=tooltip)
    return finished(lines + points, f"Lowest loss so far by trial and learner. {finding(data)}")
