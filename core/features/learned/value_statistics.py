"""Target statistics: the average value of training sessions with the same products and categories.

The statistic of a (product, event type) or (category, event type) is the mean value of the training sessions that have
such an event. It is shrunk towards the mean of all training sessions, as if ten more sessions of average value had it
(Micci-Barreca 2001, A preprocessing scheme for high-cardinality categorical attributes). A session's features are the
mean and the maximum over its own products and categories.

Like recovered prices, they are learned only from other sessions than those they describe; see
`core.training.learned_columns`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from core.features.definition import Feature
from core.features.learned.prices import Baskets

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

_PRIOR_SESSIONS = 10.0
"""Number of sessions of average value that are added to each product and category."""

VALUE_STATISTICS: tuple[Feature, ...] = tuple(
    Feature(f"{item}_value_{statistic}", "value units", meaning)
    for item, items in (("product", "products"), ("category", "categories"))
    for statistic, meaning in (
        (
            "mean",
            f"Average value of train sessions with such events on its {items}, average over its {items}.",
        ),
        ("max", f"The same for the one of its {items} (and event types) with the highest average value."),
    )
)
"""In the column order of `ValueStatistics.features`."""


class ValueStatistics:
    """Learns target statistics from any subset of the sessions; work that the subsets share is done once."""

    def __init__(self, baskets: Baskets) -> None:
        self._incidences = (_incidence(baskets, baskets.item), _incidence(baskets, baskets.group))

    def features(self, rows: NDArray[np.int64], values: Vector) -> Matrix:
        """Learn the statistics from some sessions and compute the features of all sessions.

        Args:
            rows: rows of the sessions to learn from.
            values: their session values.

        Returns:
            (all sessions, VALUE_STATISTICS); NaN for a session without events.
        """
        average = float(values.mean())
        columns = []
        for incidence in self._incidences:
            learned_from = incidence[rows]
            n_sessions = np.bincount(learned_from.indices, minlength=incidence.shape[1])
            statistics = (learned_from.T @ values + _PRIOR_SESSIONS * average) / (n_sessions + _PRIOR_SESSIONS)
            columns += [_row_means(incidence, statistics), _row_maxima(incidence, statistics)]
        return np.column_stack(columns)


def _incidence(baskets: Baskets, code: NDArray[np.int64]) -> sparse.csr_matrix:
    """Return a matrix (sessions, codes) with 1 where a session has an event of the code."""
    incidence = baskets.counts(code, int(code.max()) + 1 if len(code) else 0)
    incidence.data[:] = 1.0
    return incidence


def _row_means(incidence: sparse.csr_matrix, statistics: Vector) -> Vector:
    n_codes = np.diff(incidence.indptr)
    means = np.full(len(n_codes), np.nan)
    return np.asarray(np.divide(incidence @ statistics, n_codes, out=means, where=n_codes > 0))


def _row_maxima(incidence: sparse.csr_matrix, statistics: Vector) -> Vector:
    maxima, nonempty = np.full(incidence.shape[0], np.nan), np.flatnonzero(np.diff(incidence.indptr))
    if len(nonempty):
        maxima[nonempty] = np.maximum.reduceat(statistics[incidence.indices], incidence.indptr[:-1][nonempty])
    return maxima
