"""Features that one fit has learned from session values, as a function that can be applied to new sessions.

The columns of the sessions that a fit validates, and of those to predict, are the output of this function. Those of its
training sessions are cross-fitted instead (core.training.learned_columns).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.base.arrays import Matrix, Vector
from core.features.learned.baskets import Baskets
from core.features.learned.price_features import price_features
from core.features.learned.prices import Prices
from core.features.learned.user_values import History, UserFactor, user_value_features
from core.features.learned.value_statistics import TargetStatistics

_PRICES = "prices_"
"""Prefix of the names of the arrays of the prices."""
_OWN = "own"
"""Attribute of `TargetStatistics`, and prefix of the names of its arrays."""


@dataclass(frozen=True)
class FoldTransform:
    """Turns the events of sessions into the columns of core.features.learned.catalogue.

    Attributes:
        prices: prices recovered from the fit's training sessions.
        statistics: values of the fit's training sessions by product and category.
        factor: computes the ratio of each user, which multiplies values at recovered prices.
        recovered: (all training sessions,) cross-fitted values at recovered prices, at least 0. The actual values of a
            user's earlier sessions are divided by these.
    """

    prices: Prices
    statistics: TargetStatistics
    factor: UserFactor
    recovered: Vector

    def columns(self, baskets: Baskets, history: History) -> Matrix:
        """Return the learned columns, shape (sessions, columns).

        Args:
            baskets: the events of the sessions.
            history: the valued sessions of each session's user; `predicted` sums up `recovered`.
        """
        own, statistics = self.statistics.own_features(baskets), self.statistics.features(baskets)
        prices = price_features(baskets, self.prices)
        start = self.factor.start(self.prices.of_sessions(baskets), history)
        return np.column_stack([own, prices, statistics, user_value_features(history, self.factor), start])

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return everything as arrays by name, for an NPZ file."""
        arrays = {f"{_PRICES}{name}": array for name, array in self.prices.arrays().items()}
        statistics = {name: np.asarray(value) for name, value in vars(self.statistics).items() if name != _OWN}
        statistics |= {f"{_OWN}{number}": values for number, values in enumerate(self.statistics.own)}
        factor = {name: np.asarray(value) for name, value in vars(self.factor).items()}
        return arrays | statistics | factor | {"recovered": self.recovered}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> FoldTransform:
        """Return the transform with the arrays that `arrays` returned."""
        prices = {name.removeprefix(_PRICES): array for name, array in arrays.items() if name.startswith(_PRICES)}
        n_own = sum(name.startswith(_OWN) for name in arrays)
        statistics = TargetStatistics(
            arrays["item"],
            arrays["group"],
            float(arrays["unseen"]),
            tuple(arrays[f"{_OWN}{number}"] for number in range(n_own)),
        )
        fixed = float(arrays.get("fixed", 0.0))  # older transforms have no fixed part
        return cls(Prices.of_arrays(prices), statistics, UserFactor(float(arrays["prior"]), fixed), arrays["recovered"])
