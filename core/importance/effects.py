"""Effect curves: accumulated local effects of single features on the stack's prediction.

Apley and Zhu 2020, Visualizing the effects of predictor variables in black box supervised learning models. Unlike
partial dependence, only small changes of the cells of real sessions are predicted, so that correlated features do not
lead to impossible sessions. Each fold has a curve of its own models and rows; the curve is their mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np
import polars as pl

from core.importance.fold_models import FoldModels, FoldRows, HeldOut, map_folds, margin_of_folds
from core.schema import STACK
from core.training import Vector
from core.training.folds import Rows

_BINS = 16
"""Intervals of a curve, with about as many sessions each."""
_EXTREME = 0.01
"""Share of the sessions beyond each end of a curve. They count in its first and last interval."""
SCHEMA: Final = {
    "feature": pl.String(),
    "x": pl.Float64(),
    "effect": pl.Float64(),
    "low": pl.Float64(),
    "high": pl.Float64(),
    "sessions": pl.Int64(),
}


def effect_curves(models: FoldModels, rows: HeldOut, features: Sequence[str]) -> pl.DataFrame:
    """Return the effect curves of features, in value units.

    Returns:
        One row per (feature, x), ascending. Features that do not vary have no rows.
        feature: code of the feature.
        x: value of the feature.
        effect: mean effect of x on the prediction, relative to an average session.
        low, high: ends of the 90% interval of the mean over folds; null with one fold.
        sessions: number of sessions whose value is in the interval that ends at x; 0 at the first x.
    """
    curves = []
    for feature in features:
        column = list(models.names).index(feature)
        edges = interval_ends(np.concatenate([part.X[:, column] for part in rows]))
        if len(edges) < 2:
            continue
        by_fold = map_folds(partial(fold_curve, models, column=column, edges=edges), rows)
        effects = np.array([effect for effect, _ in by_fold])
        margin = margin_of_folds(effects)
        columns = {
            "feature": feature,
            "x": edges,
            "effect": effects.mean(axis=0),
            "low": None if margin is None else effects.mean(axis=0) - margin,
            "high": None if margin is None else effects.mean(axis=0) + margin,
            "sessions": np.append(0, np.sum([counts for _, counts in by_fold], axis=0)),
        }
        curves.append(pl.DataFrame(columns, schema_overrides=SCHEMA))
    return pl.concat(curves) if curves else pl.DataFrame(schema=SCHEMA)


def interval_ends(values: Vector) -> Vector:
    """Return the ends of the intervals: distinct quantiles of the values, without NaN and extremes.

    If many sessions have the most frequent value, such as 0, it is an end of its own, and the quantiles are those of
    the other sessions.

    >>> interval_ends(np.array([0.0] * 100 + [1.0, 2.0, 3.0, np.nan])).tolist()
    [0.0, 1.0, 2.0, 3.0]
    """
    present = values[~np.isnan(values)]
    if not len(present):
        return np.empty(0)
    distinct, counts = np.unique(present, return_counts=True)
    mode = distinct[[int(np.argmax(counts))]] if counts.max() * _BINS > len(present) else distinct[:0]
    others = present[~np.isin(present, mode)]
    quantiles = (
        np.quantile(others, np.linspace(_EXTREME, 1 - _EXTREME, _BINS + 1), method="inverted_cdf")
        if len(others)
        else others
    )
    return np.unique(np.concatenate([mode, quantiles]))


def fold_curve(models: FoldModels, part: FoldRows, column: int, edges: Vector) -> tuple[Vector, Rows]:
    """Return the effect at each end for one fold, and the number of its sessions in each interval.

    An interval without a session has no local effect. The effects are centred, so that their mean over the sessions is
    0. Between the ends, the effect of a session is interpolated; Apley and Zhu give it the mean effect of both ends,
    which is wrong for the many sessions at a frequent value such as 0.
    """
    present = np.flatnonzero(~np.isnan(part.X[:, column]))
    cells = part.X[present, column]
    n_intervals = len(edges) - 1
    place = np.clip(np.searchsorted(edges, cells, "left") - 1, 0, n_intervals - 1)
    upper, lower = (_predict_at(models, part, present, column, edges[place + side]) for side in (1, 0))
    counts = np.bincount(place, minlength=n_intervals)
    local = np.bincount(place, upper - lower, minlength=n_intervals) / np.maximum(counts, 1)
    effect = np.append(0.0, np.cumsum(local))
    mean = float(np.interp(cells, edges, effect).mean()) if len(cells) else 0.0
    return effect - mean, counts


def _predict_at(models: FoldModels, part: FoldRows, rows: Rows, column: int, cells: Vector) -> Vector:
    X = part.X[rows].copy()
    X[:, column] = cells
    return models.predict(part.fit, X)[STACK]
