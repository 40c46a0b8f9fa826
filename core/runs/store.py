"""The run store: run folders on disk, written whole or not at all, and read back by everybody who shows them."""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, ValidationError

from core.config import RunConfig
from core.errors import RunError
from core.workspace import Workspace

MANIFEST_FILE = "manifest.json"
FEATURES_FILE = "features.json"
FOLDS_FILE = "folds.parquet"
OOF_FILE = "oof.parquet"
PREDICTIONS_FILE = "predictions.parquet"
MODELS_FOLDER = "models"
IMPORTANCE_FILE = "importance/importance.parquet"
COVERAGE_FILE = "coverage.parquet"
SEARCH_FILE = "search.parquet"
LINKS_FILE = "models/links.json"
PRICES_FILE = "importance/prices.parquet"
CERTIFICATE_FILE = "certificate.json"
ANSWERS_FILE = "answers.parquet"
SUBMISSION_FILE = "submission.csv"
CHECKS_FILE = "checks.json"

_PACKAGES = ("polars", "numpy", "scikit-learn", "lightgbm", "xgboost-cpu", "catboost", "optuna")


class Interval(BaseModel):
    """An estimate and the ends of its 90 % interval, in squared value units."""

    model_config = ConfigDict(frozen=True)

    value: float
    low: float
    high: float


class Passed(BaseModel):
    """How many checks passed and how many failed; what does not apply counts in neither."""

    model_config = ConfigDict(frozen=True)

    passed: int
    failed: int

    @classmethod
    def counted(cls, outcomes: Iterable[str]) -> Passed:
        found = list(outcomes)
        return cls(passed=found.count("passed"), failed=found.count("failed"))


class UserScore(BaseModel):
    """Out-of-fold error on the sessions of users with (`known`) or without (`new`) an earlier session in train."""

    model_config = ConfigDict(frozen=True)

    mse: float | None
    """None where train has no such session."""
    train_sessions: int
    test_sessions: int


class Judged(BaseModel):
    """Out-of-fold scores in the metric that the run minimised; lower is better."""

    model_config = ConfigDict(frozen=True)

    metric: str
    """mse, rmse, mae or rmsle."""
    label: str
    unit: str
    learners: dict[str, float]
    stack: float
    """Nested, like those of the blends."""
    blends: dict[str, float]
    """Other ways to combine the learners: the best of them alone, their mean, their best mean with weights of sum 1."""
    baseline: float
    """Of the best constant: the mean, or the median where absolute errors count."""
    linear: float | None
    """Of a ridge regression on all features."""
    prices: float | None
    """Of recovered prices times the user's ratio, before any tree."""
    expected: Interval

    @property
    def loss_unit(self) -> str:
        """Of what is averaged before a root is taken."""
        return {"mae": "value units", "rmsle": "squared log"}.get(self.metric, "squared value units")

    @property
    def skill(self) -> float:
        """The share of the best constant's score that the stack avoids, out of fold."""
        return 1 - self.stack / self.baseline if self.baseline else 0.0


class Tried(BaseModel):
    """How a learner's settings came about."""

    model_config = ConfigDict(frozen=True)

    settings: dict[str, int | float | str]
    trials: int = 0
    """Settings tried; 0 where they are the defaults."""
    complete: int = 0
    """Trials that went through all folds; the others were given up earlier."""
    importances: dict[str, float] = {}
    """How much each setting moved the score, as shares; empty where too few were tried."""


class Tuning(BaseModel):
    """What was fitted, how often, and by how much choosing flattered the score."""

    model_config = ConfigDict(frozen=True)

    learners: dict[str, Tried]
    seeds: int
    choice: float
    """Factor that the expected score was raised by, because settings were chosen by the same folds."""


class Scores(BaseModel):
    """Mean squared errors, all out of fold, in squared value units; and the same in the run's own metric."""

    model_config = ConfigDict(frozen=True)

    learners: dict[str, float]
    fold_mse: dict[str, list[float]]
    cv_mse: float
    """Of the stack, nested."""
    baseline_mse: float
    """Of predicting the training mean for every session: what a skill of zero costs."""
    prices_mse: float | None = None
    """Of recovered prices times the user's ratio, before any tree; None in runs without them."""
    expected_test_mse: Interval
    users: dict[str, UserScore] = {}
    """`new` and `known` users apart; empty in the first runs."""
    in_metric: Judged | None = None
    """None in the first runs, which knew the mean squared error alone; see `judged`."""

    @property
    def judged(self) -> Judged:
        """The scores to show: in the metric that the run minimised."""
        return self.in_metric or Judged(
            metric="mse",
            label="MSE",
            unit="squared value units",
            learners=self.learners,
            stack=self.cv_mse,
            blends={},
            baseline=self.baseline_mse,
            linear=None,
            prices=self.prices_mse,
            expected=self.expected_test_mse,
        )


