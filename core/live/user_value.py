"""What the values of a user's earlier sessions say of an open session; see core.features.learned.user_values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class UserValue:
    """Values of a user's earlier sessions, as columns of each fit, and the factor of the start value.

    Args:
        n_sessions: number of earlier sessions with a known value.
        value: sum of their values.
        predicted: (fits,) sum of their values at recovered prices.
        priors, fixed: of the `UserFactor` of each fit.

    Attributes:
        n_sessions: as given.
        columns: three arrays of shape (fits,): number of sessions, mean value (NaN without one), and ratio.
    """

    __slots__ = ("_fixed", "_ratio", "columns", "n_sessions")

    def __init__(
        self, n_sessions: int, value: float, predicted: Array, priors: list[float], fixed: list[float]
    ) -> None:
        ratios = [
            _ratio(n_sessions, value, float(at_prices), prior, fixed_part)
            for at_prices, prior, fixed_part in zip(predicted, priors, fixed, strict=True)
        ]
        self.n_sessions = n_sessions
        self._ratio, self._fixed = np.array(ratios), np.array(fixed)
        mean = value / n_sessions if n_sessions else np.nan
        self.columns = (np.full(len(ratios), float(n_sessions)), np.full(len(ratios), mean), self._ratio)

    def start(self, recovered: Array) -> Array:
        """Return the start values of the learners by fit, given the session's values at recovered prices."""
        recovered = np.maximum(recovered, 0.0)
        fixed = np.minimum(recovered, self._fixed)
        return np.asarray(fixed + (recovered - fixed) * self._ratio)


def _ratio(n_sessions: int, value: float, predicted: float, prior: float, fixed: float) -> float:
    """Return the ratio of one user by fit; see `UserFactor.ratios`."""
    if np.isinf(prior):
        return 1.0
    value, predicted = (max(total - fixed * n_sessions, 0.0) + prior for total in (value, predicted))
    return value / predicted if predicted > 0 else 1.0
