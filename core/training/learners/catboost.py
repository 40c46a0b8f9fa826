"""CatBoost: gradient boosting with symmetric trees, which use the same split for a whole level."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from catboost import CatBoostRegressor, Pool

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

_SUFFIX = ".cbm"
_OBJECTIVES = {
    "squared": "RMSE",
    "absolute": "MAE",
    "huber": "Huber:delta={delta}",
    "tweedie": "Tweedie:variance_power={variance_power}",
}
_DEFAULT_VARIANCE_POWER = 1.5
"""The default of LightGBM and XGBoost; CatBoost has none."""
_BORDERS = (MAX_BIN + 1) // 2
"""Half the bins of the other learners: coarser splits cost symmetric trees little accuracy."""
_MIN_ROWS_TO_SAMPLE = 32
"""Below this, every tree uses all rows: CatBoost fails if the random sample of a tree is empty."""
_FITTING = threading.Lock()
"""Held while rows are binned and fitted. If two threads do so at once, the process may crash (docs/decisions/0001)."""
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
class CatBoostModel(Model):
    """A regressor, and the number of threads that it predicts with."""

    regressor: CatBoostRegressor
    threads: int

    def raw(self, X: Matrix) -> Vector:
        raw = self.regressor.predict(X, prediction_type="RawFormulaVal", thread_count=self.threads)
        return np.asarray(raw, dtype=np.float64)

    def gain(self) -> Vector:
        gains = np.asarray(self.regressor.get_feature_importance(type="PredictionValuesChange"), dtype=np.float64)
        return np.nan_to_num(gains)  # NaN if no tree has a split

    def contributions(self, X: Matrix) -> Matrix:
        shap = self.regressor.get_feature_importance(Pool(X), type="ShapValues", thread_count=self.threads)
        return np.asarray(shap, dtype=np.float64)

    def save(self, folder: Path, stem: str) -> Path:
        path = folder / f"{stem}{_SUFFIX}"
        self.regressor.save_model(str(path))
        return path

    @classmethod
    def load(cls, folder: Path, stem: str, context: FitContext) -> CatBoostModel:
        regressor = CatBoostRegressor().load_model(str(folder / f"{stem}{_SUFFIX}"))
        return cls(int(regressor.tree_count_), regressor, context.threads)


class CatBoostBinned(Binned):
    """Quantized pools, one per task, because the labels of a pool cannot be replaced."""

    def __init__(self, matrix: Callable[[], Matrix], context: FitContext, parts: Parts) -> None:
        self._matrix, self._context, self._parts = matrix, context, parts
        self._pools: dict[tuple[bytes | None, ...], Pool] = {}

    def fit(self, task: Task, settings: Settings, context: FitContext) -> CatBoostModel:
        with _FITTING:
            return self._fit(task, settings, context)

    def _fit(self, task: Task, settings: Settings, context: FitContext) -> CatBoostModel:
        params = _LIBRARY.params(settings, context)
        variance_power = params.pop("tweedie_variance_power", _DEFAULT_VARIANCE_POWER)
        params["loss_function"] = _OBJECTIVES[task.objective].format(delta=task.delta, variance_power=variance_power)
        params["iterations"] = context.rounds(int(settings["rounds"]))
        if context.device == "gpu":
            params.pop("rsm", None)  # CatBoost supports it on the CPU only
        if len(task.labels if self._parts is None else self._parts[0]) < _MIN_ROWS_TO_SAMPLE:
            params["bootstrap_type"] = "No"
            params.pop("subsample", None)
        regressor, pool = CatBoostRegressor(**params), self._pool(task)
        if self._parts is None:
            regressor.fit(pool)
        else:
            learned_rows, held_out_rows = self._parts
            added_rows = np.arange(len(task.labels), pool.num_row())  # without weight
            learned, held_out = pool.slice(np.append(learned_rows, added_rows)), pool.slice(held_out_rows)
            regressor.fit(learned, eval_set=held_out, early_stopping_rounds=PATIENCE)
        return CatBoostModel(int(regressor.tree_count_), regressor, context.threads)

    def _pool(self, task: Task) -> Pool:
        key = tuple(
            None if values is None else hashlib.blake2b(values.tobytes()).digest()
            for values in (task.labels, task.margins, task.weights)
        )
        if key not in self._pools:
            X, labels, margins, weights = self._matrix(), task.labels, task.margins, task.weights
            if _is_constant(X):
                # CatBoost refuses constant features. A row without weight lets it fit a constant.
                X = np.vstack([X, np.where(np.isnan(X[:1]), 0.0, -np.sign(X[:1]) + (X[:1] == 0))])
                weights = np.append(np.ones(len(labels)) if weights is None else weights, 0.0)
                labels = np.append(labels, labels[0])
                margins = None if margins is None else np.append(margins, margins[0])
            pool = Pool(X, labels, feature_names=list(self._context.names))
            pool.quantize(border_count=_BORDERS)
            if margins is not None:
                pool.set_baseline(margins[:, None])
            if weights is not None:
                pool.set_weight(weights)
            self._pools[key] = pool
        return self._pools[key]


def _is_constant(X: Matrix) -> bool:
    """Return whether all rows are equal in the precision of CatBoost."""

    def equal(rows: Matrix) -> bool:
        return bool(np.array_equal(rows.astype(np.float32), first.repeat(len(rows), axis=0), equal_nan=True))

    first = X[:1].astype(np.float32)
    return equal(X[-1:]) and equal(X)


CATBOOST = Learner(
    name="catboost",
    objectives=tuple(_OBJECTIVES),
    binned_class=CatBoostBinned,
    model_class=CatBoostModel,
    rounds=100,  # at half the rate, twice as many change the stack's error by 0.2% (docs/benchmarks.md)
    settings={
        "learning_rate": Tunable(0.16, 0.03, 0.2, log=True, proven=0.06),
        "depth": Tunable(6, 3, 8, proven=6),
        "l2_leaf_reg": Tunable(5.0, 0.5, 200.0, log=True, proven=1.0),
        "random_strength": Tunable(1.0, 0.1, 20.0, log=True, proven=0.4),
        "boosting_type": "Plain",
        "bootstrap_type": "Bernoulli",
        "subsample": Tunable(0.8, 0.5, 1.0, proven=0.58),
        "rsm": Tunable(0.3, 0.2, 1.0, proven=0.3),
        "leaf_estimation_iterations": 1,
    },
    proven_variance_power=1.5,
)
