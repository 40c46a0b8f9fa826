"""Definitions of a feature, a feature group and an entry of the feature catalogue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from core.features.session_log import Frame, SessionLog
from core.schema import EVENT_NOUNS, UNIT

LooksAt = Literal["session", "history", "values"]
"""What a feature is computed from: the session's own events, other events that the history mode counts, or the session
values of the train file, from which features are learned inside each fold."""


@dataclass(frozen=True)
class Feature:
    """A column of features.

    Attributes:
        name: name of the column.
        unit: unit of its values.
        meaning: a sentence for stakeholders.
        label: display name, for everyone who does not read code.
    """

    name: str
    unit: str
    meaning: str
    label: str


def features_by_type(names: Mapping[str, str], unit: str, meaning: str, label: str) -> tuple[Feature, ...]:
    """Return one feature per event type.

    Args:
        names: event type -> name of the feature.
        unit: unit of the values of each feature.
        meaning: description with the placeholders `{one}` and `{many}` for the noun of the event type, singular and
            plural.
        label: display name with the same placeholders.
    """
    features = []
    for event_type, name in names.items():
        one, many = EVENT_NOUNS[event_type]
        features.append(Feature(name, unit, meaning.format(one=one, many=many), label.format(one=one, many=many)))
    return tuple(features)


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
    """A feature, the name of its group, and its source (session, history or values)."""

    group: str
    feature: Feature
    looks_at: LooksAt
