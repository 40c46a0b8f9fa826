"""Builds the manifest of a run from its results, and writes it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from core.base.checkpoint import SOURCE_DIGEST_LENGTH, source_digest
from core.base.cores import available_cores
from core.base.stored_files import sealed_json
from core.check_result import CheckResult
from core.config import RunConfig
from core.dataset import Dataset
from core.pipeline.clock import RunClock
from core.pipeline.session_predictions import count_composite, count_known
from core.runs import store
from core.runs.manifest import CheckCounts, Manifest, MetaModel, SessionCounts, ShiftKind, TunedLearner, Tuning
from core.runs.manifest import Shift as StoredShift
from core.runs.scores import Interval, MetricScores, Scores, UserScore
from core.schema import COMPOSITE, ROLE, STACK, TRAIN_ROLE, VALUE
from core.training import Training, Vector, mean_squared_error
from core.training.expected_score import ExpectedScore
from core.training.shift import WARNING as SHIFT_WARNING
from core.training.shift import Shift

_OPEN_WARNING = "values_of_open_sessions"
"""Code of the warning that values of sessions that have ended are too high."""


def write_manifest(
    folder: Path,
    run_id: str,
    clock: RunClock,
    *,
    config: RunConfig,
    dataset: Dataset,
    training: Training,
    shift: Shift,
    certificate: Sequence[CheckResult],
    checks: Sequence[CheckResult],
) -> Manifest:
    """Write the manifest. It has the SHA-256 of every file in the folder, so it must be written last."""
    card = dataset.card()
    manifest = Manifest(
        run_id=run_id,
        created=clock.created.isoformat(timespec="seconds"),
        seconds=clock.seconds(),
        config=config,
        dataset=dataset.fingerprint,
        dataset_name=card.name,
        synthetic=card.synthetic,
        scores=_scores(training, withheld=shift.unlike),
        meta=_meta_model(training),
        tuning=_tuning(training),
        shift=_shift(shift),
        warnings=_warnings(config, shift),
        sessions=SessionCounts(
            train=card.train.sessions,
            test=dataset.submission_order().height,
            known=count_known(dataset, config),
            composite=count_composite(dataset, config),
            untrained=card.untrained,
            cut=_count_cut(dataset, training),
        ),
        checks=_count_checks(checks),
        certificate=CheckCounts.from_outcomes(check.outcome for check in certificate),
        timings=clock.timings,
        threads=available_cores(),
        versions=store.versions(),
        program=source_digest()[:SOURCE_DIGEST_LENGTH],
        sha256=store.hash_files(folder),
    )
    (folder / store.MANIFEST_FILE).write_text(sealed_json(manifest.model_dump_json()), encoding="utf-8")
    return manifest


def _warnings(config: RunConfig, shift: Shift) -> tuple[str, ...]:
    """Return the codes of the warnings that apply to the run."""
    applies = {SHIFT_WARNING: shift.unlike, _OPEN_WARNING: config.is_live}
    return tuple(code for code, is_warning in applies.items() if is_warning)


def _count_cut(dataset: Dataset, training: Training) -> int:
    """Return the number of train sessions that were not used for training because the split by date divides them."""
    has_value = (pl.col(ROLE) == TRAIN_ROLE) & ~pl.col(COMPOSITE) & pl.col(VALUE).is_not_null()
    return int(dataset.units().select(has_value.sum()).collect().item()) - training.data.n_whole


def _scores(training: Training, *, withheld: bool) -> Scores:
    y, folds = training.data.y, training.folds
    baseline = np.full(len(y), np.nan)
    for train, validation in folds.splits():
        baseline[validation] = y[train].mean()
    stack_errors = (training.stack.oof - y) ** 2
    stack_by_fold = [float(stack_errors[folds.fold_of == fold].mean()) for fold in range(folds.count)]
    return Scores(
        learners=training.learner_mse(),
        fold_mse={fit.learner: list(fit.fold_mse) for fit in training.fits} | {STACK: stack_by_fold},
        cv_mse=training.cv_mse,
        baseline_mse=mean_squared_error(baseline, y),
        prices_mse=None if training.start is None else mean_squared_error(training.start, y),
        expected_test_mse=_interval(training.expected_mse),
        expected_withheld=withheld,
        users=_scores_by_user(training),
        in_metric=_scores_in_metric(training),
    )


def _scores_in_metric(training: Training) -> MetricScores:
    metric, y, validated = training.metric, training.data.y, training.folds.validated_mask

    def score(predictions: Vector) -> float:
        return metric.evaluate(predictions[validated], y[validated])

    return MetricScores(
        metric=metric.name,
        label=metric.label,
        unit=metric.unit,
        learners={fit.learner: score(fit.oof) for fit in training.fits},
        stack=score(training.stack.oof),
        blends={name: score(oof) for name, oof in training.combined.items() if name != training.stack.combination},
        baseline=score(training.constant),
        prices=None if training.start is None else score(training.start),
        expected=_interval(training.expected),
        expected_learners={name: _interval(expected) for name, expected in training.expected_learners.items()},
    )


def _interval(score: ExpectedScore) -> Interval:
    return Interval(**dataclasses.asdict(score))


def _scores_by_user(training: Training) -> dict[str, UserScore]:
    """Return the errors on sessions of "known" users, who have an earlier train session, and of "new" users."""
    errors = (training.stack.oof - training.data.y) ** 2
    is_known, is_known_in_test = training.history_counts > 0, training.test_history_counts > 0
    return {
        name: UserScore(
            mse=float(np.nanmean(errors[mask])) if (mask & training.folds.validated_mask).any() else None,
            train_sessions=int(mask.sum()),
            test_sessions=int(test_mask.sum()),
        )
        for name, mask, test_mask in (("new", ~is_known, ~is_known_in_test), ("known", is_known, is_known_in_test))
    }


def _meta_model(training: Training) -> MetaModel:
    stack = training.stack
    return MetaModel(
        weights={fit.learner: float(weight) for fit, weight in zip(training.fits, stack.weights, strict=True)},
        intercept=stack.intercept,
        alpha=stack.alpha,
        combination=stack.combination,
        start_weight=stack.start_weight,
        start=training.start_name,
        least=stack.lower_bound,
    )


def _tuning(training: Training) -> Tuning:
    learners = {}
    for fit in training.fits:
        search = training.search_results.get(fit.learner)
        learners[fit.learner] = TunedLearner(
            settings=fit.settings,
            trials=len(search.trials) if search else 0,
            complete=len(search.complete) if search else 0,
            importances=search.importances if search else {},
            space=search.space if search else {},
        )
    return Tuning(learners=learners, seeds=training.seeds, choice=training.selection_bias)


def _shift(shift: Shift) -> StoredShift:
    return StoredShift(
        outcome=shift.outcome,
        kinds=tuple(ShiftKind(**dataclasses.asdict(kind)) for kind in shift.kinds),
        sentence=shift.sentence,
        figures={name: round(value, 6) for name, value in shift.figures.items()},
    )


def _count_checks(checks: Sequence[CheckResult]) -> CheckCounts:
    """Count the checks of a submission. A failed check counts only if it is an error, not a warning."""
    return CheckCounts.from_outcomes(
        check.outcome for check in checks if check.outcome != "failed" or check.severity == "error"
    )
