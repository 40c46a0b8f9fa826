"""What a feature and a feature group are, and what a group is computed from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import narwhals as nw

from core.features.history_arrays import UnitArrays
from core.schema import UNIT

Frame = nw.LazyFrame[Any]
"""A lazy frame of whichever engine the run uses."""
History = Literal["as_of", "all_rows"]


LooksAt = Literal["session", "history", "values"]
"""What a feature needs: the session's own events; what else happened, by the regime of the run; or session values of
train, which are learned inside each fold."""


@dataclass(frozen=True)
class Feature:
    """A column of the feature table. `unit` is what its numbers count; `meaning` is a sentence for stakeholders."""

    name: str
    unit: str
    meaning: str


@dataclass(frozen=True)
class SessionLog:
    """What features are computed from, engine-neutral: a log, and the units of it that are asked for.

    Attributes:
        events: one row an event of these units: unit, user, product, category, type, time (epoch seconds), the columns
            of core.features.steps, and on other engines than Polars the visit.
        units: one row a unit: unit, user, start (epoch seconds of its first event), and the columns of
            core.features.visits.
        minutes: how many events the whole log, train and test together, had in each minute; see steps.by_minute.
        history: what history features may look at (see core.config.RunConfig.history).
        began, ended: epoch seconds of the log's first and last event.
        arrays: on Polars the whole log's events and units as arrays, for the history. None: by the engine's window
            functions, and the units are all of the log.
    """

    events: Frame
    units: Frame
    minutes: Frame
    history: History
    began: int
    ended: int
    arrays: UnitArrays | None = None


@dataclass(frozen=True)
class Described:
    """A feature and the name of its group, as people are told of it."""

    group: str
    feature: Feature
    looks_at: LooksAt


@dataclass(frozen=True)
class FeatureGroup:
    """Features that are computed together. `compute` gives one row a unit: the unit and the features, in any order.

    A unit that `compute` leaves out has null in all of the group's features.
    """

    name: str
    features: tuple[Feature, ...]
    compute: Callable[[SessionLog], Frame]
    looks_at: LooksAt = "session"

    def frame(self, log: SessionLog) -> Frame:
        """The unit and the features in their order."""
        return self.compute(log).select(UNIT, *(feature.name for feature in self.features))
