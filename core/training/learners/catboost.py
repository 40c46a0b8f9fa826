"""CatBoost: symmetric trees, each level one split for the whole level."""

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
_ENDING = ".cbm"
_BORDERS = (MAX_BIN + 1) // 2
"""Half the bins of the others: the trees are symmetric, so a split that is a hair off costs little."""
_ROWS_TO_SAMPLE = 32
"""Of fewer rows a tree is given all: it ends in an error where its draw is empty, which happens with a handful."""


@dataclass(frozen=True)
class CatBoostModel:
    """A fitted regressor, and the threads it may use."""

    regressor: CatBoostRegressor
    rounds: int
    threads: int

    def raw(self, X: Matrix) -> Vector:
        found = self.regressor.predict(X, prediction_type="RawFormulaVal", thread_count=self.threads)
        return np.asarray(found, dtype=np.float64)

    def gain(self) -> Vector:
        found = np.asarray(self.regressor.get_feature_importance(type="PredictionValuesChange"), dtype=np.float64)
        return np.nan_to_num(found)  # where no tree has a split, CatBoost divides 0 by 0

    def contributions(self, X: Matrix) -> Matrix:
        pool = Pool(X)
        found = self.regressor.get_feature_importance(pool, type="ShapValues", thread_count=self.threads)
        return np.asarray(found, dtype=np.float64)

    def save(self, folder: Path, stem: str) -> Path:
        path = folder / f"{stem}{_ENDING}"
        self.regressor.save_model(str(path))
        return path


class CatBoostBinned:
    """A quantized pool for each task: a pool's labels cannot be exchanged; to bin 70,000 rows takes 0.2 s."""

    def __init__(self, matrix: Callable[[], Matrix], context: FitContext, held: NDArray[np.bool_] | None) -> None:
        self._matrix, self._context, self._rows = matrix, context, split_rows(held)
        self._pools: dict[bytes, Pool] = {}

    def fit(self, task: Task, settings: Settings, context: FitContext) -> CatBoostModel:
        told = library_settings(settings)
        told |= {
            "loss_function": _loss(task, told.pop("tweedie_variance_power", None)),
            "iterations": context.rounds(int(settings["rounds"])),
            "border_count": _BORDERS,
            "random_seed": context.seed,
            "thread_count": context.threads,
            "allow_const_label": True,  # equal values, or only zeros in a fold, are data like any other
            "allow_writing_files": False,  # else it leaves a catboost_info folder where the person stands
            "logging_level": "Silent",
        }
        if context.device == "gpu":
            told |= {"task_type": "GPU"}
            told.pop("rsm", None)  # which it has on the CPU only
        if (rising := context.monotone()) is not None:
            told |= {"monotone_constraints": rising}
        if len(task.labels if self._rows is None else self._rows[0]) < _ROWS_TO_SAMPLE:
            told["bootstrap_type"] = "No"
            told.pop("subsample", None)
        whole = self._pool(task)
        regressor = CatBoostRegressor(**told)
        if self._rows is None:
            regressor.fit(whole)
        else:
            learned, asked = (whole.slice(rows) for rows in self._rows)
            regressor.fit(learned, eval_set=asked, early_stopping_rounds=PATIENCE)
        return CatBoostModel(regressor, int(regressor.tree_count_), context.threads)

    def _pool(self, task: Task) -> Pool:
        key = hashlib.blake2b()
        for part in (task.labels, task.margins, task.weights):
            key.update(b"nothing" if part is None else part.tobytes())
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
    """The library's name of an objective, with the figures it needs."""
    if task.objective == "huber":
        return f"Huber:delta={task.delta}"
    if task.objective == "tweedie":
        return f"Tweedie:variance_power={variance_power or 1.5}"
    return {"squared": "RMSE", "absolute": "MAE"}[task.objective]


class CatBoost:
    """Settings for squared errors, which is what the score counts; on which scale, core.training.targets says."""

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

    def known(self) -> tuple[Settings, ...]:
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
        found: Settings = {
            "learning_rate": trial.suggest_float("learning_rate", 0.03, 0.2, log=True),
            "depth": trial.suggest_int("depth", 3, 8),
            "l2_leaf_reg": trial.suggest_float("l2_leaf_reg", 0.5, 200.0, log=True),
            "random_strength": trial.suggest_float("random_strength", 0.1, 20.0, log=True),
            "boosting_type": "Plain",
            "bootstrap_type": "Bernoulli",
            "subsample": trial.suggest_float("subsample", 0.5, 1.0),
            "rsm": trial.suggest_float("rsm", 0.2, 1.0),
            "leaf_estimation_iterations": 1,
        }
        if objective == "tweedie":
            found["tweedie_variance_power"] = trial.suggest_float("tweedie_variance_power", 1.05, 1.7)
        return found

    def bin(
        self, matrix: Callable[[], Matrix], context: FitContext, held: NDArray[np.bool_] | None = None
    ) -> CatBoostBinned:
        return CatBoostBinned(matrix, context, held)

    def load(self, folder: Path, stem: str, context: FitContext) -> CatBoostModel:
        regressor = CatBoostRegressor().load_model(str(folder / f"{stem}{_ENDING}"))
        return CatBoostModel(regressor, int(regressor.tree_count_), context.threads)
