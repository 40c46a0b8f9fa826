"""LightGBM: histogram boosting, leaf by leaf."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import lightgbm as lgb
import numpy as np

from core.training.learners.definition import FitContext, Matrix, Vector

_ROUNDS = 200
"""With the rate below, twice as many change the error on demo and journey by at most 1 % (docs/benchmarks.md)."""


@dataclass(frozen=True)
class LightGBMModel:
    """A fitted booster, and the threads it may use."""

    booster: lgb.Booster
    threads: int

    def predict(self, X: Matrix) -> Vector:
        return np.asarray(self.booster.predict(X, num_threads=self.threads), dtype=np.float64)

    def gain(self) -> Vector:
        return np.asarray(self.booster.feature_importance(importance_type="gain"), dtype=np.float64)

    def contributions(self, X: Matrix) -> Matrix:
        return np.asarray(self.booster.predict(X, pred_contrib=True, num_threads=self.threads), dtype=np.float64)

    def save(self, folder: Path, stem: str) -> Path:
        path = folder / f"{stem}.txt"
        path.write_text(self.booster.model_to_string(), encoding="utf-8")
        return path


class LightGBM:
    """Squared error on the value's own scale, because that is what the score counts."""

    name = "lightgbm"

    def defaults(self) -> dict[str, int | float | str]:
        return {
            "objective": "regression",
            "num_boost_round": _ROUNDS,
            "learning_rate": 0.04,
            "num_leaves": 24,
            "min_data_in_leaf": 40,
            "feature_fraction": 0.6,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "lambda_l2": 10.0,
            "max_bin": 127,
        }

    def fit(self, X: Matrix, y: Vector, context: FitContext) -> LightGBMModel:
        settings = self.defaults()
        rounds = context.rounds(int(settings.pop("num_boost_round")))
        settings |= {
            "seed": context.seed,
            "num_threads": context.threads,
            # Same bytes on every run: no choice of histogram layout by timing, no order of sums by threads.
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        data = lgb.Dataset(X, y, feature_name=list(context.names), free_raw_data=True)
        return LightGBMModel(lgb.train(settings, data, num_boost_round=rounds), context.threads)
