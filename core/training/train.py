"""Trains the whole stack on a feature table: folds, learners, meta-model, predictions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.config import RunConfig, available_cores
from core.features import FeatureTable
from core.features.prices import Baskets
from core.schema import ROLE, SESSION, TEST_ROLE, TRAIN_ROLE, UNIT, USER, VALUE
from core.training.cross_fitting import CrossFit, cross_fit, in_fold
from core.training.expected_score import ExpectedScore, by_history, expected_score, session_classes
from core.training.fold_columns import FoldColumns, price_columns
from core.training.folds import Folds, make_folds
from core.training.learners import LEARNERS, FitContext, Matrix, Vector
from core.training.stacking import Stack, fit_stack
from core.training.user_factor import (
    BUCKETS,
    History,
    Known,
    Sessions,
    UserFactor,
    fit_user_factor,
    own_history,
    value_history,
)


@dataclass(frozen=True)
class TrainingSet:
    """The rows that train and the rows to predict, in the order of their units.

    Attributes:
        units: unit numbers of the training rows.
        users: of the training rows.
        X, y: features and session values of the training rows.
        test_units, X_test: the rows to predict.
        classes, test_classes: see expected_score.session_classes.
        names: of the features in X; those that are learned fold by fold are not among them.
    """

    units: NDArray[np.int64]
    users: NDArray[np.int64]
    X: Matrix
    y: Vector
    test_units: NDArray[np.int64]
    X_test: Matrix
    classes: NDArray[np.int64]
    test_classes: NDArray[np.int64]
    names: list[str]
    sessions: Sessions | None = None
    test_sessions: Sessions | None = None
    """Whose sessions the rows are, and when; None: nothing is made of the user's earlier values."""
    baskets: Baskets | None = None
    """The events of these rows, the rows to predict last; None: nothing is learned from what the sessions hold."""


@dataclass(frozen=True)
class UserFactors:
    """The user factor of the training rows and of the rows to predict."""

    train: UserFactor
    test_history: History
    test: Vector


@dataclass(frozen=True)
class Training:
    """What training gives; every out-of-fold prediction and score is on the same folds.

    `oof` and `test` are the final predictions: the stack's times the user's factor.
    """

    data: TrainingSet
    folds: Folds
    context: FitContext
    fits: tuple[CrossFit, ...]
    stack: Stack
    factors: UserFactors
    oof: Vector
    test: Vector
    cv_mse: float
    expected: ExpectedScore
    all_rows: bool
    columns: FoldColumns | None = None

    @property
    def names(self) -> list[str]:
        """Of all features that the learners were given."""
        return [*self.context.names]

    def fold_matrix(self, fold: int, rows: NDArray[np.int64]) -> Matrix:
        """Training rows with all their features, as the models of this fold see them."""
        return in_fold(self.data.X, self.columns, fold, rows)

    def learner_mse(self) -> dict[str, float]:
        """Out-of-fold mean squared error by learner."""
        return {fit.learner: mean_squared_error(fit.oof, self.data.y) for fit in self.fits}


def mean_squared_error(predicted: Vector, actual: Vector) -> float:
    return float(np.mean((predicted - actual) ** 2))


def training_set(
    table: FeatureTable, wanted: pl.Series | None = None, events: pl.DataFrame | None = None
) -> TrainingSet:
    """Choose the rows. Composite sessions never train: their value is of several users, who stand in several folds.

    `wanted` are the sessions to predict, by their integer; None stands for all of test. `events` are those of
    features.session_events; without them no prices are recovered.
    """
    units = table.units
    train = (units.get_column(ROLE) == TRAIN_ROLE) & ~units.get_column("composite")
    test = units.get_column(ROLE) == TEST_ROLE
    if wanted is not None:
        test = test & units.get_column(SESSION).is_in(wanted.implode())
    chosen = units.filter(train)
    classes = session_classes(table.values)
    train_units, test_units = (units.filter(rows).get_column(UNIT).to_numpy() for rows in (train, test))
    return TrainingSet(
        units=train_units,
        users=chosen.get_column(USER).to_numpy(),
        X=table.matrix(train),
        y=chosen.get_column(VALUE).to_numpy(),
        test_units=test_units,
        X_test=table.matrix(test),
        classes=classes[train.to_numpy()],
        test_classes=classes[test.to_numpy()],
        names=table.names,
        sessions=_sessions(table, train),
        test_sessions=_sessions(table, test),
        baskets=None if events is None else Baskets.of(events, np.concatenate([train_units, test_units])),
    )


