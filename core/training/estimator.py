"""The stack as a scikit-learn estimator, for other people's code and data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from core.config import available_cores
from core.metric import METRICS, metric_named
from core.training.cross_fitting import FoldMatrices, cross_fit
from core.training.fitting import default_settings
from core.training.folds import make_folds
from core.training.learners import LEARNERS, FitContext, Matrix, Settings
from core.training.stacking import fit_stack

_KNOWN = {learner.name: learner for learner in LEARNERS}


class SessionValueStack(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no type hints
    """Boosted learners on grouped folds, their out-of-fold predictions combined by a Ridge meta-model.

    Learns from any table of numbers; what the pipeline learns fold by fold (recovered prices, users' ratios) is not in
    it. A prediction is the meta-model's of the mean of each learner's fold models, as in a run.

    Parameters
    ----------
        learners: names of those to stack, of lightgbm, xgboost and catboost.
        folds: how many; fewer where there are fewer groups.
        metric: mse, rmse, mae or rmsle, which learners and meta-model minimise.
        non_negative: whether the meta-model's weights must be at least 0.
        settings: by learner, in place of its defaults: `rounds`, `objective`, `transform` and the library's own.
        random_state: of the folds and of the learners' draws.
        threads: cores to use; None for all.

    Attributes
    ----------
        folds_: which rows each fold validated (core.training.folds.Folds).
        fits_: one a learner: its models and its out-of-fold predictions.
        stack_: the meta-model: weights, intercept, penalty.
        oof_prediction_: nested out-of-fold predictions of the rows learned from.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(400, 3))
    >>> stack = SessionValueStack(learners=("lightgbm", "xgboost")).fit(X, X[:, 0] ** 2, groups=np.arange(400) // 2)
    >>> stack.predict(X[:2]).shape, sorted(stack.weights_)
    ((2,), ['lightgbm', 'xgboost'])
    """

    def __init__(
        self,
        *,
        learners: Sequence[str] = ("lightgbm", "xgboost", "catboost"),
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
        """Fit on (rows, features), NaN allowed; rows of one group share a fold, and without groups each row is its own.

        Raises:
            ValueError: an unknown learner or metric, no learner, fewer than two folds or groups.
        """
        rows, values = validate_data(
            self, X, y, dtype=np.float64, ensure_all_finite="allow-nan", ensure_min_samples=2, y_numeric=True
        )
        values = np.asarray(values, dtype=np.float64)
        self._refuse_settings()
        group = np.arange(len(values)) if groups is None else self._groups(groups, len(values))
        count = min(self.folds, len(np.unique(group)))
        if count < 2:
            raise ValueError(f"groups has {count} distinct value: at least 2 are needed to hold a group out")
        chosen = [_KNOWN[name] for name in self.learners]
        metric = metric_named(self.metric)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.folds_ = make_folds(group, count, seed, users_per_fold=1)
        names = [str(place) for place in range(rows.shape[1])]
        self.fits_ = cross_fit(
            chosen,
            FoldMatrices(rows, values, rows[:0], self.folds_),
            context=FitContext(names, self.threads or available_cores(), seed),
            metric=metric,
            settings={
                each.name: default_settings(each, metric, values) | dict((self.settings or {}).get(each.name, {}))
                for each in chosen
            },
        )
        self.stack_ = fit_stack(
            np.column_stack([fit.oof for fit in self.fits_]),
            values,
            self.folds_,
            metric,
            non_negative=self.non_negative,
            least=0.0 if values.min() >= 0 else -np.inf,
        )
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """One value a row; never below 0 where no value learned from was."""
        check_is_fitted(self)
        rows: Matrix = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        columns = [np.mean([model.predict(rows, None) for model in fit.models], axis=0) for fit in self.fits_]
        return self.stack_.predict(np.column_stack(columns))

    @property
    def weights_(self) -> dict[str, float]:
        """Of the meta-model, by learner."""
        check_is_fitted(self)
        return dict(zip(self.learners, (float(each) for each in self.stack_.weights), strict=True))

    @property
    def oof_prediction_(self) -> NDArray[np.float64]:
        """Nested: by learners and meta-models that did not see the row's group."""
        check_is_fitted(self)
        return self.stack_.oof

    def __sklearn_tags__(self) -> Any:  # noqa: ANN401 (scikit-learn's own type)
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _refuse_settings(self) -> None:
        if self.folds < 2:
            raise ValueError(f"folds is {self.folds}: at least 2 are needed to hold a group out")
        if self.metric not in METRICS:
            raise ValueError(f"metric is {self.metric!r}: allowed are {', '.join(METRICS)}")
        if not self.learners:
            raise ValueError(f"learners is empty: allowed are {', '.join(_KNOWN)}")
        for name, told in (("learners", self.learners), ("settings", self.settings or {})):
            if unknown := [each for each in told if each not in _KNOWN]:
                raise ValueError(f"{name} names {unknown[0]!r}: allowed are {', '.join(_KNOWN)}")

    @staticmethod
    def _groups(groups: ArrayLike, rows: int) -> NDArray[np.int64]:
        found = np.asarray(check_array(groups, ensure_2d=False, dtype=None))
        if len(found) != rows:
            raise ValueError(f"groups has {len(found)} entries for {rows} rows: give one a row")
        _, codes = np.unique(found, return_inverse=True)
        return np.asarray(codes, dtype=np.int64)
