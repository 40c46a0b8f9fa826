"""The arrows of the pipeline, in order: files, dataset, features, training, importance, submission, run folder.

Each step is one function of its own room; this module only hands things on and writes the run.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from core.config import RunConfig
from core.dataset import Dataset, DatasetCard
from core.errors import RunError
from core.features import (
    GROUPS,
    FeatureTable,
    build_features,
    changed_by_later_sessions,
)
from core.importance import importance_frame
from core.ingestion import InputFiles, ingest, read_ids
from core.progress import Progress, Step
from core.runs import store
from core.schema import (
    ROLE,
    SESSION,
    SESSION_VALUE,
    STACK,
    TRAIN_ROLE,
    UNIT,
    USER_SESSION,
    VALUE,
)
from core.submission import CheckResult, run_checks, write_submission
from core.training import (
    CertificateCheck,
    Training,
    certify_training,
    mean_squared_error,
    oof_frame,
    prediction_frame,
    train,
    training_set,
)
from core.workspace import Workspace, building_folder

STEPS = (
    Step("ingest", "Reading the files", 3),
    Step("features", "Computing features", 3),
    Step("train", "Training", 80),
    Step("importance", "Measuring importance", 8),
    Step("certificate", "Checking for leaks", 6),
    Step("write", "Writing the run", 2),
)
"""The steps of a run; weights are their shares of the seconds, measured on the demo of 101,500 sessions."""

_SOURCE = "source"


def run(
    files: InputFiles | Dataset,
    config: RunConfig,
    workspace: Workspace,
    *,
    out: Path | None = None,
    progress: Progress | None = None,
) -> store.Run:
    """From two event files (or a dataset already read) to a run folder with its checked submission.

    `out` is the folder for the run, by default runs/<run id> in the workspace.

    Raises:
        StudioError: one sentence; nothing is left behind then.
    """
    progress = progress or Progress(STEPS)
    began = time.monotonic()
    created = datetime.datetime.now(datetime.UTC)
    timings = _Timings()
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunError.folder_in_use(out)

    with timings.of("ingest"):
        dataset = files if isinstance(files, Dataset) else ingest(files, workspace, _reporter(progress, "ingest"))
        card = dataset.card()
    with timings.of("features"):
        table = build_features(dataset, config, _reporter(progress, "features"))
    with timings.of("train"):
        known_share = card.known_sessions / card.to_predict if config.use_known_values else 0.0
        data = training_set(table, config)
        training = train(data, config, known_share=known_share, report=_reporter(progress, "train"))
    with timings.of("importance"):
        importance = importance_frame(training, _reporter(progress, "importance"))
    with timings.of("certificate"):
        progress.report("certificate", 0, 2, "shuffled target, planted leak")
        certificate = certify_training(training)
        progress.report("certificate", 1, 2, "later events")
        certificate.append(certify_history(dataset, table, config))
    answers = session_predictions(dataset, table, training, config)
    run_id = f"{created:%Y%m%d-%H%M%S}-{config.digest[:4]}{dataset.fingerprint[:4]}"
    folder = out or workspace.runs / run_id
    with building_folder(folder) as building:
        progress.report("write", 0, 1)
        with timings.of("write"):
            _write_tables(building, training, answers, importance)
            _write_json(building / store.CERTIFICATE_FILE, [dataclasses.asdict(check) for check in certificate])
            submission = building / store.SUBMISSION_FILE
            write_submission(answers, dataset.order(), submission)
            checks = check_submission(submission, dataset)
            _write_json(building / store.CHECKS_FILE, [dataclasses.asdict(check) for check in checks])
        manifest = store.Manifest(
            run_id=run_id,
            created=created.isoformat(timespec="seconds"),
            seconds=time.monotonic() - began,
            config=config,
            dataset=dataset.fingerprint,
            dataset_name=card.name,
            synthetic=card.synthetic,
            scores=_scores(training),
            meta=_meta(training),
            sessions=_session_counts(card, config),
            checks=_counted(checks),
            certificate=store.Passed.counted(check.outcome for check in certificate),
            timings=timings.seconds,
            threads=training.context.threads,
            versions=store.versions(),
            sha256=store.hash_files(building),
        )
        (building / store.MANIFEST_FILE).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
    progress.report("write", 1, 1)
    return store.Run(folder, manifest)


def session_predictions(dataset: Dataset, table: FeatureTable, training: Training, config: RunConfig) -> pl.DataFrame:
    """One row a session of the submission: user_session, session_value, source.

    The units of a session are summed (source "summed" where there are several); a session known from train gets the
    value it has there (source "known"); all others are "predicted".
    """
    predicted = (
        prediction_frame(training)
        .join(table.units.select(UNIT, SESSION, "known_value"), on=UNIT, how="left")
        .group_by(SESSION)
        .agg(
            pl.col(STACK).sort_by(UNIT).sum().alias(SESSION_VALUE),
            pl.len().alias("units"),
            pl.col("known_value").first(),
        )
    )
    known = pl.col("known_value").is_not_null() & pl.lit(config.use_known_values)
    answers = predicted.with_columns(
        pl.when(known).then("known_value").otherwise(SESSION_VALUE).alias(SESSION_VALUE),
        pl.when(known)
        .then(pl.lit("known"))
        .when(pl.col("units") > 1)
        .then(pl.lit("summed"))
        .otherwise(pl.lit("predicted"))
        .alias(_SOURCE),
    )
    return (
        dataset.order()
        .join(answers, on=SESSION, how="left", maintain_order="left")
        .select(USER_SESSION, SESSION_VALUE, _SOURCE)
    )


def check_submission(submission: Path, dataset: Dataset) -> list[CheckResult]:
    """Check a submission against the dataset that it answers."""
    ids = dataset.order().get_column(USER_SESSION)
    values = dataset.units().filter(pl.col(ROLE) == TRAIN_ROLE).group_by(SESSION).agg(pl.col(VALUE).first()).collect()
    known = values.select(pl.col(SESSION).cast(pl.String).alias(USER_SESSION), pl.col(VALUE).alias(SESSION_VALUE))
    has_sample = dataset.card().sample_submission is not None
    return run_checks(submission, ids, ids if has_sample else None, known)


def check_against_files(submission: Path, test: Path, sample_submission: Path | None) -> list[CheckResult]:
    """Check a submission against a test event file and, where there is one, the sample submission."""
    if sample_submission is None:
        return run_checks(submission, read_ids(test))
    ids = read_ids(sample_submission)
    return run_checks(submission, ids, ids)


def certify_history(dataset: Dataset, table: FeatureTable, config: RunConfig) -> CertificateCheck:
    """The certificate's line on time: deleting later sessions must change no history feature of an earlier one."""
    code, title = "later_events", "History features use nothing later than the session's start"
    if config.history != "as_of":
        reason = "The run was told to use all rows of both files (history: all_rows)."
        return CertificateCheck(code, title, "not_applicable", reason)
    changed, compared = changed_by_later_sessions(dataset, table, config)
    return CertificateCheck(
        code,
        title,
        "passed" if changed == 0 else "failed",
        f"With all later sessions deleted, {changed:,} of {compared:,} earlier sessions changed.",
    )


