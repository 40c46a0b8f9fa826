"""The tables of a training that are stored in the run: out-of-fold, predictions and interval coverage."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from core.schema import SESSION, SESSION_VALUE, STACK, UNIT, VALUE
from core.training.learners import Matrix, Vector
from core.training.train import Training, event_counts

_LENGTHS, _LENGTH_ENDS = ("1", "2", "3 to 5", "6 to 10", "more"), (1, 2, 5, 10)
"""Classes of session length in events; half of the competition's sessions have one event, and 2% more than 10."""


def oof_frame(training: Training) -> pl.DataFrame:
    """Return the out-of-fold predictions, one row per training unit.

    Columns: unit, fold (-1 if no fold validates the unit), value, one column per learner, and stack. Predictions are in
    value units, and NaN where no fold validates the unit.
    """
    return pl.DataFrame(
        {UNIT: training.data.units, "fold": training.folds.fold_of, VALUE: training.data.y}
        | {fit.learner: fit.oof for fit in training.fits}
        | {STACK: training.stack.oof}
    )


def prediction_frame(training: Training) -> pl.DataFrame:
    """Return the predictions, one row per unit to predict.

    Columns: unit and, in value units, one column per learner, stack, and the interval ends low_80, high_80, low_95 and
    high_95. A high end is null where it is infinite.
    """
    learners = {fit.learner: fit.test for fit in training.fits}
    units = pl.DataFrame({UNIT: training.data.test_units} | learners)
    return units.hstack(value_frame(training.test, training.intervals.test))


def value_frame(stack: Vector, intervals: Mapping[float, Matrix]) -> pl.DataFrame:
    """Return the predictions of the stack, and the ends of their intervals: low_80, high_80, low_95 and high_95.

    A high end is null where it is infinite.

    Args:
        intervals: level -> (rows, 2) low and high ends, in value units.
    """
    ends = {
        f"{side}_{_percent(level)}": pl.Series(interval[:, index], dtype=pl.Float64).replace(np.inf, None)
        for level, interval in intervals.items()
        for index, side in enumerate(("low", "high"))
    }
    return pl.DataFrame({STACK: stack} | ends, schema_overrides={STACK: pl.Float64})


def per_session(predictions: pl.DataFrame) -> pl.DataFrame:
    """Add up the predictions of the units of each session.

    The coverage of a summed interval is at least that of the intervals of the units.

    Args:
        predictions: session, unit, and the columns of `value_frame`.

    Returns:
        One row per session:
        session: code of the session id.
        session_value: sum of the predictions, in value units.
        low_80, high_80, low_95, high_95: sums of the ends of the intervals; null if the end of a unit is null.
        units: number of units.
    """
    ends = [name for name in predictions.columns if name.startswith(("low_", "high_"))]
    return predictions.group_by(SESSION).agg(
        pl.col(STACK).sort_by(UNIT).sum().alias(SESSION_VALUE),
        *(pl.when(pl.col(name).null_count() == 0).then(pl.col(name).sum()).alias(name) for name in ends),
        pl.len().alias("units"),
    )


def coverage_frame(training: Training) -> pl.DataFrame:
    """Return the out-of-fold coverage of the intervals, one row per segment of the training sessions.

    Segments by prediction are deciles of the prediction, not of the value: no interval can cover the highest values as
    often as others, because they are not known in advance.

    Returns:
        by: all, prediction, user or events.
        segment: label of the segment.
        sessions: number of sessions.
        inside_80, inside_95: share of the values inside the interval.
        width_80, width_95: mean of the finite widths, in value units; null if none is finite.
    """
    validated = training.folds.validated_mask
    events, y = event_counts(training.data.X, training.data.names), training.data.y
    rank = pl.Series(training.stack.oof).fill_nan(None).rank("ordinal")
    decile = ((rank - 1) * 10 // max(int(validated.sum()), 1) + 1).cast(pl.Int64)
    columns: dict[str, pl.Series] = {}
    for level, ends in training.intervals.train.items():
        columns[f"inside_{_percent(level)}"] = pl.Series(training.intervals.inside(level, y))
        columns[f"width_{_percent(level)}"] = pl.Series(ends[:, 1] - ends[:, 0]).replace(np.inf, None)
    segments = {
        "all": ["all sessions"] * len(y),
        "prediction": decile,
        "user": np.where(training.history_counts > 0, "known", "new"),
        "events": np.array(_LENGTHS)[np.searchsorted(_LENGTH_ENDS, events)],
    }
    rows = pl.DataFrame(segments | columns).filter(pl.Series(validated))
    return pl.concat(
        rows.group_by(by, maintain_order=True)
        .agg(pl.len().cast(pl.Int64).alias("sessions"), pl.col(*columns).mean())
        .sort(by)
        .select(pl.lit(by).alias("by"), pl.col(by).cast(pl.String).alias("segment"), "sessions", *columns)
        for by in segments
    )


def _percent(level: float) -> str:
    """Format a level for column names: 0.8 as "80"."""
    return f"{100 * level:.0f}"
