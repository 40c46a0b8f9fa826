"""Learned columns that are computed from other columns, and must be recomputed when these change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from core.features.learned.catalogue import START
from core.features.learned.fold_transform import FoldTransform
from core.features.learned.price_features import SUM_FEATURES, VALUE_FEATURE
from core.features.learned.user_values import RATIO_FEATURE
from core.training import Matrix

_MEAN, _MAX = "recovered_mean", "recovered_max"
_EVENTS = "n_events"
DERIVED: Final = (VALUE_FEATURE.name, _MEAN, _MAX, START.name)
"""Names of the derived columns."""


@dataclass(frozen=True)
class DerivedColumns:
    """The derived columns of a fit: recovered value, mean and maximum of all prices, and start value of the learners.

    Attributes:
        base: value of a session without events.
        fixed: part of a value that is the same for all users; see UserFactor.
        column: name -> column number, for the derived columns and the columns they are computed from.
        sums, maxima: column numbers of the sums and of the maxima of the prices, one per event type.
    """

    base: float
    fixed: float
    column: dict[str, int]
    sums: tuple[int, ...]
    maxima: tuple[int, ...]

    @classmethod
    def none(cls) -> DerivedColumns:
        """Return no derived columns."""
        return cls(0.0, 0.0, {}, (), ())

    @classmethod
    def of(cls, names: Sequence[str], transform: FoldTransform) -> DerivedColumns:
        """Return the derived columns of a fit with these columns."""
        number = {name: place for place, name in enumerate(names)}
        needed = (*DERIVED, RATIO_FEATURE.name, _EVENTS)
        sums = tuple(number[feature.name] for feature in SUM_FEATURES)
        maxima = tuple(number[feature.name.removesuffix("sum") + "max"] for feature in SUM_FEATURES)
        return cls(transform.prices.base, transform.factor.fixed, {name: number[name] for name in needed}, sums, maxima)

    @property
    def columns(self) -> set[int]:
        """Numbers of the derived columns."""
        return {self.column[name] for name in DERIVED} if self.column else set()

    def recompute(self, X: Matrix) -> None:
        """Recompute the derived columns of `X` in place, after the columns that they follow from have changed.

        Args:
            X: (rows, columns) of the fit.
        """
        if not self.column or not len(X):
            return
        prices = X[:, self.sums].sum(axis=1)
        value = self.base + prices
        X[:, self.column[VALUE_FEATURE.name]] = value
        X[:, self.column[_MEAN]] = prices / np.maximum(X[:, self.column[_EVENTS]], 1.0)
        X[:, self.column[_MAX]] = np.fmax.reduce(X[:, self.maxima], axis=1)  # NaN if all are
        non_negative = np.maximum(value, 0.0)
        fixed = np.minimum(non_negative, self.fixed)
        X[:, self.column[START.name]] = fixed + (non_negative - fixed) * X[:, self.column[RATIO_FEATURE.name]]
