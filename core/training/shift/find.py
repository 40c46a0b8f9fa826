"""Compares the test sessions with those of train: do they hold the same, and does the expected score hold for them?

A difference counts where it is beyond chance (users are the independent unit), beyond what train itself drifts between
its parts, and large enough to matter for the score. Nothing here looks at values, and nothing depends on the machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from core.training.learners import Vector
from core.training.shift import describe
from core.training.shift.assortment import (
    FEWEST_RETURNING,
    OVERLAP_LEFT,
    RETURNING_LEFT,
    late_part,
    overlaps,
    returning,
)
from core.training.shift.contrast import DRIFT_FACTOR, SURE, Rows, cell_weights, contrast
from core.training.shift.likeness import MOST_SESSIONS, told_apart
from core.training.shift.measures import (
    CONTENT,
    EVENTS,
    LENGTH,
    LENGTH_FLOOR,
    MIX,
    PACE,
    PRESENCE,
    SHARES,
    Measures,
    measure,
    own_lengths,
)
from core.training.shift.season import another_season, calendar_cell, follows, gap_days, season_known
from core.training.shift.verdict import Kind, Shift
from core.training.training_set import TrainingSet

FEWEST_SESSIONS: Final = 200
"""Of each file. A comparison of fewer would see only what anybody sees."""
FEWEST_USERS: Final = 50
"""Of each file: users are what is independent."""
_KNOWN: Final = "user_is_known"
_GONE: Final = 0.25
"""A quarter: where an event type occurs in so much smaller a share of one file's sessions, it is missing there."""
_GONE_FROM: Final = 0.03
"""Share of the sessions that must have the type in the other file: rarer ones move no score."""
_AUC: Final = 0.6
_AUC_BEYOND: Final = 0.08
"""An AUC that counts, and how far it must lie above that of telling late train sessions from early ones. A third of the
test sessions cut off at a random place gives 0.54 on the demo, all of them 0.56, and files that are alike 0.50."""


@dataclass
class _Comparison:
    """The rows of both files that are compared, and what is found on the way."""

    data: TrainingSet
    asked: NDArray[np.bool_]
    """Test rows that are predicted and not answered from train."""
    figures: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert self.data.times is not None  # noqa: S101 (find_shift asks)
        self.starts, self.users = self.data.times.train.starts, self.data.times.train.users
        self.test_starts, self.test_users = (
            each[self.asked] for each in (self.data.times.test.starts, self.data.times.test.users)
        )
        share = len(self.test_starts) / (len(self.starts) + len(self.test_starts))
        self.late = late_part(self.starts, share)
        self.X_test = self.data.X_test[self.asked]
        known, test_known = (self._known(rows) for rows in (self.data.X, self.X_test))
        self.cells = calendar_cell(self.starts) * 2 + known
        self.test_cells = calendar_cell(self.test_starts) * 2 + test_known

    def _known(self, X: NDArray[np.float64]) -> NDArray[np.int64]:
        """Whether the user was seen before; the expected score is weighted to that anyway."""
        if _KNOWN not in self.data.names:
            return np.zeros(len(X), dtype=np.int64)
        return np.asarray(X[:, self.data.names.index(_KNOWN)] > 0, dtype=np.int64)


def find_shift(data: TrainingSet, *, use_known_values: bool = True) -> Shift:
    """Compare test with train.

    Args:
        data: the rows of a run. Without times or without features of the session nothing is compared.
        use_known_values: whether sessions whose value is known from train take it; these are not compared then.

    Returns:
        The verdict. Its figures are effects in standard deviations of train (`n_events_effect`), with standard error
        (`_error`) and drift inside train (`_drift`); averages of events and event types of both files; overlaps of
        products and categories and the share of returning users with what is usual; days between the files; and the AUC
        of a small model that tells the files apart.
    """
    asked = np.ones(len(data.test_units), dtype=bool)
    if use_known_values and data.answered is not None:
        asked = ~data.answered
    if data.times is None or not _enough(data.users, data.times.test.users[asked]):
        return Shift("too_few", (), {})
    compared = _Comparison(data, asked)
    kinds = [*_content(compared), *_assortment(compared), *_season(compared), *_users(compared)]
    if not kinds:
        kinds = [*_anything_else(compared)]
    kinds.sort(key=lambda each: -each[0])
    figures = {name: float(value) for name, value in compared.figures.items() if np.isfinite(value)}
    return Shift("unlike" if kinds else "alike", tuple(kind for _, kind in kinds), figures)


def _enough(users: NDArray[np.int64], test_users: NDArray[np.int64]) -> bool:
    sides = (users, test_users)
    return min(map(len, sides)) >= FEWEST_SESSIONS and min(len(np.unique(each)) for each in sides) >= FEWEST_USERS


def _content(compared: _Comparison) -> Iterator[tuple[float, Kind]]:
    """Length, pace and event mix: how often its floor each effect is, and the kind."""
    data, figures = compared.data, compared.figures
    found = measure(data.X, compared.X_test, data.names)
    if found is None:
        return
    train = Rows(found.train, compared.users, compared.cells)
    test = Rows(found.test, compared.test_users, compared.test_cells)
    apart = contrast(train, test, compared.starts, found.scales)
    exceeds, strength = apart.exceeds(found.floors), np.abs(apart.effect) / found.floors
    for place, (name, kind) in enumerate(zip(found.names, found.kinds, strict=True)):
        stem = f"has_{SHARES[name].lower()}" if kind == PRESENCE else name
        figures[f"{stem}_effect"], figures[f"{stem}_error"] = apart.effect[place], apart.error[place]
        figures[f"{stem}_drift"] = apart.drift[place]
    _note_averages(compared)
    own = _own_lengths(compared, found)
    long = exceeds & found.of_kind(LENGTH)
    if long.any() or own:
        place = int(np.argmax(np.where(long, strength, 0.0)))
        effect = apart.effect[place] if long.any() else own
        yield max(float(strength[place]), 1.0), describe.length(effect < 0, figures)
    mixed = exceeds & found.of_kind(MIX)
    gone = _gone(found) & apart.exceeds(np.zeros(len(strength)))
    if mixed.any() or gone.any():
        yield max(float(np.max(strength[mixed | gone])), 1.0), describe.event_mix(figures)
    paced = exceeds & found.of_kind(PACE)
    if paced.any() and not long.any():
        yield float(np.max(strength[paced])), describe.pace(figures)


