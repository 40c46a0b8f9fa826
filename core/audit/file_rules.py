"""How were the files written? Quarantined rows, repeated rows, empty cells, and the order of the rows."""

from __future__ import annotations

from collections import Counter
from typing import Final

import polars as pl

from core.audit.case import AuditCase
from core.audit.finding import Finding
from core.audit.rule import Rule
from core.audit.text import MAX_EXAMPLES
from core.base.text import count, display, joined, number, percent, verb
from core.checks import Requirement
from core.dataset import FileCard
from core.schema import EVENT_TYPES, IGNORED, REASON, ROLES, USER_ID, USER_SESSION, Role

HIGH_QUARANTINED: Final = 0.01
"""Of the rows. A few broken rows are in every export; 1% has a common cause that can be found."""
MAX_REASON: Final = 120
"""Characters. A reason is a clause, but it may quote a word from the file."""
HIGH_REPEATED: Final = 0.05
"""Of the rows. Two equal clicks within a second are in every log with whole seconds (1 to 2% of the simulated shop's
rows); 5% looks like an export that was concatenated twice."""
EMPTY_SHARE: Final = 0.05
"""Of the rows of an event type. Fewer empty cells hardly change what is seen of it."""
EMPTY_FACTOR: Final = 5
"""How many times as often as in the other event types: more than chance or sloppiness."""
MIN_EMPTY_CELLS: Final = 10
"""Fewer may be chance."""
GROUPED: Final = 0.1
"""Of the changes of event type in shuffled rows. A log in time order has most of them."""
SORTED: Final = 0.99
"""Of the adjacent rows with different values. In an order unrelated to the value, half of them rise."""
CORRELATED: Final = 0.3
"""A medium effect (Cohen 1988, Statistical power analysis). A weaker one may be a season, in a log sorted by time."""
MIN_SESSIONS: Final = 100
"""Per file. Fewer may be in any order by chance."""


class QuarantinedRows(Rule):
    code = "quarantine"
    title = "Rows that could not be used"

    def find(self, case: AuditCase) -> Finding | None:
        rows = sum(card.rows for _, card in case.files)
        ignored = sum(card.ignored for _, card in case.files)
        quarantined = sum(card.quarantined for _, card in case.files) - ignored
        if quarantined <= 0:
            return None
        reasons = [
            f"{display(reason, MAX_REASON)}: {count(amount, 'row')}" for reason, amount in self._reasons(case, ignored)
        ]
        train, test = (card.quarantined - card.ignored for _, card in case.files)
        more = f" Another {count(ignored, 'row')} had an event word that is ignored." if ignored else ""
        return self.finding(
            "warning" if quarantined >= HIGH_QUARANTINED * rows else "note",
            f"{count(quarantined, 'row')} could not be used",
            count=quarantined,
            explanation=(
                f"{quarantined:,} of {rows:,} rows ({percent(quarantined / rows)}) {verb(quarantined, 'is', 'are')} in "
                f"quarantine ({train:,} of train, {test:,} of test).{more}"
            ),
            advice="The Data page lists them with file, line and reason. Fix them in the files if they matter.",
            examples=reasons[:MAX_EXAMPLES],
        )

    def _reasons(self, case: AuditCase, ignored: int) -> list[tuple[str, int]]:
        """Return reasons and their numbers of rows, the most frequent first, without ignored event words."""
        if not ignored:
            return list(case.card.quarantine_reasons.items())
        rows = case.dataset.quarantine().filter(~pl.col(IGNORED)).group_by(REASON).len()
        return list(rows.sort(["len", REASON], descending=[True, False]).collect().iter_rows())


class RepeatedRows(Rule):
    code = "duplicates"
    title = "Rows that repeat another row"

    def find(self, case: AuditCase) -> Finding | None:
        repeated, rows = sum(card.duplicates for _, card in case.files), sum(card.rows for _, card in case.files)
        if not repeated:
            return None
        handling = "were removed" if any(card.removed for _, card in case.files) else "are kept, as the mapping says"
        return self.finding(
            "warning" if repeated >= HIGH_REPEATED * rows else "note",
            f"{count(repeated, 'row')} {verb(repeated, 'repeats', 'repeat')} another row",
            count=repeated,
            explanation=(
                f"{repeated:,} of {rows:,} rows ({percent(repeated / rows)}) {verb(repeated, 'repeats', 'repeat')} "
                f"another row in every column ({case.card.train.duplicates:,} in train, "
                f"{case.card.test.duplicates:,} in test)."
            ),
            advice=f"The repeats {handling}. If there are many, check whether the export was concatenated twice.",
        )


