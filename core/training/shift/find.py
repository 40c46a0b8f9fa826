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

from core.training.learners import Matrix, Vector
from core.training.shift import describe
from core.training.shift.adversarial import validate_adversarially
from core.training.shift.assortment import (
    FEWEST_RETURNING,
    KEPT_LEFT,
    OVERLAP_LEFT,
    RETURNING_LEFT,
    categories_kept,
    late_part,
    overlaps,
    returning,
)
from core.training.shift.contrast import DRIFT_FACTOR, SURE, Contrast, Rows, cell_weights, contrast, without_cells
from core.training.shift.measures import (
    CONTENT,
    EVENTS,
    LENGTH,
    MIX,
    OWN_FLOOR,
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

FEWEST_SESSIONS: Final = 150
"""Of each file. With fewer, only effects of half a standard deviation and more are beyond chance."""
FEWEST_USERS: Final = 50
"""Of each file: users are what is independent."""
MOST_SESSIONS: Final = 6_000
"""Of each file, for the small model. The AUC of two samples of this size is known to about 0.005."""
_ASSORTMENT_STRENGTH, _SEASON_STRENGTH, _USERS_STRENGTH = 10.0, 2.0, 1.0
"""Places of the kinds that have no effect size among those that have one, in floors: what people should read first."""
_KNOWN: Final = "user_is_known"
_MISSING: Final = 0.25
"""A quarter: where an event type occurs in so much smaller a share of one file's sessions, it is missing there."""
_MISSING_FROM: Final = 0.03
"""Share of the sessions that must have the type in the other file: rarer ones move no score."""
_AUC: Final = 0.6
_AUC_BEYOND: Final = 0.08
"""An AUC that counts, and how far it must lie above that of telling late train sessions from early ones. A third of the
test sessions cut off at a random place gives 0.54 on the demo, all of them 0.56, and files that are alike 0.50."""


@dataclass
class _Comparison:
    """The sessions of both files that are compared; `figures` collects what is measured.

    Attributes:
        test_mask: rows to predict that are compared.
        users, test_users: numbered from 0 over both files.
        late: the train sessions that stand in for test where train is compared with itself.
        cells, test_cells: of the calendar and of known users; see core.training.shift.contrast.
    """

    data: TrainingSet
    test_mask: NDArray[np.bool_]
    figures: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert self.data.times is not None  # noqa: S101 (find_shift asks)
        train, test = self.data.times.train, self.data.times.test
        self.starts, self.test_starts = train.starts, test.starts[self.test_mask]
        _, numbers = np.unique(np.concatenate([train.users, test.users[self.test_mask]]), return_inverse=True)
        self.users, self.test_users = numbers[: len(self.starts)], numbers[len(self.starts) :]
        self.late = late_part(self.starts, len(self.test_starts) / len(numbers))
        self.X_test = self.data.X_test[self.test_mask]
        self.cells = calendar_cell(self.starts) * 2 + self._known(self.data.X)
        self.test_cells = calendar_cell(self.test_starts) * 2 + self._known(self.X_test)

    def _known(self, X: Matrix) -> NDArray[np.int64]:
        """Whether the user was seen before; the expected score is weighted to that anyway."""
        if _KNOWN not in self.data.names:
            return np.zeros(len(X), dtype=np.int64)
        return np.asarray(X[:, self.data.names.index(_KNOWN)] > 0, dtype=np.int64)


def find_shift(data: TrainingSet, *, use_known_values: bool = True) -> Shift:
    """Compare test with train.

    Args:
        data: the rows of a run. Without times nothing is compared.
        use_known_values: whether sessions whose value is known from train take it; these are not compared then.

    Returns:
        The verdict. Its figures are effects in standard deviations of train (`n_events_effect`), with standard error
        (`_error`), drift inside train (`_drift`) and the effect that train's trend leads to expect (`_trend`); averages
        of events and event types in both files; overlaps of products and categories and the share of returning users,
        with what is usual; days between the files; and the AUC of a small model that tells the files apart.
    """
    mask = np.ones(len(data.test_units), dtype=bool)
    if use_known_values and data.answered is not None:
        mask = ~data.answered
    if data.times is None or not _enough(data.users, data.times.test.users[mask]):
        return Shift("too_few", (), {})
    compared = _Comparison(data, mask)
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
    """Length, pace and event mix: how many times its floor each effect is, and the kind."""
    measures = measure(compared.data.X, compared.X_test, compared.data.names)
    if measures is None:
        return
    train = Rows(measures.train, compared.users, compared.cells)
    test = Rows(measures.test, compared.test_users, compared.test_cells)
    apart = contrast(train, test, (compared.starts, compared.test_starts), measures.scales)
    _note_effects(compared, measures, apart)
    exceeds, strength = apart.exceeds(measures.floors), np.abs(apart.effect) / measures.floors
    own = _own_lengths(compared, measures, train, test)
    length = exceeds & measures.of_kind(LENGTH)
    if length.any() or own:
        place = int(np.argmax(np.where(length, strength, 0.0)))
        effect = apart.effect[place] if length.any() else own
        yield max(float(strength[place]), 1.0), describe.length(effect < 0, compared.figures)
    mix = exceeds & measures.of_kind(MIX) | _missing(measures) & apart.exceeds(np.zeros(len(strength)))
    if mix.any():
        yield max(float(np.max(strength[mix])), 1.0), describe.event_mix(compared.figures)
    pace = exceeds & measures.of_kind(PACE)
    if pace.any() and not length.any():
        yield float(np.max(strength[pace])), describe.pace(compared.figures)


def _note_effects(compared: _Comparison, measures: Measures, apart: Contrast) -> None:
    """Effects by measure, and what people read: averages of events and of event types' shares in both files."""
    figures, names = compared.figures, compared.data.names
    for place, (name, kind) in enumerate(zip(measures.names, measures.kinds, strict=True)):
        stem = f"has_{SHARES[name].lower()}" if kind == PRESENCE else name
        for part in ("effect", "error", "drift", "trend"):
            figures[f"{stem}_{part}"] = getattr(apart, part)[place]
        if kind != PRESENCE:
            for role, X in (("train", compared.data.X), ("test", compared.X_test)):
                figures[f"{name}_{role}"] = float(np.nanmean(X[:, names.index(name)]))


def _own_lengths(compared: _Comparison, measures: Measures, train_rows: Rows, test_rows: Rows) -> float:
    """Effect of the lengths of users who are in both files, against their own; 0 where it does not count."""
    if EVENTS not in measures.names:
        return 0.0
    place = measures.names.index(EVENTS)
    train, test = (each[:, place] for each in without_cells(train_rows, test_rows))
    scale = measures.scales[place]
    late, early, users = compared.late, ~compared.late, compared.users
    effect, error, count = own_lengths(train, users, test, compared.test_users)
    usual, _, _ = own_lengths(train[early], users[early], train[late], users[late])
    effect, error, usual = effect / scale, error / scale, usual / scale
    compared.figures |= {"own_length_effect": effect, "own_length_error": error, "own_length_usual": usual}
    compared.figures["own_length_users"] = count
    counts = abs(effect) >= max(OWN_FLOOR, SURE * error, DRIFT_FACTOR * abs(usual))
    return effect if counts and count >= FEWEST_USERS else 0.0


def _missing(measures: Measures) -> NDArray[np.bool_]:
    """Measures of presence whose event type is all but missing from one of the files."""
    shares = np.stack([measures.train.mean(axis=0), measures.test.mean(axis=0)])
    low, high = shares.min(axis=0), shares.max(axis=0)
    return np.asarray(measures.of_kind(PRESENCE) & (high >= _MISSING_FROM) & (low < _MISSING * high))


def _assortment(compared: _Comparison) -> Iterator[tuple[float, Kind]]:
    """Products and categories."""
    if compared.data.baskets is None:
        return
    products, categories = overlaps(compared.data.baskets, compared.late, compared.test_mask)
    for name, each in (("product", products), ("category", categories)):
        compared.figures |= {f"{name}_overlap": each.found, f"{name}_overlap_usual": each.usual}
    kept = categories_kept(compared.data.baskets, compared.late, compared.test_mask)
    compared.figures |= {"category_kept": kept.found, "category_kept_usual": kept.usual}
    if products.below(OVERLAP_LEFT) or categories.below(OVERLAP_LEFT) or kept.below(KEPT_LEFT):
        yield _ASSORTMENT_STRENGTH, describe.other_shop(compared.figures)


def _season(compared: _Comparison) -> Iterator[tuple[float, Kind]]:
    """Time of the year."""
    starts, test_starts = compared.starts, compared.test_starts
    compared.figures["gap_days"] = gap_days(starts, test_starts)
    compared.figures["season_known"] = season_known(starts, test_starts)
    if another_season(starts, test_starts):
        yield _SEASON_STRENGTH, describe.season(compared.figures)


def _users(compared: _Comparison) -> Iterator[tuple[float, Kind]]:
    """Users who come back; where both files cover the same time, users were dealt to them, which is no shift."""
    share = returning(compared.users, compared.late, compared.test_users)
    compared.figures |= {"returning_users": share.found, "returning_users_usual": share.usual}
    later = follows(compared.starts, compared.test_starts)
    if later and share.usual >= FEWEST_RETURNING and share.below(RETURNING_LEFT):
        yield _USERS_STRENGTH, describe.new_users(compared.figures)


def _anything_else(compared: _Comparison) -> Iterator[tuple[float, Kind]]:
    """A small model that tells the files apart, against one that tells late train sessions from early ones."""
    names = compared.data.names
    columns = [names.index(name) for name in CONTENT if name in names]
    weights = cell_weights(compared.cells, compared.test_cells)
    if not columns or not weights.any():
        return
    test = (compared.X_test, np.arange(len(compared.X_test)), compared.test_users)
    train, early, late = (
        (compared.data.X, np.flatnonzero(rows), compared.users) for rows in (weights > 0, ~compared.late, compared.late)
    )
    auc = _auc(train, test, columns, weights)
    usual = _auc(early, late, columns, np.ones(len(weights)))
    compared.figures |= {"auc": auc, "auc_usual": usual}
    error = np.sqrt((1 / len(train[1]) + 1 / len(test[1])) / 12)  # of a rank statistic without a difference
    if auc >= max(_AUC, max(usual, 0.5) + max(_AUC_BEYOND, SURE * error)):
        yield 1.0, describe.other(compared.figures)


_Side = tuple[Matrix, NDArray[np.int64], NDArray[np.int64]]
"""Features, the rows of them that are meant, and whose each is."""


def _auc(first: _Side, second: _Side, columns: list[int], weights: Vector) -> float:
    """AUC on at most MOST_SESSIONS of each side, drawn with a fixed seed; the weights are those of the first's rows."""
    draws = np.random.default_rng(0)
    (X, mine, users), (X_other, theirs, other_users) = first, second
    mine, theirs = (np.sort(draws.permutation(rows)[:MOST_SESSIONS]) for rows in (mine, theirs))
    return validate_adversarially(
        X[mine][:, columns],
        X_other[theirs][:, columns],
        np.concatenate([users[mine], other_users[theirs]]),
        np.concatenate([weights[mine] / weights[mine].mean(), np.ones(len(theirs))]),
    ).auc
