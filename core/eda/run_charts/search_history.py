"""The lowest loss of the hyperparameter search, trial by trial."""

from __future__ import annotations

import altair as alt
import polars as pl

from core.base.text import count, number, percent
from core.eda.parts.theme import Figure, finished, learner_scale
from core.schema import LEARNER_LABELS

TITLE = "What did tuning gain?"


def frame(search: pl.DataFrame) -> pl.DataFrame:
    """Return the trials with the lowest loss so far; one row per trial, by learner and trial.

    Args:
        search: The run's table of trials: learner, trial, loss, complete, folds. May be empty.

    Returns:
        trial: Number of the trial, from 1.
        loss: Loss of the trial; for a pruned one, its estimate.
        best: Lowest loss so far among complete trials; null until one completes.
        outcome: "completed", or "pruned after ..." with the number of folds.
        complete: Whether the trial ran on all folds.
    """
    pruned_after = pl.concat_str(
        pl.lit("pruned after "), pl.col("folds").cast(pl.String), pl.lit(" fold"),
        pl.when(pl.col("folds") == 1).then(pl.lit("")).otherwise(pl.lit("s")),
    )  # fmt: skip
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
    """Name the learner that gained most over its first complete trial."""
    if data.is_empty():
        return "No hyperparameters were tuned."
    complete = data.filter("complete")
    if complete.is_empty():
        return f"Of {count(data.height, 'trial')}, none has run on all folds yet."
    gains = (
        complete.group_by("label", maintain_order=True)
        .agg(pl.col("loss").first().alias("first"), pl.col("loss").min().alias("lowest"))
        .with_columns((1 - pl.col("lowest") / pl.col("first")).fill_nan(0).alias("gain"))
        .sort("gain", descending=True)
    )
    top = gains.row(0, named=True)
    return (
        f"Of {count(data.height, 'trial')}, {complete.height:,} ran on all folds; {top['label']} gained most, "
        f"{percent(top['gain'])}, from a loss of {number(top['first'])} to {number(top['lowest'])}."
    )


def figure(data: pl.DataFrame, loss_title: str) -> Figure:
    """Draw the lowest loss so far as one line per learner, and the complete trials as points."""
    shown = data.filter(pl.col("best").is_not_null())
    names = list(dict.fromkeys(shown.get_column("learner")))
    colours = learner_scale(names)
    base = alt.Chart(shown).encode(
        x=alt.X("trial:Q", title="trial", axis=alt.Axis(tickMinStep=1, tickCount=8, format="d")),
        color=alt.Color("label:N", scale=colours),
    )
    losses = alt.Scale(zero=False, nice=True)
    lines = base.mark_line(interpolate="step-after", strokeWidth=2.5).encode(
        y=alt.Y("best:Q", title=loss_title, scale=losses, axis=alt.Axis(tickCount=5))
    )
    tooltip = [
        alt.Tooltip("label:N", title="learner"),
        alt.Tooltip("trial:Q", title="trial"),
        alt.Tooltip("loss:Q", title=loss_title, format=",.4~r"),
        alt.Tooltip("outcome:N", title="outcome"),
    ]
    complete = base.transform_filter("datum.complete").mark_circle(size=36, opacity=0.7)
    points = complete.encode(y=alt.Y("loss:Q", scale=losses), tooltip=tooltip)
    return finished(lines + points, f"Lowest loss so far by trial and learner. {finding(data)}")
