"""What one fit has learned from session values, as a function of new sessions.

The columns of the sessions that a fit validates, and of those to predict, are the output of this function. Those of its
training sessions are cross-fitted instead (core.training.learned_columns).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.features.learned.prices import Baskets, Matrix, Prices, Vector, price_features
from core.features.learned.user_values import History, user_value_features
from core.features.learned.value_statistics import TargetStatistics

_PRICES, _STATISTICS = "prices_", "statistics_"
"""Prefixes of the names of arrays."""


@dataclass(frozen=True)
class FoldTransform:
    """Turns the events of sessions into the columns of core.features.learned.catalogue.

    Attributes:
        prices: prices recovered from the fit's training sessions.
        statistics: values of the fit's training sessions by product and category.
        prior: weight of a user ratio of 1, in value units.
        recovered: (all training sessions,) their values at recovered prices, at least 0, from prices that did not see
            them. A user's earlier values are compared with these.
    """

    prices: Prices
    statistics: TargetStatistics
    prior: float
    recovered: Vector

    def columns(self, baskets: Baskets, history: History) -> Matrix:
        """Return the learned columns, shape (sessions, columns).

        Args:
            baskets: the events of the sessions.
            history: the valued sessions of each session's user; `predicted` sums up `recovered`.
        """
        prices, statistics = price_features(baskets, self.prices), self.statistics.features(baskets)
        start = start_values(self.prices.of_sessions(baskets), history, self.prior)
        return np.column_stack([prices, statistics, user_value_features(history, self.prior), start])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays by name, for an NPZ file."""
        parts = ((_PRICES, self.prices), (_STATISTICS, self.statistics))
        arrays = {f"{prefix}{name}": np.asarray(value) for prefix, part in parts for name, value in vars(part).items()}
        return arrays | {"prior": np.asarray(self.prior), "recovered": self.recovered}

    @classmethod
    def of_arrays(cls, arrays: dict[str, NDArray[Any]]) -> FoldTransform:
        """Return the transform whose `arrays` these are."""
        prices, statistics = (
            {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
            for prefix in (_PRICES, _STATISTICS)
        )
        return cls(
            Prices(**prices | {"base": float(prices["base"])}),
            TargetStatistics(**statistics | {"unseen": float(statistics["unseen"])}),
            float(arrays["prior"]),
            arrays["recovered"],
        )


def start_values(recovered: Vector, history: History, prior: float) -> Vector:
    """Return what the learners start from: the value at recovered prices, at least 0, times the user's ratio."""
    return np.maximum(recovered, 0.0) * history.ratio(prior)
