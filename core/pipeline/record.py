"""Writes the results of a run into its folder: tables and the results of checks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from core.check_result import CheckResult
from core.features import feature_catalogue
from core.importance import Explanation
from core.runs import store
from core.schema import UNIT
from core.training import Training, coverage_frame, oof_frame, prediction_frame
from core.training.live import LiveTraining, earliness_frame


def write_tables(
    folder: Path, training: Training, sessions: pl.DataFrame, explanation: Explanation, prices: pl.DataFrame | None
) -> None:
    """Write all tables and the list of features; `sessions` is the output of `session_predictions`."""
    oof_frame(training).write_parquet(folder / store.OOF_FILE)
    folds = pl.DataFrame({UNIT: training.data.units, "fold": training.folds.fold_of})
    folds.write_parquet(folder / store.FOLDS_FILE)
    prediction_frame(training).write_parquet(folder / store.PREDICTIONS_FILE)
    sessions.write_parquet(folder / store.ANSWERS_FILE)
    (folder / store.IMPORTANCE_FOLDER).mkdir()
    explanation.save(folder / store.IMPORTANCE_FOLDER)
    if prices is not None:
        prices.write_parquet(folder / store.PRICES_FILE)
    coverage_frame(training).write_parquet(folder / store.COVERAGE_FILE)
    if training.search_results:
        _search_frame(training).write_parquet(folder / store.SEARCH_FILE)
    features = [
        {
            "name": entry.feature.name,
            "label": entry.feature.label,
            "group": entry.group,
            "unit": entry.feature.unit,
            "meaning": entry.feature.meaning,
        }
        for entry in feature_catalogue(training.data.own, training.config.features)
    ]
    _write_json(folder / store.FEATURES_FILE, features)


def write_live_tables(folder: Path, live: LiveTraining) -> None:
    """Write the out-of-fold predictions of prefixes, and their errors and intervals by events and time."""
    (folder / store.PREFIXES_FILE).parent.mkdir()
    live.prefixes.write_parquet(folder / store.PREFIXES_FILE)
    earliness_frame(live.prefixes).write_parquet(folder / store.EARLINESS_FILE)


def _search_frame(training: Training) -> pl.DataFrame:
    """Return one row per trial.

    Columns: learner, trial (from 1), loss (mean over sessions, before any root), complete (not pruned), folds
    (evaluated), seconds, rounds, settings (JSON, with the names of the search space).
    """
    return pl.DataFrame(
        [
            trial.record(learner) | {"rounds": int(trial.settings["rounds"]), "settings": json.dumps(trial.params)}
            for learner, search in training.search_results.items()
            for trial in search.trials
        ]
    )


def write_checks(folder: Path, certificate: Sequence[CheckResult], checks: Sequence[CheckResult]) -> None:
    """Write certificate.json and checks.json."""
    save_certificate(certificate, folder)
    _write_json(folder / store.CHECKS_FILE, [check.record() for check in checks])


def save_certificate(certificate: Sequence[CheckResult], folder: Path) -> None:
    """Write certificate.json."""
    _write_json(folder / store.CERTIFICATE_FILE, [check.record() for check in certificate])


def load_certificate(folder: Path) -> list[CheckResult]:
    """Return what `save_certificate` wrote."""
    records = json.loads((folder / store.CERTIFICATE_FILE).read_text(encoding="utf-8"))
    return [CheckResult(**record) for record in records]


def _write_json(path: Path, content: list[dict[str, Any]] | dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
