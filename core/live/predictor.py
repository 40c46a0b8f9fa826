"""Predictions of one open session by all fits of a model: value, intervals and probability of a purchase."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.features.learned.catalogue import START
from core.model.fitted_stack import FittedStack
from core.schema import STACK
from core.training.fitting import contributions, start_contributions, with_stack
from core.training.intervals import LEVELS, ErrorPredictors

Array = NDArray[np.float64]
_N_REASONS = 5


class Prediction(NamedTuple):
    """A value with its intervals, and the probability of a purchase; see core.live.events.Estimate."""

    value: float
    low: float
    high: float
    low_95: float
    high_95: float
    p_buy: float


class Predictor:
    """The fitted parts of a model for one session at a time."""

    def __init__(self, fitted: FittedStack) -> None:
        if fitted.buy is None:
            raise ValueError("the model is not for open sessions")
        self._fitted, self._buy = fitted, fitted.buy
        self._start = fitted.names.index(START.name)
        self._n_events, self._n_buy = (fitted.names.index(name) for name in ("n_events", "n_buy"))

    def predict(self, X: Array, learned: Array, n_sessions: int) -> Prediction:
        """Predict a session.

        Args:
            X: its features.
            learned: its learned columns, one row per fit.
            n_sessions: number of earlier sessions of its user whose value is known.
        """
        fitted = self._fitted
        matrix = np.hstack([np.tile(X, (len(learned), 1)), learned])
        start = matrix[:, self._start]
        by_learner, log_odds = [], []
        for name in fitted.learners:
            by_seed = []
            for row, fit in enumerate(fitted.fits_for_test):
                one = matrix[row : row + 1].copy()
                by_seed.append([model.predict(one, one[:, self._start])[0] for model in fitted.models(name, fit)])
            by_learner.append(np.mean(np.mean(by_seed, axis=0)))
        if self._buy.models:
            for row, fit in enumerate(fitted.fits_for_test):
                log_odds.append(self._buy.models[fit].raw(matrix[row : row + 1])[0])
        columns = np.array([by_learner])
        value = fitted.stack.predict(columns, start.mean(keepdims=True))
        events = X[self._n_events : self._n_events + 1]
        predictors = ErrorPredictors(value, events, np.array([float(n_sessions)]), columns.std(axis=1))
        ends = fitted.calibration.ends(predictors)
        odds = np.array([np.mean(log_odds)]) if log_odds else np.zeros(1)
        p_buy = self._buy.probability(odds, events, X[self._n_buy : self._n_buy + 1])
        (low, high), (low_95, high_95) = (map(float, ends[level][0]) for level in LEVELS)
        return Prediction(float(value[0]), low, high, low_95, high_95, float(p_buy[0]))

    def reasons(self, X: Array, learned: Array) -> tuple[tuple[str, float], ...]:
        """Return the features that move the value most, and how far, in value units, averaged over the fits."""
        fitted = self._fitted
        effects = []
        for row, fit in enumerate(fitted.fits_for_test):
            matrix = np.hstack([X, learned[row]])[None, :].copy()
            start, n_learned = matrix[:, self._start], learned.shape[1]
            by_learner = {
                name: contributions(fitted.models(name, fit), matrix, start, n_learned) for name in fitted.learners
            }
            effects.append(with_stack(by_learner, fitted.stack, start_contributions(matrix, n_learned))[STACK][0])
        mean = np.mean(effects, axis=0)
        order = np.argsort(-np.abs(mean), kind="stable")[:_N_REASONS]
        return tuple((fitted.names[column], float(mean[column])) for column in order)
