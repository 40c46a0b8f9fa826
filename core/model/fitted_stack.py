"""The fitted parts of a training, applied to session rows: learned columns, learners, meta-model and intervals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.base.arrays import ratios
from core.features.learned.baskets import Catalogue
from core.features.learned.catalogue import START
from core.features.learned.fold_transform import FoldTransform
from core.features.learned.user_values import History, Sessions, value_histories
from core.model.rows import SessionRows
from core.schema import PRODUCT
from core.training import Matrix, Stack, Vector
from core.training.attribution import Attribution, StartParts, attribute_learner, attribute_stack, mean_over_fits
from core.training.fitting import FittedLearner
from core.training.intervals import ErrorPredictors, IntervalModel
from core.training.live.buy import BuyHead


@dataclass(frozen=True)
class Values:
    """Predictions of some rows, in value units.

    Attributes:
        by_learner: (rows, learners) predictions of the learners.
        stack: (rows,) predictions of the meta-model.
        intervals: level -> (rows, 2) low and high ends; a high end may be infinite.
    """

    by_learner: Matrix
    stack: Vector
    intervals: Mapping[float, Matrix]

    @classmethod
    def joined(cls, parts: Sequence[Values]) -> Values:
        """Return the predictions of consecutive rows as one."""
        return cls(
            np.concatenate([part.by_learner for part in parts]),
            np.concatenate([part.stack for part in parts]),
            {level: np.concatenate([part.intervals[level] for part in parts]) for level in parts[0].intervals},
        )


@dataclass(frozen=True, eq=False, repr=False)
class FittedStack:
    """The fitted parts of a model.

    Attributes:
        names: names of all columns of the matrices.
        learners: learner -> its models: those of all fits with the first seed, then with the second, and so on.
        fits_for_test: the fits whose average predicts new sessions.
        transforms: one per fit.
        catalogue: numbers of the items and groups of the transforms.
        valued: users and times of the training sessions.
        values: their session values.
        include_later: whether later sessions of a user count as history, too (history regime "all_rows").
        stack: the meta-model.
        calibration: computes the prediction intervals.
        buy: the probability of any purchase; None if the model is not for open sessions.
    """

    names: list[str]
    learners: Mapping[str, tuple[FittedLearner, ...]]
    fits_for_test: Sequence[int]
    transforms: tuple[FoldTransform, ...]
    catalogue: Catalogue
    valued: Sessions
    values: Vector
    include_later: bool
    stack: Stack
    calibration: IntervalModel
    buy: BuyHead | None = None

    @property
    def n_fits(self) -> int:
        """Number of fits: one per fold, and one more for folds forward in time."""
        return len(self.transforms)

    def models(self, learner: str, fit: int) -> tuple[FittedLearner, ...]:
        """Return the models of a learner on a fit, one per seed."""
        return self.learners[learner][fit :: self.n_fits]

    def predict(self, rows: SessionRows) -> Values:
        """Predict new sessions."""
        n_sessions = np.zeros(len(rows.X))
        by_fit: dict[str, list[list[Vector]]] = {name: [] for name in self.learners}
        starts: list[Vector] = []
        for fit, matrix, start, history in self.matrices(rows, self.fits_for_test):
            n_sessions = history.sessions.astype(np.float64)  # the same for all fits
            starts.append(start)
            for name in self.learners:
                by_fit[name].append([model.predict(matrix, start) for model in self.models(name, fit)])
        by_learner = np.column_stack([_mean_prediction(predictions) for predictions in by_fit.values()])
        predicted = self.stack.predict(by_learner, np.mean(starts, axis=0))
        events = rows.X[:, self.names.index("n_events")]
        disagreement = by_learner.std(axis=1)
        predictors = ErrorPredictors(predicted, events, n_sessions, disagreement)
        return Values(by_learner, predicted, self.calibration.ends(predictors))

    def purchase_probability(self, rows: SessionRows) -> Vector:
        """Return the probability that each session has a purchase by its end.

        Raises:
            ValueError: the model is not for open sessions.
        """
        if self.buy is None:
            raise ValueError("the model is not for open sessions")
        log_odds = np.zeros(len(rows.X))
        if self.buy.models:
            by_fit = self.matrices(rows, self.fits_for_test)
            log_odds = np.mean([self.buy.models[fit].raw(matrix) for fit, matrix, _, _ in by_fit], axis=0)
        events, n_bought = (rows.X[:, self.names.index(name)] for name in ("n_events", "n_buy"))
        return self.buy.probability(log_odds, events, n_bought)

    def knows_user(self, rows: SessionRows) -> NDArray[np.bool_]:
        """Return for each row whether its user has another session in the history."""
        return np.asarray(rows.X[:, self.names.index("user_is_known")] > 0)

    def known_products(self, rows: SessionRows) -> Vector:
        """Return the share of each row's events that are on products with an event in the training sessions."""
        is_known = rows.baskets.items.get_column(PRODUCT).is_in(self._products.implode()).to_numpy()
        n_events = np.bincount(rows.baskets.row, minlength=rows.baskets.rows)
        return ratios(np.bincount(rows.baskets.row, is_known[rows.baskets.item], rows.baskets.rows), n_events)

    @cached_property
    def _products(self) -> pl.Series:
        """Codes of the products with an event in the training sessions."""
        seen = np.any([transform.prices.seen for transform in self.transforms], axis=0)
        return self.catalogue.items.filter(pl.Series(seen)).get_column(PRODUCT).unique()

    def predict_out_of_fold(self, rows: SessionRows, fold_of: NDArray[np.int64]) -> Matrix:
        """Return the learners' predictions of training rows by the models of their fold, shape (rows, learners).

        Args:
            rows: training sessions.
            fold_of: (rows,) the fold that validates each row; NaN is predicted for rows with -1.
        """
        predicted = np.full((len(fold_of), len(self.learners)), np.nan)
        for fit in (int(fit) for fit in np.unique(fold_of) if fit >= 0):
            positions = np.flatnonzero(fold_of == fit)
            ((_, matrix, start, _),) = self.matrices(rows.part(positions), [fit], train=True)
            for column, name in enumerate(self.learners):
                by_seed = [model.predict(matrix, start) for model in self.models(name, fit)]
                predicted[positions, column] = np.mean(by_seed, axis=0)
        return predicted

    def mean_attributions(self, rows: SessionRows) -> dict[str, Attribution]:
        """Return learner or stack -> its predictions of new sessions, split by feature."""
        by_fit, starts = [], []
        for fit, matrix, start, _ in self.matrices(rows, self.fits_for_test):
            of_start = StartParts.of(matrix, start, len(self.names) - rows.X.shape[1])
            by_learner = {name: attribute_learner(self.models(name, fit), matrix, of_start) for name in self.learners}
            by_fit.append(attribute_stack(self.stack, by_learner, of_start))
            starts.append(start)
        return mean_over_fits(self.stack, by_fit, starts)

    def matrices(
        self, rows: SessionRows, fits: Sequence[int], *, train: bool = False
    ) -> Iterator[tuple[int, Matrix, Vector, History]]:
        """Yield per fit: its number, the rows with all columns of its models, their start values, and their history."""
        histories = value_histories(
            self.valued,
            self.values,
            [self.transforms[fit].recovered for fit in fits],
            rows.sessions,
            include_later=self.include_later and not train,
        )
        for fit, history in zip(fits, histories, strict=True):
            # a new matrix each time, because CatBoost may keep the one that it predicts read-only
            matrix = np.hstack([rows.X, self.transforms[fit].columns(rows.baskets, history)])
            yield fit, matrix, matrix[:, self.names.index(START.name)], history


def _mean_prediction(by_fit: Sequence[Sequence[Vector]]) -> Vector:
    """Average the predictions of one learner: over the fits first, then over the seeds, as in training.

    Args:
        by_fit: for each fit, the predictions with each seed.
    """
    by_seed = [np.mean(predictions, axis=0) for predictions in zip(*by_fit, strict=True)]
    return np.asarray(np.mean(by_seed, axis=0))
