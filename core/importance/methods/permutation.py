"""Permutation importance on held-out rows: by how much the error rises when cells are shuffled between sessions.

Breiman 2001, Random forests. Whole themes are shuffled, too, because features of one theme can replace each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from core.base.progress import Report
from core.importance.fold_models import FoldModels, FoldRows, HeldOut, map_folds
from core.importance.methods.definition import Method, long_rows
from core.importance.themes import THEMES
from core.training import Vector

CODE, GROUP_CODE = "permutation", "group_permutation"
_REPEATS = 3
"""Shuffles of each set of columns."""
_AT_ONCE = 40_000
"""Rows that are predicted together."""
_SEED = 0


@dataclass(frozen=True)
class _Shuffled:
    """Sets of columns to shuffle, one feature or theme each."""

    code: str
    columns: Sequence[Sequence[int]]
    features: Sequence[str | None]
    groups: Sequence[str]

    def compute(self, models: FoldModels, rows: HeldOut, report: Report) -> pl.DataFrame:
        by_fold = map_folds(lambda part: error_rises(models, part, self.columns), rows, report)
        return pl.concat(
            long_rows(self.code, name, [fold[name] for fold in by_fold], self.features, self.groups)
            for name in models.predictors
        )


def _single(models: FoldModels, rows: HeldOut, themes: Sequence[str], report: Report) -> pl.DataFrame:
    columns = models.players
    features, groups = [models.names[column] for column in columns], [themes[column] for column in columns]
    return _Shuffled(CODE, [[column] for column in columns], features, groups).compute(models, rows, report)


def _grouped(models: FoldModels, rows: HeldOut, themes: Sequence[str], report: Report) -> pl.DataFrame:
    used = [theme for theme in THEMES if theme in themes]
    columns = [[column for column, theme in enumerate(themes) if theme == name] for name in used]
    return _Shuffled(GROUP_CODE, columns, [None] * len(used), used).compute(models, rows, report)


def error_rises(
    models: FoldModels, part: FoldRows, column_sets: Sequence[Sequence[int]], repeats: int = _REPEATS
) -> dict[str, Vector]:
    """Return learner or stack -> rise of the root mean squared error when a set of columns is shuffled, one per set.

    Each rise is the average over `repeats` random shuffles.
    """
    rng = np.random.default_rng(_SEED)
    n_rows = len(part.y)
    before = {name: _error(values, part.y) for name, values in models.predict(part.fit, part.X.copy()).items()}
    after: dict[str, list[float]] = {name: [] for name in models.predictors}
    tasks = [columns for columns in column_sets for _ in range(repeats)]
    step = max(1, _AT_ONCE // n_rows)
    for first in range(0, len(tasks), step):
        chunk = tasks[first : first + step]
        X = np.tile(part.X, (len(chunk), 1))
        for place, columns in enumerate(chunk):
            block = X[place * n_rows : (place + 1) * n_rows]
            block[:, list(columns)] = part.X[rng.permutation(n_rows)][:, list(columns)]
        for name, values in models.predict(part.fit, X).items():
            after[name] += [_error(each, part.y) for each in np.split(values, len(chunk))]
    shape = (len(column_sets), repeats)
    return {name: np.reshape(errors, shape).mean(axis=1) - before[name] for name, errors in after.items()}


def _error(predicted: Vector, actual: Vector) -> float:
    return float(np.sqrt(np.mean((predicted - actual) ** 2)))


PERMUTATION = Method(CODE, "Rise of the error if shuffled", "value units", _single)
GROUP_PERMUTATION = Method(GROUP_CODE, "Rise of the error if a theme is shuffled", "value units", _grouped)
