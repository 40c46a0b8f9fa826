"""The predictions of a run, one per session, and the checks of a submission."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from core.check_result import CheckResult
from core.config import RunConfig
from core.dataset import Dataset
from core.features import FeatureTable
from core.ingestion import event_ids
from core.ingestion.mapping import Mapping
from core.ingestion.sessions.session_ids import read_sample, require_test_sessions
from core.ingestion.sources.paths import files_of
from core.schema import (
    COMPOSITE,
    KNOWN_VALUE,
    ROLE,
    SESSION,
    SESSION_VALUE,
    TRAIN_ROLE,
    UNIT,
    USER_SESSION,
    VALUE,
)
from core.submission import SubmissionTarget, check_file
from core.training import Training, per_session, prediction_frame


def session_predictions(dataset: Dataset, table: FeatureTable, training: Training, config: RunConfig) -> pl.DataFrame:
    """Return one row per session to predict, in the order of the submission.

    Columns: user_session; session_value; source ("known": the value in the train file, "summed": the sum of the
    predictions for its users, "predicted": one prediction, "default": the session has no usable event, so it gets the
    best constant under the metric on the train sessions); low_80, high_80, low_95, high_95 (ends of its prediction
    intervals; null if there are too few sessions to calibrate them, or no event).
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
    """Return the number of sessions to predict that get the value they have in the train file."""
    return _count_sessions(dataset, pl.col(KNOWN_VALUE).is_not_null()) if config.use_known_values else 0


def count_composite(dataset: Dataset, config: RunConfig) -> int:
    """Return the number of sessions to predict whose value is a sum over several users."""
    return _count_sessions(dataset, pl.col(COMPOSITE)) if config.split_composite_sessions else 0


def _count_sessions(dataset: Dataset, condition: pl.Expr) -> int:
    sessions = dataset.units_to_predict().filter(condition).select(pl.col(SESSION).n_unique())
    return int(sessions.collect().item())


def check_submission(submission: Path, dataset: Dataset) -> list[CheckResult]:
    """Check a submission against the dataset whose sessions it predicts."""
    ids = dataset.submission_order().get_column(USER_SESSION)
    values = dataset.units().filter(pl.col(ROLE) == TRAIN_ROLE).group_by(SESSION).agg(pl.col(VALUE).first()).collect()
    known = values.select(pl.col(SESSION).cast(pl.String).alias(USER_SESSION), pl.col(VALUE).alias(SESSION_VALUE))
    card = dataset.card()
    target = SubmissionTarget.of(
        ids,
        ids if card.sample_submission is not None else None,
        known,
        columns=card.submission_columns,
        without_events=dataset.sessions_without_events(),
    )
    return check_file(submission, target)


def check_against_files(
    submission: Path, test: Path, sample_submission: Path | None, mapping: Mapping | None = None
) -> list[CheckResult]:
    """Check a submission against a test event file and, if there is one, the sample submission.

    As in a dataset, a session whose rows are all unusable needs a prediction.

    Raises:
        InputError: a file is missing or invalid, or the sample does not belong to the test file.
    """
    mapping = mapping or Mapping()
    if sample_submission is None:
        usable, quarantined = event_ids(test, mapping)
        target = SubmissionTarget.of(pl.concat([usable, quarantined]), without_events=quarantined)
        return check_file(submission, target)
    sample = read_sample(sample_submission, mapping)
    ids, without_events = sample.ids.drop_nulls().unique(maintain_order=True), None
    if mapping.session_gap_minutes is not None:  # the log has no session ids
        files_of(test)
    else:
        usable, quarantined = event_ids(test, mapping)
        without_events = ids.filter(~ids.is_in(usable.implode()))
        require_test_sessions(sample.name, without_events, ids.len(), quarantined, mapping)
    target = SubmissionTarget.of(ids, ids, columns=sample.columns, without_events=without_events)
    return check_file(submission, target)
