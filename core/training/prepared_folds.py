"""Prepares the rows, folds, learned columns and parameters that all fits of a run share, before the first fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from core.base.checkpoint import LoadOrCompute, always_compute
from core.base.cores import available_cores
from core.base.progress import Report, no_report
from core.config import RunConfig
from core.errors import SettingError
from core.metric import Metric, metric_named
from core.training.cross_fitting import FoldMatrices
from core.training.folds import Folds, make_folds
from core.training.learned_columns import FoldColumns, learn_columns
from core.training.learners import LEARNERS, FitContext, Learner, Vector
from core.training.learners.hyperparameters import with_hyperparameters
from core.training.training_set import TrainingSet

_SECONDS_PER_DAY = 86_400


@dataclass(frozen=True)
class PreparedFolds:
    """The rows of a run, the folds with their learned columns, and the parameters of all fits."""

    data: TrainingSet
    config: RunConfig
    matrices: FoldMatrices
    context: FitContext
    metric: Metric

    @property
    def learners(self) -> tuple[Learner, ...]:
        """The learners of the run, with the hyperparameters that its settings name."""
        chosen = (learner for learner in LEARNERS if learner.name in self.config.learners)
        return tuple(with_hyperparameters(learner, self.config.hyperparameters) for learner in chosen)


def prepare(
    data: TrainingSet,
    config: RunConfig,
    report: Report = no_report,
    load_or_compute: LoadOrCompute = always_compute,
) -> PreparedFolds:
    """Make the folds, and learn the columns of each fold that depend on values.

    Raises:
        InputError: there are too few users for the folds.
        SettingError: a feature with a monotone constraint does not exist.
    """
    starts = None if data.times is None else data.times.train.starts
    folds = _folds(data, config, starts)
    columns = learn_fold_columns(
        data, data.y, folds, lambda part, parts: report(part, parts, "recovered prices"), load_or_compute
    )
    names = [*data.names, *(columns.names if columns else ())]
    for name in config.rising:
        if name not in names:
            raise SettingError.unknown_feature("rising", name, names)
    context = FitContext(names, available_cores(), config.seed, device=config.device, monotone_increasing=config.rising)
    weights = None if data.prefixes is None else data.prefixes.weights
    if config.half_life is not None and starts is not None:
        by_age = 0.5 ** ((starts.max() - starts) / (_SECONDS_PER_DAY * config.half_life))
        weights = by_age if weights is None else weights * by_age
    matrices = FoldMatrices(data.X, data.y, data.X_test, folds, columns, weights)
    return PreparedFolds(data, config, matrices, context, metric_named(config.metric))


def _folds(data: TrainingSet, config: RunConfig, starts: NDArray[np.int64] | None) -> Folds:
    """Make the folds of whole sessions, whose prefixes are in the same fold."""
    whole = slice(data.n_whole)
    starts = None if starts is None else starts[whole]
    kind = config.fold_kind
    folds = make_folds(data.users[whole], config.folds, config.seed, kind=kind, y=data.y[whole], starts=starts)
    return folds if data.prefixes is None else folds.part(data.prefixes.whole_rows)


def learn_fold_columns(
    data: TrainingSet,
    y: Vector,
    folds: Folds,
    report: Callable[[int, int], None] = lambda part, parts: None,
    load_or_compute: LoadOrCompute = always_compute,
) -> FoldColumns | None:
    """Return the columns learned from the values `y` in each fold; None if the rows have no events."""
    if data.baskets is None:
        return None
    learn = partial(learn_columns, data.baskets, y, folds, times=data.times, n_whole=data.n_whole, report=report)
    return load_or_compute("columns", learn, FoldColumns.save, FoldColumns.load)
