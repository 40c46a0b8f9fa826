"""LightGBM: histogram boosting, leaf by leaf."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from core.training.learners.definition import (
    MAX_BIN,
    PATIENCE,
    FitContext,
    Matrix,
    Settings,
    Suggest,
    Task,
    Vector,
    library_settings,
    split_rows,
)

_ROUNDS = 200
"""With the rate below, twice as many change the error on demo and journey by at most 1 % (docs/benchmarks.md)."""
_ENDING = ".txt"
_OBJECTIVES = {
    "squared": "regression",
    "absolute": "regression_l1",
    "huber": "huber",
    "tweedie": "tweedie",
    "gamma": "gamma",
}


@dataclass(frozen=True)
class LightGBMModel:
    """A fitted booster, and the threads it may use."""

    booster: lgb.Booster
    rounds: int
    threads: int

    def raw(self, X: Matrix) -> Vector:
        found = self.booster.predict(X, raw_score=True, num_threads=self.threads, num_iteration=self.rounds)
        return np.asarray(found, dtype=np.float64)

    def gain(self) -> Vector:
        return np.asarray(self.booster.feature_importance(importance_type="gain"), dtype=np.float64)

    def contributions(self, X: Matrix) -> Matrix:
        found = self.booster.predict(X, pred_contrib=True, num_threads=self.threads, num_iteration=self.rounds)
        return np.asarray(found, dtype=np.float64)

    def save(self, folder: Path, stem: str) -> Path:
        path = folder / f"{stem}{_ENDING}"
        path.write_text(self.booster.model_to_string(num_iteration=self.rounds), encoding="utf-8")
        return path


class LightGBMBinned:
    """One constructed dataset; where rows are held out, two that share its bins."""

    def __init__(self, X: Matrix, context: FitContext, held: NDArray[np.bool_] | None) -> None:
        settings: dict[str, Any] = {
            "max_bin": MAX_BIN,
            "feature_pre_filter": False,  # the least number of rows in a leaf is tuned later
            "verbosity": -1,
            "seed": context.seed,
            "num_threads": context.threads,
        }
        whole = lgb.Dataset(X, np.zeros(len(X)), feature_name=list(context.names), params=settings).construct()
        self._rows = split_rows(held)
        self._parts = (
            [whole] if self._rows is None else [whole.subset(rows.tolist()).construct() for rows in self._rows]
        )

    def fit(self, task: Task, settings: Settings, context: FitContext) -> LightGBMModel:
        rounds = context.rounds(int(settings["rounds"]))
        told = library_settings(settings)
        told |= {
            "objective": _OBJECTIVES[task.objective],
            "max_bin": MAX_BIN,
            "feature_pre_filter": False,
            "seed": context.seed,
            "num_threads": context.threads,
            # Same bytes on every run: no choice of histogram layout by timing, no order of sums by threads.
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        if task.objective == "huber":
            told |= {"alpha": task.delta}
        if context.device == "gpu":
            told |= {"device_type": "gpu"}
        if (rising := context.monotone()) is not None:
            told |= {"monotone_constraints": rising}
        for part, mine in zip(self._parts, self._tasks(task), strict=True):
            part.set_label(mine.labels)
            for field, values in (("weight", mine.weights), ("init_score", mine.margins)):
                part.set_field(field, values)  # set_weight(None) and set_init_score(None) keep those of the last fit
        if self._rows is None:
            booster = lgb.train(told, self._parts[0], num_boost_round=rounds)
            return LightGBMModel(booster, rounds, context.threads)
        booster = lgb.train(
            told,
            self._parts[0],
            num_boost_round=rounds,
            valid_sets=[self._parts[1]],
            callbacks=[lgb.early_stopping(PATIENCE, verbose=False)],
        )
        return LightGBMModel(booster, booster.best_iteration, context.threads)

    def _tasks(self, task: Task) -> list[Task]:
        return [task] if self._rows is None else [task.part(rows) for rows in self._rows]


class LightGBM:
    """Settings for squared errors, which is what the score counts; on which scale, core.training.targets says."""

    name = "lightgbm"
    objectives = tuple(_OBJECTIVES)

    def defaults(self) -> Settings:
        return {
            "rounds": _ROUNDS,
            "learning_rate": 0.04,
            "num_leaves": 24,
            "min_data_in_leaf": 40,
            "feature_fraction": 0.6,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "lambda_l2": 10.0,
            "path_smooth": 0.0,
        }

    def known(self) -> tuple[Settings, ...]:
        return (
            {
                "objective": "tweedie",
                "transform": "none",
                "learning_rate": 0.05,
                "num_leaves": 27,
                "min_data_in_leaf": 15,
                "feature_fraction": 0.26,
                "bagging_fraction": 0.9,
                "lambda_l2": 1.7,
                "path_smooth": 18.0,
                "tweedie_variance_power": 1.2,
            },
        )

    def suggest(self, trial: Suggest, objective: str) -> Settings:
        found: Settings = {
            "learning_rate": trial.suggest_float("learning_rate", 0.03, 0.15, log=True),
            "num_leaves": trial.suggest_int("num_leaves", 6, 96, log=True),
            "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 10, 400, log=True),
            "feature_fraction": trial.suggest_float("feature_fraction", 0.2, 1.0),
            "bagging_fraction": trial.suggest_float("bagging_fraction", 0.5, 1.0),
            "bagging_freq": 1,
            "lambda_l2": trial.suggest_float("lambda_l2", 0.1, 300.0, log=True),
            "path_smooth": trial.suggest_float("path_smooth", 0.0, 30.0),
        }
        if objective == "tweedie":
            found["tweedie_variance_power"] = trial.suggest_float("tweedie_variance_power", 1.05, 1.7)
        return found

    def bin(
        self, matrix: Callable[[], Matrix], context: FitContext, held: NDArray[np.bool_] | None = None
    ) -> LightGBMBinned:
        return LightGBMBinned(matrix(), context, held)

    def load(self, folder: Path, stem: str, context: FitContext) -> LightGBMModel:
        booster = lgb.Booster(model_str=(folder / f"{stem}{_ENDING}").read_text(encoding="utf-8"))
        return LightGBMModel(booster, booster.num_trees(), context.threads)
