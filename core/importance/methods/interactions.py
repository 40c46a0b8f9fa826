"""Interactions: how far the joint effect of two features differs from the sum of their single effects, in value units.

The measure is the mean absolute second difference of the prediction between a session and another one of its fold, at
the cells of both sessions. It is 0 if the prediction is a sum of functions of the two features.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import polars as pl

from core.base.progress import Report
from core.importance.fold_models import FoldModels, FoldRows, HeldOut, map_folds
from core.importance.methods.definition import Method, long_rows
from core.importance.methods.group_shapley import draw_pairs
from core.importance.methods.tree_shap import mean_sizes
from core.schema import STACK
from core.training import Matrix, Vector

CODE = "interaction"
SEPARATOR = " x "
"""Between the names of the two features of a pair."""
_FEATURES = 12
"""Features with the largest effects, whose pairs are compared. They make 66 pairs."""
_ROWS, _BACKGROUND = 60, 3
"""Explained sessions of each fold, and background sessions of each of them."""
N_PAIRS = 10
"""Number of strongest pairs to keep."""


def _compute(models: FoldModels, rows: HeldOut, themes: Sequence[str], report: Report) -> pl.DataFrame:
    few = [part.head(_ROWS) for part in rows]
    sizes = np.mean(mean_sizes(models.attribute(few)[STACK].effects, few), axis=0)
    columns = sorted(models.players, key=lambda column: -sizes[column])[:_FEATURES]
    by_fold = map_folds(lambda part: second_differences(models, part, columns), rows, report)
    couples = list(combinations(columns, 2))
    names = [SEPARATOR.join(models.names[column] for column in couple) for couple in couples]
    groups = [" and ".join(dict.fromkeys(themes[column] for column in couple)) for couple in couples]
    return long_rows(CODE, STACK, by_fold, names, groups).sort("value", descending=True).head(N_PAIRS)


def second_differences(models: FoldModels, part: FoldRows, columns: Sequence[int], n_rows: int = _ROWS) -> Vector:
    """Return the mean absolute second difference of the stack's prediction, shape (pairs,), in value units.

    Args:
        columns: column numbers, whose pairs are in the order of `itertools.combinations`.
        n_rows: number of sessions to explain; see `draw_pairs`.
    """
    explained, background = draw_pairs(models, part, n_rows, _BACKGROUND)
    total = np.zeros(len(columns) * (len(columns) - 1) // 2)
    for inside, outside in ((explained, background), (background, explained)):
        here, there = part.X[inside], part.X[outside]
        changed: list[Sequence[int]] = [(), *((column,) for column in columns), *combinations(columns, 2)]
        predicted = dict(zip(changed, _predict(models, part.fit, here, there, changed), strict=True))
        for place, (one, other) in enumerate(combinations(columns, 2)):
            difference = predicted[one, other] - predicted[one,] - predicted[other,] + predicted[()]
            total[place] += np.abs(difference).mean() / 2
    return total


def _predict(
    models: FoldModels, fit: int, here: Matrix, there: Matrix, changed: Sequence[Sequence[int]]
) -> list[Vector]:
    """Return the stack's predictions of rows with the cells of other rows in some columns, for each set of columns."""
    X = np.tile(here, (len(changed), 1))
    for place, columns in enumerate(changed):
        X[place * len(here) : (place + 1) * len(here), list(columns)] = there[:, list(columns)]
    return np.split(models.predict(fit, X)[STACK], len(changed))


INTERACTIONS = Method(CODE, "Interaction of two features", "value units", _compute)
