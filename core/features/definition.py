"""Definitions of a feature, a feature group and an entry of the feature catalogue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from core.features.session_log import Frame, SessionLog
from core.schema import UNIT

LooksAt = Literal["session", "history", "values"]
"""What a feature is computed from.

`session`: the session's own events. `history`: other events, as far as the run's history setting allows. `values`:
session values of train, which are learned inside each fold.
"""


@dataclass(frozen=True)
class Feature:
    """A column of the feature table.

    Attributes:
        name: column name.
        unit: what its numbers count, such as "events" or "seconds".
        meaning: one sentence for stakeholders.
    """

    name: str
    unit: str
    meaning: str


@dataclass(frozen=True)
class FeatureGroup:
    """Features that are computed together.

    Attributes:
        name: name of the group, such as "timing".
        features: in column order.
        compute: returns one row per unit with the unit and every feature, in any order. A unit without a row has null
            in all features of the group.
        looks_at: what the features are computed from.
    """

    name: str
    features: tuple[Feature, ...]
    compute: Callable[[SessionLog], Frame]
    looks_at: LooksAt = "session"

    def frame(self, log: SessionLog) -> Frame:
        """Return one row per unit: the unit, then the features in column order."""
        return self.compute(log).select(UNIT, *(feature.name for feature in self.features))


@dataclass(frozen=True)
class CatalogueEntry:
    """A feature with the name of its group and what it is computed from."""

    group: str
    feature: Feature
    looks_at: LooksAt
