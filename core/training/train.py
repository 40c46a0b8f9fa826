"""Trains the stack on prepared folds: learners, meta-model, predictions, intervals and the expected score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from core.base.checkpoint import LoadOrCompute, always_compute
from core.base.progress import OnResult, Report, ignore_result, no_report
from core.features.learned.catalogue import START
from core.features.learned.user_values import History
from core.metric import MEAN_SQUARED_ERROR, Metric
from core.training.combinations import Combinations
from core.training.cross_fitting import CrossFit, FoldMatrices
from core.training.expected_score import ExpectedScore
from core.training.folds import Folds
from core.training.intervals import ErrorPredictors, Intervals, fit_intervals
from core.training.learned_columns import FoldColumns
from core.training.learners import Matrix, Vector
from core.training.prepared_folds import PreparedFolds
from core.training.scorer import Scorer
from core.training.seeds import fit_with_seeds
from core.training.selection_bias import selection_bias
from core.training.stacking import Combination, Stack
from core.training.training_set import TrainingSet
from core.training.tuning import Budget, SearchResult

_ALL_STEPS, _FIT_STEPS = 10, 7
"""The fits take about 7 of 10 steps of the progress. The combination and the expected scores take the rest."""


@dataclass(frozen=True)
class Training(PreparedFolds):
    """The trained stack and its scores. All out-of-fold predictions and scores are on the same folds.

    Attributes:
        folds: the folds of the users; the same as in `matrices`.
        fits: one per learner; with several seeds, their mean.
        stack: the meta-model, or the combination of the learners that is better. `stack.oof` holds its nested
            predictions of the training rows.
        start: out-of-fold start values of the learners; None if the rows have no events.
        test: the stack's predictions of the test rows.
        history_counts, test_history_counts: number of earlier sessions of the row's user whose value is known.
        cv_mse: mean squared error of the stack's nested predictions.
        expected: expected score in the run's metric.
        expected_mse: expected score as mean squared error.
        expected_learners: learner -> its expected score in the run's metric.
        constant: out-of-fold predictions of the best constant.
        combined: combination of the learners -> its nested predictions of the training rows.
        seeds: number of seeds with which each learner was fitted.
        search_results: learner -> result of its search; empty without tuning.
        selection_bias: factor by which losses are raised because settings were chosen by them; 1 without tuning.
        intervals: prediction intervals of the training and test rows.
    """

    folds: Folds
    fits: tuple[CrossFit, ...]
    stack: Stack
    start: Vector | None
    test: Vector
    history_counts: NDArray[np.int64]
    test_history_counts: NDArray[np.int64]
    cv_mse: float
    expected: ExpectedScore
    expected_mse: ExpectedScore
    expected_learners: Mapping[str, ExpectedScore]
    constant: Vector
    combined: Mapping[Combination, Vector]
    seeds: int
    search_results: Mapping[str, SearchResult]
    selection_bias: float
    intervals: Intervals

    @property
    def columns(self) -> FoldColumns | None:
        """The feature columns learned from session values in each fold; None if the rows have no events."""
        return self.matrices.columns

    @property
    def names(self) -> list[str]:
        """Names of all features, including the learned ones."""
        return [*self.context.names]

    @property
    def start_name(self) -> str | None:
        """Name of the feature with the start values of the learners; None if the rows have no events."""
        return None if self.columns is None else START.name

    def fold_matrix(self, fold: int, rows: NDArray[np.int64]) -> Matrix:
        """Return training rows with all their features, as the models of a fold see them."""
        return self.matrices.train_rows(fold, rows)

    def learner_mse(self) -> dict[str, float]:
        """Return the out-of-fold mean squared error of each learner."""
        return {fit.learner: mean_squared_error(fit.oof, self.data.y) for fit in self.fits}


def mean_squared_error(predicted: Vector, actual: Vector) -> float:
    """Return the mean squared error of the rows that have a prediction."""
    return float(np.nanmean((predicted - actual) ** 2))


def train(
    prepared: PreparedFolds,
    *,
    known_share: float,
    search_results: Mapping[str, SearchResult] | None = None,
    budget: Budget | None = None,
    report: Report = no_report,
    on_result: OnResult = ignore_result,
    load_or_compute: LoadOrCompute = always_compute,
) -> Training:
    """Fit every learner on every fold, then the meta-model, and compute the expected score.

    The callbacks are those of `cross_fit`.

    Args:
        known_share: share of the test sessions whose value is known from the train file; their error is 0.
        search_results: learner -> result of its search; learners without one get default settings.
        budget: more seeds are fitted while it leaves time.
    """
    search_results = search_results or {}
    fits, seeds = fit_with_seeds(
        prepared,
        search_results,
        budget,
        report=lambda done, total, text: report(_FIT_STEPS * done, _ALL_STEPS * total, text),
        on_result=on_result,
        load_or_compute=load_or_compute,
    )
    report(_FIT_STEPS, _ALL_STEPS, "combining the learners")
    # one thread: sums must not depend on the number of threads, and spinning threads slow down a busy machine
    with threadpool_limits(1):
        return _stack_fits(prepared, fits, seeds, search_results, known_share)


def _stack_fits(
    prepared: PreparedFolds,
    fits: tuple[CrossFit, ...],
    seeds: int,
    search_results: Mapping[str, SearchResult],
    known_share: float,
) -> Training:
    """Combine the learners and compute the scores; arguments as for `train` and results of `fit_with_seeds`."""
    matrices, metric, config = prepared.matrices, prepared.metric, prepared.config
    folds, y = matrices.folds, prepared.data.y
    start = _oof_start(matrices)

    def combinations_of(learners_oof: Matrix) -> Combinations:
        return Combinations(learners_oof, y, folds, metric, start=start, non_negative=config.non_negative_weights)

    def stack_of(combinations: Combinations) -> Stack:
        return combinations.best() if config.combination == "best" else combinations.only("ridge")

    combinations = combinations_of(_oof_by_learner(fits))
    stack = stack_of(combinations)
    test = stack.predict(_test_by_learner(fits), _test_start(matrices))
    history, test_history = user_histories(prepared.data)
    bias = selection_bias(search_results, y, folds, metric, lambda oof: stack_of(combinations_of(oof)))
    scorer = Scorer.of(prepared, (history, test_history), known_share=known_share, bias=bias)
    return Training(
        data=prepared.data,
        config=config,
        matrices=matrices,
        context=prepared.context,
        metric=metric,
        folds=folds,
        fits=fits,
        stack=stack,
        start=start,
        test=test,
        history_counts=history.sessions,
        test_history_counts=test_history.sessions,
        cv_mse=mean_squared_error(stack.oof, y),
        expected=scorer.score(stack.oof),
        expected_mse=scorer.score(stack.oof, MEAN_SQUARED_ERROR),
        expected_learners=scorer.by_learner(fits),
        constant=_oof_constant(matrices, metric),
        combined=combinations.nested(),
        seeds=seeds,
        search_results=search_results,
        selection_bias=bias,
        intervals=_fit_intervals(prepared, fits, oof=stack.oof, test=test, history=history, test_history=test_history),
    )


def _fit_intervals(
    prepared: PreparedFolds,
    fits: Sequence[CrossFit],
    *,
    oof: Vector,
    test: Vector,
    history: History,
    test_history: History,
) -> Intervals:
    """Return the intervals of the training and test rows.

    Args:
        oof, test: the stack's predictions of the training and of the test rows.
        history, test_history: see `user_histories`.
    """
    data = prepared.data
    return fit_intervals(
        error_predictors(data.X, data.names, oof, history, _oof_by_learner(fits)),
        data.y,
        error_predictors(data.X_test, data.names, test, test_history, _test_by_learner(fits)),
        prepared.matrices.folds,
        seed=prepared.config.seed,
    )


def _oof_by_learner(fits: Sequence[CrossFit]) -> Matrix:
    """Return the out-of-fold predictions, shape (training rows, learners)."""
    return np.column_stack([fit.oof for fit in fits])


def _test_by_learner(fits: Sequence[CrossFit]) -> Matrix:
    """Return the predictions of the test rows, shape (test rows, learners)."""
    return np.column_stack([fit.test for fit in fits])


def restrict_to_whole_sessions(training: Training, *, known_share: float) -> Training:
    """Return a training on whole sessions and prefixes with only the rows of the whole sessions, which are the first.

    The models are the same. All predictions and scores are those of the whole sessions.

    Args:
        known_share: see `train`.
    """
    data, n_whole = training.data.whole_sessions(), training.data.n_whole
    matrices, y = training.matrices.first_rows(n_whole), data.y
    stack = replace(training.stack, oof=training.stack.oof[:n_whole])
    prepared = PreparedFolds(data, training.config, matrices, training.context, training.metric)
    history, test_history = user_histories(data)
    scorer = Scorer.of(prepared, (history, test_history), known_share=known_share, bias=training.selection_bias)
    fits = tuple(fit.first_rows(n_whole, y, matrices.folds) for fit in training.fits)
    bounds = {level: low_and_high[:n_whole] for level, low_and_high in training.intervals.train.items()}
    return replace(
        training,
        data=data,
        matrices=matrices,
        folds=matrices.folds,
        fits=fits,
        stack=stack,
        start=None if training.start is None else training.start[:n_whole],
        history_counts=history.sessions,
        cv_mse=mean_squared_error(stack.oof, y),
        expected=scorer.score(stack.oof),
        expected_mse=scorer.score(stack.oof, MEAN_SQUARED_ERROR),
        expected_learners=scorer.by_learner(fits),
        constant=_oof_constant(matrices, training.metric),
        combined={name: oof[:n_whole] for name, oof in training.combined.items()},
        intervals=replace(training.intervals, train=bounds),
    )


def error_predictors(
    X: Matrix, names: list[str], predicted: Vector, history: History, by_learner: Matrix
) -> ErrorPredictors:
    """Return the predictors of the size of each row's error; `by_learner` has the predictions, (rows, learners)."""
    events, disagreement = event_counts(X, names), by_learner.std(axis=1)
    return ErrorPredictors(predicted, events, history.sessions.astype(np.float64), disagreement)


