"""Drivers: groups of features that carry the same information, with their effect in value units and its uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform
from scipy.stats import rankdata, spearmanr

from core.features.learned.price_features import SUM_FEATURES
from core.importance.derived_columns import DERIVED
from core.importance.explanation import FOLD, Explanation
from core.importance.fold_models import margin_of_folds
from core.importance.themes import BROWSING, CART, OWN, PRODUCT_PAST
from core.schema import STACK, VALUE
from core.training import Matrix, Vector
from core.training.folds import Rows

SAME_INFORMATION: Final = 0.9
"""Absolute rank correlation from which features are one driver."""
LARGE_SHARE: Final = 0.05
"""An effect is large if it is larger than this share of the average value."""
_CLEAR_DIRECTION = 0.3
"""Rank correlation of a feature and its effect from which more of it means a higher or lower value."""
_TOP = 5
"""Number of drivers that count as the strongest of a learner."""
_SUMS: Final = frozenset(feature.name for feature in SUM_FEATURES)
_ACTIONABLE: Final = (CART, BROWSING, PRODUCT_PAST, OWN)
"""Themes that a shop can influence."""


def drivers(explanation: Explanation) -> pl.DataFrame:
    """Return the drivers of the stack's predictions, the strongest first.

    Returns:
        One row per driver:
        feature, label, meaning, unit: code, display name, description and unit of its strongest feature.
        features: codes of all its features.
        members: display names of its other features, without derived ones.
        theme: part of the session that it belongs to.
        size: mean absolute effect, in value units.
        low, high: ends of the 90% interval of `size`, from its differences between folds; null with one fold.
        rank: rank by size, from 1.
        rank_low, rank_high: best and worst rank in any fold.
        direction: "up" if higher numbers of the feature go with higher predictions, "down" for lower ones, else
            "mixed".
        share: share of the sessions with a large effect, see LARGE_SHARE.
        agree: number of learners for which it is among the five strongest drivers.
        learners: number of learners.
        actionable: whether a shop can influence it. Time, the past of the user and what was bought are not actionable.
    """
    names = explanation.effects.columns
    feature_effects = explanation.effects.to_numpy().astype(np.float64)
    cells = explanation.cells.to_numpy().astype(np.float64)
    clusters = same_information(cells, names, np.abs(feature_effects).mean(axis=0))
    effects = np.column_stack([feature_effects[:, members].sum(axis=1) for members in clusters])
    value_mean = float(explanation.sessions.get_column(VALUE).mean())  # type: ignore[arg-type]
    agree, n_learners = _agreement(explanation.importance, clusters, names)
    numbers = {
        **_sizes_and_ranks(effects, explanation.sessions.get_column(FOLD).to_numpy()),
        "direction": [direction(cells[:, members[0]], effects[:, place]) for place, members in enumerate(clusters)],
        "share": (np.abs(effects) > LARGE_SHARE * value_mean).mean(axis=0),
        "agree": agree,
        "learners": [n_learners] * len(clusters),
    }
    texts = _texts(explanation, [[names[member] for member in members] for members in clusters])
    table = texts.hstack(pl.DataFrame(numbers)).with_columns(actionable=pl.col("theme").is_in(_ACTIONABLE))
    table = table.sort("size", descending=True, maintain_order=True)
    return table.with_row_index("rank", offset=1).with_columns(pl.col("rank").cast(pl.Int64))


def _sizes_and_ranks(effects: Matrix, folds: Rows) -> dict[str, pl.Series]:
    """Return the columns size, low, high, rank_low and rank_high of the drivers.

    Args:
        effects: (rows, drivers) effect of each driver.
        folds: (rows,) fold of each row.
    """
    sizes = np.abs(effects).mean(axis=0)
    sizes_by_fold = np.array([np.abs(effects[folds == fold]).mean(axis=0) for fold in np.unique(folds)])
    ranks = np.array([rankdata(-fold_sizes, method="min") for fold_sizes in sizes_by_fold])
    margin = margin_of_folds(sizes_by_fold)
    no_ends = [None] * len(sizes)
    return {
        "size": pl.Series(sizes),
        "low": pl.Series(no_ends if margin is None else np.maximum(sizes - margin, 0.0), dtype=pl.Float64),
        "high": pl.Series(no_ends if margin is None else sizes + margin, dtype=pl.Float64),
        "rank_low": pl.Series(ranks.min(axis=0)).cast(pl.Int64),
        "rank_high": pl.Series(ranks.max(axis=0)).cast(pl.Int64),
    }


def _texts(explanation: Explanation, clusters: Sequence[Sequence[str]]) -> pl.DataFrame:
    """Return the columns of the drivers that do not depend on effects: feature to theme.

    Args:
        clusters: the features of each driver, the strongest one first.
    """
    entries = {row["feature"]: row for row in explanation.importance.filter(learner=STACK).iter_rows(named=True)}
    theme_of = dict(explanation.methods.drop_nulls("feature").select("feature", "group").iter_rows())
    rows = []
    for features in clusters:
        strongest, *others = (entries[feature] for feature in features)
        rows.append(
            {
                **{name: strongest[name] for name in ("feature", "label", "meaning", "unit")},
                "features": list(features),
                "members": [other["label"] for other in others if other["feature"] not in DERIVED],
                "theme": theme_of[strongest["feature"]],
            }
        )
    return pl.DataFrame(rows, schema_overrides={"members": pl.List(pl.String)})


def same_information(cells: Matrix, names: Sequence[str], sizes: Vector) -> list[list[int]]:
    """Return groups of column numbers: features with a rank correlation of at least SAME_INFORMATION on average.

    The strongest feature of a group comes first, but a derived column never does. It joins the group of the sum of
    prices with which it has the highest linear correlation, because it follows from these sums.

    Args:
        cells: (rows, columns) values of the features; NaN counts as the median.
        sizes: mean absolute effect of each column.
    """
    likeness = np.abs(_rank_correlations(cells))
    derived = [column for column, name in enumerate(names) if name in DERIVED]
    sums = [column for column, name in enumerate(names) if name in _SUMS]
    plain = [column for column in range(len(names)) if column not in derived]
    groups = [[plain[place] for place in group] for group in _clusters(likeness[np.ix_(plain, plain)])]
    for column in derived:
        nearest = max(sums, key=lambda other: _correlation(cells[:, column], cells[:, other]))
        next(group for group in groups if nearest in group).append(column)
    return [sorted(group, key=lambda column: (column in derived, -sizes[column])) for group in groups]


def _clusters(likeness: Matrix) -> list[list[int]]:
    if len(likeness) < 2:
        return [[0]] if len(likeness) else []
    distances = squareform(np.clip(1.0 - likeness, 0.0, None), checks=False)
    numbers = hierarchy.fcluster(hierarchy.linkage(distances, "average"), 1.0 - SAME_INFORMATION, "distance")
    return [np.flatnonzero(numbers == number).tolist() for number in np.unique(numbers)]


def _rank_correlations(cells: Matrix) -> Matrix:
    present = ~np.isnan(cells)
    medians = np.array([np.median(cells[mask, column]) if mask.any() else 0.0 for column, mask in enumerate(present.T)])
    ranks = rankdata(np.where(present, cells, medians), axis=0)
    varies = np.ptp(ranks, axis=0) > 0
    correlations = np.eye(cells.shape[1])
    if varies.sum() > 1:
        correlations[np.ix_(varies, varies)] = np.corrcoef(ranks[:, varies], rowvar=False)
    return correlations


def _correlation(one: Vector, other: Vector) -> float:
    present = ~np.isnan(one) & ~np.isnan(other)
    if present.sum() < 2 or not np.ptp(one[present]) or not np.ptp(other[present]):
        return 0.0
    return float(np.corrcoef(one[present], other[present])[0, 1])


def direction(cells: Vector, effects: Vector) -> str:
    """Return "up" if higher numbers of a feature go with higher effects, "down" with lower ones, else "mixed"."""
    present = ~np.isnan(cells)
    if present.sum() < 3 or not np.ptp(cells[present]) or not np.ptp(effects[present]):
        return "mixed"
    correlation = float(spearmanr(cells[present], effects[present]).statistic)
    return "mixed" if abs(correlation) < _CLEAR_DIRECTION else "up" if correlation > 0 else "down"


def _agreement(
    importance: pl.DataFrame, clusters: Sequence[Sequence[int]], names: Sequence[str]
) -> tuple[list[int], int]:
    """Return for how many learners each driver is among the strongest, and the number of learners."""
    learners = importance.filter(pl.col("learner") != STACK).partition_by("learner")
    counts = np.zeros(len(clusters), dtype=np.int64)
    for table in learners:
        size = dict(table.select("feature", "mean_abs_shap").iter_rows())
        sizes = [sum(size[names[member]] for member in members) for members in clusters]
        counts += rankdata([-each for each in sizes], method="min") <= _TOP
    return counts.tolist(), len(learners)
