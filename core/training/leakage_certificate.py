"""The certificate of training: checks of every run that its score does not come from a leak."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from core.base.text import count, listed
from core.check_result import CheckResult
from core.training.cross_fitting import FoldMatrices, cross_fit
from core.training.folds import Folds
from core.training.learners import LEARNERS, FitContext, Matrix, Vector
from core.training.prepared_folds import learn_fold_columns
from core.training.train import Training, mean_squared_error

_TEST_EFFORT = 0.15
"""Share of the usual rounds for the shuffled target: a leak shows in the first trees, before noise is learned."""
_TEST_ROWS = 20_000
"""Maximum number of training rows for the shuffled target. With so many, chance moves R2 by less than 0.01."""
_CHANCE_R2 = 0.02
"""Twice what chance gives on that many rows."""
_COPY_CORRELATION = 0.98
"""Rank correlation above which a feature counts as a copy of the value; honest features stay far below."""
_MIN_ROWS = 8
"""Below this, ranks may agree by chance, as those of any two rows do. No training set is smaller."""
_ERROR_IN_COPY = 200
"""One row in this many is wrong in the planted copy, so the detector must find inexact copies as well."""
_ALL_EQUAL = "All session values are equal."


def certify_training(training: Training) -> list[CheckResult]:
    """Check the folds, the out-of-fold predictions, a shuffled target and a planted leak.

    The columns learned inside the folds are not searched for copies of the value. Where values are sums of prices they
    may come very close to it, and the shuffled target shows whether they use values that they must not use.
    """
    return [
        folds_by_user(training.folds),
        oof_complete(training.stack.oof, training.folds),
        shuffled_target(training),
        planted_leak(training.data.X, training.data.y, training.data.names),
    ]


def folds_by_user(folds: Folds) -> CheckResult:
    """Check that no fold validates a user whose sessions its models were fitted on."""
    users, n_users = folds.users, len(np.unique(folds.users))
    shared = [np.intersect1d(users[train], users[validated]) for train, validated in folds.splits()]
    n_shared = len(np.unique(np.concatenate(shared)))
    return CheckResult.of(
        "folds_by_user",
        "No user is in the training and the validation part of a fold",
        passed=n_shared == 0,
        explanation=f"{count(n_users, 'user')} in {folds.count} folds. Users in both parts of any fold: {n_shared:,}.",
    )


def oof_complete(oof: Vector, folds: Folds) -> CheckResult:
    """Check that exactly the rows that a fold validates have an out-of-fold prediction."""
    predicted = ~np.isnan(oof)
    explanation = f"{predicted.sum():,} of {len(oof):,} train sessions have an out-of-fold prediction."
    if folds.kind == "forward":
        explanation += " With forward folds, the earliest sessions have none."
    return CheckResult.of(
        "oof_complete",
        "Every validated session is predicted by models that never saw its user",
        passed=bool((predicted == folds.validated_mask).all()),
        explanation=explanation,
    )


def shuffled_target(training: Training) -> CheckResult:
    """Check that a learner scores at chance when the values are shuffled; a better score would mean a leak."""
    code, title, context = "shuffled_target", "A shuffled target scores at chance", training.context
    rows = np.sort(np.random.default_rng(context.seed).permutation(len(training.data.y))[:_TEST_ROWS])
    data, folds = training.data.part(rows), training.folds.part(rows)
    if np.ptp(data.y) == 0:
        return CheckResult.not_applicable(code, title, _ALL_EQUAL)
    y = np.random.default_rng(context.seed).permutation(data.y)
    test_context = FitContext(context.names, context.threads, context.seed, effort=_TEST_EFFORT)
    # the columns that are learned from values are learned from the shuffled ones, too
    matrices = FoldMatrices(data.X, y, data.X_test, folds, learn_fold_columns(data, y, folds))
    (fit,) = cross_fit(LEARNERS[:1], matrices, context=test_context)
    validated_y = y[folds.validated_mask]
    r2 = 1.0 - mean_squared_error(fit.oof, y) / float(np.var(validated_y)) if np.ptp(validated_y) else 0.0
    return CheckResult.of(
        code,
        title,
        passed=r2 <= _CHANCE_R2,
        explanation=f"With shuffled values, the out-of-fold R² is {r2:.3f}. Up to {_CHANCE_R2} is expected by chance.",
    )


def planted_leak(X: Matrix, y: Vector, names: list[str]) -> CheckResult:
    """Check that no feature copies the value, and that the detector finds a disguised copy planted for this purpose."""
    code, title = "planted_leak", "No feature copies the value, and a planted copy is detected"
    if np.ptp(y) == 0:
        return CheckResult.not_applicable(code, title, _ALL_EQUAL)
    copies = copies_of_target(X, y, names)
    detected = copies_of_target(_disguised_copy(y)[:, None], y, ["planted"]) == ["planted"]
    return CheckResult.of(
        code,
        title,
        passed=detected and not copies,
        explanation=f"Features that copy the value: {listed(copies, len(copies)) or 'none'}. "
        f"The planted copy was {'' if detected else 'not '}detected.",
    )


def _disguised_copy(y: Vector) -> Vector:
    """Return the values in reverse order on a log scale, with a few of them swapped."""
    copy, rng = -np.log1p(y - min(float(y.min()), 0.0)), np.random.default_rng(0)
    rows = np.flatnonzero(_is_uncommon(y))
    swapped = rng.choice(rows, len(rows) // _ERROR_IN_COPY, replace=False)
    copy[swapped] = copy[rng.permutation(swapped)]
    return copy


def copies_of_target(X: Matrix, y: Vector, names: list[str]) -> list[str]:
    """Return the features whose absolute rank correlation with the value is above 0.98.

    The correlation must also hold among the sessions that do not have the most common value. Where most sessions are
    worth nothing, any feature that shows who buys follows the value over all sessions, but is no copy of it.

    >>> y = np.arange(10.0)
    >>> copies_of_target(np.column_stack([np.sqrt(y), y % 3]), y, ["square root", "remainder"])
    ['square root']
    """
    uncommon = _is_uncommon(y)
    return [
        name
        for column, name in enumerate(names)
        if _follows(X[:, column], y) and _follows(X[uncommon, column], y[uncommon]) is not False
    ]


def _is_uncommon(y: Vector) -> NDArray[np.bool_]:
    """Return the mask of the rows that do not have the most common value."""
    values, counts = np.unique(y, return_counts=True)
    return np.asarray(y != values[np.argmax(counts)])


def _follows(feature: Vector, y: Vector) -> bool | None:
    """Return whether the feature ranks rows as the value does; None if there are too few rows or values are equal."""
    present = ~np.isnan(feature)
    if present.sum() < _MIN_ROWS or np.ptp(y[present]) == 0:
        return None
    if np.ptp(feature[present]) == 0:
        return False
    return bool(abs(spearmanr(feature[present], y[present]).statistic) > _COPY_CORRELATION)