class MetaModel(BaseModel):
    """The Ridge meta-model: prediction = intercept + sum of weight times learner, where learner = start + its trees."""

    model_config = ConfigDict(frozen=True)

    weights: dict[str, float]
    intercept: float
    alpha: float
    start: str | None = None
    """The feature that every learner starts from; None: they start from 0."""


class SessionCounts(BaseModel):
    """Sessions of the run; `test` are those to predict.

    `known` got the value they have in train; `composite` are ids that several users share in test.
    """

    model_config = ConfigDict(frozen=True)

    train: int
    test: int
    known: int
    composite: int


class Manifest(BaseModel):
    """All that is worth knowing of a run without opening its tables."""

    model_config = ConfigDict(frozen=True)

    version: Literal[1] = 1
    run_id: str
    created: str
    seconds: float
    config: RunConfig
    dataset: str
    dataset_name: str
    synthetic: bool
    scores: Scores
    meta: MetaModel
    tuning: Tuning | None = None
    """None in the first runs, which tuned nothing."""
    sessions: SessionCounts
    checks: Passed
    certificate: Passed
    timings: dict[str, float]
    """Seconds by step."""
    threads: int
    versions: dict[str, str]
    sha256: dict[str, str]
    """Of every other file in the folder, by its path inside it."""


@dataclass(frozen=True)
class Run:
    """A finished run on disk."""

    folder: Path
    manifest: Manifest

    @property
    def submission(self) -> Path:
        return self.folder / SUBMISSION_FILE

    def table(self, name: str) -> pl.LazyFrame:
        """One of the run's Parquet tables, by its constant in this module."""
        if not (self.folder / name).is_file():
            raise RunError.not_whole(self.folder, f"no {name}")
        return pl.scan_parquet(self.folder / name)

    def records(self, name: str) -> list[dict[str, Any]]:
        """One of the run's lists (checks, certificate, features), by its constant in this module."""
        try:
            found: list[dict[str, Any]] = json.loads((self.folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunError.not_whole(self.folder, f"no readable {name}") from error
        return found

    def summary(self) -> dict[str, Any]:
        """The JSON summary that `run --json` ends with."""
        manifest = self.manifest
        return {
            "run_id": manifest.run_id,
            "run_dir": str(self.folder),
            "submission": str(self.submission),
            "seconds": round(manifest.seconds, 2),
            "cv_mse": manifest.scores.cv_mse,
            "expected_test_mse": manifest.scores.expected_test_mse.model_dump(),
            "learners": {name: {"cv_mse": mse} for name, mse in manifest.scores.learners.items()},
            "meta": {"weights": manifest.meta.weights, "cv_mse": manifest.scores.cv_mse},
            "metric": manifest.scores.judged.metric,
            "cv_score": manifest.scores.judged.stack,
            "expected_test_score": manifest.scores.judged.expected.model_dump(),
            "n_sessions": manifest.sessions.model_dump(),
            "checks": manifest.checks.model_dump(),
            "certificate": manifest.certificate.model_dump(),
        }


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that a prediction depends on."""
    return {"python": platform.python_version()} | {name: version(name) for name in _PACKAGES}


def hash_files(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below the folder, but for the manifest, by path inside it."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).as_posix()
        if path.is_file() and inside != MANIFEST_FILE:
            with path.open("rb") as file:
                found[inside] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def load_run(folder: Path) -> Run:
    """Open a run folder.

    Raises:
        RunError: no such folder, or its manifest is not one that this version wrote.
    """
    path = folder / MANIFEST_FILE
    try:
        return Run(folder, Manifest.model_validate_json(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise RunError.not_whole(folder, f"no readable {MANIFEST_FILE}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or MANIFEST_FILE
        raise RunError.not_whole(folder, f"{MANIFEST_FILE}: {where}: {first['msg']}") from error


def list_runs(workspace: Workspace) -> list[Run]:
    """All readable runs of the workspace, newest first. One damaged folder does not hide the others."""
    runs: list[Run] = []
    for folder in workspace.runs.iterdir():
        if folder.name.startswith(".") or not folder.is_dir():
            continue
        try:
            runs.append(load_run(folder))
        except RunError:
            continue
    return sorted(runs, key=lambda run: (run.manifest.created, run.manifest.run_id), reverse=True)


def find_run(workspace: Workspace, name: str) -> Run:
    """Open a run by its id, or by the path of its folder.

    Raises:
        RunError: neither is there.
    """
    folder = Path(name)
    with contextlib.suppress(OSError):  # a name that cannot be a path is no path
        if (folder / MANIFEST_FILE).is_file():
            return load_run(folder)
    runs = list_runs(workspace)
    for run in runs:
        if run.manifest.run_id == name:
            return run
    raise RunError.unknown("run", name, [run.manifest.run_id for run in runs])


def best_run(runs: Sequence[Run]) -> Run | None:
    """The run with the lowest expected squared error among runs of one dataset; None when there is none."""
    return min(runs, key=lambda run: run.manifest.scores.expected_test_mse.value, default=None)
