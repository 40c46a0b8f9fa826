"""Verifies a stored run: its files, the library versions, and whether its models reproduce the stored predictions.

The features are computed again from the dataset, the stored models predict with them, and the result is compared with
the stored predictions. A run of an earlier version of the program can be verified as long as this version can read its
models and computes the same features.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Final

import numpy as np
import polars as pl

from core.base.progress import Report, no_report
from core.base.text import listed
from core.check_result import CheckResult
from core.dataset import Dataset
from core.features import feature_catalogue
from core.metric import metric_named
from core.pipeline.run import feature_table, prepared_rows
from core.runs import Run
from core.runs.manifest import Manifest
from core.runs.store import (
    FEATURES_FILE,
    LINKS_FILE,
    MODELS_FOLDER,
    OOF_FILE,
    PREDICTIONS_FILE,
    find_damage,
    model_stem,
    versions,
)
from core.schema import LEARNER_LABELS, STACK
from core.training import PreparedFolds, Stack, Vector
from core.training.fitting import FittedLearner
from core.training.learners import Learner
from core.training.targets import Link

TOLERANCE: Final = 1e-9
"""Largest difference with the same library versions, relative to the largest prediction. It is usually exactly 0."""
TOLERANCE_OTHER_VERSIONS: Final = 1e-6
"""Largest difference with other library versions, which may sum in another order. A changed tree differs by more."""

_CODE: Final = "predictions"
_TITLE: Final = "The models reproduce the stored predictions"
_META_MODEL: Final = "meta-model"
_MAX_LISTED: Final = 5


def verify_run(run: Run, dataset: Dataset | None, report: Report = no_report) -> list[CheckResult]:
    """Check the files of a run, the library versions, and the predictions of its models.

    Args:
        dataset: the dataset of the run; None if it is no longer in the workspace.

    Returns:
        Three results, with codes `files`, `versions` and `predictions`. The predictions are not checked
        (`not_applicable`) if files are damaged, the dataset is absent, or this version has other features.
    """
    files = _check_files(run)
    reason = _reason_not_to_predict(run, dataset, files)
    if dataset is None or reason is not None:
        predictions = CheckResult.not_applicable(_CODE, _TITLE, reason or "")
    else:
        predictions = _check_predictions(run, dataset, report)
    return [files, _check_versions(run.manifest), predictions]


def _check_files(run: Run) -> CheckResult:
    damaged = find_damage(run)
    lists = (("Changed", damaged.changed), ("Missing", damaged.missing), ("Not part of the run", damaged.added))
    problems = [f"{label}: {listed(names, _MAX_LISTED)}." for label, names in lists if names]
    return CheckResult.of(
        "files",
        "The files are as they were written",
        passed=not damaged.changed and not damaged.missing,
        explanation=" ".join(problems) or f"All {len(run.manifest.sha256)} files have the stored hashes.",
    )


def _check_versions(manifest: Manifest) -> CheckResult:
    """Compare library versions. Other versions are no failure: the predictions show whether they matter."""
    code, title, installed = "versions", "The library versions are those of the run", versions()
    others = [
        f"{name} {version} (installed: {installed.get(name)})"
        for name, version in manifest.versions.items()
        if installed.get(name) != version
    ]
    if others:
        return CheckResult.not_applicable(code, title, f"The run was made with {listed(others, _MAX_LISTED)}.")
    return CheckResult.of(code, title, passed=True, explanation="All versions are the same.")


def _reason_not_to_predict(run: Run, dataset: Dataset | None, files: CheckResult) -> str | None:
    """Return why the stored models cannot be used; None if they can."""
    if files.outcome == "failed":
        return "The files of the run are damaged."
    if dataset is None:
        return f"The dataset of the run, {run.manifest.dataset[:12]}, is not in this workspace."
    stored = {record["name"] for record in run.records(FEATURES_FILE)}
    current = {entry.feature.name for entry in feature_catalogue()}
    if stored != current:
        return (
            f"The run has other features than this version: {len(stored - current)} of its {len(stored)} features no "
            f"longer exist, and {len(current - stored)} are new."
        )
    if LINKS_FILE not in run.manifest.sha256:
        return f"The run has no {LINKS_FILE}, which converts the output of its models to session values."
    return None


def _check_predictions(run: Run, dataset: Dataset, report: Report) -> CheckResult:
    config = run.manifest.config
    prepared = prepared_rows(dataset, feature_table(dataset, config, report), config, report)
    try:
        oof, test = _predict(run, prepared)
    except Exception as error:  # noqa: BLE001 (each library has its own errors for a model that it cannot read)
        reason = str(error).strip().splitlines() or [type(error).__name__]
        explanation = f"The stored models cannot predict: {reason[0]}"
        return CheckResult.of(_CODE, _TITLE, passed=False, explanation=explanation)
    differences = _differences(run, oof, test)
    worst = max(differences, key=differences.__getitem__)
    tolerance = TOLERANCE if run.manifest.versions == versions() else TOLERANCE_OTHER_VERSIONS
    return CheckResult.of(
        _CODE,
        _TITLE,
        passed=differences[worst] <= tolerance,
        explanation=f"The largest difference is {differences[worst]:.1e} of the largest prediction ({worst}); "
        f"up to {tolerance:.0e} is allowed.",
    )


def _predict(run: Run, prepared: PreparedFolds) -> tuple[dict[str, Vector], dict[str, Vector]]:
    """Return learner -> out-of-fold predictions, and learner or stack -> test predictions."""
    manifest = run.manifest
    links = {stem: Link(**link) for stem, link in json.loads(run.verified_bytes(LINKS_FILE)).items()}
    n_seeds = 1 if manifest.tuning is None else manifest.tuning.seeds
    oof: dict[str, Vector] = {}
    test: dict[str, Vector] = {}
    for learner in prepared.learners:
        by_seed = [_predict_with(learner, seed, run, links, prepared) for seed in range(n_seeds)]
        oof[learner.name] = np.mean([seed_oof for seed_oof, _ in by_seed], axis=0)
        test[learner.name] = np.mean([seed_test for _, seed_test in by_seed], axis=0)
    meta, weights = manifest.meta, np.array([manifest.meta.weights[name] for name in oof])
    stack = Stack(weights, meta.intercept, meta.alpha, np.empty(0), metric_named(manifest.config.metric), meta.least)
    test[STACK] = stack.predict(np.column_stack([test[name] for name in oof]))
    return oof, test


def _predict_with(
    learner: Learner, seed: int, run: Run, links: dict[str, Link], prepared: PreparedFolds
) -> tuple[Vector, Vector]:
    """Return the out-of-fold and test predictions of one learner's stored models with one seed."""
    matrices = prepared.matrices
    context = replace(prepared.context, threads=1)
    oof = np.full(len(matrices.y), np.nan)
    test = []
    for fold, (_, validation) in enumerate(matrices.folds.fits()):
        stem = model_stem(learner.name, fold, seed)
        model = FittedLearner(learner.load(run.folder / MODELS_FOLDER, stem, context), links[stem])
        rows = matrices.train_rows(fold, validation)
        oof[validation] = model.predict(rows, matrices.start(rows))
        if fold in matrices.folds.fits_for_test:
            rows = matrices.test_rows(fold)
            test.append(model.predict(rows, matrices.start(rows)))
    return oof, np.mean(test, axis=0)


def _differences(run: Run, oof: dict[str, Vector], test: dict[str, Vector]) -> dict[str, float]:
    """Return label of the learner or meta-model -> largest relative difference from the stored predictions."""
    differences: dict[str, float] = {}
    for file, predictions in ((OOF_FILE, oof), (PREDICTIONS_FILE, test)):
        stored = run.table(file).collect()
        for name, values in predictions.items():
            label = LEARNER_LABELS.get(name, _META_MODEL)
            differences[label] = max(differences.get(label, 0.0), _relative_difference(values, stored, name))
    return differences


def _relative_difference(values: Vector, table: pl.DataFrame, column: str) -> float:
    """Return the largest difference as a share of the largest stored value (at least 1).

    It is infinite if the number of rows differs, or if other rows have no prediction.
    """
    if column not in table.columns:
        return float("inf")
    stored = table.get_column(column).to_numpy()
    if len(stored) != len(values) or not np.array_equal(np.isnan(stored), np.isnan(values)):
        return float("inf")
    present = ~np.isnan(stored)
    largest = np.max(np.abs(stored[present]), initial=1.0)
    return float(np.max(np.abs(stored - values)[present], initial=0.0) / largest)
