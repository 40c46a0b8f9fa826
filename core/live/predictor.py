"""Predictions of open sessions by all fits of a model: value, intervals and probability of a purchase."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.features.learned.catalogue import START
from core.live.ensemble import Ensemble, Part
from core.model.fitted_stack import FittedStack
from core.training.fitting import FittedLearner
from core.training.intervals import LEVELS, PREDICTORS, Calibration, ErrorPredictors
from core.training.live import LengthCalibration
from core.training.targets import Link

Array = NDArray[np.float64]
_WIDTH = len(PREDICTORS)
_ALL_PREDICTORS = np.arange(_WIDTH)


class Prediction(NamedTuple):
    """A value with its intervals, and the probability of a purchase; see core.live.events.Estimate."""

    value: float
    low: float
    high: float
    low_95: float
    high_95: float
    p_buy: float


class Predictor:
    """The fitted parts of a model for open sessions, for a few sessions at a time.

    Args:
        fitted: the fitted parts.
        n_features: number of features; the learned columns follow them.

    Raises:
        ValueError: the model is not for open sessions.
    """

    def __init__(self, fitted: FittedStack, n_features: int) -> None:
        if fitted.buy is None or not isinstance(fitted.calibration, LengthCalibration):
            raise ValueError("the model is not for open sessions")
        self._fitted, self._buy, fits = fitted, fitted.buy, fitted.fits_for_test
        self._start = fitted.names.index(START.name)
        self._n_events, self._n_buy = (fitted.names.index(name) for name in ("n_events", "n_buy"))
        n_learned = len(fitted.names) - n_features
        # A row has the features once, and then the learned columns of each fit.
        shared, learned = np.arange(n_features), np.arange(n_features, len(fitted.names))
        columns = [np.append(shared, learned + place * n_learned) for place in range(len(fits))]
        self._learners = [_Learner(fitted, name) for name in fitted.learners]
        parts = [Part(model.model, columns[place]) for learner in self._learners for place, model in learner.models]
        self._n_learner_models = len(parts)
        if self._buy.models:
            parts += [Part(self._buy.models[fit], columns[place]) for place, fit in enumerate(fits)]
        self._ensemble = Ensemble(parts, n_features + len(fits) * n_learned)
        self._start_columns = np.array([columns_of_fit[self._start] for columns_of_fit in columns])
        self._intervals = _LiveIntervals(fitted.calibration)

    def predict(self, X: Array, learned: Array, n_sessions: Array) -> list[Prediction]:
        """Predict sessions. The prediction of one does not depend on the others.

        Args:
            X: (sessions, features) their features.
            learned: (sessions, fits, learned columns) their learned columns.
            n_sessions: (sessions,) number of earlier sessions of the user whose value is known.
        """
        raw = self._ensemble.raw(np.concatenate([X, learned.reshape(len(X), -1)], axis=1))
        by_learner, value = self._stacked(raw, learned[:, :, self._start - X.shape[1]])
        n_events, n_bought = X[:, self._n_events], X[:, self._n_buy]
        ends = self._intervals.ends(ErrorPredictors(value, n_events, n_sessions, by_learner.std(axis=1)))
        log_odds = raw[:, self._n_learner_models :].mean(axis=1) if self._buy.models else np.zeros(len(X))
        p_buy = self._buy.probability(log_odds, n_events, n_bought)
        columns = np.concatenate([value[:, None], *(ends[level] for level in LEVELS), p_buy[:, None]], axis=1)
        return [Prediction(*row) for row in columns.tolist()]

    def value(self, row: Array) -> float:
        """Return the value of a row: the features, then the learned columns of each fit."""
        _, values = self._stacked(self._ensemble.raw(row[None, :]), row[None, self._start_columns])
        return float(values[0])

    def _stacked(self, raw: Array, start: Array) -> tuple[Array, Array]:
        """Return the predictions of the learners, shape (sessions, learners), and the values, shape (sessions,).

        Args:
            raw: (sessions, models) output of the models.
            start: (sessions, fits) start value of each fit.
        """
        by_learner, first = np.empty((len(raw), len(self._learners))), 0
        for number, learner in enumerate(self._learners):
            last = first + len(learner.models)
            by_learner[:, number] = learner.values(raw[:, first:last], start)
            first = last
        return by_learner, self._fitted.stack.predict(by_learner, start.mean(axis=1))


class _Learner:
    """The models of one learner, ordered by fit and then by seed.

    Attributes:
        models: pairs (place, model). `place` is the index of the fit in `FittedStack.fits_for_test`.
    """

    def __init__(self, fitted: FittedStack, name: str) -> None:
        self.models: list[tuple[int, FittedLearner]] = [
            (place, model) for place, fit in enumerate(fitted.fits_for_test) for model in fitted.models(name, fit)
        ]
        self._n_seeds = len(self.models) // len(fitted.fits_for_test)
        self._link = _joined([model.link for _, model in self.models])

    def values(self, raw: Array, start: Array) -> Array:
        """Return the mean prediction of each session.

        Args:
            raw: (sessions, models) output of the models.
            start: (sessions, fits) start value of each fit.
        """
        starts = np.repeat(start, self._n_seeds, axis=1) if self._n_seeds > 1 else start
        values = self._link.values(raw, starts)
        # the mean over fits first, then over seeds, as in batches
        if self._n_seeds > 1:
            values = values.reshape(len(raw), -1, self._n_seeds).mean(axis=1)
        return np.asarray(values.mean(axis=1))


def _joined(links: Sequence[Link]) -> Link:
    """Return one link for the output of several models, whose parameters have one element per model.

    All models of a learner have the same settings, so their links are of the same kind.
    """
    (kind,) = {link.kind for link in links}
    floor, factor = (np.array([getattr(link, name) for link in links]) for name in ("floor", "factor"))
    return Link(kind, floor, factor)  # type: ignore[arg-type]  # its formulas hold element by element


class _LiveIntervals:
    """The calibrations of a model, one per class of lengths, and their models of the error size."""

    def __init__(self, calibration: LengthCalibration) -> None:
        self._lengths = calibration.lengths
        self._classes: list[tuple[Calibration, Ensemble | None]] = []
        for each in calibration.classes:
            if not isinstance(each, Calibration):
                raise TypeError("a class of lengths has a calibration")
            model = each.size_model
            self._classes.append((each, None if model is None else Ensemble([Part(model, _ALL_PREDICTORS)], _WIDTH)))

    def ends(self, predictors: ErrorPredictors) -> dict[float, Array]:
        """Return level -> low and high ends of the prediction intervals, shape (sessions, 2)."""
        matrix, predicted = predictors.matrix(), predictors.predicted
        length_class = np.searchsorted(self._lengths, predictors.events)
        ends = {level: np.empty((len(predicted), 2)) for level in LEVELS}
        for number in sorted(set(length_class.tolist())):
            rows = np.flatnonzero(length_class == number)
            calibration, size_model = self._classes[number]
            sizes = np.ones(len(rows)) if size_model is None else np.exp(size_model.raw(matrix[rows])[:, 0])
            for level, class_ends in calibration.ends_of_sizes(predicted[rows], sizes).items():
                ends[level][rows] = class_ends
        return ends
