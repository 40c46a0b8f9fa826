"""What a session holds, as a few measures: its length, its pace, its event mix, and which event types it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.features.registry import GROUPS
from core.schema import EVENT_TYPES
from core.training.learners import Matrix, Vector

EVENTS: Final = "n_events"
SHARES: Final = {f"share_{word.lower()}": word for word in EVENT_TYPES}
"""Feature -> event type."""
LENGTH, PACE, MIX, PRESENCE = "length", "pace", "mix", "presence"
_LOGARITHMIC: Final = {EVENTS: LENGTH, "n_products": LENGTH, "duration": PACE}
"""On a log scale: a few very long sessions would otherwise decide the average."""

LENGTH_FLOOR: Final = 0.12
MIX_FLOOR: Final = 0.15
OWN_FLOOR: Final = 0.2
"""Smallest effects that count, in standard deviations of train. Alike files of demo and journey from 15,000 sessions on
stay within 0.09 for lengths, 0.03 for shares and 0.12 for own lengths (docs/decisions/0012-test-unlike-train.md)."""
_LEAST_SCALE: Final = {LENGTH: 0.2, PACE: 1.0, MIX: 0.1, PRESENCE: 0.1}
"""Smallest unit of a measure that hardly varies in train. Without it, one VIEW in a log of nothing but BUYs would be an
infinite effect."""
_CALENDAR: Final = ("start_", "hour_", "week_")

CONTENT: Final = tuple(
    feature.name
    for group in GROUPS
    if group.looks_at == "session"
    for feature in group.features
    if not feature.name.startswith(_CALENDAR)
)
"""Features of what was done in a session. The others describe the calendar and the past, which differ between files of
different times by nature."""


@dataclass(frozen=True)
class Measures:
    """Measures of the sessions of both files.

    Attributes:
        names: of the features; those of the presence of an event type have the name of its share.
        kinds: LENGTH, PACE, MIX or PRESENCE.
        floors: smallest effects that count; scales: units of the effects.
        train, test: (sessions, measures).
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    floors: Vector
    scales: Vector
    train: Matrix
    test: Matrix

    def of_kind(self, kind: str) -> NDArray[np.bool_]:
        """Mask of the measures of a kind."""
        return np.array([each == kind for each in self.kinds], dtype=bool)


def measure(X: Matrix, X_test: Matrix, names: list[str]) -> Measures | None:
    """Choose and transform the features that describe what a session holds; None where there are none."""
    chosen = [(name, kind) for name, kind in _LOGARITHMIC.items() if name in names]
    chosen += [(name, kind) for kind in (MIX, PRESENCE) for name in SHARES if name in names]
    if not chosen:
        return None
    kinds = tuple(kind for _, kind in chosen)
    train, test = (
        np.column_stack([_transformed(rows[:, names.index(name)], kind) for name, kind in chosen])
        for rows in (X, X_test)
    )
    scales = np.maximum(train.std(axis=0), np.array([_LEAST_SCALE[kind] for kind in kinds]))
    floors = np.array([LENGTH_FLOOR if kind == LENGTH else MIX_FLOOR for kind in kinds])
    return Measures(tuple(name for name, _ in chosen), kinds, floors, scales, train, test)


def _transformed(column: Vector, kind: str) -> Vector:
    filled = np.nan_to_num(column, nan=0.0)
    if kind == PRESENCE:
        return np.asarray(filled > 0, dtype=np.float64)
    return filled if kind == MIX else np.log1p(np.maximum(filled, 0.0))


def own_lengths(
    events: Vector, users: NDArray[np.int64], later: Vector, later_users: NDArray[np.int64]
) -> tuple[float, float, int]:
    """How far users' sessions in one part lie from the same users' sessions in another, on the scale of `events`.

    Returns:
        Mean over users of (their average in `later` less their average in `events`), its standard error, and how many
        users have sessions in both; 0, infinity and the count where fewer than two have.
    """
    both = np.intersect1d(users, later_users)
    if len(both) < 2:
        return 0.0, np.inf, len(both)
    averages = []
    for values, owners in ((events, users), (later, later_users)):
        mine = np.isin(owners, both)
        place = np.searchsorted(both, owners[mine])
        averages.append(np.bincount(place, values[mine], len(both)) / np.bincount(place, minlength=len(both)))
    apart = averages[1] - averages[0]
    return float(apart.mean()), float(apart.std(ddof=1) / np.sqrt(len(both))), len(both)
