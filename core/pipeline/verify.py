"""Verifies a stored run: its files, the library versions, and whether its model reproduces the stored predictions.

The model computes the features from its own history and predicts with them, and the result is compared with the stored
predictions. A run of an earlier version of the program can be verified as long as this version can read its model and
computes the same features.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from core.base.progress import Report, no_report
from core.base.text import listed
from core.check_result import CheckResult
from core.errors import StudioError
from core.features import feature_catalogue
from core.model import SessionValueModel, load_model
from core.own_columns import PREFIX
from core.runs import Run
from core.runs.manifest import Manifest
from core.runs.store import (
    FEATURES_FILE,
    FOLDS_FILE,
    OOF_FILE,
    PREDICTIONS_FILE,
    find_damage,
    versions,
)
from core.schema import LEARNER_LABELS, STACK, UNIT
from core.training import Vector

TOLERANCE: Final = 1e-9
"""Largest difference with the same library versions, relative to the largest prediction. It is usually exactly 0."""
TOLERANCE_OTHER_VERSIONS: Final = 1e-6
"""Largest difference with other library versions, which may sum in another order. A changed tree differs by more."""

_CODE: Final = "predictions"
_TITLE: Final = "The model reproduces the stored predictions"
_META_MODEL: Final = "meta-model"
_MAX_LISTED: Final = 5


def verify_run(run: Run, report: Report = no_report) -> list[CheckResult]:
    """Check the files of a run, the library versions, and the predictions of its model.

    The dataset is not needed, because the model has its events.

    Returns:
        Three results, with codes `files`, `versions` and `predictions`. The predictions are not checked
        (`not_applicable`) if files are damaged, the run has no model, or this version has other features.
    """
    files = _check_files(run)
    reason = _reason_not_to_predict(run, files)
    if reason is not None:
        predictions = CheckResult.not_applicable(_CODE, _TITLE, reason)
    else:
        predictions = _check_predictions(run, report)
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


def _reason_not_to_predict(run: Run, files: CheckResult) -> str | None:
    """Return why the stored model cannot be used; None if it can."""
    if files.outcome == "failed":
        return "The files of the run are damaged."
    if run.manifest.version == 1:
        return "The run was made by an earlier version, which stored no model. Start it again to get one."
    names = {record["name"] for record in run.records(FEATURES_FILE)}
    stored = {name for name in names if not name.startswith(PREFIX)}  # own columns differ from log to log
    current = {entry.feature.name for entry in feature_catalogue(features=run.manifest.config.features)}
    if stored != current:
        return (
            f"The run has other features than this version: {len(stored - current)} of its {len(stored)} features no "
            f"longer exist, and {len(current - stored)} are new."
        )
    return None


def _check_predictions(run: Run, report: Report) -> CheckResult:
    try:
        oof, test = _predict(run, load_model(run), report)
    except StudioError as error:
        return CheckResult.of(_CODE, _TITLE, passed=False, explanation=error.problem)
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


def _predict(run: Run, model: SessionValueModel, report: Report) -> tuple[dict[str, Vector], dict[str, Vector]]:
    """Return learner -> out-of-fold predictions, and learner or stack -> test predictions."""
    oof = model.predict_training(run.table(FOLDS_FILE).collect(), report)
    values = model.predict_units(run.table(PREDICTIONS_FILE).select(UNIT).collect().to_series(), report)
    learners = model.spec.learners
    test = {name: values.by_learner[:, column] for column, name in enumerate(learners)} | {STACK: values.stack}
    return {name: oof[:, column] for column, name in enumerate(learners)}, test


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
    """Return the largest absolute difference between `values` and a stored column, as a relative difference.

    It is divided by the largest absolute stored value, or by 1 if that is larger. The result is infinite if the column
    is missing, or if the number of rows or the positions of NaN differ.
    """
    if column not in table.columns:
        return float("inf")
    stored = table.get_column(column).to_numpy()
    if len(stored) != len(values) or not np.array_equal(np.isnan(stored), np.isnan(values)):
        return float("inf")
    present = ~np.isnan(stored)
    largest = np.max(np.abs(stored[present]), initial=1.0)
    return float(np.max(np.abs(stored - values)[present], initial=0.0) / largest)
