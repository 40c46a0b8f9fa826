"""Which features the learners use: how much error they remove in training (gain) and how far they move predictions.

Effects on predictions are tree SHAP values (Lundberg et al. 2020, From local explanations to global understanding with
explainable AI for trees), on rows that the model was not trained on. The meta-model is linear, so the stack's
contributions are the weighted sum of its learners'.

Learners start from recovered prices times the user's ratio, and their trees add what is missing. A feature's effect
therefore has two parts, from the start and from the trees; its gain is of the trees alone.
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

FEATURE = "feature"
GROUP = "group"
UNIT_OF = "unit"
MEANING = "meaning"
LEARNER = "learner"
GAIN_SHARE = "gain_share"
MEAN_ABS_SHAP = "mean_abs_shap"

_ROWS_PER_FOLD = 400
"""Held-out rows to explain in each fold: 2,000 with five folds, which takes seconds and is enough to rank features."""
_MIN_ROWS_PER_FOLD = 100
"""Lower limit if several seeds share the rows."""


def importance_frame(
    training: Training, report: Callable[[int, int, str], None] = lambda done, total, text: None
) -> pl.DataFrame:
    """Return the importance of every feature; one row per (learner, feature), with the stack as the last learner.

    Args:
        training: A finished training.
        report: Progress callback (folds done, number of folds, text).

    Returns:
        learner: Code of the learner, or of the stack.
        feature, group, unit, meaning: Name, feature group, unit and description.
        gain_share: Share of the gain of the learner's trees, 0 to 1, averaged over folds; null for the stack, which has
            no trees.
        mean_abs_shap: Average number of value units by which the feature moves a prediction up or down, over held-out
            rows.
    """
    names, n_folds = training.names, training.folds.count
    learners = [fit.learner for fit in training.fits]
    weights = dict(zip(learners, training.stack.weights, strict=True))
    rows_by_fold = _sample_held_out_rows(training)
    tasks = [(fit, fold) for fold in range(n_folds) for fit in training.fits]
    totals = {name: np.zeros(len(names)) for name in learners}
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
    gains = {fit.learner: _mean_gain_share(fit) for fit in training.fits}
    return pl.concat(
        _learner_rows(names, learner, total / n_rows, gains.get(learner)) for learner, total in totals.items()
    )


def _sample_held_out_rows(training: Training) -> list[NDArray[np.int64]]:
    draws = np.random.default_rng(training.context.seed)
    most = max(_ROWS_PER_FOLD // training.seeds, min(_ROWS_PER_FOLD, _MIN_ROWS_PER_FOLD))
    return [draws.permutation(validated)[:most] for _, validated in training.folds.splits()]


def _contributions(training: Training, fit: CrossFit, fold: int, rows: NDArray[np.int64]) -> Matrix:
    """Return how far each feature moves each prediction, in value units, shape (rows, features).

    With several seeds this is the mean over their models, as it is for predictions.
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
    return pl.DataFrame(
        {
            LEARNER: [learner] * len(names),
            FEATURE: names,
            GROUP: [catalogue[name].group for name in names],
            UNIT_OF: [catalogue[name].feature.unit for name in names],
            MEANING: [catalogue[name].feature.meaning for name in names],
            GAIN_SHARE: [None] * len(names) if gain_share is None else gain_share,
            MEAN_ABS_SHAP: effect,
        },
        schema_overrides={GAIN_SHARE: pl.Float64},
    )
