"""Trains the whole stack on prepared rows: search, learners, meta-model, predictions, and the score to expect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from core.base.checkpoint import LoadOrCompute, always_compute
from core.base.progress import OnResult, Report
from core.features.learned.user_values import BUCKETS, History
from core.metric import MEAN_SQUARED_ERROR, Metric
from core.training import baselines
from core.training.choice import choice_factor
from core.training.cross_fitting import CrossFit, FoldMatrices
from core.training.expected_score import ExpectedScore, by_history, expected_score
from core.training.folds import Folds
from core.training.intervals import ErrorPredictors, Intervals, fit_intervals
from core.training.learned_columns import FoldColumns
from core.training.learners import FitContext, Matrix, Vector
from core.training.prepared import Prepared
from core.training.seeds import fit_with_seeds
from core.training.stacking import Blend, Stack, blends, fit_stack
from core.training.training_set import TrainingSet
from core.training.tuning import Budget, Searched, SearchFolder, search

_SHARES = 1000
"""Parts that a search tells its progress in."""


@dataclass(frozen=True)
class Training:
    """What training gives; every out-of-fold prediction and score is on the same folds.

    Attributes:
        fits: one a learner; with several seeds their mean.
        seeds: that each learner was fitted with.
        start: out-of-fold predictions before any tree: recovered prices times the user's ratio; None without events.
        constant, linear: out-of-fold predictions of the baselines.
        blends: other ways to combine the learners, beside the stack.
        test: the stack's predictions of the rows to predict; `stack.oof` are those of the training rows.
        known, test_known: how many earlier sessions of its user have a known value, of training and test rows.
        cv_mse: mean squared error of the stack, nested.
        expected: in the run's metric; expected_mse: the same for the mean squared error.
        searched: by learner; empty where nothing was tuned.
        intervals: around the stack's predictions.
        choice: factor by which losses are raised because settings were chosen by them; 1 where none were.
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
    expected_mse: ExpectedScore
    metric: Metric
    matrices: FoldMatrices
    constant: Vector
    linear: Vector
    blends: tuple[Blend, ...]
    seeds: int
    searched: Mapping[str, Searched]
    choice: float
    intervals: Intervals

    @property
    def columns(self) -> FoldColumns | None:
        """What was learned from values fold by fold."""
        return self.matrices.columns

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
        return self.matrices.rows(fold, rows)

    def learner_mse(self) -> dict[str, float]:
        """Out-of-fold mean squared error by learner."""
        return {fit.learner: mean_squared_error(fit.oof, self.data.y) for fit in self.fits}


def mean_squared_error(predicted: Vector, actual: Vector) -> float:
    """Over the rows that have a prediction."""
    return float(np.nanmean((predicted - actual) ** 2))


def tune(
    prepared: Prepared,
    records: SearchFolder,
    budget: Budget,
    report: Report = lambda part, parts, text: None,
    tell: OnResult = lambda news: None,
) -> dict[str, Searched]:
    """Search every learner's settings on the folds until the budget is spent."""
    return search(
        prepared.learners,
        prepared.matrices,
        context=prepared.context,
        metric=prepared.metric,
        budget=budget,
        records=records,
        seeds=prepared.config.seeds[0],
        report=lambda share, text: report(round(_SHARES * share), _SHARES, text),
        tell=tell,
    )


def train(
    prepared: Prepared,
    *,
    known_share: float,
    searched: Mapping[str, Searched] | None = None,
    budget: Budget | None = None,
    report: Report = lambda part, parts, text: None,
    tell: OnResult = lambda news: None,
    kept: LoadOrCompute = always_compute,
) -> Training:
    """Fit every learner on every fold, then the meta-model; score it as it will be scored.

    `known_share` is the part of the sessions to predict whose value is known from train (no error is made there);
    the parts that `report` hears of are single fits. Seeds are added while the budget has time.
    """
    searched = searched or {}
    fits, seeds = fit_with_seeds(prepared, searched, budget, report=report, tell=tell, kept=kept)
    # the sums inside must not depend on the number of threads, and threads that wait for each other by spinning take
    # two and a half times as long on a busy machine
    with threadpool_limits(1):
        return _stacked(prepared, fits, seeds, searched, known_share)


