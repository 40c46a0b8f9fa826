"""The certificate: checks that the score shown can be believed. Computed anew for every run.

A check has a code, a title, an outcome and one sentence with the figures it rests on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from core.training.cross_fitting import FoldMatrices, cross_fit
from core.training.folds import Folds
from core.training.learners import LEARNERS, FitContext, Matrix, Vector
from core.training.prepared import fold_columns
from core.training.train import Training, mean_squared_error

_TRIAL_EFFORT = 0.15
"""Share of the usual rounds in the shuffled-target trial: a leak shows in the first trees, noise is not learned yet."""
_TRIAL_ROWS = 20_000
"""Training rows of that trial, at most: chance alone moves R2 by less than a hundredth then."""
_CHANCE_R2 = 0.02
_COPY_CORRELATION = 0.98
"""A feature whose ranks follow the value's this closely is the value in disguise; honest ones stay far below."""
_ENOUGH_ROWS = 8
"""A feature known in fewer rows may follow the value by chance (any two rows do); no training set has fewer."""
_WRONG_IN_COPY = 200
"""One row in so many is wrong in the copy that is planted: the detector must not live from exact copies alone."""
_ALL_EQUAL = "All session values are equal."


@dataclass(frozen=True)
class CertificateCheck:
    """One line of the certificate."""

    code: str
    title: str
    outcome: Literal["passed", "failed", "not_applicable"]
    explanation: str


def _check(code: str, title: str, *, holds: bool, explanation: str) -> CertificateCheck:
    return CertificateCheck(code, title, "passed" if holds else "failed", explanation)


def certify_training(training: Training) -> list[CertificateCheck]:
    """Check folds, out-of-fold predictions, a shuffled target and a planted leak."""
    return [
        folds_by_user(training.folds),
        oof_complete(training.stack.oof, training.folds),
        shuffled_target(training),
        # not of the columns learned in the folds: where values are sums of prices they may rightly come very near,
        # and that they know no value that they must not know is what the shuffled target shows
        planted_leak(training.data.X, training.data.y, training.data.names),
    ]


def folds_by_user(folds: Folds) -> CertificateCheck:
    """No fold may validate a user that its models learned from."""
    several = sum(
        len(np.intersect1d(folds.users[learned], folds.users[validated])) for learned, validated in folds.splits()
    )
    return _check(
        "folds_by_user",
        "No user is both learned from and validated in a fold",
        holds=several == 0,
        explanation=f"{len(np.unique(folds.users)):,} users in {folds.count} folds, {several:,} on both sides of one.",
    )


def oof_complete(oof: Vector, folds: Folds) -> CertificateCheck:
    """Every row that a fold validates, and no other, must have been predicted by a model that did not see it."""
    wrong = int((np.isnan(oof) == folds.validated).sum())
    told = int((~np.isnan(oof)).sum())
    first = "; forward in time nobody tells the first stretch" if folds.kind == "forward" else ""
    return _check(
        "oof_complete",
        "Every training session is predicted by models that never saw its user",
        holds=wrong == 0,
        explanation=f"{told:,} of {len(oof):,} training sessions have an out-of-fold prediction{first}.",
    )


def shuffled_target(training: Training) -> CertificateCheck:
    """With the values dealt out at random nothing can be learned; a score above chance would mean a leak."""
    title, context = "A shuffled target scores at chance", training.context
    rows = np.random.default_rng(context.seed).permutation(len(training.data.y))[:_TRIAL_ROWS]
    data, folds = training.data.part(np.sort(rows)), training.folds.part(np.sort(rows))
    if np.ptp(data.y) == 0:
        return CertificateCheck("shuffled_target", title, "not_applicable", _ALL_EQUAL)
    y = np.random.default_rng(context.seed).permutation(data.y)
    trial = FitContext(context.names, context.threads, context.seed, effort=_TRIAL_EFFORT)
    # what is learned from values is learned from the shuffled ones
    matrices = FoldMatrices(data.X, y, data.X_test, folds, fold_columns(data, y, folds))
    (fit,) = cross_fit(LEARNERS[:1], matrices, context=trial)
    told = folds.validated  # forward in time nobody tells the first stretch
    r2 = 1.0 - mean_squared_error(fit.oof, y) / float(np.var(y[told])) if np.ptp(y[told]) else 0.0
    return _check(
        "shuffled_target",
        title,
        holds=r2 <= _CHANCE_R2,
        explanation=f"Out-of-fold R2 on shuffled values is {r2:.3f}; up to {_CHANCE_R2} is chance.",
    )


def planted_leak(X: Matrix, y: Vector, names: list[str]) -> CertificateCheck:
    """No feature may copy the value, and the detector that says so must catch a disguised copy planted for it."""
    title = "No feature copies the value, and a planted copy is caught"
    if np.ptp(y) == 0:
        return CertificateCheck("planted_leak", title, "not_applicable", _ALL_EQUAL)
    copies = copies_of_target(X, y, names)
    caught = copies_of_target(_disguised(y)[:, None], y, ["planted"]) == ["planted"]
    found = ", ".join(copies) if copies else "none"
    return _check(
        "planted_leak",
        title,
        holds=caught and not copies,
        explanation=f"Features that copy the value: {found}; the planted copy was {'' if caught else 'not '}caught.",
    )


def _disguised(y: Vector) -> Vector:
    """The values turned round and bent, some of them dealt out anew."""
    copy, rng = -np.log1p(y - min(float(y.min()), 0.0)), np.random.default_rng(0)
    rows = np.flatnonzero(_uncommon(y))
    wrong = rng.choice(rows, len(rows) // _WRONG_IN_COPY, replace=False)
    copy[wrong] = copy[rng.permutation(wrong)]
    return copy


def copies_of_target(X: Matrix, y: Vector, names: list[str]) -> list[str]:
    """Name the features whose rank correlation with the value is above _COPY_CORRELATION in size.

    So it must be among the sessions that do not have the most common value, too: where most are worth nothing, whatever
    says who buys follows the value closely over all sessions, and is no copy of it.
    """
    uncommon = _uncommon(y)
    return [
        name
        for column, name in enumerate(names)
        if _follows(X[:, column], y) and _follows(X[uncommon, column], y[uncommon]) is not False
    ]


def _uncommon(y: Vector) -> NDArray[np.bool_]:
    """The rows that do not have the most common value."""
    values, counts = np.unique(y, return_counts=True)
    return np.asarray(y != values[np.argmax(counts)])


def _follows(feature: Vector, y: Vector) -> bool | None:
    """Whether the ranks follow those of the value; None where too few rows or equal values tell nothing."""
    known = ~np.isnan(feature)
    if known.sum() < _ENOUGH_ROWS or np.ptp(y[known]) == 0:
        return None
    if np.ptp(feature[known]) == 0:
        return False
    correlation = np.corrcoef(rankdata(feature[known]), rankdata(y[known]))[0, 1]
    return bool(abs(correlation) > _COPY_CORRELATION)
