"""XGBoost: histogram boosting, level by level."""

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
    Matrix,
    Settings,
    Suggest,
    Task,
    Vector,
    library_settings,
    split_rows,
)

_ROUNDS = 190
"""With the rate below, twice as many change the error on demo and journey by at most 1 % (docs/benchmarks.md)."""
_ENDING = ".ubj"
_OBJECTIVES = {
    "squared": "reg:squarederror",
    "absolute": "reg:absoluteerror",
    "huber": "reg:pseudohubererror",
    "tweedie": "reg:tweedie",
    "gamma": "reg:gamma",
}


@dataclass(frozen=True)
class XGBoostModel:
    """A fitted booster; its feature names are those of the table."""

    booster: xgb.Booster
    rounds: int

    def raw(self, X: Matrix) -> Vector:
        return np.asarray(self.booster.inplace_predict(X, predict_type="margin"), dtype=np.float64)

    def gain(self) -> Vector:
        found = self.booster.get_score(importance_type="total_gain")
        names = self.booster.feature_names or []
        return np.array([found.get(name, 0.0) for name in names], dtype=np.float64)

    def contributions(self, X: Matrix) -> Matrix:
        data = xgb.DMatrix(X, feature_names=self.booster.feature_names)
        return np.asarray(self.booster.predict(data, pred_contribs=True), dtype=np.float64)

    def save(self, folder: Path, stem: str) -> Path:
        path = folder / f"{stem}{_ENDING}"
        path.write_bytes(self.booster.save_raw("ubj"))
        return path


class XGBoostBinned:
    """One quantile matrix; where rows are held out, two with the bins of the first."""

    def __init__(self, X: Matrix, context: FitContext, held: NDArray[np.bool_] | None) -> None:
        told: dict[str, Any] = {
            "feature_names": list(context.names),
            "max_bin": MAX_BIN + 1,
            "nthread": context.threads,
        }
        self._rows = split_rows(held)
        first, *others = [np.arange(len(X))] if self._rows is None else self._rows
        learned = xgb.QuantileDMatrix(X[first], **told)
        self._parts = [learned, *(xgb.QuantileDMatrix(X[rows], ref=learned, **told) for rows in others)]

    def fit(self, task: Task, settings: Settings, context: FitContext) -> XGBoostModel:
        rounds = context.rounds(int(settings["rounds"]))
        told = library_settings(settings)
        told |= {
            "objective": _OBJECTIVES[task.objective],
            "max_bin": MAX_BIN + 1,
            "tree_method": "hist",
            "seed": context.seed,
            "nthread": context.threads,
            "verbosity": 0,
        }
        if task.objective == "huber":
            told |= {"huber_slope": task.delta}
        if context.device == "gpu":
            told |= {"device": "cuda"}
        if (rising := context.monotone()) is not None:
            told |= {"monotone_constraints": tuple(rising)}
        if task.margins is not None:
            told |= {"base_score": 1.0}  # 0 on the scale of the trees: the margin is all that they start from
        tasks = [task] if self._rows is None else [task.part(rows) for rows in self._rows]
        for part, mine in zip(self._parts, tasks, strict=True):
            # None would keep those of the last fit
            nothing = np.empty(0)
            part.set_info(
                label=mine.labels,
                weight=nothing if mine.weights is None else mine.weights,
                base_margin=nothing if mine.margins is None else mine.margins,
            )
        if self._rows is None:
            return XGBoostModel(xgb.train(told, self._parts[0], num_boost_round=rounds), rounds)
        booster = xgb.train(
            told,
            self._parts[0],
            num_boost_round=rounds,
            evals=[(self._parts[1], "held_out")],
            early_stopping_rounds=PATIENCE,
            verbose_eval=False,
        )
        best = booster.best_iteration + 1
        return XGBoostModel(booster[:best], best)


class XGBoost:
    """Settings for squared errors, which is what the score counts; on which scale, core.training.targets says."""

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

    def known(self) -> tuple[Settings, ...]:
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
        found: Settings = {
            "eta": trial.suggest_float("eta", 0.02, 0.12, log=True),
            "max_depth": trial.suggest_int("max_depth", 3, 8),
            "min_child_weight": trial.suggest_float("min_child_weight", 1.0, 300.0, log=True),
            "subsample": trial.suggest_float("subsample", 0.5, 1.0),
            "colsample_bytree": trial.suggest_float("colsample_bytree", 0.2, 1.0),
            "lambda": trial.suggest_float("lambda", 0.1, 300.0, log=True),
        }
        if objective == "tweedie":
            found["tweedie_variance_power"] = trial.suggest_float("tweedie_variance_power", 1.05, 1.7)
        return found

    def bin(
        self, matrix: Callable[[], Matrix], context: FitContext, held: NDArray[np.bool_] | None = None
    ) -> XGBoostBinned:
        return XGBoostBinned(matrix(), context, held)

    def load(self, folder: Path, stem: str, context: FitContext) -> XGBoostModel:
        booster = xgb.Booster({"nthread": context.threads}, model_file=folder / f"{stem}{_ENDING}")
        return XGBoostModel(booster, booster.num_boosted_rounds())
