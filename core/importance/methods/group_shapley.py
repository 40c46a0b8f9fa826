"""Shapley values of themes, in value units: exact over all coalitions of themes.

The columns of a theme in the coalition have the cells of the explained session. The other columns have those of a
background session of the same fold. The value of a coalition is the average prediction over the background sessions
(interventional Shapley values; Janzing, Minorics and Bloebaum 2020, Feature relevance quantification in explainable AI:
a causal problem). The Shapley value of a theme differs from the sum of the Shapley values of its features, because
these split interactions in another way.

The time doubles with each theme. There are at most seven (core.importance.themes), so at most 128 coalitions.
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
_EXPLAINED = 40
"""Explained sessions of each fold."""
_BACKGROUND = 8
"""Background sessions of each explained session, one from each stratum of predictions. Each session has its own."""
_SEED = 0


def _compute(models: FoldModels, rows: HeldOut, themes: Sequence[str], report: Report) -> pl.DataFrame:
    """Return the mean absolute Shapley value of each theme, as `long_rows`; `themes` has the theme of each column."""
    players = [theme for theme in THEMES if theme in themes]
    by_fold = map_folds(lambda part: shapley_of_themes(models, part, themes, players), rows, report)
    no_features = [None] * len(players)  # the rows are about themes, not about single features
    return pl.concat(
        long_rows(CODE, name, [np.abs(fold[name]).mean(axis=0) for fold in by_fold], no_features, groups=players)
        for name in models.predictors
    )


def shapley_of_themes(
    models: FoldModels,
    part: FoldRows,
    theme_of_column: Sequence[str],
    players: Sequence[str],
    n_explained: int = _EXPLAINED,
) -> dict[str, Matrix]:
    """Return learner or stack -> Shapley values of the themes, shape (sessions, players), in value units.

    Args:
        part: sessions of one fold. At most `n_explained` of them are explained; see `draw_pairs`.
        players: the themes that at least one column has.
    """
    n_background = _BACKGROUND
    columns_of = [[column for column, theme in enumerate(theme_of_column) if theme == player] for player in players]
    explained, background = draw_pairs(models, part, n_explained, n_background)
    inside, outside = part.X[explained], part.X[background]
    coalitions = all_coalitions(len(players))
    values: dict[str, list[Vector]] = {name: [] for name in models.predictors}
    for coalition in coalitions:
        X = outside.copy()
        for columns, is_in in zip(columns_of, coalition, strict=True):
            if is_in:
                X[:, columns] = inside[:, columns]
        for name, predicted in models.predict(part.fit, X).items():
            values[name].append(predicted.reshape(-1, n_background).mean(axis=1))
    return {name: exact_shapley(np.array(by_coalition), coalitions) for name, by_coalition in values.items()}


def draw_pairs(
    models: FoldModels, part: FoldRows, n_explained: int, n_background: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw pairs of rows: a session to explain, and one of its background sessions.

    Both are drawn from strata of similar predictions, one session from each. Without strata, chance would decide how
    many of the rare sessions with a high prediction are drawn, and these have the largest effects.

    Returns:
        Row numbers of the explained sessions, each repeated `n_background` times, and of their background sessions.
        The shape of both is (explained sessions * n_background,). A fold with fewer sessions than `n_explained` has all
        of them explained.
    """
    rng, n_rows = np.random.default_rng(_SEED), len(part.y)
    predicted = models.predict(part.fit, part.X.copy())[STACK]  # a copy, because `predict` changes the matrix
    by_prediction = np.argsort(predicted, kind="stable")

    def one_per_stratum(n_repeats: int, n_strata: int) -> NDArray[np.int64]:
        share = (np.arange(n_strata) + rng.random((n_repeats, n_strata))) / n_strata
        return by_prediction[(share * n_rows).astype(np.int64)].ravel()

    explained = one_per_stratum(1, min(n_explained, n_rows))
    return explained.repeat(n_background), one_per_stratum(len(explained), n_background)


def all_coalitions(n_players: int) -> NDArray[np.bool_]:
    """Return all coalitions, shape (2^players, players): bit p of a row number says whether player p is in."""
    numbers = np.arange(2**n_players)[:, None]
    return ((numbers >> np.arange(n_players)) & 1).astype(bool)


def exact_shapley(values: Matrix, coalitions: NDArray[np.bool_]) -> Matrix:
    """Return Shapley values, shape (rows, players).

    Args:
        values: (coalitions, rows) value of each coalition, in the order of `all_coalitions`.
    """
    n_players, sizes = coalitions.shape[1], coalitions.sum(axis=1)
    # the share of orders in which exactly the members of the coalition precede the player
    weights = np.array([1 / (n_players * comb(n_players - 1, size)) if size < n_players else 0.0 for size in sizes])
    result = np.empty((values.shape[1], n_players))
    for player in range(n_players):
        without = np.flatnonzero(~coalitions[:, player])
        with_player = without + 2**player
        result[:, player] = weights[without] @ (values[with_player] - values[without])
    return result


GROUP_SHAPLEY = Method(CODE, "Effect of a theme (Shapley)", "value units", _compute, in_run=True)
