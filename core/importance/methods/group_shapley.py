"""Shapley values of themes, in value units: exact over all coalitions of themes.

A theme in a coalition has the cells of the session; the others have those of another session of the fold. The value of
a coalition is the average prediction over these background sessions (interventional Shapley values; Janzing, Minorics
and Bloebaum 2020, Feature relevance quantification in explainable AI: a causal problem). They differ from the sums of
the values of single features, which split interactions in another way.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

import numpy as np
import polars as pl
from numpy.typing import NDArray

from core.base.progress import Report
from core.importance.fold_models import FoldModels, FoldRows, HeldOut, map_folds
from core.importance.methods.definition import Method, long_rows
from core.importance.themes import THEMES
from core.schema import STACK
from core.training import Matrix, Vector

CODE = "group_shapley"
_ROWS = 40
"""Explained sessions of each fold."""
_BACKGROUND = 8
"""Background sessions of each explained session, one of each class of predictions. Each session has different ones."""
_SEED = 0


def _compute(models: FoldModels, rows: HeldOut, themes: Sequence[str], report: Report) -> pl.DataFrame:
    used = [theme for theme in THEMES if theme in themes]
    by_fold = map_folds(lambda part: shapley_of_themes(models, part, themes, used), rows, report)
    return pl.concat(
        long_rows(CODE, name, [np.abs(fold[name]).mean(axis=0) for fold in by_fold], [None] * len(used), used)
        for name in models.predictors
    )


def shapley_of_themes(
    models: FoldModels, part: FoldRows, themes: Sequence[str], used: Sequence[str], n_rows: int = _ROWS
) -> dict[str, Matrix]:
    """Return learner or stack -> Shapley values of the themes, shape (sessions, themes), in value units.

    Args:
        part: sessions of one fold. The first `n_rows` are explained.
        themes: theme of each column.
        used: the themes that any column has.
    """
    columns_of = [[column for column, theme in enumerate(themes) if theme == name] for name in used]
    explained, background = pairs(models, part, n_rows, _BACKGROUND)
    inside, outside = part.X[explained], part.X[background]
    coalitions = all_coalitions(len(used))
    values: dict[str, list[Vector]] = {name: [] for name in models.predictors}
    for coalition in coalitions:
        X = outside.copy()
        for columns in (columns for columns, is_in in zip(columns_of, coalition, strict=True) if is_in):
            X[:, columns] = inside[:, columns]
        for name, predicted in models.predict(part.fit, X).items():
            values[name].append(predicted.reshape(-1, _BACKGROUND).mean(axis=1))
    return {name: exact_shapley(np.array(each), coalitions) for name, each in values.items()}


def pairs(
    models: FoldModels, part: FoldRows, n_explained: int, n_background: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw pairs of rows: a session to explain, and one of its background sessions.

    Both are drawn by strata of similar predictions, one session from each. Without strata, chance would decide how many
    of the rare sessions with a high prediction are drawn, and these have the largest effects.
    """
    rng, n_rows = np.random.default_rng(_SEED), len(part.y)
    by_prediction = np.argsort(models.predict(part.fit, part.X.copy())[STACK], kind="stable")

    def one_of_each_class(n_repeats: int, n_classes: int) -> NDArray[np.int64]:
        place = (np.arange(n_classes) + rng.random((n_repeats, n_classes))) / n_classes
        return by_prediction[(place * n_rows).astype(np.int64)].ravel()

    explained = one_of_each_class(1, min(n_explained, n_rows))
    return explained.repeat(n_background), one_of_each_class(len(explained), n_background)


def all_coalitions(n_players: int) -> NDArray[np.bool_]:
    """Return all coalitions, shape (2^players, players): bit p of the number of a coalition is player p."""
    return (np.arange(2**n_players)[:, None] >> np.arange(n_players) & 1).astype(bool)


def exact_shapley(values: Matrix, coalitions: NDArray[np.bool_]) -> Matrix:
    """Return Shapley values, shape (rows, players).

    Args:
        values: (coalitions, rows) value of each coalition, in the order of `all_coalitions`.
    """
    n_players = coalitions.shape[1]
    sizes, numbers = coalitions.sum(axis=1), np.arange(len(coalitions))
    weights = np.array([1 / (n_players * comb(n_players - 1, size)) if size < n_players else 0.0 for size in sizes])
    result = np.empty((values.shape[1], n_players))
    for player in range(n_players):
        without = np.flatnonzero(~coalitions[:, player])
        gains = values[numbers[without] + 2**player] - values[without]
        result[:, player] = weights[without] @ gains
    return result


GROUP_SHAPLEY = Method(CODE, "Effect of a theme (Shapley)", "value units", _compute, in_run=True)
