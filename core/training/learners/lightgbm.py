"""LightGBM: gradient boosting with histograms and leaf-wise trees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import lightgbm as lgb
import numpy as np

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

_SUFFIX = ".txt"
_OBJECTIVES = {
    "squared": "regression",
    "absolute": "regression_l1",
    "huber": "huber",
    "tweedie": "tweedie",
    "gamma": "gamma",
}
_CLASSIFICATION = {"binary": "binary"}
"""Loss of labels 0 and 1, whose output are log odds. It is no target of session values."""
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
class LightGBMModel(Model):
    """A booster, and the number of threads that it predicts with."""

    booster: lgb.Booster
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

    @classmethod
    def load(cls, folder: Path, stem: str, context: FitContext) -> LightGBMModel:
        booster = lgb.Booster(model_str=(folder / f"{stem}{_SUFFIX}").read_text(encoding="utf-8"))
        return cls(booster.num_trees(), booster, context.threads)


class LightGBMBinned(Binned):
    """A constructed dataset; two with the same bins if rows are held out."""

    def __init__(self, matrix: Callable[[], Matrix], context: FitContext, parts: Parts) -> None:
        X, self._parts = matrix(), parts
        params = _BINNING | {"seed": context.seed, "num_threads": context.threads}
        whole = lgb.Dataset(X, np.zeros(len(X)), feature_name=list(context.names), params=params).construct()
        self._datasets = [whole] if parts is None else [whole.subset(rows.tolist()).construct() for rows in parts]

    def fit(self, task: Task, settings: Settings, context: FitContext) -> LightGBMModel:
        rounds = context.rounds(int(settings["rounds"]))
        params = _LIBRARY.params(settings, context) | {"objective": (_OBJECTIVES | _CLASSIFICATION)[task.objective]}
        if task.objective == "huber":
            params["alpha"] = task.delta
        for dataset, part in zip(self._datasets, task.split(self._parts), strict=True):
            dataset.set_label(part.labels)
            for field, values in (("weight", part.weights), ("init_score", part.margins)):
                dataset.set_field(field, values)  # set_weight(None) would keep the last weights
        learned, *held_out = self._datasets
        booster = lgb.train(
            params,
            learned,
            num_boost_round=rounds,
            valid_sets=held_out,
            callbacks=[lgb.early_stopping(PATIENCE, verbose=False)] if held_out else None,
        )
        return LightGBMModel(booster.best_iteration if held_out else rounds, booster, context.threads)


LIGHTGBM = Learner(
    name="lightgbm",
    objectives=tuple(_OBJECTIVES),
    binned_class=LightGBMBinned,
    model_class=LightGBMModel,
    rounds=100,  # at half the rate, twice as many change the stack's error by 0.2% (docs/benchmarks.md)
    settings={
        "learning_rate": Tunable(0.08, 0.03, 0.15, log=True, proven=0.05),
        "num_leaves": Tunable(24, 6, 96, log=True, proven=27),
        "min_data_in_leaf": Tunable(40, 10, 400, log=True, proven=15),
        "feature_fraction": Tunable(0.6, 0.2, 1.0, proven=0.26),
        "bagging_fraction": Tunable(0.8, 0.5, 1.0, proven=0.9),
        "bagging_freq": 1,
        "lambda_l2": Tunable(10.0, 0.1, 300.0, log=True, proven=1.7),
        "path_smooth": Tunable(0.0, 0.0, 30.0, proven=18.0),
    },
    proven_variance_power=1.2,
)