class _Timings:
    """Seconds by step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def of(self, step: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[step] = round(time.monotonic() - began, 3)


def _reporter(progress: Progress, step: str) -> Callable[[int, int, str], None]:
    return lambda part, parts, detail: progress.report(step, part, parts, detail)


def _scores(training: Training) -> store.Scores:
    y, fold_of = training.data.y, training.folds.fold_of
    baseline = np.empty(len(y))
    for others, validated in training.folds.splits():
        baseline[validated] = y[others].mean()
    stack_errors = (training.stack.oof - y) ** 2
    expected = training.expected
    return store.Scores(
        learners=training.learner_mse(),
        fold_mse={fit.learner: list(fit.fold_mse) for fit in training.fits}
        | {STACK: [float(stack_errors[fold_of == fold].mean()) for fold in range(training.folds.count)]},
        cv_mse=training.cv_mse,
        baseline_mse=mean_squared_error(baseline, y),
        expected_test_mse=store.Interval(value=expected.value, low=expected.low, high=expected.high),
    )


def _meta(training: Training) -> store.MetaModel:
    names = [fit.learner for fit in training.fits]
    weights = dict(zip(names, (float(weight) for weight in training.stack.weights), strict=True))
    return store.MetaModel(weights=weights, intercept=training.stack.intercept, alpha=training.stack.alpha)


def _counted(checks: list[CheckResult]) -> store.Passed:
    """Warnings ask for a look but fail nothing."""
    failed = sum(check.outcome == "failed" and check.severity == "error" for check in checks)
    return store.Passed(passed=sum(check.outcome == "passed" for check in checks), failed=failed)


def _session_counts(card: DatasetCard, config: RunConfig) -> store.SessionCounts:
    return store.SessionCounts(
        train=card.train.sessions,
        test=card.test.sessions,
        known=card.known_sessions if config.use_known_values else 0,
        composite=card.composite_test if config.split_composite_sessions else 0,
    )


def _write_tables(folder: Path, training: Training, answers: pl.DataFrame, importance: pl.DataFrame) -> None:
    oof_frame(training).write_parquet(folder / store.OOF_FILE)
    folds = pl.DataFrame({UNIT: training.data.units, "fold": training.folds.fold_of})
    folds.write_parquet(folder / store.FOLDS_FILE)
    prediction_frame(training).write_parquet(folder / store.PREDICTIONS_FILE)
    answers.write_parquet(folder / store.ANSWERS_FILE)
    (folder / store.IMPORTANCE_FILE).parent.mkdir()
    importance.write_parquet(folder / store.IMPORTANCE_FILE)
    models = folder / store.MODELS_FOLDER
    models.mkdir()
    for fit in training.fits:
        for fold, model in enumerate(fit.models):
            model.save(models, f"{fit.learner}-fold{fold}")
    listed = [
        {"name": feature.name, "group": group.name, "unit": feature.unit, "meaning": feature.meaning}
        for group in GROUPS
        for feature in group.features
    ]
    _write_json(folder / store.FEATURES_FILE, listed)


def _write_json(path: Path, content: list[dict[str, Any]]) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
