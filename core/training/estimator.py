"""The stack as a scikit-learn estimator, for use with other code and data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from core.base.cores import available_cores
from core.base.text import count, listed
from core.metric import METRICS, metric_named
from core.training.cross_fitting import CrossFit, FoldMatrices, cross_fit
from core.training.fitting import default_settings
from core.training.folds import Folds, make_folds
from core.training.learners import LEARNERS, FitContext, Matrix, Settings
from core.training.stacking import fit_stack

_LEARNERS = {learner.name: learner for learner in LEARNERS}
_LARGEST = 3e38
"""The learners store numbers in single precision, whose largest number is a little above this."""
_MIN_TRAIN_ROWS = 2
"""With a single row, LightGBM draws an empty sample."""


class SessionValueStack(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no type hints
    """Gradient boosting learners and a linear model, cross-fitted on grouped folds and combined by a Ridge meta-model.

    It fits any numeric table. The columns that the pipeline learns from values inside the folds (recovered prices,
    value ratios of users) are not included. To predict, each learner averages its fold models, and the meta-model
    combines the averages, as in a run.

    Parameters
    ----------
        learners: names of the learners to stack, each once: lightgbm, xgboost, catboost and linear.
        folds: number of folds; reduced to the number of groups if there are fewer.
        metric: mse, rmse, mae or rmsle; minimized by learners and meta-model.
        non_negative: whether the weights of the meta-model are constrained to be at least 0.
        settings: learner -> settings that override its defaults: `rounds`, `objective`, `transform`, and parameters of
            the library.
        random_state: seed of the folds and the learners.
        threads: number of cores; None for all.

    Attributes
    ----------
        folds_: the folds (core.training.folds.Folds).
        fits_: one per learner, with its models and out-of-fold predictions.
        stack_: the meta-model, with weights, intercept and penalty.
        weights_: learner -> weight in the meta-model.
        oof_prediction_: (rows,) nested out-of-fold predictions of the training rows.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(400, 3))
    >>> stack = SessionValueStack(learners=("lightgbm", "xgboost")).fit(X, X[:, 0] ** 2, groups=np.arange(400) // 2)
    >>> stack.predict(X[:2]).shape, sorted(stack.weights_)
    ((2,), ['lightgbm', 'xgboost'])
    """

    def __init__(
        self,
        *,
        learners: Sequence[str] = ("lightgbm", "xgboost", "catboost", "linear"),
        folds: int = 5,
        metric: str = "mse",
        non_negative: bool = True,
        settings: Mapping[str, Settings] | None = None,
        random_state: int | np.random.RandomState | None = 7,
        threads: int | None = None,
    ) -> None:
        self.learners = learners
        self.folds = folds
        self.metric = metric
        self.non_negative = non_negative
        self.settings = settings
        self.random_state = random_state
        self.threads = threads

    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike | None = None) -> Self:
        """Fit the learners on each fold, then the meta-model.

        Args:
            X: (rows, features); NaN is allowed.
            y: (rows,) target.
            groups: (rows,) labels; all rows of a group are in one fold. None if each row is its own group.

        Raises:
            ValueError: a learner or metric is unknown, no learner is named or one twice, there are fewer than 2 folds
                or groups or less than 1 thread, a fold has fewer than 2 rows to train on, or a value is infinite or
                above 3e38.
        """
        rows, values = validate_data(
            self, X, y, dtype=np.float64, ensure_all_finite="allow-nan", ensure_min_samples=2, y_numeric=True
        )
        values = np.asarray(values, dtype=np.float64)
        _require_small_numbers("X", rows)
        _require_small_numbers("y", values)
        self._check_parameters()
        group_codes = np.arange(len(values)) if groups is None else self._group_codes(groups, len(values))
        n_folds = min(self.folds, len(np.unique(group_codes)))
        if n_folds < 2:
            raise ValueError(f"groups must have at least 2 distinct labels. It has {n_folds}.")
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.folds_ = make_folds(group_codes, n_folds, seed, users_per_fold=1)
        _require_train_rows(self.folds_)
        self.fits_ = self._cross_fit(rows, values, seed)
        self.stack_ = fit_stack(
            np.column_stack([fit.oof for fit in self.fits_]),
            values,
            self.folds_,
            metric_named(self.metric),
            non_negative=self.non_negative,
            lower_bound=0.0 if values.min() >= 0 else -np.inf,
        )
        return self

    def _cross_fit(self, rows: Matrix, values: NDArray[np.float64], seed: int) -> tuple[CrossFit, ...]:
        """Fit the learners on `folds_`, with their default settings and those of `settings`."""
        learners, metric = [_LEARNERS[name] for name in self.learners], metric_named(self.metric)
        names = [str(index) for index in range(rows.shape[1])]
        overrides = self.settings or {}
        return cross_fit(
            learners,
            FoldMatrices(rows, values, X_test=rows[:0], folds=self.folds_),
            context=FitContext(names, self.threads or available_cores(), seed),
            metric=metric,
            settings={
                learner.name: default_settings(learner, metric, values) | dict(overrides.get(learner.name, {}))
                for learner in learners
            },
        )

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Predict one value per row; at least 0 if all training values were."""
        check_is_fitted(self)
        rows: Matrix = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        _require_small_numbers("X", rows)
        columns = [np.mean([model.predict(rows, None) for model in fit.models], axis=0) for fit in self.fits_]
        return self.stack_.predict(np.column_stack(columns))

    @property
    def weights_(self) -> dict[str, float]:
        """Weights of the meta-model by learner."""
        check_is_fitted(self)
        return dict(zip(self.learners, self.stack_.weights.tolist(), strict=True))

    @property
    def oof_prediction_(self) -> NDArray[np.float64]:
        """Predictions by learners and meta-models that did not see the group of the row."""
        check_is_fitted(self)
        return self.stack_.oof

    def __sklearn_tags__(self) -> Any:  # noqa: ANN401 (scikit-learn's own type)
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _check_parameters(self) -> None:
        if self.folds < 2:
            raise ValueError(f"folds must be at least 2. It is {self.folds}.")
        if self.threads is not None and self.threads < 1:
            raise ValueError(f"threads must be at least 1, or None for all cores. It is {self.threads}.")
        if self.metric not in METRICS:
            raise ValueError(f"metric must be {listed(METRICS, conjunction='or')}. It is {self.metric!r}.")
        if not self.learners:
            raise ValueError(f"learners is empty. Name one or more of {listed(_LEARNERS)}.")
        for name, learners in (("learners", self.learners), ("settings", self.settings or {})):
            if unknown := [learner for learner in learners if learner not in _LEARNERS]:
                raise ValueError(
                    f"{name} names {unknown[0]!r}, which is not a learner. Learners are {listed(_LEARNERS)}."
                )
        if repeated := [name for name, times in Counter(self.learners).items() if times > 1]:
            raise ValueError(f"learners names {repeated[0]!r} more than once.")

    @staticmethod
    def _group_codes(groups: ArrayLike, rows: int) -> NDArray[np.int64]:
        labels = np.asarray(check_array(groups, ensure_2d=False, dtype=None))
        if len(labels) != rows:
            raise ValueError(f"groups must have one label per row. It has {len(labels)} labels for {rows} rows.")
        _, codes = np.unique(labels, return_inverse=True)
        return np.asarray(codes, dtype=np.int64)


def _require_train_rows(folds: Folds) -> None:
    """Raise a ValueError if a fold has too few rows to train on."""
    smallest = min(len(train) for train, _ in folds.splits())
    if smallest < _MIN_TRAIN_ROWS:
        raise ValueError(
            f"A fold would have {count(smallest, 'sample')} to train on. Each fold needs at least {_MIN_TRAIN_ROWS}. "
            f"Use more samples, or groups of more equal size. X has {len(folds.fold_of):,}."
        )


def _require_small_numbers(name: str, numbers: NDArray[np.float64]) -> None:
    """Raise a ValueError if a number is too large for the learners. NaN is not."""
    too_large = np.argwhere(np.abs(numbers) > _LARGEST)
    if len(too_large):
        first = tuple(too_large[0].tolist())
        raise ValueError(
            f"{name} has {count(len(too_large), 'value')} above {_LARGEST:g} in absolute value, more than the learners "
            f"can store. The first is {numbers[first]:g} in row {first[0]:,}."
        )
