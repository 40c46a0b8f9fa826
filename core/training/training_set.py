"""The rows that train and the rows to predict, chosen from a feature table."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.features import FeatureTable
from core.features.learned.prices import Baskets
from core.features.learned.user_values import Sessions
from core.schema import ROLE, SESSION, TEST_ROLE, TRAIN_ROLE, UNIT, USER, VALUE
from core.training.expected_score import session_classes
from core.training.learned_columns import Times
from core.training.learners import Matrix, Vector


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
    answered: NDArray[np.bool_] | None = None
    """Of the rows to predict, those whose session's value stands in train; None: none."""

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


def training_set(
    table: FeatureTable,
    wanted: pl.Series | None = None,
    events: pl.DataFrame | None = None,
    *,
    all_rows: bool = False,
) -> TrainingSet:
    """Choose the rows.

    Sessions whose value is not known never train, nor do composite sessions: their value is of several users, who are
    in several folds.

    `wanted` are the sessions to predict, by their integer; None stands for all of test. `events` are those of
    features.session_events; without them nothing is learned from what the sessions hold. With `all_rows` (the run's
    history) a session to predict may know the values of its user's later sessions, too.
    """
    units = table.units
    known = units.get_column(VALUE).is_not_null()
    train = (units.get_column(ROLE) == TRAIN_ROLE) & ~units.get_column("composite") & known
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
        times=Times(
            _sessions(table, train),
            replace(_sessions(table, test), itself=_places(units.filter(test), chosen)),
            whenever=all_rows,
        ),
        baskets=None if events is None else Baskets.of(events, np.concatenate([train_units, test_units])),
        answered=units.filter(test).get_column("known_value").is_not_null().to_numpy(),
    )


def _places(asked: pl.DataFrame, train: pl.DataFrame) -> NDArray[np.int64]:
    """Where a session to predict stands among the training rows, if it is one of them with the same user; else -1."""
    known = train.select(SESSION, USER).with_row_index("place")
    found = asked.select(SESSION, USER).join(known, on=[SESSION, USER], how="left", maintain_order="left")
    return found.get_column("place").cast(pl.Int64).fill_null(-1).to_numpy()


def _sessions(table: FeatureTable, rows: pl.Series) -> Sessions:
    chosen, duration = table.units.filter(rows), table.values.filter(rows).get_column("duration")
    starts = chosen.get_column("start").to_numpy()
    return Sessions(chosen.get_column(USER).to_numpy(), starts, starts + duration.to_numpy().astype(np.int64))
