"""Measures of a session that are compared between the files: length, pace, event mix, and presence of event types."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.features.registry import GROUPS
from core.schema import EVENT_TYPES
from core.training.learners import Matrix, Vector

EVENTS = "n_events"
SHARES = {f"share_{event_type.lower()}": event_type for event_type in EVENT_TYPES}
"""Feature -> event type."""
LENGTH, PACE, MIX, PRESENCE = "length", "pace", "mix", "presence"
_LOGARITHMIC = {EVENTS: LENGTH, "n_products": LENGTH, "duration": PACE}
"""Features on a log scale; otherwise a few very long sessions would decide the average."""

LENGTH_FLOOR = 0.12
MIX_FLOOR = 0.15
OWN_FLOOR = 0.2
"""Smallest effects that count, in standard deviations of train: length, event mix, and length within users. Similar
files of demo and journey with 15,000 sessions or more stay within 0.09, 0.03 and 0.12 (decision 0012)."""
_MIN_SCALE = {LENGTH: 0.2, PACE: 1.0, MIX: 0.1, PRESENCE: 0.1}
"""Smallest unit of a measure that hardly varies in train. Otherwise one VIEW in a log of BUYs would be an infinite
effect."""
_CALENDAR = ("start_", "hour_", "week_")

CONTENT = tuple(
    feature.name
    for group in GROUPS
    if group.looks_at == "session"
    for feature in group.features
    if not feature.name.startswith(_CALENDAR)
)
"""Features of what happened within a session. Those of the calendar and of the past differ between files of different
times by nature."""


@dataclass(frozen=True)
class Measures:
    """Measures of the sessions of both files.

    Attributes:
        names: features they are derived from; the presence of an event type has the name of its share.
        kinds: LENGTH, PACE, MIX or PRESENCE.
        floors: (measures,) smallest effects that count.
        scales: (measures,) units of the effects: standard deviations in train.
        train: (train sessions, measures).
        test: (test sessions, measures).
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    floors: Vector
    scales: Vector
    train: Matrix
    test: Matrix

    def of_kind(self, kind: str) -> NDArray[np.bool_]:
        """Mask the measures of a kind."""
        return np.asarray(np.array(self.kinds) == kind)


def measure_sessions(X: Matrix, X_test: Matrix, names: list[str]) -> Measures | None:
    """Select and transform the features to compare; None if the table has none of them."""
    selected = [(name, kind) for name, kind in _LOGARITHMIC.items() if name in names]
    selected += [(name, kind) for kind in (MIX, PRESENCE) for name in SHARES if name in names]
    if not selected:
        return None
    kinds = tuple(kind for _, kind in selected)
    train, test = (
        np.column_stack([_transform(table[:, names.index(name)], kind) for name, kind in selected])
        for table in (X, X_test)
    )
    scales = np.maximum(train.std(axis=0), np.array([_MIN_SCALE[kind] for kind in kinds]))
    floors = np.array([LENGTH_FLOOR if kind == LENGTH else MIX_FLOOR for kind in kinds])
    return Measures(tuple(name for name, _ in selected), kinds, floors, scales, train, test)


def _transform(column: Vector, kind: str) -> Vector:
    filled = np.nan_to_num(column, nan=0.0)
    if kind == PRESENCE:
        return np.asarray(filled > 0, dtype=np.float64)
    return filled if kind == MIX else np.log1p(np.maximum(filled, 0.0))
