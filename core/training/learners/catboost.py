"""CatBoost: gradient boosting with symmetric trees, which use the same split for a whole level."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from catboost import CatBoostRegressor, Pool
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
_SUFFIX = ".cbm"
_BORDERS = (MAX_BIN + 1) // 2
"""Half the bins of the other learners: coarser splits cost symmetric trees little accuracy."""
_MIN_ROWS_TO_SAMPLE = 32
"""Below this, every tree uses all rows: CatBoost fails if the random sample of a tree is empty."""
_LIBRARY = Library(
    seed="random_seed",
    threads="thread_count",
    gpu={"task_type": "GPU"},
    fixed={
        "border_count": _BORDERS,
        "allow_const_label": True,  # the values of a fold may all be equal
        "allow_writing_files": False,  # otherwise CatBoost creates catboost_info in the working directory
        "logging_level": "Silent",
    },
)


@dataclass(frozen=True)
class CatBoostModel:
    """A fitted regressor and the number of threads for predictions."""

    regressor: CatBoostRegressor
    rounds: int
    threads: int

    def raw(self, X: Matrix) -> Vector:
        raw = self.regressor.predict(X, prediction_type="RawFormulaVal", thread_count=self.threads)
        return np.asarray(raw, dtype=np.float64)

    def gain(self) -> Vector:
        gains = np.asarray(self.regressor.get_feature_importance(type="PredictionValuesChange"), dtype=np.float64)
        return np.nan_to_num(gains)  # NaN if no tree has a split

    def contributions(self, X: Matrix) -> Matrix:
        pool = Pool(X)
        shap = self.regressor.get_feature_importance(pool, type="ShapValues", thread_count=self.threads)
        return np.asarray(shap, dtype=np.float64)

    def save(self, folder: Path, stem: str) -> Path:
        path = folder / f"{stem}{_SUFFIX}"
        self.regressor.save_model(str(path))
        return path


class CatBoostBinned:
    """Quantized pools, one per task, because the labels of a pool cannot be replaced."""

    def __init__(self, matrix: Callable[[], Matrix], context: FitContext, held: NDArray[np.bool_] | None) -> None:
        self._matrix, self._context, self._split = matrix, context, RowSplit(held)
        self._pools: dict[bytes, Pool] = {}

    def fit(self, task: Task, settings: Settings, context: FitContext) -> CatBoostModel:
        params = _LIBRARY.params(settings, context)
        params["loss_function"] = _loss(task, params.pop("tweedie_variance_power", None))
        params["iterations"] = context.rounds(int(settings["rounds"]))
        if context.device == "gpu":
            params.pop("rsm", None)  # CatBoost supports it on the CPU only
        parts = self._split.parts
        if len(task.labels if parts is None else parts[0]) < _MIN_ROWS_TO_SAMPLE:
            params["bootstrap_type"] = "No"
            params.pop("subsample", None)
        whole = self._pool(task)
        regressor = CatBoostRegressor(**params)
        if parts is None:
            regressor.fit(whole)
        else:
            learned, held = (whole.slice(rows) for rows in parts)
            regressor.fit(learned, eval_set=held, early_stopping_rounds=PATIENCE)
        return CatBoostModel(regressor, int(regressor.tree_count_), context.threads)

    def _pool(self, task: Task) -> Pool:
        key = hashlib.blake2b()
        for part in (task.labels, task.margins, task.weights):
            key.update(b"none" if part is None else part.tobytes())
        if key.digest() not in self._pools:
            pool = Pool(self._matrix(), task.labels, feature_names=list(self._context.names))
            pool.quantize(border_count=_BORDERS)
            if task.margins is not None:
                pool.set_baseline(task.margins[:, None])
            if task.weights is not None:
                pool.set_weight(task.weights)
            self._pools[key.digest()] = pool
        return self._pools[key.digest()]


def _loss(task: Task, variance_power: float | None) -> str:
    """Return CatBoost's name of the task's objective, with its parameters."""
    if task.objective == "huber":
        return f"Huber:delta={task.delta}"
    if task.objective == "tweedie":
        return f"Tweedie:variance_power={variance_power or 1.5}"
    return {"squared": "RMSE", "absolute": "MAE"}[task.objective]


class CatBoost:
    """CatBoost as a learner of the stack."""

    name = "catboost"
    objectives = ("squared", "absolute", "huber", "tweedie")

    def defaults(self) -> Settings:
        return {
            "rounds": _ROUNDS,
            "learning_rate": 0.08,
            "depth": 6,
            "l2_leaf_reg": 5.0,
            "boosting_type": "Plain",
            "bootstrap_type": "Bernoulli",
            "subsample": 0.8,
            "rsm": 0.3,
            "leaf_estimation_iterations": 1,
            "random_strength": 1.0,
        }

    def proven_settings(self) -> tuple[Settings, ...]:
        return (
            {
                "objective": "tweedie",
                "transform": "none",
                "learning_rate": 0.06,
                "depth": 6,
                "l2_leaf_reg": 1.0,
                "random_strength": 0.4,
                "subsample": 0.58,
                "rsm": 0.3,
                "tweedie_variance_power": 1.5,
            },
        )

    def suggest(self, trial: Suggest, objective: str) -> Settings:
        return {
            "learning_rate": trial.suggest_float("learning_rate", 0.03, 0.2, log=True),
            "depth": trial.suggest_int("depth", 3, 8),
            "l2_leaf_reg": trial.suggest_float("l2_leaf_reg", 0.5, 200.0, log=True),
            "random_strength": trial.suggest_float("random_strength", 0.1, 20.0, log=True),
            "boosting_type": "Plain",
            "bootstrap_type": "Bernoulli",
            "subsample": trial.suggest_float("subsample", 0.5, 1.0),
            "rsm": trial.suggest_float("rsm", 0.2, 1.0),
            "leaf_estimation_iterations": 1,
            **suggest_variance_power(trial, objective),
        }

    def bin(
        self, matrix: Callable[[], Matrix], context: FitContext, held: NDArray[np.bool_] | None = None
    ) -> CatBoostBinned:
        return CatBoostBinned(matrix, context, held)

    def load(self, folder: Path, stem: str, context: FitContext) -> CatBoostModel:
        regressor = CatBoostRegressor().load_model(str(folder / f"{stem}{_SUFFIX}"))
        return CatBoostModel(regressor, int(regressor.tree_count_), context.threads)
