"""The explanation that a run stores: effects in a sample of held-out sessions, effect curves, and fast methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import polars as pl

from core.base.progress import Report, no_report
from core.importance.effects import effect_curves
from core.importance.fold_models import FoldModels, HeldOut, held_out_of_training
from core.importance.importance import importance_table
from core.importance.methods import METHODS
from core.importance.methods.tree_shap import CODE as SHAP
from core.importance.methods.tree_shap import shap_rows
from core.importance.themes import themes_of
from core.own_columns import OwnColumn
from core.schema import STACK, UNIT, VALUE
from core.training import Matrix, Training
from core.training.attribution import Attribution

FOLD, PREDICTED, BASE = "fold", "predicted", "base"
_N_CURVES = 8
"""Number of features with an effect curve: those with the largest effects."""


@dataclass(frozen=True)
class Explanation:
    """The explanation of a training by a sample of held-out sessions.

    Attributes:
        importance: see `core.importance.importance_table`.
        sessions: one row per session: unit, fold, value, predicted (by the stack), and base (prediction of an average
            session of the fold), the last three in value units.
        effects: the same rows, one column per feature: its effect on the prediction of the stack, in value units. Each
            row adds up to predicted - base.
        cells: the same rows and columns: the values of the features; null where a feature is not defined.
        curves: see `core.importance.effects.effect_curves`.
        methods: rows of the methods that are part of every run; see `core.importance.methods`.
    """

    importance: pl.DataFrame
    sessions: pl.DataFrame
    effects: pl.DataFrame
    cells: pl.DataFrame
    curves: pl.DataFrame
    methods: pl.DataFrame

    def save(self, folder: Path) -> None:
        """Write one Parquet file per table into an existing folder."""
        for name, table in vars(self).items():
            table.write_parquet(folder / f"{name}.parquet")

    @classmethod
    def load(cls, folder: Path) -> Explanation:
        """Read what `save` wrote."""
        paths = {field.name: folder / f"{field.name}.parquet" for field in fields(cls)}
        return cls(**{name: pl.read_parquet(path, memory_map=False, glob=False) for name, path in paths.items()})


def explain_training(training: Training, report: Report = no_report) -> Explanation:
    """Explain a finished training."""
    models, rows = FoldModels.of_training(training), held_out_of_training(training)
    return explain(models, rows, training.data.own, report)


def explain(models: FoldModels, rows: HeldOut, own: Sequence[OwnColumn], report: Report = no_report) -> Explanation:
    """Explain fitted models by held-out rows.

    Args:
        own: the own columns that features are computed from.
        report: progress callback (parts done, number of parts, text).
    """
    themes = themes_of(models.names, own)
    n_parts = len(rows) + 2
    by_learner = models.attribute(rows, lambda done, _, text: report(done, n_parts, text))
    report(len(rows), n_parts, "effect curves")
    stacked = by_learner[STACK]
    curves = effect_curves(models, rows, _strongest(models, stacked))
    report(len(rows) + 1, n_parts, "themes")
    fast = [method for method in METHODS if method.in_run and method.code != SHAP]
    methods = [method.compute(models, rows, themes, no_report) for method in fast]
    explanation = Explanation(
        importance=importance_table(models, by_learner, own),
        sessions=_sessions(rows, stacked),
        effects=_table(stacked.effects, models.names),
        cells=_table(np.concatenate([part.X for part in rows]), models.names),
        curves=curves,
        methods=pl.concat([shap_rows(by_learner, rows, models.names, themes), *methods]),
    )
    report(n_parts, n_parts, "")
    return explanation


def run_methods(
    models: FoldModels, rows: HeldOut, own: Sequence[OwnColumn], report: Report = no_report
) -> pl.DataFrame:
    """Return the rows of the methods that are too slow to be part of every run."""
    themes = themes_of(models.names, own)
    tables = []
    slow = [method for method in METHODS if not method.in_run]
    for done, method in enumerate(slow):
        report(done, len(slow), method.title)
        tables.append(method.compute(models, rows, themes, no_report))
    report(len(slow), len(slow), "")
    return pl.concat(tables)


def _strongest(models: FoldModels, stacked: Attribution) -> list[str]:
    sizes = np.abs(stacked.effects).mean(axis=0)
    return [models.names[column] for column in sorted(models.players, key=lambda column: -sizes[column])[:_N_CURVES]]


def _sessions(rows: HeldOut, stacked: Attribution) -> pl.DataFrame:
    columns: Mapping[str, Matrix] = {
        UNIT: np.concatenate([part.units for part in rows]),
        FOLD: np.concatenate([np.full(len(part.y), part.fit) for part in rows]),
        VALUE: np.concatenate([part.y for part in rows]),
        PREDICTED: stacked.predicted,
        BASE: stacked.base,
    }
    return pl.DataFrame(columns)


def _table(matrix: Matrix, names: Sequence[str]) -> pl.DataFrame:
    """Return a matrix as a table of single precision, which halves the file; NaN becomes null."""
    return pl.DataFrame(matrix.astype(np.float32), schema=list(names)).fill_nan(None)
