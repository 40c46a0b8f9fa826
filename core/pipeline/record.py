"""Writes what a run found into its folder: tables, models, checks, and the manifest last."""

from __future__ import annotations

import dataclasses
import datetime
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from core.base.checkpoint import SOURCE_DIGEST_LENGTH, Checkpoints, source_digest
from core.base.progress import Progress, Report
from core.checks import CheckResult
from core.config import RunConfig, available_cores
from core.dataset import Dataset
from core.features import feature_catalogue
from core.runs import manifest as manifests
from core.runs import store
from core.schema import SESSION, STACK, UNIT
from core.training import (
    Training,
    Vector,
    coverage_frame,
    mean_squared_error,
    oof_frame,
    prediction_frame,
)
from core.training.shift import WARNING as SHIFT_WARNING
from core.training.shift import Shift
from core.training.tuning import Budget


class Clock:
    """Tells a run's progress and takes its times."""

    def __init__(self, progress: Progress) -> None:
        self.created = datetime.datetime.now(datetime.UTC)
        self.timings: dict[str, float] = {}
        self.tell = progress.on_result
        self._progress = progress
        self._began = time.monotonic()
        self._unfinished: Checkpoints | None = None

    def go_on_with(self, unfinished: Checkpoints) -> None:
        """From now on tell there that the work goes on; what earlier sittings of it took counts as ours."""
        self._unfinished = unfinished
        self._began -= unfinished.earlier_seconds
        self._progress.add_earlier_seconds(unfinished.earlier_seconds)
        for name, seconds in unfinished.timings.items():
            self.timings[name] = self.timings.get(name, 0.0) + seconds

    @contextmanager
    def step(self, name: str) -> Iterator[Report]:
        """Time a step; gives the function that it reports its parts with."""
        began = time.monotonic()

        def report(part: int, parts: int, detail: str) -> None:
            if self._unfinished is not None:
                self._unfinished.touch()
            self._progress.report(name, part, parts, detail)

        yield report
        self.timings[name] = round(self.timings.get(name, 0.0) + time.monotonic() - began, 3)
        if self._unfinished is not None:
            self._unfinished.save_timings(self.timings)

    def budget(self, config: RunConfig) -> Budget:
        """What may be spent on tuning, from when the run began."""
        minutes = config.minutes_given
        ends = None if minutes is None else self._began + 60 * minutes
        return Budget(config.trials, ends, self._progress.should_finish)

    def seconds(self) -> float:
        """Since the run began, pauses of one that was broken off left out."""
        return time.monotonic() - self._began


def write_manifest(
    folder: Path,
    run_id: str,
    clock: Clock,
    *,
    config: RunConfig,
    dataset: Dataset,
    training: Training,
    shift: Shift,
    certificate: Sequence[CheckResult],
    checks: Sequence[CheckResult],
) -> manifests.Manifest:
    """Write the manifest, with the SHA-256 of every file that is in the folder by now."""
    card = dataset.card()
    manifest = manifests.Manifest(
        run_id=run_id,
        created=clock.created.isoformat(timespec="seconds"),
        seconds=clock.seconds(),
        config=config,
        dataset=dataset.fingerprint,
        dataset_name=card.name,
        synthetic=card.synthetic,
        scores=_scores(training, withheld=shift.unlike),
        meta=_meta(training),
        tuning=_tuning(training),
        shift=_shift(shift),
        warnings=(SHIFT_WARNING,) if shift.unlike else (),
        sessions=_session_counts(dataset, config),
        checks=_counted(checks),
        certificate=manifests.CheckCounts.from_outcomes(check.outcome for check in certificate),
        timings=clock.timings,
        threads=available_cores(),
        versions=store.versions(),
        program=source_digest()[:SOURCE_DIGEST_LENGTH],
        sha256=store.hash_files(folder),
    )
    (folder / store.MANIFEST_FILE).write_text(manifest.model_dump_json(indent=1), encoding="utf-8")
    return manifest


def write_checks(folder: Path, certificate: Sequence[CheckResult], checks: Sequence[CheckResult]) -> None:
    """Write certificate.json and checks.json."""
    save_certificate(certificate, folder)
    _write_json(folder / store.CHECKS_FILE, [check.record() for check in checks])


def save_certificate(certificate: Sequence[CheckResult], folder: Path) -> None:
    """Write certificate.json."""
    _write_json(folder / store.CERTIFICATE_FILE, [check.record() for check in certificate])


def load_certificate(folder: Path) -> list[CheckResult]:
    """What `save_certificate` wrote."""
    found = json.loads((folder / store.CERTIFICATE_FILE).read_text(encoding="utf-8"))
    return [CheckResult(**check) for check in found]


def write_tables(
    folder: Path, training: Training, answers: pl.DataFrame, importance: pl.DataFrame, prices: pl.DataFrame | None
) -> None:
    """Write out-of-fold and test predictions, folds, answers, importance, prices, models and features.json."""
    oof_frame(training).write_parquet(folder / store.OOF_FILE)
    folds = pl.DataFrame({UNIT: training.data.units, "fold": training.folds.fold_of})
    folds.write_parquet(folder / store.FOLDS_FILE)
    prediction_frame(training).write_parquet(folder / store.PREDICTIONS_FILE)
    answers.write_parquet(folder / store.ANSWERS_FILE)
    (folder / store.IMPORTANCE_FILE).parent.mkdir()
    importance.write_parquet(folder / store.IMPORTANCE_FILE)
    if prices is not None:
        prices.write_parquet(folder / store.PRICES_FILE)
    models = folder / store.MODELS_FOLDER
    models.mkdir()
    links = {}
    for fit in training.fits:
        for number, fitted in enumerate(fit.models):
            seed, fold = divmod(number, training.folds.fit_count)
            stem = store.model_stem(fit.learner, fold, seed)
            fitted.model.save(models, stem)
            links[stem] = fitted.link.as_record()
    _write_json(folder / store.LINKS_FILE, links)
    coverage_frame(training).write_parquet(folder / store.COVERAGE_FILE)
    if training.search_results:
        search_frame(training).write_parquet(folder / store.SEARCH_FILE)
    listed = [
        {"name": each.feature.name, "group": each.group, "unit": each.feature.unit, "meaning": each.feature.meaning}
        for each in feature_catalogue()
    ]
    _write_json(folder / store.FEATURES_FILE, listed)


