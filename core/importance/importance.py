"""Importance of the features: their share of the gain in training, and their effect on predictions.

Effects on predictions are tree SHAP values (Lundberg et al. 2020, From local explanations to global understanding with
explainable AI for trees), on rows that the model was not trained on. The stack is a weighted sum of its learners and
of what they start from, so its contributions are weighted sums of theirs.

Learners start from recovered prices times the user's ratio, and their trees add corrections. The effect of a feature is
the sum of its effects on the start value and on the trees. Its gain is that of the trees only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.base.progress import Report, no_report
from core.features import display_names, feature_catalogue
from core.features.definition import CatalogueEntry
from core.model import Scoring, SessionValueModel
from core.own_columns import OwnColumn
from core.schema import STACK, UNIT
from core.training import CrossFit, Matrix, Training, Vector
from core.training.fitting import FittedLearner, contributions, start_contributions, with_stack

_ROWS_PER_FOLD = 400
"""Number of held-out rows to explain in each fold. Five folds make 2,000, which take seconds and rank features."""
_MIN_ROWS_PER_FOLD = 100
"""Lower limit for each model if several seeds share the rows."""
_MAX_NEW_ROWS = 2_000
"""Sessions of an event file to explain."""


def importance_frame(training: Training, report: Report = no_report) -> pl.DataFrame:
    """Return the importance of every feature in the held-out rows of a training.

    One row per (learner, feature), with the stack as the last learner.

    Args:
        training: a finished training.
        report: progress callback (folds done, number of folds, text).

    Returns:
        learner: code of the learner, or of the stack.
        feature, label, group, unit, meaning: name, display name, feature group, unit and description of the feature.
        gain_share: share of the gain of the learner's trees, 0 to 1, averaged over models; null for the stack.
        mean_abs_shap: mean absolute effect on the prediction of a held-out row, in value units.
    """
    folds, columns = training.folds, training.columns
    n_learned = 0 if columns is None else len(columns.names)
    rows_by_fold = _sample_held_out(folds.fold_of, folds.count, training.seeds, training.context.seed)
    tasks = [(fit, fold) for fold in range(folds.count) for fit in training.fits]

    def rows_of(fold: int) -> Matrix:
        return training.fold_matrix(fold, rows_by_fold[fold])

    def explain(task: tuple[CrossFit, int]) -> Matrix:
        fit, fold = task
        X = rows_of(fold)
        return contributions(fit.models[fold :: folds.fit_count], X, training.matrices.start(X), n_learned)

    by_learner: dict[str, list[Matrix]] = {fit.learner: [] for fit in training.fits}
    report(0, folds.count, f"1 of {folds.count} folds")
    with ThreadPoolExecutor(training.context.threads) as pool:
        for (fit, fold), part in zip(tasks, pool.map(explain, tasks), strict=True):
            report(fold, folds.count, f"{fold + 1} of {folds.count} folds")
            by_learner[fit.learner].append(part)
    report(folds.count, folds.count, "")
    of_start = np.concatenate([start_contributions(rows_of(fold), n_learned) for fold in range(folds.count)])
    models = {fit.learner: fit.models for fit in training.fits}
    return _table(training.names, with_stack(_joined(by_learner), training.stack, of_start), models, training.data.own)


def training_importance(model: SessionValueModel, folds: pl.DataFrame, report: Report = no_report) -> pl.DataFrame:
    """Return what `importance_frame` returned for the training of a model.

    Args:
        folds: units of the training sessions, ascending, and the `fold` that validates each; -1 for none.
        report: progress callback.
    """
    spec, fitted, fold_of = model.spec, model.fitted, folds.get_column("fold").to_numpy()
    rows_by_fold = _sample_held_out(fold_of, int(fold_of.max()) + 1, spec.seeds, spec.config.seed)
    positions = np.sort(np.concatenate(rows_by_fold))
    parts: dict[str, list[Matrix]] = {name: [] for name in (*spec.learners, STACK)}
    done = 0
    for rows in model.rows_of(folds.get_column(UNIT).gather(positions), report):
        fits = fold_of[positions[done : done + rows.units.height]]
        done += rows.units.height
        for fit in np.unique(fits):
            for name, part in fitted.contributions(
                rows.part(np.flatnonzero(fits == fit)), int(fit), train=True
            ).items():
                parts[name].append(part)
    return _table(fitted.names, _joined(parts), fitted.learners, spec.own)


def new_importance(scoring: Scoring, report: Report = no_report, max_rows: int = _MAX_NEW_ROWS) -> pl.DataFrame:
    """Return the importance of every feature in the sessions of an event file; see `importance_frame`.

    Contributions are averaged over the fits, as predictions are.

    Args:
        max_rows: number of sessions, drawn at random.
    """
    model = scoring.model
    fitted = model.fitted
    parts: dict[str, list[Matrix]] = {name: [] for name in (*model.spec.learners, STACK)}
    for rows in scoring.rows(max_rows, report):
        for name, part in fitted.mean_contributions(rows).items():
            parts[name].append(part)
    return _table(fitted.names, _joined(parts), fitted.learners, model.spec.own)


def _sample_held_out(fold_of: NDArray[np.int64], n_folds: int, n_seeds: int, seed: int) -> list[NDArray[np.int64]]:
    """Draw held-out rows of each fold, ascending: fewer with more seeds, because every seed has a model to explain."""
    rng = np.random.default_rng(seed)
    max_rows = max(_ROWS_PER_FOLD // n_seeds, min(_ROWS_PER_FOLD, _MIN_ROWS_PER_FOLD))
    return [np.sort(rng.permutation(np.flatnonzero(fold_of == fold))[:max_rows]) for fold in range(n_folds)]


def _joined(parts: Mapping[str, Sequence[Matrix]]) -> dict[str, Matrix]:
    return {name: np.concatenate(each) for name, each in parts.items()}


def _table(
    names: list[str],
    by_learner: Mapping[str, Matrix],
    models: Mapping[str, Sequence[FittedLearner]],
    own: Sequence[OwnColumn],
) -> pl.DataFrame:
    """Return the importance table from contributions to the learners and the stack, in the same rows for all."""
    gain_shares = {learner: _mean_gain_share(each) for learner, each in models.items()}
    effects = {learner: np.abs(each).mean(axis=0) for learner, each in by_learner.items()}
    catalogue = {entry.feature.name: entry for entry in feature_catalogue(own)}
    entries = [catalogue[name] for name in names]
    labels = display_names(catalogue.values())
    return pl.concat(
        _learner_rows(entries, labels, learner, effect, gain_shares.get(learner)) for learner, effect in effects.items()
    )


def _mean_gain_share(models: Sequence[FittedLearner]) -> Vector:
    """Return each feature's share of the gain, averaged over models; 0 in a model without a split."""
    gains = [fitted.model.gain() for fitted in models]
    shares = [gain / total if (total := float(gain.sum())) > 0 else gain for gain in gains]
    return np.asarray(np.mean(shares, axis=0))


def _learner_rows(
    entries: Sequence[CatalogueEntry],
    labels: Mapping[str, str],
    learner: str,
    effect: Vector,
    gain_share: Vector | None,
) -> pl.DataFrame:
    columns = {
        "learner": learner,
        "feature": [entry.feature.name for entry in entries],
        "label": [labels[entry.feature.name] for entry in entries],
        "group": [entry.group for entry in entries],
        "unit": [entry.feature.unit for entry in entries],
        "meaning": [entry.feature.meaning for entry in entries],
        "gain_share": gain_share,
        "mean_abs_shap": effect,
    }
    return pl.DataFrame(columns, schema_overrides={"gain_share": pl.Float64})