def _sessions(table: FeatureTable, rows: pl.Series) -> Sessions:
    chosen, duration = table.units.filter(rows), table.values.filter(rows).get_column("duration")
    starts = chosen.get_column("start").to_numpy()
    return Sessions(chosen.get_column(USER).to_numpy(), starts, starts + duration.to_numpy().astype(np.int64))


def train(
    data: TrainingSet,
    config: RunConfig,
    *,
    known_share: float,
    report: Callable[[int, int, str], None] = lambda part, parts, text: None,
) -> Training:
    """Fit every learner on every fold, then the meta-model; score it as it will be scored.

    `known_share` is the part of the sessions to predict whose value is known from train (no error is made there);
    the parts that `report` hears of are single fits.

    Raises:
        InputError: too few users for the folds.
    """
    folds = make_folds(data.users, config.folds, config.seed)
    columns = fold_columns(data, data.y, folds, lambda part, parts: report(0, parts, "recovered prices"))
    names = [*data.names, *(columns.names if columns else ())]
    context = FitContext(names, available_cores(), config.seed)
    fits = cross_fit(
        LEARNERS,
        data.X,
        data.y,
        X_test=data.X_test,
        folds=folds,
        context=context,
        columns=columns,
        report=report,
    )
    stack = fit_stack(np.column_stack([fit.oof for fit in fits]), data.y, folds)
    factors = user_factors(data, stack.oof, data.y, folds, all_rows=config.history == "all_rows")
    oof = stack.oof * factors.train.oof
    errors = (oof - data.y) ** 2
    classes, test_classes = data.classes, data.test_classes
    if data.sessions is not None:
        classes = by_history(classes, factors.train.history.bucket, BUCKETS)
        test_classes = by_history(test_classes, factors.test_history.bucket, BUCKETS)
    return Training(
        data=data,
        folds=folds,
        context=context,
        fits=fits,
        stack=stack,
        factors=factors,
        oof=oof,
        test=stack.predict(np.column_stack([fit.test for fit in fits])) * factors.test,
        cv_mse=float(errors.mean()),
        expected=expected_score(
            errors,
            users=data.users,
            classes=classes,
            test_classes=test_classes,
            known_share=known_share,
            seed=config.seed,
        ),
        all_rows=config.history == "all_rows",
        columns=columns,
    )


def fold_columns(
    data: TrainingSet, y: Vector, folds: Folds, report: Callable[[int, int], None] = lambda part, parts: None
) -> FoldColumns | None:
    """What is learned from the values `y` fold by fold; None where the rows have no events."""
    return None if data.baskets is None else price_columns(data.baskets, y, data.users, folds, report)


def user_factors(data: TrainingSet, predicted: Vector, y: Vector, folds: Folds, *, all_rows: bool) -> UserFactors:
    """Fit the user factor to out-of-fold predictions of the values `y`; see core.training.user_factor."""
    if data.sessions is None or data.test_sessions is None:
        nothing, none = History.empty(len(y)), History.empty(len(data.test_units))
        return UserFactors(UserFactor(np.inf, np.ones(len(y)), nothing), none, np.ones(len(data.test_units)))
    known = Known(data.sessions, y, predicted)
    factor = fit_user_factor(own_history(known, all_rows=all_rows), predicted, y, folds)
    test_history = value_history(known, data.test_sessions, all_rows=all_rows)
    return UserFactors(factor, test_history, test_history.factor(factor.prior))


def oof_frame(training: Training) -> pl.DataFrame:
    """One row a training unit: unit, fold, value, a column a learner, user_factor, stack (the final prediction)."""
    return pl.DataFrame(
        {UNIT: training.data.units, "fold": training.folds.fold_of, VALUE: training.data.y}
        | {fit.learner: fit.oof for fit in training.fits}
        | {"user_factor": training.factors.train.oof, "stack": training.oof}
    )


def prediction_frame(training: Training) -> pl.DataFrame:
    """One row a unit to predict: unit, a column a learner, user_factor, stack (the final prediction)."""
    return pl.DataFrame(
        {UNIT: training.data.test_units}
        | {fit.learner: fit.test for fit in training.fits}
        | {"user_factor": training.factors.test, "stack": training.test}
    )