def search_frame(training: Training) -> pl.DataFrame:
    """One row a trial: learner, trial (from 1), loss (mean, in the metric's squares or absolutes), complete, folds
    (gone through), seconds, rounds, settings (JSON, by the names of the search space).
    """
    return pl.DataFrame(
        [
            {
                "learner": name,
                "trial": each.number + 1,
                "loss": each.loss,
                "complete": each.complete,
                "folds": each.folds,
                "seconds": each.seconds,
                "rounds": int(each.settings["rounds"]),
                "settings": json.dumps(each.params),
            }
            for name, found in training.search_results.items()
            for each in found.trials
        ]
    )


def _shift(shift: Shift) -> manifests.Shift:
    return manifests.Shift(
        outcome=shift.outcome,
        kinds=tuple(manifests.ShiftKind(**dataclasses.asdict(kind)) for kind in shift.kinds),
        sentence=shift.sentence,
        figures={name: round(value, 6) for name, value in shift.figures.items()},
    )


def _scores(training: Training, *, withheld: bool) -> manifests.Scores:
    y, fold_of = training.data.y, training.folds.fold_of
    baseline = np.full(len(y), np.nan)
    for others, validated in training.folds.splits():
        baseline[validated] = y[others].mean()
    stack_errors = (training.stack.oof - y) ** 2
    return manifests.Scores(
        learners=training.learner_mse(),
        fold_mse={fit.learner: list(fit.fold_mse) for fit in training.fits}
        | {STACK: [float(stack_errors[fold_of == fold].mean()) for fold in range(training.folds.count)]},
        cv_mse=training.cv_mse,
        baseline_mse=mean_squared_error(baseline, y),
        prices_mse=None if training.start is None else mean_squared_error(training.start, y),
        expected_test_mse=manifests.Interval(**dataclasses.asdict(training.expected_mse)),
        expected_withheld=withheld,
        users=_by_user(training),
        in_metric=_judged(training),
    )


def _judged(training: Training) -> manifests.MetricScores:
    metric, y, told = training.metric, training.data.y, training.folds.validated

    def score(predicted: Vector) -> float:
        return metric.of(predicted[told], y[told])

    return manifests.MetricScores(
        metric=metric.name,
        label=metric.label,
        unit=metric.unit,
        learners={fit.learner: score(fit.oof) for fit in training.fits},
        stack=score(training.stack.oof),
        blends={blend.name: score(blend.oof) for blend in training.blends},
        baseline=score(training.constant),
        linear=score(training.linear),
        prices=None if training.start is None else score(training.start),
        expected=manifests.Interval(**dataclasses.asdict(training.expected)),
    )


def _tuning(training: Training) -> manifests.Tuning:
    learners = {}
    for fit in training.fits:
        found = training.search_results.get(fit.learner)
        learners[fit.learner] = manifests.TunedLearner(
            settings=fit.settings,
            trials=len(found.trials) if found else 0,
            complete=len(found.complete) if found else 0,
            importances=found.importances if found else {},
            space=found.space if found else {},
        )
    return manifests.Tuning(learners=learners, seeds=training.seeds, choice=training.choice)


def _by_user(training: Training) -> dict[str, manifests.UserScore]:
    errors = (training.stack.oof - training.data.y) ** 2
    told = training.folds.validated
    known, test_known = training.history_counts > 0, training.test_history_counts > 0
    return {
        name: manifests.UserScore(
            mse=float(np.nanmean(errors[rows])) if (rows & told).any() else None,
            train_sessions=int(rows.sum()),
            test_sessions=int(test_rows.sum()),
        )
        for name, rows, test_rows in (("new", ~known, ~test_known), ("known", known, test_known))
    }


def _meta(training: Training) -> manifests.MetaModel:
    names = [fit.learner for fit in training.fits]
    weights = dict(zip(names, (float(weight) for weight in training.stack.weights), strict=True))
    return manifests.MetaModel(
        weights=weights,
        intercept=training.stack.intercept,
        alpha=training.stack.alpha,
        start=training.start_name,
        least=training.stack.least,
    )


def _counted(checks: Sequence[CheckResult]) -> manifests.CheckCounts:
    """Warnings ask for a look but fail nothing."""
    failed = sum(check.outcome == "failed" and check.severity == "error" for check in checks)
    return manifests.CheckCounts(passed=sum(check.outcome == "passed" for check in checks), failed=failed)


def _session_counts(dataset: Dataset, config: RunConfig) -> manifests.SessionCounts:
    wanted = dataset.wanted_units()
    known = wanted.filter(pl.col("known_value").is_not_null()) if config.use_known_values else wanted.head(0)
    composite = wanted.filter(pl.col("composite")) if config.split_composite_sessions else wanted.head(0)
    return manifests.SessionCounts(
        train=dataset.card().train.sessions,
        test=dataset.order().height,
        known=known.select(pl.col(SESSION).n_unique()).collect().item(),
        composite=composite.select(pl.col(SESSION).n_unique()).collect().item(),
        untrained=dataset.card().untrained,
    )


def _write_json(path: Path, content: list[dict[str, Any]] | dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
