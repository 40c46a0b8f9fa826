"""Target statistics: what the training sessions are worth that hold the same products and categories.

Of each (product, event type) and (category, event type) the mean value of the training sessions that have it, shrunk to
the mean of all as if so many more sessions had been of average worth (Micci-Barreca 2001, A preprocessing scheme for
high-cardinality categorical attributes). A session gets the mean and the largest over what it holds.

As recovered prices they are learned from values, and only ever from other sessions (core.training.learned_columns).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from core.features.definition import Feature
from core.features.learned.prices import Baskets

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

_AVERAGE_SESSIONS = 10.0
"""How many sessions of average worth every product and category starts with."""

VALUE_STATISTICS: tuple[Feature, ...] = tuple(
    Feature(f"{thing}_value_{how}", "value units", meaning)
    for thing, things in (("product", "products"), ("category", "categories"))
    for how, meaning in (
        ("mean", f"What sessions with events of the same types on its {things} are worth, on average over them."),
        ("max", f"What sessions with the most valuable of its {things} (and event type) are worth."),
    )
)
"""In the order of the columns that `ValueStatistics.features` gives."""


class ValueStatistics:
    """Learns the statistics from any choice of the sessions; what the choices share is made once."""

    def __init__(self, baskets: Baskets) -> None:
        self._holds = (_held(baskets, baskets.item), _held(baskets, baskets.group))

    def features(self, rows: NDArray[np.int64], values: Vector) -> Matrix:
        """(all rows, VALUE_STATISTICS), learned from the sessions in `rows`; NaN for a session without events."""
        average = float(values.mean())
        columns = []
        for holds in self._holds:
            chosen = holds[rows]
            sessions = np.bincount(chosen.indices, minlength=holds.shape[1])
            means = (chosen.T @ values + _AVERAGE_SESSIONS * average) / (sessions + _AVERAGE_SESSIONS)
            columns += [_means(holds, means), _largest(holds, means)]
        return np.column_stack(columns)


def _held(baskets: Baskets, code: NDArray[np.int64]) -> sparse.csr_matrix:
    """(rows, codes): 1 where a session has an event of the code."""
    holds = baskets.counts(code, int(code.max()) + 1 if len(code) else 0)
    holds.data[:] = 1.0
    return holds


def _means(holds: sparse.csr_matrix, means: Vector) -> Vector:
    held = np.diff(holds.indptr)
    return np.asarray(np.divide(holds @ means, held, out=np.full(len(held), np.nan), where=held > 0))


def _largest(holds: sparse.csr_matrix, means: Vector) -> Vector:
    largest, filled = np.full(holds.shape[0], np.nan), np.flatnonzero(np.diff(holds.indptr))
    if len(filled):
        largest[filled] = np.maximum.reduceat(means[holds.indices], holds.indptr[:-1][filled])
    return largest