def _note_averages(compared: _Comparison) -> None:
    """Averages of events and of event types' shares, in both files; what people read."""
    names, rows = compared.data.names, {"train": compared.data.X, "test": compared.X_test}
    for name in (EVENTS, "duration", *SHARES):
        if name in names:
            for role, X in rows.items():
                compared.figures[f"{name}_{role}"] = float(np.nanmean(X[:, names.index(name)]))


def _own_lengths(compared: _Comparison, found: Measures) -> float:
    """Effect of known users' own lengths where it counts, else 0."""
    if EVENTS not in found.names:
        return 0.0
    place = found.names.index(EVENTS)
    train, test, scale = found.train[:, place], found.test[:, place], found.scales[place]
    late, early, users = compared.late, ~compared.late, compared.users
    effect, error, count = own_lengths(train, users, test, compared.test_users)
    usual, _, _ = own_lengths(train[early], users[early], train[late], users[late])
    effect, error, usual = effect / scale, error / scale, usual / scale
    compared.figures |= {"own_length_effect": effect, "own_length_error": error, "own_length_usual": usual}
    compared.figures["own_length_users"] = count
    counts = abs(effect) >= max(LENGTH_FLOOR, SURE * error, DRIFT_FACTOR * abs(usual))
    return effect if counts and count >= FEWEST_USERS else 0.0


def _gone(found: Measures) -> NDArray[np.bool_]:
    """Measures of presence whose event type is all but missing from one of the files."""
    shares = np.stack([found.train.mean(axis=0), found.test.mean(axis=0)])
    low, high = shares.min(axis=0), shares.max(axis=0)
    return np.asarray(found.of_kind(PRESENCE) & (high >= _GONE_FROM) & (low < _GONE * high))


def _assortment(compared: _Comparison) -> Iterator[tuple[float, Kind]]:
    """Products and categories."""
    if compared.data.baskets is None:
        return
    products, categories = overlaps(compared.data.baskets, compared.late, compared.asked)
    for name, each in (("product", products), ("category", categories)):
        compared.figures |= {f"{name}_overlap": each.found, f"{name}_overlap_usual": each.usual}
    if products.below(OVERLAP_LEFT) or categories.below(OVERLAP_LEFT):
        lost = 1.0 - min(each.found / each.usual for each in (products, categories) if each.usual)
        yield 10.0 * lost, describe.other_shop(compared.figures)


def _season(compared: _Comparison) -> Iterator[tuple[float, Kind]]:
    """Time of the year."""
    starts, test_starts = compared.starts, compared.test_starts
    compared.figures["gap_days"] = gap_days(starts, test_starts)
    compared.figures["season_known"] = season_known(starts, test_starts)
    if another_season(starts, test_starts):
        yield 2.0, describe.season(compared.figures)


def _users(compared: _Comparison) -> Iterator[tuple[float, Kind]]:
    """Users who come back; where both files cover the same time, users were dealt to them, which is no shift."""
    found = returning(compared.users, compared.late, compared.test_users)
    compared.figures |= {"returning_users": found.found, "returning_users_usual": found.usual}
    later = follows(compared.starts, compared.test_starts)
    if later and found.usual >= FEWEST_RETURNING and found.below(RETURNING_LEFT):
        yield 1.0, describe.new_users(compared.figures)


def _anything_else(compared: _Comparison) -> Iterator[tuple[float, Kind]]:
    """A small model that tells the files apart, against one that tells late train sessions from early ones."""
    data, late = compared.data, compared.late
    columns = [data.names.index(name) for name in CONTENT if name in data.names]
    if not columns:
        return
    X, X_test, users = data.X[:, columns], compared.X_test[:, columns], compared.users
    weights = cell_weights(compared.cells, compared.test_cells)
    weighted = weights > 0
    if not weighted.any():
        return
    early, one = ~late, np.ones(len(users))
    found = _auc((X[weighted], users[weighted], weights[weighted]), (X_test, compared.test_users))
    usual = _auc((X[early], users[early], one[early]), (X[late], users[late]))
    compared.figures |= {"auc": found, "auc_usual": usual}
    error = np.sqrt((1 / weighted.sum() + 1 / len(X_test)) / 12)  # of a rank statistic without a difference
    if found >= max(_AUC, max(usual, 0.5) + max(_AUC_BEYOND, SURE * error)):
        yield 1.0, describe.other(compared.figures)


def _auc(
    first: tuple[NDArray[np.float64], NDArray[np.int64], Vector], second: tuple[NDArray[np.float64], NDArray[np.int64]]
) -> float:
    """AUC on at most MOST_SESSIONS of each side, drawn with a fixed seed."""
    drawn = np.random.default_rng(0)
    mine, theirs = (np.sort(drawn.permutation(len(side[0]))[:MOST_SESSIONS]) for side in (first, second))
    weights = np.concatenate([first[2][mine] / first[2][mine].mean(), np.ones(len(theirs))])
    return told_apart(first[0][mine], second[0][theirs], np.concatenate([first[1][mine], second[1][theirs]]), weights)
