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
from core.features.user_values import BUCKETS, History, Sessions
from core.schema import ROLE, SESSION, STACK, TEST_ROLE, TRAIN_ROLE, UNIT, USER, VALUE
from core.training.cross_fitting import CrossFit, cross_fit, in_fold
from core.training.expected_score import ExpectedScore, by_history, expected_score, session_classes
from core.training.fold_columns import FoldColumns, Times, learn_columns, start_of
from core.training.folds import Folds, make_folds
from core.training.learners import LEARNERS, FitContext, Matrix, Vector
from core.training.stacking import Stack, fit_stack


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
    times: Times | None = None
    """Whose sessions the rows are, and when; None: nothing is made of the user's earlier values."""
    baskets: Baskets | None = None
    """The events of these rows, the rows to predict last; None: nothing is learned from what the sessions hold."""

    def part(self, rows: NDArray[np.int64]) -> TrainingSet:
        """Some of the training rows, in rising order, and no rows to predict."""
        return TrainingSet(
            units=self.units[rows],
            users=self.users[rows],
            X=self.X[rows],
            y=self.y[rows],
            test_units=self.test_units[:0],
            X_test=self.X_test[:0],
            classes=self.classes[rows],
            test_classes=self.test_classes[:0],
            names=self.names,
            times=None if self.times is None else self.times.part(rows),
            baskets=None if self.baskets is None else self.baskets.part(rows),
        )


@dataclass(frozen=True)
class Training:
    """What training gives; every out-of-fold prediction and score is on the same folds.

    Attributes:
        start: out-of-fold predictions before any tree: recovered prices times the user's ratio; None without events.
        test: the stack's predictions of the rows to predict; `stack.oof` are those of the training rows.
        known, test_known: how many earlier sessions of its user have a known value, of training and test rows.
    """

    data: TrainingSet
    folds: Folds
    context: FitContext
    fits: tuple[CrossFit, ...]
    stack: Stack
    start: Vector | None
    test: Vector
    known: NDArray[np.int64]
    test_known: NDArray[np.int64]
    cv_mse: float
    expected: ExpectedScore
    columns: FoldColumns | None = None

    @property
    def names(self) -> list[str]:
        """Of all features that the learners were given."""
        return [*self.context.names]

    @property
    def start_name(self) -> str | None:
        """The feature that learners start from."""
        return None if self.columns is None else self.columns.names[-1]

    def fold_matrix(self, fold: int, rows: NDArray[np.int64]) -> Matrix:
        """Training rows with all their features, as the models of this fold see them."""
        return in_fold(self.data.X, self.columns, fold, rows)

    def learner_mse(self) -> dict[str, float]:
        """Out-of-fold mean squared error by learner."""
        return {fit.learner: mean_squared_error(fit.oof, self.data.y) for fit in self.fits}


def mean_squared_error(predicted: Vector, actual: Vector) -> float:
    return float(np.mean((predicted - actual) ** 2))


def training_set(
    table: FeatureTable,
    wanted: pl.Series | None = None,
    events: pl.DataFrame | None = None,
    *,
    all_rows: bool = False,
) -> TrainingSet:
    """Choose the rows. Composite sessions never train: their value is of several users, who stand in several folds.

    `wanted` are the sessions to predict, by their integer; None stands for all of test. `events` are those of
    features.session_events; without them nothing is learned from what the sessions hold. With `all_rows` (the run's
    history) a session to predict may know the values of its user's later sessions, too.
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
        times=Times(_sessions(table, train), _sessions(table, test), whenever=all_rows),
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
    errors = (stack.oof - data.y) ** 2
    known, test_known = _histories(data)
    classes, test_classes = data.classes, data.test_classes
    if data.times is not None:
        classes = by_history(classes, known.bucket, BUCKETS)
        test_classes = by_history(test_classes, test_known.bucket, BUCKETS)
    return Training(
        data=data,
        folds=folds,
        context=context,
        fits=fits,
        stack=stack,
        start=None if columns is None else _out_of_fold(columns, folds),
        test=stack.predict(np.column_stack([fit.test for fit in fits])),
        known=known.sessions,
        test_known=test_known.sessions,
        cv_mse=float(errors.mean()),
        expected=expected_score(
            errors,
            users=data.users,
            classes=classes,
            test_classes=test_classes,
            known_share=known_share,
            seed=config.seed,
        ),
        columns=columns,
    )


def fold_columns(
    data: TrainingSet, y: Vector, folds: Folds, report: Callable[[int, int], None] = lambda part, parts: None
) -> FoldColumns | None:
    """What is learned from the values `y` fold by fold; None where the rows have no events."""
    if data.baskets is None:
        return None
    return learn_columns(data.baskets, y, data.users, folds, times=data.times, report=report)


def _out_of_fold(columns: FoldColumns, folds: Folds) -> Vector:
    """Where the models start from in the rows that their fold validates."""
    start = np.empty(len(folds.fold_of))
    for fold, (_, validated) in enumerate(folds.splits()):
        start[validated] = start_of(columns, columns.train[fold][validated])
    return start


def _histories(data: TrainingSet) -> tuple[History, History]:
    """How well the users of training and test rows are known; of the sums nothing is asked."""
    if data.times is None:
        return History.empty(len(data.y)), History.empty(len(data.test_units))
    return data.times.histories(data.y, data.y)


def oof_frame(training: Training) -> pl.DataFrame:
    """One row a training unit: unit, fold, value, a column a learner, stack (the final prediction)."""
    return pl.DataFrame(
        {UNIT: training.data.units, "fold": training.folds.fold_of, VALUE: training.data.y}
        | {fit.learner: fit.oof for fit in training.fits}
        | {STACK: training.stack.oof}
    )


def prediction_frame(training: Training) -> pl.DataFrame:
    """One row a unit to predict: unit, a column a learner, stack (the final prediction)."""
    return pl.DataFrame(
        {UNIT: training.data.test_units} | {fit.learner: fit.test for fit in training.fits} | {STACK: training.test}
    )
