"""The predictions of a run, one per session."""

from __future__ import annotations

import polars as pl

from core.config import RunConfig
from core.dataset import Dataset
from core.features import FeatureTable
from core.schema import (
    COMPOSITE,
    KNOWN_VALUE,
    SESSION,
    SESSION_VALUE,
    UNIT,
    USER_SESSION,
)
from core.training import Training, per_session, prediction_frame


def session_predictions(dataset: Dataset, table: FeatureTable, training: Training, config: RunConfig) -> pl.DataFrame:
    """Return one row per session to predict, in the order of the submission.

    Returns:
        user_session: session id.
        session_value: predicted or known value, in value units.
        source: "known" for the value in the train file, "summed" for the sum over the users of a shared id, "predicted"
            for one prediction, or "default" for the best constant, if the session has no usable event.
        low_80, high_80, low_95, high_95: ends of the prediction intervals. Null if there are too few sessions to
            calibrate them, or no event.
    """
    units = table.units.select(UNIT, SESSION, KNOWN_VALUE)
    predicted = per_session(prediction_frame(training).join(units.drop(KNOWN_VALUE), on=UNIT, how="left"))
    predicted = predicted.join(units.group_by(SESSION).agg(pl.col(KNOWN_VALUE).drop_nulls().first()), on=SESSION)
    ends = [name for name in predicted.columns if name.startswith(("low_", "high_"))]
    is_known = pl.col(KNOWN_VALUE).is_not_null() & pl.lit(config.use_known_values)
    source = pl.when(is_known).then(pl.lit("known")).when(pl.col("units") > 1).then(pl.lit("summed"))
    predicted = predicted.with_columns(
        *(pl.when(is_known).then(KNOWN_VALUE).otherwise(name).alias(name) for name in (SESSION_VALUE, *ends)),
        source.otherwise(pl.lit("predicted")).alias("source"),
    )
    return (
        dataset.submission_order()
        .join(predicted, on=SESSION, how="left", maintain_order="left")
        .with_columns(
            pl.when(pl.col("units").is_null())
            .then(pl.lit(training.metric.best_constant(training.data.y)))
            .otherwise(SESSION_VALUE)
            .alias(SESSION_VALUE),
            pl.col("source").fill_null("default"),
        )
        .select(USER_SESSION, SESSION_VALUE, "source", *ends)
    )


def count_known(dataset: Dataset, config: RunConfig) -> int:
    """Return the number of sessions to predict whose value is copied from the train file."""
    return _count_sessions(dataset, pl.col(KNOWN_VALUE).is_not_null()) if config.use_known_values else 0


def count_composite(dataset: Dataset, config: RunConfig) -> int:
    """Return the number of sessions to predict whose value is a sum over several users."""
    return _count_sessions(dataset, pl.col(COMPOSITE)) if config.split_composite_sessions else 0


def _count_sessions(dataset: Dataset, condition: pl.Expr) -> int:
    sessions = dataset.units_to_predict().filter(condition).select(pl.col(SESSION).n_unique())
    return int(sessions.collect().item())
