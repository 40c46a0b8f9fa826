"""What a submission is checked against: the sessions to predict, taken from a dataset, a run or event files."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from core.base.ids import short_digest
from core.base.workspace import Workspace
from core.dataset import Dataset, list_datasets
from core.errors import RunError
from core.ingestion import event_ids
from core.ingestion.mapping import Mapping
from core.ingestion.sessions.session_ids import read_sample, require_test_sessions
from core.ingestion.sources.paths import files_of
from core.runs import Run
from core.runs.store import ANSWERS_FILE
from core.schema import KNOWN_VALUE, ROLE, SESSION, SESSION_VALUE, TRAIN_ROLE, USER_SESSION, VALUE
from core.submission import SubmissionTarget
from core.submission.target import IS_SUM, PREDICTED, TEXT

_SOURCE, _DEFAULT, _SUMMED = "source", "default", "summed"
"""Column of the answers file that says how a value was computed, and two of its values (see session_predictions.py)."""


def target_of_dataset(
    dataset: Dataset, reference: pl.DataFrame | None = None, *, use_known_values: bool = True
) -> SubmissionTarget:
    """Return the sessions to predict of a dataset.

    Args:
        reference: predictions of a run; see `SubmissionTarget`.
        use_known_values: whether a test session that is also in the train file is given the value it has there.
    """
    card, ids = dataset.card(), dataset.submission_order().get_column(USER_SESSION)
    train_units = dataset.units().filter(pl.col(ROLE) == TRAIN_ROLE)
    train_values = train_units.group_by(SESSION).agg(pl.col(VALUE).first()).collect().get_column(VALUE)
    return SubmissionTarget.of(
        ids,
        sample=None if card.sample_submission is None else ids,
        train_values=train_values,
        known=_known_values(dataset) if use_known_values else None,
        columns=card.submission_columns,
        without_events=dataset.sessions_without_events(),
        reference=reference,
    )


def _known_values(dataset: Dataset) -> pl.DataFrame:
    """Return user_session and session_value of the sessions to predict whose value is known from the train file."""
    known_units = dataset.units_to_predict().drop_nulls(KNOWN_VALUE)
    by_session = known_units.group_by(SESSION).agg(pl.col(KNOWN_VALUE).first().alias(SESSION_VALUE)).collect()
    known = dataset.submission_order().join(by_session, on=SESSION).select(USER_SESSION, SESSION_VALUE)
    return known.unique(USER_SESSION)


def target_of_run(workspace: Workspace, run: Run) -> SubmissionTarget:
    """Return the sessions that a run predicted, with its predictions as the reference.

    Raises:
        RunError: the dataset of the run was deleted, or a file of the run is damaged.
    """
    answers = run.table(ANSWERS_FILE).filter(pl.col(_SOURCE) != _DEFAULT)
    reference = answers.select(
        pl.col(USER_SESSION).alias(TEXT),
        pl.col(SESSION_VALUE).alias(PREDICTED),
        (pl.col(_SOURCE) == _SUMMED).alias(IS_SUM),
    )
    use_known_values = run.manifest.config.use_known_values
    return target_of_dataset(dataset_of(workspace, run), reference.collect(), use_known_values=use_known_values)


def dataset_of(workspace: Workspace, run: Run) -> Dataset:
    """Return the dataset of a run.

    Raises:
        RunError: it was deleted.
    """
    datasets = list_datasets(workspace)
    for dataset in datasets:
        if run.is_on(dataset):
            return dataset
    digests = [short_digest(dataset.fingerprint) for dataset in datasets]
    raise RunError.unknown("dataset", short_digest(run.manifest.dataset), digests)


def target_of_files(test: Path, sample_submission: Path | None, mapping: Mapping | None = None) -> SubmissionTarget:
    """Return the sessions of a test event file, or of the sample submission if there is one.

    As in a dataset, a session whose rows are all unusable needs a prediction.

    Raises:
        InputError: a file is missing or invalid, or the sample does not belong to the test file.
    """
    mapping = mapping or Mapping()
    if sample_submission is None:
        usable, quarantined = event_ids(test, mapping)
        return SubmissionTarget.of(pl.concat([usable, quarantined]), without_events=quarantined)
    sample = read_sample(sample_submission, mapping)
    ids = sample.ids.drop_nulls().unique(maintain_order=True)
    if mapping.session_gap_minutes is not None:  # the log has no session ids, so the sample cannot be compared with it
        files_of(test)  # raises if the file is missing
        without_events = None
    else:
        usable, quarantined = event_ids(test, mapping)
        without_events = ids.filter(~ids.is_in(usable.implode()))
        require_test_sessions(sample.name, without_events, ids.len(), quarantined, mapping)
    return SubmissionTarget.of(ids, sample=ids, columns=sample.columns, without_events=without_events)
