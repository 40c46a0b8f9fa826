"""Are the own columns fit for use? Leaks, useless cells, wrong levels, and differences between train and test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from core.audit.audited_dataset import AuditedDataset
from core.audit.distance import distance
from core.audit.drift_rules import LARGE_KS, MAJOR_PSI, MAX_P_VALUE, MIN_SESSIONS
from core.audit.rule import Finding, Rule
from core.base.arrays import Vector
from core.base.text import count, fixed, noun_form, percent, verb
from core.check_result import Requirement
from core.own_columns import Exclusion, OwnColumn, OwnColumnCard
from core.schema import ROLES, Role

LEAKS: Final = frozenset({Exclusion.GIVES_VALUE_AWAY, Exclusion.KNOWN_AFTERWARDS, Exclusion.KNOWN_BY_PURCHASE})
LARGE_DIFFERENCE: Final = 0.1
"""Of the shares of filled cells, or of the cells with another category: the same share as for features that drift."""
_MAX_EXAMPLES: Final = 8
"""More than elsewhere, because each of these columns needs a decision."""
_MAX_CELLS: Final = 100_000
"""Cells of a file that are compared, evenly spread over its events. Up to twice as many, as every n-th one is taken."""

_HAS_OWN: Final = Requirement[AuditedDataset](lambda data: bool(data.card.own), "the mapping names no extra columns")


class LeakingColumns(Rule):
    code = "own_leaks"
    title = "Extra columns that leak the session value"
    requirements = (_HAS_OWN,)

    def find(self, data: AuditedDataset) -> Finding | None:
        leaks = [card for card in data.card.own if (card.excluded or card.overridden) in LEAKS]
        if not leaks:
            return None
        n = len(leaks)
        kept = [card for card in leaks if card.excluded is None]
        return self.finding(
            "serious" if kept else "note",
            f"{count(n, 'extra column')} {verb(n, 'leaks', 'leak')} the session value",
            count=n,
            explanation=(
                f"{count(n, 'extra column')} {verb(n, 'is', 'are')} known only when a session is over, "
                f"or computed from session values. {_used(len(kept))}"
            ),
            advice=(
                "Remove keep = true from the mapping, unless these columns are known before a session ends. Otherwise "
                "the score is too optimistic, and open sessions do not have these columns."
                if kept
                else "Nothing to do: they are not used. If a column is known before a session ends, set keep = true."
            ),
            examples=_examples(leaks),
        )


class UnusableColumns(Rule):
    code = "own_unusable"
    title = "Extra columns that carry no information"
    requirements = (_HAS_OWN,)

    def find(self, data: AuditedDataset) -> Finding | None:
        useless = [card for card in data.card.own if card.excluded is not None and card.excluded not in LEAKS]
        n = len(useless)
        if not n:
            return None
        return self.finding(
            "warning" if any(card.excluded in {Exclusion.EMPTY, Exclusion.UNREADABLE} for card in useless) else "note",
            f"{count(n, 'extra column')} {verb(n, 'carries', 'carry')} no information",
            count=n,
            explanation=(
                f"{count(n, 'extra column')} {verb(n, 'is', 'are')} empty, constant or unreadable, or almost all "
                "values are different."
            ),
            advice="They are not used. Check whether both files have the column, and whether its kind is right.",
            examples=_examples(useless),
        )


class SeveralCells(Rule):
    code = "own_levels"
    title = "Extra columns whose level in the mapping is wrong"
    requirements = (_HAS_OWN,)

    def find(self, data: AuditedDataset) -> Finding | None:
        changed = [card for card in data.card.own if card.level == "event" and card.several > 0]
        n = len(changed)
        if not n:
            return None
        return self.finding(
            "warning",
            f"{count(n, 'extra column')} {verb(n, 'has', 'have')} a different level than the mapping says",
            count=n,
            explanation=(
                f"The mapping says that {noun_form(n, 'a column', 'columns')} "
                f"{verb(n, 'describes', 'describe')} sessions, products or users, but up to "
                f"{percent(max(card.several for card in changed))} of these have several different cells."
            ),
            advice='They are used as columns of events. Set level = "event" in the mapping, or correct the export.',
            examples=[f"{card.name}: {percent(card.several)}" for card in changed[:_MAX_EXAMPLES]],
        )


class OwnDrift(Rule):
    code = "own_drift"
    title = "Extra columns that differ between the train and the test file"
    requirements = (
        _HAS_OWN,
        Requirement[AuditedDataset](
            lambda data: min(card.sessions for _, card in data.files) >= MIN_SESSIONS,
            f"a file has fewer than {MIN_SESSIONS} sessions",
        ),
    )

    def find(self, data: AuditedDataset) -> Finding | None:
        cards = [card for card in data.card.own if card.excluded is None]
        differences = [f"{card.name}: {text}" for card in cards if (text := _difference(data, card))]
        n = len(differences)
        if not n:
            return None
        return self.finding(
            "warning",
            f"{count(n, 'extra column')} {verb(n, 'differs', 'differ')} between the train and the test file",
            count=n,
            explanation=(
                f"{n} of {count(len(cards), 'extra column')} {verb(n, 'differs', 'differ')} between the files in the "
                "values or in the share of filled cells."
            ),
            advice=(
                "Check whether both files are exported in the same way. What a model learns from such a column may "
                "not hold for the test file."
            ),
            examples=differences[:_MAX_EXAMPLES],
        )


def _used(n_kept: int) -> str:
    """Return a sentence on how many leaking columns are used."""
    if not n_kept:
        return "None of them is used."
    return f"{n_kept} of them {verb(n_kept, 'is', 'are')} used, because the mapping says so."


def _examples(cards: Sequence[OwnColumnCard]) -> list[str]:
    """Return the names of the first columns with what was found in them."""
    return [f"{card.name}: {card.finding}" for card in cards[:_MAX_EXAMPLES]]


def _difference(data: AuditedDataset, card: OwnColumnCard) -> str | None:
    """Return how the cells of a column differ between the files, as a clause; None if they do not differ."""
    if abs(card.filled_train - card.filled_test) >= LARGE_DIFFERENCE:
        return f"{percent(card.filled_train)} filled in the train file, {percent(card.filled_test)} in the test file"
    if card.kind == "category":
        return _other_categories(data, card.column)
    if card.kind == "time":  # later files have later times
        return None
    train, test = (_numbers(data, card.column, role) for role in ROLES)
    if not (len(train) and len(test)):
        return None
    shift = distance(train, test)
    if shift.psi < MAJOR_PSI or shift.ks < LARGE_KS or shift.p_value > MAX_P_VALUE:
        return None
    return f"stability index {fixed(shift.psi, 2)}, Kolmogorov-Smirnov distance {percent(shift.ks)}"


def _other_categories(data: AuditedDataset, column: OwnColumn) -> str | None:
    """Return how the categories differ between the files, as a clause: new ones, or other shares; None if not."""
    cells = pl.col(column.stored).drop_nulls().alias("cell")
    train, test = (data.dataset.events(role).select(cells).group_by("cell").len().collect() for role in ROLES)
    total = int(test.get_column("len").sum())
    n_new = int(test.join(train, on="cell", how="anti").get_column("len").sum())
    if total and n_new / total >= LARGE_DIFFERENCE:
        return f"{percent(n_new / total)} of the test cells have a category that the train file does not have"
    both = train.join(test, on="cell", how="full", coalesce=True, suffix="_test").fill_null(0)
    train_shares, test_shares = (_shares(both.get_column(name)) for name in ("len", "len_test"))
    moved = float(np.abs(train_shares - test_shares).sum()) / 2
    if moved < LARGE_DIFFERENCE + _expected_by_chance((train_shares + test_shares) / 2, data):
        return None
    return f"{percent(moved)} of the cells would need another category to have the same shares"


def _expected_by_chance(shares: Vector, data: AuditedDataset) -> float:
    """Return the share of cells that differ on average between two files in which categories have the same shares.

    The difference of two shares is about normal, with the variance of independent sessions, and the mean absolute
    value of a normal number is the square root of 2/pi times its standard deviation.
    """
    variances = shares * (1 - shares) * (1 / data.card.train.sessions + 1 / data.card.test.sessions)
    return float(np.sqrt(2 / np.pi * variances).sum()) / 2


def _shares(counts: pl.Series) -> Vector:
    return counts.to_numpy() / max(int(counts.sum()), 1)


def _numbers(data: AuditedDataset, column: OwnColumn, role: Role) -> Vector:
    """Return the filled cells of every n-th event of a file."""
    n_events = dict(data.files)[role].kept
    cells = data.dataset.events(role).select(
        pl.col(column.stored).cast(pl.Float64).gather_every(max(n_events // _MAX_CELLS, 1))
    )
    return cells.collect().to_series().drop_nulls().to_numpy()
