"""The models of all fits of a training, and the held-out rows that explain them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import t as students_t

from core.base.cores import available_cores
from core.base.progress import Report, no_report
from core.features.learned.catalogue import START
from core.features.learned.fold_transform import FoldTransform
from core.importance.derived_columns import DerivedColumns
from core.model import SessionValueModel
from core.schema import STACK, UNIT
from core.training import Matrix, Stack, Training, Vector
from core.training.attribution import Attribution, StartParts, attribute_learner, attribute_stack
from core.training.fitting import FittedLearner

_CONFIDENCE = 0.9
_ROWS_PER_FOLD = 400
"""Number of held-out rows to explain in each fold. Five folds make 2,000, which take seconds and rank features."""
_MIN_ROWS_PER_FOLD = 100
"""Lower limit for each model if several seeds share the rows."""


@dataclass(frozen=True)
class FoldRows:
    """Rows that the models of a fit were not trained on.

    Attributes:
        fit: number of the fit.
        units: (rows,) unit numbers, ascending.
        X: (rows, columns) as the models of the fit see them.
        y: (rows,) session values.
    """

    fit: int
    units: NDArray[np.int64]
    X: Matrix
    y: Vector

    def head(self, n_rows: int) -> FoldRows:
        """Return the first rows, a random sample: units are numbered in the order of hashed session ids."""
        return FoldRows(self.fit, self.units[:n_rows], self.X[:n_rows], self.y[:n_rows])


HeldOut = Sequence[FoldRows]
"""The held-out rows of all folds, in the order of the folds."""
T = TypeVar("T")


def map_folds(compute: Callable[[FoldRows], T], rows: HeldOut, report: Report = no_report) -> list[T]:
    """Return the results of a function of the rows of each fold, computed in parallel."""
    results: list[T] = []
    with ThreadPoolExecutor(available_cores()) as pool:
        report(0, len(rows), f"1 of {len(rows)} folds")
        for result in pool.map(compute, rows):
            results.append(result)
            n_done = len(results)
            report(n_done, len(rows), f"{n_done + 1} of {len(rows)} folds" if n_done < len(rows) else "")
    return results


def margin_of_folds(by_fold: Matrix) -> Vector | None:
    """Return half the width of the 90% interval of a mean over folds, by Student's t distribution; None with one fold.

    Args:
        by_fold: (folds, values).
    """
    n_folds = len(by_fold)
    if n_folds < 2:
        return None
    quantile = float(students_t.ppf((1 + _CONFIDENCE) / 2, n_folds - 1))
    return np.asarray(quantile * np.std(by_fold, axis=0, ddof=1) / np.sqrt(n_folds))


@dataclass(frozen=True)
class FoldModels:
    """The fitted models of a training.

    Columns that do not follow from others are the *players* of the methods, which change their cells.

    Attributes:
        names: names of all columns.
        n_learned: number of the last columns that are learned from values; 0 if there are none.
        learners: learner -> its models: those of all fits with the first seed, then with the second, and so on.
        stack: the meta-model.
        transforms: one per fit, which computed its learned columns; empty without them.
        n_fits: number of fits.
    """

    names: Sequence[str]
    n_learned: int
    learners: Mapping[str, Sequence[FittedLearner]]
    stack: Stack
    transforms: Sequence[FoldTransform]
    n_fits: int

    @classmethod
    def of_training(cls, training: Training) -> FoldModels:
        """Return the models of a finished training."""
        columns = training.columns
        return cls(
            names=training.names,
            n_learned=0 if columns is None else len(columns.names),
            learners={fit.learner: fit.models for fit in training.fits},
            stack=training.stack,
            transforms=() if columns is None else columns.transforms,
            n_fits=training.folds.fit_count,
        )

    @classmethod
    def of_model(cls, model: SessionValueModel) -> FoldModels:
        """Return the models of a stored model."""
        fitted = model.fitted
        return cls(
            names=fitted.names,
            n_learned=len(model.spec.learned),
            learners=fitted.learners,
            stack=fitted.stack,
            transforms=fitted.transforms,
            n_fits=fitted.n_fits,
        )

    @property
    def predictors(self) -> tuple[str, ...]:
        """The learners and the stack."""
        return (*self.learners, STACK)

    @cached_property
    def derived(self) -> tuple[DerivedColumns, ...]:
        """For each fit, the columns that follow from others."""
        if not self.transforms:
            return (DerivedColumns.none(),) * self.n_fits
        return tuple(DerivedColumns.of(self.names, transform) for transform in self.transforms)

    @property
    def players(self) -> list[int]:
        """Numbers of the columns that can be changed independently of others: all but the derived ones."""
        return [column for column in range(len(self.names)) if column not in self.derived[0].columns]

    def start(self, X: Matrix) -> Vector | None:
        """Return the start values of the learners; None if they start from 0."""
        return X[:, self.names.index(START.name)] if self.n_learned else None

    def of_fit(self, learner: str, fit: int) -> Sequence[FittedLearner]:
        """Return the models of a learner on a fit, one per seed."""
        return self.learners[learner][fit :: self.n_fits]

    def predict(self, fit: int, X: Matrix) -> dict[str, Vector]:
        """Return learner or stack -> its predictions by the models of a fit. Derived columns of X are computed again.

        Args:
            X: changed rows of the fit. The matrix is changed.
        """
        self.derived[fit].recompute(X)
        start = self.start(X)
        by_learner = {
            name: np.asarray(np.mean([model.predict(X, start) for model in self.of_fit(name, fit)], axis=0))
            for name in self.learners
        }
        return {**by_learner, STACK: self.stack.predict(np.column_stack(list(by_learner.values())), start)}

    def attribute(self, rows: HeldOut, report: Report = no_report) -> dict[str, Attribution]:
        """Return learner or stack -> its predictions of all rows by tree SHAP, split by feature."""
        parts = map_folds(self.attribute_fold, rows, report)
        return {name: Attribution.joined([part[name] for part in parts]) for name in self.predictors}

    def attribute_fold(self, part: FoldRows, reference: Matrix | None = None) -> dict[str, Attribution]:
        """Return learner or stack -> its predictions of the rows of one fold, split by feature.

        Args:
            reference: rows of the fold whose average start is part of the base; None for the rows themselves.
        """
        of_start = StartParts.of(part.X, self.start(part.X), self.n_learned, reference)
        by_learner = {name: attribute_learner(self.of_fit(name, part.fit), part.X, of_start) for name in self.learners}
        return attribute_stack(self.stack, by_learner, of_start)


def held_out_of_training(training: Training) -> list[FoldRows]:
    """Return held-out rows of a finished training."""
    rows_by_fold = _draw(training.folds.fold_of, training.folds.count, training.seeds, training.context.seed)
    data = training.data
    return [
        FoldRows(fold, data.units[rows], training.fold_matrix(fold, rows), data.y[rows])
        for fold, rows in enumerate(rows_by_fold)
    ]


def held_out_of_model(model: SessionValueModel, folds: pl.DataFrame, report: Report = no_report) -> list[FoldRows]:
    """Return the same held-out rows from a stored model.

    Args:
        folds: units of the training sessions, ascending, and the `fold` that validates each; -1 for none.
    """
    fold_of = folds.get_column("fold").to_numpy()
    n_folds = int(fold_of.max()) + 1
    rows_by_fold = _draw(fold_of, n_folds, model.spec.seeds, model.spec.config.seed)
    positions = np.sort(np.concatenate(rows_by_fold))
    parts: dict[int, list[FoldRows]] = {fold: [] for fold in range(n_folds)}
    for fit, part in _rows_by_fit(model, folds.get_column(UNIT), positions, fold_of, report):
        parts[fit].append(part)
    return [_joined(fold_parts) for fold_parts in parts.values() if fold_parts]


def _rows_by_fit(
    model: SessionValueModel, units: pl.Series, positions: NDArray[np.int64], fold_of: NDArray[np.int64], report: Report
) -> Iterator[tuple[int, FoldRows]]:
    """Yield number of a fit -> some of its held-out rows, until all rows at the positions have been yielded."""
    done = 0
    for rows in model.rows_of(units.gather(positions), report):
        chunk = positions[done : done + rows.units.height]
        done += len(chunk)
        for fit in np.unique(fold_of[chunk]).tolist():
            in_fit = np.flatnonzero(fold_of[chunk] == fit)
            ((_, X, *_),) = model.fitted.matrices(rows.part(in_fit), [fit], train=True)
            yield fit, FoldRows(fit, units.to_numpy()[chunk[in_fit]], X, model.fitted.values[chunk[in_fit]])


def _joined(parts: Sequence[FoldRows]) -> FoldRows:
    units, X, y = (np.concatenate([getattr(part, name) for part in parts]) for name in ("units", "X", "y"))
    return FoldRows(parts[0].fit, units, X, y)


def _draw(fold_of: NDArray[np.int64], n_folds: int, n_seeds: int, seed: int) -> list[NDArray[np.int64]]:
    """Draw held-out rows of each fold, ascending: fewer with more seeds, because every seed has a model to explain."""
    rng = np.random.default_rng(seed)
    max_rows = max(_ROWS_PER_FOLD // n_seeds, min(_ROWS_PER_FOLD, _MIN_ROWS_PER_FOLD))
    return [np.sort(rng.permutation(np.flatnonzero(fold_of == fold))[:max_rows]) for fold in range(n_folds)]
