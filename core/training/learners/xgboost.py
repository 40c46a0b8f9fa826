"""XGBoost: gradient boosting with histograms and level-wise trees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xgboost as xgb
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

_ROUNDS = 190
"""With the default learning rate, twice as many rounds change the error by at most 1% (docs/benchmarks.md)."""
_SUFFIX = ".ubj"
_OBJECTIVES = {
    "squared": "reg:squarederror",
    "absolute": "reg:absoluteerror",
    "huber": "reg:pseudohubererror",
    "tweedie": "reg:tweedie",
    "gamma": "reg:gamma",
}
_LIBRARY = Library(
    seed="seed",
    threads="nthread",
    gpu={"device": "cuda"},
    fixed={"max_bin": MAX_BIN + 1, "tree_method": "hist", "verbosity": 0},
)


@dataclass(frozen=True)
class XGBoostModel:
    """A fitted booster with its feature names."""

    booster: xgb.Booster
    rounds: int

    def raw(self, X: Matrix) -> Vector:
        return np.asarray(self.booster.inplace_predict(X, predict_type="margin"), dtype=np.float64)

    def gain(self) -> Vector:
        gains = self.booster.get_score(importance_type="total_gain")
        names = self.booster.feature_names or []
        return np.array([gains.get(name, 0.0) for name in names], dtype=np.float64)

    def contributions(self, X: Matrix) -> Matrix:
        data = xgb.DMatrix(X, feature_names=self.booster.feature_names)
        return np.asarray(self.booster.predict(data, pred_contribs=True), dtype=np.float64)

    def save(self, folder: Path, stem: str) -> Path:
        path = folder / f"{stem}{_SUFFIX}"
        path.write_bytes(self.booster.save_raw("ubj"))
        return path


class XGBoostBinned:
    """A quantile matrix; two with the same bins if rows are held out."""

    def __init__(self, X: Matrix, context: FitContext, held: NDArray[np.bool_] | None) -> None:
        params: dict[str, Any] = {
            "feature_names": list(context.names),
            "max_bin": MAX_BIN + 1,
            "nthread": context.threads,
        }
        self._split = RowSplit(held)
        first, *others = self._split.parts or (np.arange(len(X)),)
        learned = xgb.QuantileDMatrix(X[first], **params)
        self._matrices = [learned, *(xgb.QuantileDMatrix(X[rows], ref=learned, **params) for rows in others)]

    def fit(self, task: Task, settings: Settings, context: FitContext) -> XGBoostModel:
        rounds = context.rounds(int(settings["rounds"]))
        params = _LIBRARY.params(settings, context) | {"objective": _OBJECTIVES[task.objective]}
        if task.objective == "huber":
            params["huber_slope"] = task.delta
        if "monotone_constraints" in params:
            params["monotone_constraints"] = tuple(params["monotone_constraints"])  # XGBoost refuses a list
        if task.margins is not None:
            params["base_score"] = 1.0  # 0 on the scale of the trees, so that they start from the margin alone
        for matrix, part in zip(self._matrices, self._split.tasks(task), strict=True):
            empty = np.empty(0)  # None would keep the values of the last fit
            matrix.set_info(
                label=part.labels,
                weight=empty if part.weights is None else part.weights,
                base_margin=empty if part.margins is None else part.margins,
            )
        if self._split.parts is None:
            return XGBoostModel(xgb.train(params, self._matrices[0], num_boost_round=rounds), rounds)
        booster = xgb.train(
            params,
            self._matrices[0],
            num_boost_round=rounds,
            evals=[(self._matrices[1], "held_out")],
            early_stopping_rounds=PATIENCE,
            verbose_eval=False,
        )
        best = booster.best_iteration + 1
        return XGBoostModel(booster[:best], best)


class XGBoost:
    """XGBoost as a learner of the stack."""

    name = "xgboost"
    objectives = tuple(_OBJECTIVES)

    def defaults(self) -> Settings:
        return {
            "rounds": _ROUNDS,
            "eta": 0.04,
            "max_depth": 5,
            "min_child_weight": 20.0,
            "subsample": 0.8,
            "colsample_bytree": 0.6,
            "lambda": 10.0,
        }

    def proven_settings(self) -> tuple[Settings, ...]:
        return (
            {
                "objective": "tweedie",
                "transform": "none",
                "eta": 0.042,
                "max_depth": 5,
                "min_child_weight": 100.0,
                "subsample": 0.62,
                "colsample_bytree": 0.47,
                "lambda": 40.0,
                "tweedie_variance_power": 1.22,
            },
        )

    def suggest(self, trial: Suggest, objective: str) -> Settings:
        return {
            "eta": trial.suggest_float("eta", 0.02, 0.12, log=True),
            "max_depth": trial.suggest_int("max_depth", 3, 8),
            "min_child_weight": trial.suggest_float("min_child_weight", 1.0, 300.0, log=True),
            "subsample": trial.suggest_float("subsample", 0.5, 1.0),
            "colsample_bytree": trial.suggest_float("colsample_bytree", 0.2, 1.0),
            "lambda": trial.suggest_float("lambda", 0.1, 300.0, log=True),
            **suggest_variance_power(trial, objective),
        }

    def bin(
        self, matrix: Callable[[], Matrix], context: FitContext, held: NDArray[np.bool_] | None = None
    ) -> XGBoostBinned:
        return XGBoostBinned(matrix(), context, held)

    def load(self, folder: Path, stem: str, context: FitContext) -> XGBoostModel:
        booster = xgb.Booster({"nthread": context.threads}, model_file=folder / f"{stem}{_SUFFIX}")
        return XGBoostModel(booster, booster.num_boosted_rounds())
