"""Importance of the features: their share of the gain in training, and their effect on predictions.

Effects on predictions are those of `core.training.attribution`, on rows that the model was not trained on.

Learners start from recovered prices times the user's ratio, and add corrections. The effect of a feature is the sum of
its effects on the start value and on the correction. Its gain is that of the correction only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from core.base.progress import Report, no_report
from core.features import display_names, feature_catalogue
from core.features.definition import CatalogueEntry
from core.importance.fold_models import FoldModels, held_out_of_model
from core.model import Scoring, SessionValueModel
from core.own_columns import OwnColumn
from core.schema import STACK
from core.training import Vector
from core.training.attribution import Attribution
from core.training.fitting import FittedLearner

_MAX_NEW_ROWS = 2_000
"""Sessions of an event file to explain."""


def training_importance(model: SessionValueModel, folds: pl.DataFrame, report: Report = no_report) -> pl.DataFrame:
    """Return the importance of every feature in held-out rows of the training of a model; see `importance_table`.

    Args:
        folds: units of the training sessions, ascending, and the `fold` that validates each; -1 for none.
        report: progress callback.
    """
    models = FoldModels.of_model(model)
    return importance_table(models, models.attribute(held_out_of_model(model, folds, report)), model.spec.own)


def new_importance(scoring: Scoring, report: Report = no_report, max_rows: int = _MAX_NEW_ROWS) -> pl.DataFrame:
    """Return the importance of every feature in the sessions of an event file; see `importance_table`.

    Effects are averaged over the fits, as predictions are.

    Args:
        max_rows: number of sessions, drawn at random.
    """
    model = scoring.model
    parts: dict[str, list[Attribution]] = {name: [] for name in (*model.spec.learners, STACK)}
    for rows in scoring.rows(max_rows, report):
        for name, part in model.fitted.mean_attributions(rows).items():
            parts[name].append(part)
    joined = {name: Attribution.joined(each) for name, each in parts.items()}
    return importance_table(FoldModels.of_model(model), joined, model.spec.own)


def importance_table(
    models: FoldModels, by_learner: Mapping[str, Attribution], own: Sequence[OwnColumn]
) -> pl.DataFrame:
    """Return the importance of every feature from attributions of the same rows to all learners and the stack.

    One row per (learner, feature), with the stack as the last learner.

    Returns:
        learner: code of the learner, or of the stack.
        feature, label, group, unit, meaning: name, display name, feature group, unit and description of the feature.
        gain_share: share of the gain of the learner, 0 to 1, averaged over models; null for the stack.
        mean_abs_shap: mean absolute effect on the prediction of a row, in value units.
    """
    gain_shares = {learner: _mean_gain_share(each) for learner, each in models.learners.items()}
    effects = {learner: np.abs(each.effects).mean(axis=0) for learner, each in by_learner.items()}
    catalogue = {entry.feature.name: entry for entry in feature_catalogue(own)}
    entries = [catalogue[name] for name in models.names]
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
