"""CatBoost: symmetric trees, each level one split for the whole level."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from catboost import CatBoostRegressor, Pool

from core.training.learners.definition import FitContext, Matrix, Vector

_ROUNDS = 200
"""With the rate below, twice as many change the error on demo and journey by at most 1 % (docs/benchmarks.md)."""


@dataclass(frozen=True)
class CatBoostModel:
    """A fitted regressor, and the threads it may use."""

    regressor: CatBoostRegressor
    threads: int

    def predict(self, X: Matrix) -> Vector:
        return np.asarray(self.regressor.predict(X, thread_count=self.threads), dtype=np.float64)

    def gain(self) -> Vector:
        found = np.asarray(self.regressor.get_feature_importance(type="PredictionValuesChange"), dtype=np.float64)
        return np.nan_to_num(found)  # where no tree has a split, CatBoost divides 0 by 0

    def contributions(self, X: Matrix) -> Matrix:
        pool = Pool(X)
        found = self.regressor.get_feature_importance(pool, type="ShapValues", thread_count=self.threads)
        return np.asarray(found, dtype=np.float64)

    def save(self, folder: Path, stem: str) -> Path:
        path = folder / f"{stem}.cbm"
        self.regressor.save_model(str(path))
        return path


class CatBoost:
    """Squared error on the value's own scale, because that is what the score counts."""

    name = "catboost"

    def defaults(self) -> dict[str, int | float | str]:
        return {
            "loss_function": "RMSE",
            "iterations": _ROUNDS,
            "learning_rate": 0.08,
            "depth": 6,
            "l2_leaf_reg": 5.0,
            "border_count": 64,
            "boosting_type": "Plain",
            "bootstrap_type": "Bernoulli",
            "subsample": 0.8,
            "leaf_estimation_iterations": 1,
        }

    def fit(self, X: Matrix, y: Vector, context: FitContext) -> CatBoostModel:
        settings = self.defaults()
        settings["iterations"] = context.rounds(int(settings["iterations"]))
        regressor = CatBoostRegressor(
            **settings,
            random_seed=context.seed,
            thread_count=context.threads,
            allow_const_label=True,  # equal values, or only zeros in a fold, are data like any other
            allow_writing_files=False,  # else it leaves a catboost_info folder where the person stands
            logging_level="Silent",
        )
        regressor.fit(Pool(X, y, feature_names=list(context.names)))
        return CatBoostModel(regressor, context.threads)
