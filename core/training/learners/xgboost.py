"""XGBoost: gradient boosting with histograms and level-wise trees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xgboost as xgb

from core.training.learners.definition import (
    MAX_BIN,
    PATIENCE,
    Binned,
    FitContext,
    Learner,
    Library,
    Matrix,
    Model,
    Parts,
    Settings,
    Task,
    Tunable,
    Vector,
)

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
class XGBoostModel(Model):
    """A booster, which knows its feature names."""

    booster: xgb.Booster

    def raw(self, X: Matrix) -> Vector:
        return np.asarray(self.booster.inplace_predict(X, predict_type="margin"), dtype=np.float64)

    def gain(self) -> Vector:
        gains = self.booster.get_score(importance_type="total_gain")  # without features that no split uses
        return np.array([gains.get(name, 0.0) for name in self.booster.feature_names or ()], dtype=np.float64)

    def contributions(self, X: Matrix) -> Matrix:
        data = xgb.DMatrix(X, feature_names=self.booster.feature_names)
        return np.asarray(self.booster.predict(data, pred_contribs=True), dtype=np.float64)

    def save(self, folder: Path, stem: str) -> Path:
        path = folder / f"{stem}{_SUFFIX}"
        path.write_bytes(self.booster.save_raw("ubj"))
        return path

    @classmethod
    def load(cls, folder: Path, stem: str, context: FitContext) -> XGBoostModel:
        booster = xgb.Booster({"nthread": context.threads}, model_file=folder / f"{stem}{_SUFFIX}")
        return cls(booster.num_boosted_rounds(), booster)


class XGBoostBinned(Binned):
    """A quantile matrix; two with the same bins if rows are held out."""

    def __init__(self, matrix: Callable[[], Matrix], context: FitContext, parts: Parts) -> None:
        X, self._parts = matrix(), parts
        params = {"feature_names": list(context.names), "max_bin": MAX_BIN + 1, "nthread": context.threads}
        first, *others = parts or (np.arange(len(X)),)
        learned = xgb.QuantileDMatrix(X[first], **params)
        self._matrices = [learned, *(xgb.QuantileDMatrix(X[rows], ref=learned, **params) for rows in others)]

    def fit(self, task: Task, settings: Settings, context: FitContext) -> XGBoostModel:
        params = _LIBRARY.params(settings, context) | {"objective": _OBJECTIVES[task.objective]}
        if task.objective == "huber":
            params["huber_slope"] = task.delta
        if "monotone_constraints" in params:
            params["monotone_constraints"] = tuple(params["monotone_constraints"])  # XGBoost refuses a list
        if task.margins is not None:
            params["base_score"] = 1.0  # 0 on the scale of the trees, so that they start from the margin alone
        for data, part in zip(self._matrices, task.split(self._parts), strict=True):
            empty = np.empty(0)  # None would keep the values of the last fit
            data.set_info(
                label=part.labels,
                weight=empty if part.weights is None else part.weights,
                base_margin=empty if part.margins is None else part.margins,
            )
        learned, *held_out = self._matrices
        booster = xgb.train(
            params,
            learned,
            num_boost_round=context.rounds(int(settings["rounds"])),
            evals=[(data, "held_out") for data in held_out],
            early_stopping_rounds=PATIENCE if held_out else None,
            verbose_eval=False,
        )
        if held_out:
            booster = booster[: booster.best_iteration + 1]
        return XGBoostModel(booster.num_boosted_rounds(), booster)


XGBOOST = Learner(
    name="xgboost",
    objectives=tuple(_OBJECTIVES),
    binned_class=XGBoostBinned,
    model_class=XGBoostModel,
    rounds=95,  # at half the rate, twice as many change the stack's error by 0.2% (docs/benchmarks.md)
    settings={
        "eta": Tunable(0.08, 0.02, 0.12, log=True, proven=0.042),
        "max_depth": Tunable(5, 3, 8, proven=5),
        "min_child_weight": Tunable(20.0, 1.0, 300.0, log=True, proven=100.0),
        "subsample": Tunable(0.8, 0.5, 1.0, proven=0.62),
        "colsample_bytree": Tunable(0.6, 0.2, 1.0, proven=0.47),
        "lambda": Tunable(10.0, 0.1, 300.0, log=True, proven=40.0),
    },
    proven_variance_power=1.22,
)
