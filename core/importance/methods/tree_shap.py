"""Mean absolute effect of each feature on predictions, by core.training.attribution."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from core.base.progress import Report
from core.importance.fold_models import FoldModels, HeldOut
from core.importance.methods.definition import Method, long_rows
from core.training import Matrix
from core.training.attribution import Attribution

CODE = "shap"


def _compute(models: FoldModels, rows: HeldOut, themes: Sequence[str], report: Report) -> pl.DataFrame:
    return shap_rows(models.attribute(rows, report), rows, models.names, themes)


def shap_rows(
    attributions: Mapping[str, Attribution], rows: HeldOut, names: Sequence[str], themes: Sequence[str]
) -> pl.DataFrame:
    """Return the rows of the method from the attributions of all rows."""
    return pl.concat(
        long_rows(CODE, learner, mean_sizes(attribution.effects, rows), names, themes)
        for learner, attribution in attributions.items()
    )


def mean_sizes(effects: Matrix, rows: HeldOut) -> list[Matrix]:
    """Return the mean absolute effect of each column in each fold; `effects` has the rows of all folds."""
    ends = np.cumsum([len(part.y) for part in rows])
    return [np.abs(part).mean(axis=0) for part in np.split(effects, ends[:-1])]


TREE_SHAP = Method(CODE, "Effect on predictions (SHAP)", "value units", _compute, in_run=True)
