"""The interface of an importance method, and the table that all methods return."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from core.base.progress import Report
from core.importance.fold_models import FoldModels, HeldOut
from core.training import Matrix

SCHEMA: Final = {
    "method": pl.String(),
    "learner": pl.String(),
    "feature": pl.String(),
    "group": pl.String(),
    "value": pl.Float64(),
    "spread": pl.Float64(),
}
Compute = Callable[[FoldModels, HeldOut, Sequence[str], Report], pl.DataFrame]
"""Function of the models, held-out rows, the theme of each column and a progress callback.

It returns long rows, one per (learner, feature or group): method, learner, feature (null for a group), group (theme),
value, and spread (standard error of the value, from its differences between folds; null with one fold)."""


@dataclass(frozen=True)
class Method:
    """An importance method.

    Attributes:
        code: unique name, the column `method` of its rows.
        title: what it measures, for people.
        unit: unit of its values.
        in_run: whether it is fast enough to be part of every run. The others are computed on request.
    """

    code: str
    title: str
    unit: str
    compute: Compute
    in_run: bool = False


def long_rows(
    method: str, learner: str, by_fold: Sequence[Matrix], features: Sequence[str | None], groups: Sequence[str]
) -> pl.DataFrame:
    """Return the rows of a method for one learner.

    Args:
        by_fold: for each fold, one value per feature or group.
        features, groups: columns of the same names.
    """
    values = np.vstack(by_fold)
    n_folds = len(values)
    errors = np.std(values, axis=0, ddof=1) / np.sqrt(n_folds) if n_folds > 1 else [None] * values.shape[1]
    columns = {
        "method": method,
        "learner": learner,
        "feature": list(features),
        "group": list(groups),
        "value": values.mean(axis=0),
        "spread": errors,
    }
    return pl.DataFrame(columns, schema_overrides=SCHEMA)