def event_counts(X: Matrix, names: list[str]) -> Vector:
    """Return the number of events of each session. Without this feature, all are 0, so that sessions form one class."""
    return X[:, names.index("n_events")] if "n_events" in names else np.zeros(len(X))


def _oof_constant(matrices: FoldMatrices, metric: Metric) -> Vector:
    """Return out-of-fold predictions of the best constant under the metric, e.g. the mean under squared errors."""
    y, folds = matrices.y, matrices.folds
    return folds.out_of_fold(lambda fold, rows: np.full(len(rows), metric.best_constant(y[folds.train_mask(fold)])))


def _oof_start(matrices: FoldMatrices) -> Vector | None:
    """Return the start value of each training row, learned without its fold; None without learned columns."""
    columns = matrices.columns
    return None if columns is None else matrices.folds.out_of_fold(columns.train_start)


def _test_start(matrices: FoldMatrices) -> Vector | None:
    """Return the start value of each test row, averaged over the fits; None without learned columns."""
    columns, fits = matrices.columns, matrices.folds.fits_for_test
    return None if columns is None else np.mean([columns.test_start(fit) for fit in fits], axis=0)


def user_histories(data: TrainingSet) -> tuple[History, History]:
    """Return the histories of training and test rows, of which the callers use only the numbers of sessions."""
    if data.times is None:
        return History.empty(len(data.y)), History.empty(len(data.test_units))
    # values at recovered prices are not computed, because no number of sessions depends on them
    return data.times.histories(data.y, recovered=data.y)