def _stacked(
    prepared: Prepared, fits: tuple[CrossFit, ...], seeds: int, searched: Mapping[str, Searched], known_share: float
) -> Training:
    """The meta-model on the learners' fits, and all that is told of it."""
    data, matrices, metric, config = prepared.data, prepared.matrices, prepared.metric, prepared.config
    folds, y = matrices.folds, data.y
    oof, test_columns = (np.column_stack(each) for each in ([fit.oof for fit in fits], [fit.test for fit in fits]))
    stack = fit_stack(oof, y, folds, metric, non_negative=config.non_negative_weights)
    test = stack.predict(test_columns)
    known, test_known = _histories(data)
    choice = choice_factor(searched, y, folds, metric, non_negative=config.non_negative_weights)
    expected = _expected(prepared, stack, (known, test_known), known_share=known_share, choice=choice)
    return Training(
        data=data,
        folds=folds,
        context=prepared.context,
        fits=fits,
        stack=stack,
        start=None if matrices.columns is None else _out_of_fold(matrices),
        test=test,
        known=known.sessions,
        test_known=test_known.sessions,
        cv_mse=mean_squared_error(stack.oof, y),
        expected=expected[metric.name],
        expected_mse=expected[MEAN_SQUARED_ERROR.name],
        metric=metric,
        matrices=matrices,
        constant=baselines.constant(matrices, metric),
        linear=baselines.linear(matrices, metric),
        blends=blends(oof, y, folds, metric),
        seeds=seeds,
        searched=searched,
        choice=choice,
        intervals=fit_intervals(
            _known(data.X, data.names, stack.oof, known, oof),
            y,
            _known(data.X_test, data.names, test, test_known, test_columns),
            folds,
            seed=config.seed,
        ),
    )


def _expected(
    prepared: Prepared, stack: Stack, histories: tuple[History, History], *, known_share: float, choice: float
) -> dict[str, ExpectedScore]:
    """The score to expect, in the run's metric and as mean squared error, by metric."""
    data, told = prepared.data, prepared.matrices.folds.validated
    classes, test_classes = data.classes, data.test_classes
    if data.times is not None:
        classes = by_history(classes, histories[0].bucket, BUCKETS)
        test_classes = by_history(test_classes, histories[1].bucket, BUCKETS)
    if prepared.config.use_known_values and data.answered is not None:  # no error is made there
        test_classes = test_classes[~data.answered]
    return {
        metric.name: expected_score(
            metric.losses(stack.oof[told], data.y[told]),
            users=data.users[told],
            classes=classes[told],
            test_classes=test_classes,
            known_share=known_share,
            seed=prepared.config.seed,
            metric=metric,
            choice=choice,
        )
        for metric in {each.name: each for each in (prepared.metric, MEAN_SQUARED_ERROR)}.values()
    }


def _known(X: Matrix, names: list[str], predicted: Vector, history: History, by_learner: Matrix) -> ErrorPredictors:
    """What is known of sessions when their error is to be foreseen."""
    return ErrorPredictors(predicted, events_of(X, names), history.sessions.astype(np.float64), by_learner.std(axis=1))


def events_of(X: Matrix, names: list[str]) -> Vector:
    """How many events sessions have; 0 where the features do not tell."""
    return X[:, names.index("n_events")] if "n_events" in names else np.zeros(len(X))


def _out_of_fold(matrices: FoldMatrices) -> Vector:
    """Where the models start from in the rows that their fold validates."""
    start = np.full(len(matrices.y), np.nan)
    for fold, (_, validated) in enumerate(matrices.folds.splits()):
        start[validated] = matrices.start_of_rows(fold, validated)
    return start


def _histories(data: TrainingSet) -> tuple[History, History]:
    """How well the users of training and test rows are known; of the sums nothing is asked."""
    if data.times is None:
        return History.empty(len(data.y)), History.empty(len(data.test_units))
    return data.times.histories(data.y, data.y)
