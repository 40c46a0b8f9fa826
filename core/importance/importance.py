"""Which features the learners used: the loss they saved while learning (gain) and how far they move predictions (SHAP).

SHAP values are those of the trees themselves (Lundberg et al. 2020, From local explanations to global understanding
with explainable AI for trees), taken on rows that the model did not train on. The meta-model is linear, so the stack's
contributions are exactly the weighted sum of its learners'.

Learners start from recovered prices times the user's ratio, and their trees tell only what is missing. So a feature
moves a prediction by its part of the start and by what the trees make of it; gain is of the trees alone.
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

_ROWS_A_FOLD = 400
"""Held-out rows explained in each fold: with 5 folds 2,000 in all, seconds of work, enough to order the features."""
_FEWEST_ROWS = 100
"""The same where models of several seeds share the work."""


def importance_frame(
    training: Training, report: Callable[[int, int, str], None] = lambda a, b, c: None
) -> pl.DataFrame:
    """One row a learner (and the stack) and feature.

    Columns: learner, feature, group, unit, meaning; gain_share: the feature's part of the gain of the learner's trees,
    0 to 1, mean over folds, null for the stack (it grows no trees); mean_abs_shap: by how many value units the feature
    moves a prediction up or down, on average over held-out rows.
    """
    names, folds = training.names, training.folds.count
    draws = np.random.default_rng(training.context.seed)
    most = max(_ROWS_A_FOLD // training.seeds, min(_ROWS_A_FOLD, _FEWEST_ROWS))
    chosen = [draws.permutation(validated)[:most] for _, validated in training.folds.splits()]
    tasks = [(fit, fold) for fold in range(folds) for fit in training.fits]
    report(0, folds, f"1 of {folds} folds")
    with ThreadPoolExecutor(training.context.threads) as pool:  # as for fits: one core each, side by side
        explained = pool.map(lambda task: _contributions(training, task[0], task[1], chosen[task[1]]), tasks)
        moved = {name: np.zeros(len(names)) for name in [*(fit.learner for fit in training.fits), STACK]}
        combined = [np.zeros((len(rows), len(names))) for rows in chosen]
        weights = dict(zip((fit.learner for fit in training.fits), training.stack.weights, strict=True))
        for (fit, fold), contributions in zip(tasks, explained, strict=True):
            report(fold, folds, f"{fold + 1} of {folds} folds")
            moved[fit.learner] += np.abs(contributions).sum(axis=0)
            combined[fold] += weights[fit.learner] * contributions
    moved[STACK] = np.sum([np.abs(each).sum(axis=0) for each in combined], axis=0)
    report(folds, folds, "")
    rows = sum(map(len, chosen))
    gains = {fit.learner: np.mean([_share(each.model.gain()) for each in fit.models], axis=0) for fit in training.fits}
    return pl.concat(_rows(names, learner, total / rows, gains.get(learner)) for learner, total in moved.items())


def _contributions(training: Training, fit: CrossFit, fold: int, rows: NDArray[np.int64]) -> Matrix:
    """(rows, features) in value units: how far each feature moves the learner's predictions from their mean.

    With several seeds the mean over them, as the predictions are.
    """
    asked = training.fold_matrix(fold, rows)
    start = training.matrices.start(asked)
    models = fit.models[fold :: training.folds.fit_count]
    contributions = np.mean([model.contributions(asked, start)[:, :-1] for model in models], axis=0)
    if training.columns is not None:
        learned = len(training.columns.names)
        contributions[:, -learned:] += parts_of_start(asked[:, -learned:])
    return np.asarray(contributions)


def _share(gain: Vector) -> Vector:
    """Parts of a whole; a model without a split has none."""
    total = float(gain.sum())
    return gain / total if total > 0 else gain


def _rows(names: list[str], learner: str, moved: Vector, gain: Vector | None) -> pl.DataFrame:
    about = {each.feature.name: (each.group, each.feature) for each in feature_catalogue()}
    return pl.DataFrame(
        {
            LEARNER: [learner] * len(names),
            FEATURE: names,
            GROUP: [about[name][0] for name in names],
            UNIT_OF: [about[name][1].unit for name in names],
            MEANING: [about[name][1].meaning for name in names],
            GAIN_SHARE: pl.Series(gain, dtype=pl.Float64) if gain is not None else [None] * len(names),
            MEAN_ABS_SHAP: moved,
        },
        schema_overrides={GAIN_SHARE: pl.Float64},
    )
