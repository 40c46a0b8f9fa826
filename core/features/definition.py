"""Definitions of a feature, a feature group and an entry of the feature catalogue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from core.features.session_log import Frame, SessionLog
from core.schema import UNIT

LooksAt = Literal["session", "history", "values"]
"""What a feature is computed from: the session's own events, other events that the history mode counts, or the session
values of the train file, from which features are learned inside each fold."""


@dataclass(frozen=True)
class Feature:
    """A column of features: its name, the unit of its values, and its meaning in a sentence for stakeholders."""

    name: str
    unit: str
    meaning: str


def features_by_type(names: Mapping[str, str], unit: str, meaning: str) -> tuple[Feature, ...]:
    """Return one feature per event type, given its name; `{}` in the meaning stands for the event type."""
    return tuple(Feature(name, unit, meaning.format(event_type)) for event_type, name in names.items())


@dataclass(frozen=True)
class FeatureGroup:
    """Features that are computed together.

    Attributes:
        name: name of the group, such as "timing".
        features: the features, in column order.
        compute: function that returns one row per unit with the unit, every feature and possibly other columns, in any
            order. A unit without a row is null in all features of the group.
        looks_at: what the features are computed from.
        lean: whether the group is in the lean set, which runs use unless they ask for all features. Groups that lower
            the error on no kind of data are not (docs/benchmarks.md, "Lean features").
    """

    name: str
    features: tuple[Feature, ...]
    compute: Callable[[SessionLog], Frame]
    looks_at: LooksAt = "session"
    lean: bool = True

    def frame(self, log: SessionLog) -> Frame:
        """Return the unit and the features in column order, one row per unit in any order."""
        return self.compute(log).select(UNIT, *(feature.name for feature in self.features))


@dataclass(frozen=True)
class CatalogueEntry:
    """A feature, the name of its group, and what it is computed from."""

    group: str
    feature: Feature
    looks_at: LooksAt
