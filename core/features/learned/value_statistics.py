"""Target encoding of products and categories: the average value of the training sessions that have them.

The statistic of a (product, event type) or (category, event type) is the mean value of the training sessions with such
an event. It is shrunk towards the mean of all training sessions, with the weight of ten sessions (Micci-Barreca 2001, A
preprocessing scheme for high-cardinality categorical attributes). The features of a session are the mean and the
maximum of the statistics of its events.

The encoding is cross-fitted in `core.training.learned_columns`: no session has statistics learned from its value.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from core.features.definition import Feature
from core.features.learned.prices import Baskets, Matrix, Vector, maxima_by_row, ratios

_PRIOR_SESSIONS = 10.0
"""Weight of the mean of all training sessions, in sessions."""

VALUE_STATISTICS: tuple[Feature, ...] = tuple(
    Feature(
        f"{key}_value_{statistic}",
        "value units",
        f"Average value of training sessions with an event of the same {key} and type; {summary} the session's events.",
    )
    for key in ("product", "category")
    for statistic, summary in (("mean", "average over"), ("max", "highest of"))
)
"""In the column order of `ValueStatistics.features`."""


class ValueStatistics:
    """Learns target statistics from any subset of the sessions; the subsets share the incidence matrices."""

    def __init__(self, baskets: Baskets) -> None:
        self._incidences = (_incidence(baskets, baskets.item), _incidence(baskets, baskets.group))

    def features(self, rows: NDArray[np.int64], values: Vector) -> Matrix:
        """Learn the statistics from the values of the sessions in `rows`, and compute the features of all sessions.

        Returns:
            Matrix (all sessions, VALUE_STATISTICS); NaN for a session without events.
        """
        average = float(values.mean())
        columns = []
        for incidence in self._incidences:
            learned_from = incidence[rows]
            n_sessions = np.bincount(learned_from.indices, minlength=incidence.shape[1])
            statistics = (learned_from.T @ values + _PRIOR_SESSIONS * average) / (n_sessions + _PRIOR_SESSIONS)
            n_codes = np.diff(incidence.indptr)
            row_of_code = np.repeat(np.arange(len(n_codes)), n_codes)
            columns.append(ratios(incidence @ statistics, n_codes))
            columns.append(maxima_by_row(row_of_code, statistics[incidence.indices], len(n_codes)))
        return np.column_stack(columns)


def _incidence(baskets: Baskets, codes: NDArray[np.int64]) -> sparse.csr_matrix:
    """Return a matrix (sessions, codes) with 1 where a session has an event of the code."""
    incidence = baskets.counts(codes, int(codes.max()) + 1 if len(codes) else 0)
    incidence.data[:] = 1.0
    return incidence
