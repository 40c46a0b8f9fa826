"""Target encoding of products and categories: the average value of the training sessions that have them.

The statistic of a (product, event type) or (category, event type) is the mean value of the training sessions with such
an event. It is shrunk towards the mean of all training sessions, with the weight of ten sessions (Micci-Barreca 2001, A
preprocessing scheme for high-cardinality categorical attributes). The features of a session are the mean and the
maximum of the statistics of its events.

The encoding is cross-fitted in `core.training.learned_columns`: no session has statistics learned from its value.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from core.base.arrays import Matrix, Vector, extended, maxima_by_row, ratios
from core.features.definition import Feature
from core.features.learned.baskets import Baskets
from core.own_columns import OwnColumn

_PRIOR_SESSIONS = 10.0
"""Weight of the mean of all train sessions, in sessions."""

_STATISTICS = (("mean", "average over", "average"), ("max", "highest of", "highest"))
"""End of the name of each statistic, and its words in the meaning and in the display name."""
VALUE_STATISTICS: tuple[Feature, ...] = tuple(
    Feature(
        f"{key}_value_{statistic}",
        "value units",
        f"Average value of train sessions with an event of the same {key} and type; {summary} the session's events.",
        f"Value of other sessions with the same {many} ({word})",
    )
    for key, many in (("product", "products"), ("category", "categories"))
    for statistic, summary, word in _STATISTICS
)
"""In the column order of `TargetStatistics.features`."""


def own_statistics(own: Iterable[OwnColumn]) -> tuple[tuple[OwnColumn, Feature], ...]:
    """Return each own column of categories with the features that are learned from it.

    A column of sessions or users has one category per session, so that its mean is its only feature.
    """
    return tuple(
        (column, _own_statistic(column, *words))
        for column in own
        if column.kind == "category"
        for words in _STATISTICS[: n_statistics(column)]
    )


def _own_statistic(column: OwnColumn, statistic: str, summary: str, word: str) -> Feature:
    average = f"Average value of train sessions with the same {column.label}"
    return Feature(
        f"{column.stored}_value_{statistic}",
        "value units",
        f"{average}; {summary} the session's events.",
        f"Value of other sessions with the same {column.label} ({word})",
    )


def n_statistics(column: OwnColumn) -> int:
    """Return the number of features that are learned from an own column of categories."""
    return 1 if column.level in ("session", "user") else 2


@dataclass(frozen=True)
class TargetStatistics:
    """Statistics in value units. Numbers beyond the arrays are new.

    Attributes:
        item: statistic of each item number.
        group: statistic of each group number.
        unseen: statistic of a new number, and of one without a training session.
        own: for each own column of the catalogue, the statistic of each category number.
    """

    item: Vector
    group: Vector
    unseen: float
    own: tuple[Vector, ...] = ()

    def features(self, baskets: Baskets) -> Matrix:
        """Return a matrix (sessions, VALUE_STATISTICS); NaN for a session without events."""
        items, groups = baskets.incidences
        columns = [*self._mean_and_maximum(items, self.item), *self._mean_and_maximum(groups, self.group)]
        return np.column_stack(columns)

    def own_features(self, baskets: Baskets) -> Matrix:
        """Return a matrix (sessions, features of `own_statistics`); NaN for a session without a filled cell."""
        parts = [np.empty((baskets.rows, 0))]
        for column, incidence, learned in zip(baskets.catalogue.own, baskets.own_incidences, self.own, strict=True):
            parts += self._mean_and_maximum(incidence, learned)[: n_statistics(column)]
        return np.column_stack(parts)

    def _mean_and_maximum(self, incidence: sparse.csr_matrix, learned: Vector) -> list[Vector]:
        """Return the mean and the maximum of the statistics of each session's codes."""
        by_code = extended(learned, incidence.shape[1], self.unseen)
        n_codes = np.diff(incidence.indptr)
        row_of_code = np.repeat(np.arange(len(n_codes)), n_codes)
        maxima = maxima_by_row(row_of_code, by_code[incidence.indices], len(n_codes))
        return [ratios(incidence @ by_code, n_codes), maxima]


class ValueStatistics:
    """Learns target statistics from any subset of the sessions; the subsets share the incidence matrices."""

    def __init__(self, baskets: Baskets) -> None:
        self._baskets = baskets

    def learn(self, rows: NDArray[np.int64], values: Vector) -> TargetStatistics:
        """Learn the statistics from the values of the sessions in `rows`."""
        average = float(values.mean())
        items, groups = self._baskets.incidences
        return TargetStatistics(
            item=_means(items[rows], values, average),
            group=_means(groups[rows], values, average),
            unseen=_PRIOR_SESSIONS * average / _PRIOR_SESSIONS,  # rounded as the mean of a code without sessions
            own=tuple(_means(incidence[rows], values, average) for incidence in self._baskets.own_incidences),
        )

    def features(self, statistics: TargetStatistics) -> Matrix:
        """Return the features of all sessions, shape (all sessions, `own_statistics` and VALUE_STATISTICS)."""
        return np.hstack([statistics.own_features(self._baskets), statistics.features(self._baskets)])


def _means(learned_from: sparse.csr_matrix, values: Vector, average: float) -> Vector:
    """Return the shrunk mean value of the sessions with each code."""
    n_sessions = np.bincount(learned_from.indices, minlength=learned_from.shape[1])
    means: Vector = (learned_from.T @ values + _PRIOR_SESSIONS * average) / (n_sessions + _PRIOR_SESSIONS)
    return means
