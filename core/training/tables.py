"""The tables of a training that go into the run."""

from __future__ import annotations

import numpy as np
import polars as pl

from core.schema import STACK, UNIT, VALUE
from core.training.train import Training, event_counts

_LENGTHS, _LENGTH_ENDS = ("1", "2", "3 to 5", "6 to 10", "more"), (1, 2, 5, 10)
"""Classes of session length, in events: half of the competition's sessions have one, one in fifty more than 10."""


def percent_of(level: float) -> str:
    """How a level stands in the names of columns: 0.8 as 80."""
    return f"{100 * level:.0f}"


def oof_frame(training: Training) -> pl.DataFrame:
    """One row a training unit: unit, fold, value, a column a learner, stack (the final prediction)."""
    return pl.DataFrame(
        {UNIT: training.data.units, "fold": training.folds.fold_of, VALUE: training.data.y}
        | {fit.learner: fit.oof for fit in training.fits}
        | {STACK: training.stack.oof}
    )


def prediction_frame(training: Training) -> pl.DataFrame:
    """One row a unit to predict: unit, a column a learner, stack (the final prediction), and the ends of its intervals
    (low_80, high_80, low_95, high_95; null where too few sessions tell).
    """
    ends = {
        f"{side}_{percent_of(level)}": pl.Series(both[:, place]).replace(np.inf, None)
        for level, both in training.intervals.test.items()
        for place, side in enumerate(("low", "high"))
    }
    learners = {fit.learner: fit.test for fit in training.fits}
    return pl.DataFrame({UNIT: training.data.test_units} | learners | {STACK: training.test} | ends)


def coverage_frame(training: Training) -> pl.DataFrame:
    """How often the intervals hold the value, out of fold, by segment of the training sessions.

    Columns: by (all, prediction, user, events), segment (in words), sessions, and for each level the share inside
    (inside_80) and the mean width in value units (width_80; null where it is infinite). Tenths are of the predictions,
    not of the values: no honest interval covers the highest values as often as others, as it cannot know that they are.
    """
    told = training.folds.validated
    events, y = event_counts(training.data.X, training.data.names), training.data.y
    predicted = pl.Series(training.stack.oof).fill_nan(None).rank("ordinal")
    tenth = ((predicted - 1) * 10 // max(int(told.sum()), 1) + 1).cast(pl.Int64)
    columns: dict[str, pl.Series] = {}
    for level, ends in training.intervals.train.items():
        name = percent_of(level)
        columns[f"inside_{name}"] = pl.Series(training.intervals.inside(level, y))
        columns[f"width_{name}"] = pl.Series(ends[:, 1] - ends[:, 0]).replace(np.inf, None)
    lengths = np.array(_LENGTHS)[np.searchsorted(_LENGTH_ENDS, events)]
    rows = pl.DataFrame(
        {
            "all": ["all sessions"] * len(y),
            "prediction": tenth,
            "user": np.where(training.history_counts > 0, "known", "new"),
            "events": lengths,
        }
        | columns
    ).filter(pl.Series(told))
    measured = [
        rows.group_by(by, maintain_order=True)
        .agg(pl.len().cast(pl.Int64).alias("sessions"), pl.col(*columns).mean())
        .sort(by)
        .select(pl.lit(by).alias("by"), pl.col(by).cast(pl.String).alias("segment"), "sessions", *columns)
        for by in ("all", "prediction", "user", "events")
    ]
    return pl.concat(measured)
