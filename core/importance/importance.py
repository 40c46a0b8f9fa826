"""Importance of the features: their share of the gain in training, and their effect on predictions.

Effects on predictions are tree SHAP values (Lundberg et al. 2020, From local explanations to global understanding with
explainable AI for trees), on rows that the model was not trained on. The stack is a weighted sum of its learners, so
its contributions are weighted sums of theirs.

Learners start from recovered prices times the user's ratio, and their trees add corrections. The effect of a feature is
the sum of its effects on the start value and on the trees. Its gain is that of the trees only.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.features import feature_catalogue
from core.features.learned.catalogue import parts_of_start
from core.schema import STACK
from core.training import CrossFit, Matrix, Training, Vector

_ROWS_PER_FOLD = 400
"""Number of held-out rows to explain in each fold. Five folds make 2,000, which take seconds and rank features."""
_MIN_ROWS_PER_FOLD = 100
"""Lower limit for each model if several seeds share the rows."""


def importance_frame(
    training: Training, report: Callable[[int, int, str], None] = lambda done, total, text: None
) -> pl.DataFrame:
    """Return the importance of every feature: one row per (learner, feature), with the stack as the last learner.

    Args:
        training: a finished training.
        report: progress callback (folds done, number of folds, text).

    Returns:
        learner: code of the learner, or of the stack.
        feature, group, unit, meaning: name, feature group, unit and description of the feature.
        gain_share: share of the gain of the learner's trees, 0 to 1, averaged over models; null for the stack.
        mean_abs_shap: mean absolute effect on the prediction of a held-out row, in value units.
    """
    names, n_folds = training.names, training.folds.count
    weights = dict(zip((fit.learner for fit in training.fits), training.stack.weights, strict=True))
    rows_by_fold = _sample_held_out_rows(training)
    tasks = [(fit, fold) for fold in range(n_folds) for fit in training.fits]
    totals = {learner: np.zeros(len(names)) for learner in weights}
    stacked = [np.zeros((len(rows), len(names))) for rows in rows_by_fold]
    report(0, n_folds, f"1 of {n_folds} folds")
    with ThreadPoolExecutor(training.context.threads) as pool:
        results = pool.map(lambda task: _contributions(training, task[0], task[1], rows_by_fold[task[1]]), tasks)
        for (fit, fold), contributions in zip(tasks, results, strict=True):
            report(fold, n_folds, f"{fold + 1} of {n_folds} folds")
            totals[fit.learner] += np.abs(contributions).sum(axis=0)
            stacked[fold] += weights[fit.learner] * contributions
    totals[STACK] = np.sum([np.abs(contributions).sum(axis=0) for contributions in stacked], axis=0)
    report(n_folds, n_folds, "")
    n_rows = sum(map(len, rows_by_fold))
    gain_shares = {fit.learner: _mean_gain_share(fit) for fit in training.fits}
    return pl.concat(
        _learner_rows(names, learner, total / n_rows, gain_shares.get(learner)) for learner, total in totals.items()
    )


def _sample_held_out_rows(training: Training) -> list[NDArray[np.int64]]:
    """Draw held-out rows of each fold: fewer with more seeds, because every seed has a model to explain."""
    rng = np.random.default_rng(training.context.seed)
    max_rows = max(_ROWS_PER_FOLD // training.seeds, min(_ROWS_PER_FOLD, _MIN_ROWS_PER_FOLD))
    return [rng.permutation(validated)[:max_rows] for _, validated in training.folds.splits()]


def _contributions(training: Training, fit: CrossFit, fold: int, rows: NDArray[np.int64]) -> Matrix:
    """Return how far each feature moves each prediction, in value units, shape (rows, features).

    With several seeds, contributions are averaged over their models, as predictions are.
    """
    X = training.fold_matrix(fold, rows)
    start = training.matrices.start(X)
    models = fit.models[fold :: training.folds.fit_count]
    contributions = np.mean([model.contributions(X, start)[:, :-1] for model in models], axis=0)
    if training.columns is not None:
        n_learned = len(training.columns.names)
        contributions[:, -n_learned:] += parts_of_start(X[:, -n_learned:])
    return np.asarray(contributions)


def _mean_gain_share(fit: CrossFit) -> Vector:
    """Return each feature's share of the gain, averaged over models; 0 in a model without a split."""
    gains = [fitted.model.gain() for fitted in fit.models]
    shares = [gain / total if (total := float(gain.sum())) > 0 else gain for gain in gains]
    return np.asarray(np.mean(shares, axis=0))


def _learner_rows(names: list[str], learner: str, effect: Vector, gain_share: Vector | None) -> pl.DataFrame:
    catalogue = {entry.feature.name: entry for entry in feature_catalogue()}
    entries = [catalogue[name] for name in names]
    columns = {
        "learner": learner,
        "feature": names,
        "group": [entry.group for entry in entries],
        "unit": [entry.feature.unit for entry in entries],
        "meaning": [entry.feature.meaning for entry in entries],
        "gain_share": gain_share,
        "mean_abs_shap": effect,
    }
    return pl.DataFrame(columns, schema_overrides={"gain_share": pl.Float64})
