"""LightGBM: gradient boosting with histograms and leaf-wise trees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from core.training.learners.definition import (
    MAX_BIN,
    PATIENCE,
    FitContext,
    Library,
    Matrix,
    RowSplit,
    Settings,
    Suggest,
    Task,
    Vector,
    suggest_variance_power,
)

_ROUNDS = 200
"""With the default learning rate, twice as many rounds change the error by at most 1% (docs/benchmarks.md)."""
_SUFFIX = ".txt"
_OBJECTIVES = {
    "squared": "regression",
    "absolute": "regression_l1",
    "huber": "huber",
    "tweedie": "tweedie",
    "gamma": "gamma",
}
_BINNING = {
    "max_bin": MAX_BIN,
    "feature_pre_filter": False,  # would drop features for one value of min_data_in_leaf, which is tuned
    "verbosity": -1,
}
_LIBRARY = Library(
    seed="seed",
    threads="num_threads",
    gpu={"device_type": "gpu"},
    # the layout of histograms and the order of sums must not depend on timing and threads
    fixed=_BINNING | {"deterministic": True, "force_row_wise": True},
)


@dataclass(frozen=True)
class LightGBMModel:
    """A fitted booster and the number of threads for predictions."""

    booster: lgb.Booster
    rounds: int
    threads: int

    def raw(self, X: Matrix) -> Vector:
        raw = self.booster.predict(X, raw_score=True, num_threads=self.threads, num_iteration=self.rounds)
        return np.asarray(raw, dtype=np.float64)

    def gain(self) -> Vector:
        return np.asarray(self.booster.feature_importance(importance_type="gain"), dtype=np.float64)

    def contributions(self, X: Matrix) -> Matrix:
        shap = self.booster.predict(X, pred_contrib=True, num_threads=self.threads, num_iteration=self.rounds)
        return np.asarray(shap, dtype=np.float64)

    def save(self, folder: Path, stem: str) -> Path:
        path = folder / f"{stem}{_SUFFIX}"
        path.write_text(self.booster.model_to_string(num_iteration=self.rounds), encoding="utf-8")
        return path


class LightGBMBinned:
    """A constructed dataset; two with the same bins if rows are held out."""

    def __init__(self, X: Matrix, context: FitContext, held: NDArray[np.bool_] | None) -> None:
        params = _BINNING | {"seed": context.seed, "num_threads": context.threads}
        whole = lgb.Dataset(X, np.zeros(len(X)), feature_name=list(context.names), params=params).construct()
        self._split = RowSplit(held)
        parts = self._split.parts
        self._datasets = [whole] if parts is None else [whole.subset(rows.tolist()).construct() for rows in parts]

    def fit(self, task: Task, settings: Settings, context: FitContext) -> LightGBMModel:
        rounds = context.rounds(int(settings["rounds"]))
        params = _LIBRARY.params(settings, context) | {"objective": _OBJECTIVES[task.objective]}
        if task.objective == "huber":
            params["alpha"] = task.delta
        for dataset, part in zip(self._datasets, self._split.tasks(task), strict=True):
            dataset.set_label(part.labels)
            for field, values in (("weight", part.weights), ("init_score", part.margins)):
                dataset.set_field(field, values)  # set_weight(None) would keep the last weights
        if self._split.parts is None:
            booster = lgb.train(params, self._datasets[0], num_boost_round=rounds)
            return LightGBMModel(booster, rounds, context.threads)
        booster = lgb.train(
            params,
            self._datasets[0],
            num_boost_round=rounds,
            valid_sets=[self._datasets[1]],
            callbacks=[lgb.early_stopping(PATIENCE, verbose=False)],
        )
        return LightGBMModel(booster, booster.best_iteration, context.threads)


class LightGBM:
    """LightGBM as a learner of the stack."""

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

    def proven_settings(self) -> tuple[Settings, ...]:
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
        return {
            "learning_rate": trial.suggest_float("learning_rate", 0.03, 0.15, log=True),
            "num_leaves": trial.suggest_int("num_leaves", 6, 96, log=True),
            "min_data_in_leaf": trial.suggest_int("min_data_in_leaf", 10, 400, log=True),
            "feature_fraction": trial.suggest_float("feature_fraction", 0.2, 1.0),
            "bagging_fraction": trial.suggest_float("bagging_fraction", 0.5, 1.0),
            "bagging_freq": 1,
            "lambda_l2": trial.suggest_float("lambda_l2", 0.1, 300.0, log=True),
            "path_smooth": trial.suggest_float("path_smooth", 0.0, 30.0),
            **suggest_variance_power(trial, objective),
        }

    def bin(
        self, matrix: Callable[[], Matrix], context: FitContext, held: NDArray[np.bool_] | None = None
    ) -> LightGBMBinned:
        return LightGBMBinned(matrix(), context, held)

    def load(self, folder: Path, stem: str, context: FitContext) -> LightGBMModel:
        booster = lgb.Booster(model_str=(folder / f"{stem}{_SUFFIX}").read_text(encoding="utf-8"))
        return LightGBMModel(booster, booster.num_trees(), context.threads)