class EmptyCells(Rule):
    """A column that is empty for one event type much more often than for the others."""

    code = "empty_cells"
    title = "Empty cells, by event type"

    def find(self, case: AuditCase) -> Finding | None:
        empty = _empty_cells(case)
        if not empty:
            return None
        rows = _rows_by_type(case, empty)
        uneven = [key for key in empty if _is_uneven(empty, rows, *key)]
        keys = sorted(uneven or empty, key=lambda key: (-empty[key], key))
        (column, code), total = keys[0], empty.total()
        event_type, cells = EVENT_TYPES[code], empty[keys[0]]
        comparison = f", at least {EMPTY_FACTOR} times as often as in other rows" if uneven else ""
        return self.finding(
            "warning" if uneven else "note",
            f"{column} is empty mostly in {event_type} rows"
            if uneven
            else f"{count(total, 'cell')} {verb(total, 'is', 'are')} empty",
            count=total,
            explanation=(
                f"{count(total, 'id cell')} {verb(total, 'is', 'are')} empty. {column} is empty in {cells:,} of "
                f"{count(rows[code], f'{event_type} row')} ({percent(cells / rows[code])}){comparison}."
            ),
            advice=(
                f"{'Check why the export leaves it out. ' if uneven else ''}Rows without a user or session go to "
                "quarantine; rows without a product or category count as events on an unknown one."
            ),
            examples=[f"{EVENT_TYPES[code]}: {column} {empty[column, code]:,}" for column, code in keys[:MAX_EXAMPLES]],
        )


Empty = Counter[tuple[str, int]]
"""(column of the files, code of the event type) -> empty cells in both files."""


def _empty_cells(case: AuditCase) -> Empty:
    """Count empty cells in rows whose event word stands for an event type; ignored and unknown words are left out."""
    empty: Empty = Counter()
    for _, card in case.files:
        for word, columns in card.empty_cells.items():
            code = case.event_words.get(word.strip().lower())
            if code is not None:
                empty.update({(column, code): cells for column, cells in columns.items() if cells})
    return empty


def _rows_by_type(case: AuditCase, empty: Empty) -> dict[int, int]:
    """Return the rows of both files by event type, including rows that are in quarantine for an empty cell."""
    used = {code: sum(counts.get(code, 0) for counts in case.event_counts.values()) for code in range(len(EVENT_TYPES))}
    lost: dict[int, int] = {}
    for (column, code), cells in empty.items():
        if column in {USER_ID, USER_SESSION}:  # other empty ids cost no row
            # a row may have both cells empty, so at least this many are lost
            lost[code] = max(lost.get(code, 0), cells)
    return {code: rows + lost.get(code, 0) for code, rows in used.items()}


def _is_uneven(empty: Empty, rows: dict[int, int], column: str, code: int) -> bool:
    """Return whether the column is empty much more often in rows of this event type than in the others."""
    own, cells = rows[code], empty[column, code]
    others = sum(rows.values()) - own
    if not others or cells < MIN_EMPTY_CELLS or cells < EMPTY_SHARE * own:
        return False
    elsewhere = sum(amount for (name, _), amount in empty.items() if name == column) - cells
    return cells * others >= EMPTY_FACTOR * elsewhere * own


class InformativeOrder(Rule):
    code = "row_order"
    title = "Rows in an order that reveals their value or type"
    requirements = (
        Requirement[AuditCase](
            lambda case: any(card.order is not None and card.sessions >= MIN_SESSIONS for _, card in case.files),
            f"the order of the rows is unknown, or the files have fewer than {MIN_SESSIONS} sessions",
        ),
    )

    def find(self, case: AuditCase) -> Finding | None:
        by_value: list[str] = []
        by_type: list[str] = []
        for role, card in case.files:
            if card.order is None or card.sessions < MIN_SESSIONS:
                continue
            grouping = self._grouping(case, role, card)
            if grouping is not None:
                by_type.append(grouping)
            else:
                by_value += self._correlation(role, card)
            by_value += self._sorting(role, card)
        if not by_value and not by_type:
            return None
        statements = by_value + ([f"rows are grouped by event type in {joined(by_type)}"] if by_type else [])
        return self.finding(
            "warning" if by_value else "note",
            "Rows are ordered by value" if by_value else "Rows are grouped by event type",
            explanation=f"In the order of the files, {joined(statements)}.",
            advice=(
                "The product sorts the rows and never uses their position. Do not use row numbers in a model of your "
                "own: they say nothing about new sessions."
            ),
        )

    def _grouping(self, case: AuditCase, role: Role, card: FileCard) -> str | None:
        """Return how few changes of event type there are compared with shuffled rows; None if there are enough."""
        counts = case.event_counts[ROLES.index(role)].values()
        rows = sum(counts)
        shuffled = (rows - 1) * (1 - sum((events / rows) ** 2 for events in counts))
        if card.order is None or shuffled <= 0 or card.order.type_changes >= GROUPED * shuffled:
            return None
        return f"{role} ({count(card.order.type_changes, 'change')} of type, {number(round(shuffled))} if shuffled)"

    def _sorting(self, role: Role, card: FileCard) -> list[str]:
        rises = None if card.order is None else card.order.value_rises
        if rises is None or 1 - SORTED < rises < SORTED:
            return []
        direction = "rises" if rises >= SORTED else "falls"
        return [f"the value {direction} in {percent(max(rises, 1 - rises))} of the steps from row to row in {role}"]

    def _correlation(self, role: Role, card: FileCard) -> list[str]:
        """Return how position and value are correlated, unless the rows are sorted by value.

        Only for files that are not grouped by event type: in those, the position shows the type.
        """
        correlation = None if card.order is None else card.order.value_correlation
        if correlation is None or abs(correlation) < CORRELATED or self._sorting(role, card):
            return []
        return [f"the position of a row is correlated with its value in {role} (correlation {correlation:.2f})"]
