"""XGBoost: histogram boosting, level by level."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xgboost as xgb

from core.training.learners.definition import FitContext, Matrix, Vector

_ROUNDS = 190
"""With the rate below, twice as many change the error on demo and journey by at most 1 % (docs/benchmarks.md)."""


@dataclass(frozen=True)
class XGBoostModel:
    """A fitted booster; its feature names are those of the table."""

    booster: xgb.Booster

    def predict(self, X: Matrix) -> Vector:
        return np.asarray(self.booster.inplace_predict(X), dtype=np.float64)

    def gain(self) -> Vector:
        found = self.booster.get_score(importance_type="total_gain")
        names = self.booster.feature_names or []
        return np.array([found.get(name, 0.0) for name in names], dtype=np.float64)

    def contributions(self, X: Matrix) -> Matrix:
        data = xgb.DMatrix(X, feature_names=self.booster.feature_names)
        return np.asarray(self.booster.predict(data, pred_contribs=True), dtype=np.float64)

    def save(self, folder: Path, stem: str) -> Path:
        path = folder / f"{stem}.ubj"
        path.write_bytes(self.booster.save_raw("ubj"))
        return path


class XGBoost:
    """Squared error on the value's own scale, because that is what the score counts."""

    name = "xgboost"

    def defaults(self) -> dict[str, int | float | str]:
        return {
            "objective": "reg:squarederror",
            "num_boost_round": _ROUNDS,
            "eta": 0.04,
            "max_depth": 5,
            "min_child_weight": 20.0,
            "subsample": 0.8,
            "colsample_bytree": 0.6,
            "lambda": 10.0,
            "max_bin": 128,
            "tree_method": "hist",
        }

    def fit(self, X: Matrix, y: Vector, context: FitContext) -> XGBoostModel:
        settings = self.defaults()
        rounds = context.rounds(int(settings.pop("num_boost_round")))
        data = xgb.QuantileDMatrix(
            X,
            y,
            feature_names=list(context.names),
            max_bin=int(settings["max_bin"]),
            nthread=context.threads,
        )
        settings |= {"seed": context.seed, "nthread": context.threads, "verbosity": 0}
        return XGBoostModel(xgb.train(settings, data, num_boost_round=rounds))
