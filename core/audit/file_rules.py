"""How were the files written? Rows kept aside, repeated rows, empty cells, and the order of the rows."""

from __future__ import annotations

from collections import Counter
from typing import Final

import polars as pl

from core.audit.case import AuditCase
from core.audit.finding import Finding
from core.audit.phrases import MOST_EXAMPLES, joined, shown, verb
from core.audit.rule import Need, Rule
from core.base.text import count, number, percent
from core.dataset import FileCard
from core.schema import EVENT_TYPES, ROLES, USER_ID, USER_SESSION, Role

MANY_ASIDE: Final = 0.01
"""Of the rows. Single broken rows are in every export; one in a hundred has a common cause that can be found."""
LONGEST_REASON: Final = 120
"""Characters: a reason is a clause, but it may quote a word of the file."""
MANY_REPEATED: Final = 0.05
"""Of the rows. Two equal clicks within one second are in every log that counts whole seconds (1 to 2 % of the simulated
shop's rows); one row in twenty looks like an export that was joined twice."""
EMPTY_SHARE: Final = 0.05
"""Of an event type's rows: fewer hardly change what is seen of it."""
EMPTY_FACTOR: Final = 5
"""Times as often as in the other event types: more than chance or sloppiness makes it."""
EMPTY_CELLS: Final = 10
"""Fewer may be chance."""
GROUPED: Final = 0.1
"""Of the changes of event type that shuffled rows have: a log in time order has most of them."""
SORTED: Final = 0.99
"""Of the neighbouring rows with different values: half rise in any order that knows nothing of the value."""
CORRELATED: Final = 0.3
"""A medium effect (Cohen 1988, Statistical power analysis); a weaker one may be a season, in a log sorted by time."""
FEWEST_SESSIONS: Final = 100
"""Of a file: fewer may stand in any order by chance."""


class QuarantinedRows(Rule):
    """Rows that could not be used."""

    code = "quarantine"
    title = "Rows that could not be used"

    def look(self, case: AuditCase) -> Finding | None:
        rows = sum(card.rows for _, card in case.files)
        ignored = sum(card.ignored for _, card in case.files)
        aside = sum(card.quarantined for _, card in case.files) - ignored
        if aside <= 0:
            return None
        reasons = [
            f"{shown(reason, LONGEST_REASON)}: {count(amount, 'row')}"
            for reason, amount in self._reasons(case, ignored)
        ]
        besides = f"; besides, {count(ignored, 'row')} with an event word to be ignored" if ignored else ""
        return self.finding(
            "warning" if aside >= MANY_ASIDE * rows else "note",
            f"{count(aside, 'row')} could not be used",
            count=aside,
            explanation=(
                f"{aside:,} of {rows:,} rows ({percent(aside / rows)}) {verb(aside, 'was', 'were')} kept aside "
                f"({case.card.train.quarantined - case.card.train.ignored:,} of train, "
                f"{case.card.test.quarantined - case.card.test.ignored:,} of test){besides}."
            ),
            advice="The Data page lists them with file, line and reason; mend them in the files if they matter.",
            examples=reasons[:MOST_EXAMPLES],
        )

    def _reasons(self, case: AuditCase, ignored: int) -> list[tuple[str, int]]:
        """Reasons and rows, the most frequent first, without the event words that are to be ignored."""
        if not ignored:
            return list(case.card.quarantine_reasons.items())
        meant = case.dataset.quarantine().filter(~pl.col("ignored")).group_by("reason").len()
        return list(meant.sort(["len", "reason"], descending=[True, False]).collect().iter_rows())


class RepeatedRows(Rule):
    """Rows that repeat another one in every column."""

    code = "duplicates"
    title = "Rows that repeat another row"

    def look(self, case: AuditCase) -> Finding | None:
        found, rows = sum(card.duplicates for _, card in case.files), sum(card.rows for _, card in case.files)
        if not found:
            return None
        done = "were removed" if any(card.removed for _, card in case.files) else "are kept, as the mapping says"
        return self.finding(
            "warning" if found >= MANY_REPEATED * rows else "note",
            f"{count(found, 'row')} {verb(found, 'repeats', 'repeat')} another one",
            count=found,
            explanation=(
                f"{found:,} of {rows:,} rows ({percent(found / rows)}) repeat another one in every column "
                f"({case.card.train.duplicates:,} in train, {case.card.test.duplicates:,} in test)."
            ),
            advice=(f"The repetitions {done}; where they are many, see whether parts of the export were joined twice."),
        )


class EmptyCells(Rule):
    """A column that is empty for one kind of event much more than for the others."""

    code = "empty_cells"
    title = "Cells that are empty, by event type"

    def look(self, case: AuditCase) -> Finding | None:
        empty = _empty_cells(case)
        if not empty:
            return None
        rows = _rows_by_type(case, empty)
        uneven = [key for key in empty if _is_uneven(empty, rows, *key)]
        told = sorted(uneven or empty, key=lambda key: (-empty[key], key))
        (column, code), total = told[0], empty.total()
        word, cells = EVENT_TYPES[code], empty[told[0]]
        where = f"{cells:,} of {count(rows[code], f'{word} row')} ({percent(cells / rows[code])})"
        return self.finding(
            "warning" if uneven else "note",
            f"{column} is empty mostly in {word} rows"
            if uneven
            else f"{count(total, 'cell')} {verb(total, 'is', 'are')} empty",
            count=total,
            explanation=(
                f"{count(total, 'id cell')} {verb(total, 'is', 'are')} empty; {column} is in {where}"
                f"{f', at least {EMPTY_FACTOR} times as often as in other rows' if uneven else ''}."
            ),
            advice=(
                "See why the export leaves it out there: a row without a user or session goes to quarantine, one "
                "without a product or category counts as an event on an unknown one."
                if uneven
                else "Rows without a user or session go to quarantine, those without a product or category count as "
                "events on an unknown one; they are spread over the event types, so little is lost."
            ),
            examples=[
                f"{EVENT_TYPES[code]}: {column} {empty[column, code]:,}" for column, code in told[:MOST_EXAMPLES]
            ],
        )


Empty = Counter[tuple[str, int]]
"""(file column, event type's code) -> empty cells of both files."""


def _empty_cells(case: AuditCase) -> Empty:
    """Empty cells in rows whose event word means one of our types; what is ignored or unknown is left out."""
    empty: Empty = Counter()
    for _, card in case.files:
        for word, columns in card.empty_cells.items():
            code = case.event_words.get(word.strip().lower())
            if code is not None:
                empty.update({(column, code): cells for column, cells in columns.items() if cells})
    return empty


def _rows_by_type(case: AuditCase, empty: Empty) -> dict[int, int]:
    """Event type's code -> rows of both files: those that are kept, and those that an empty cell took away."""
    kept = {code: sum(types.get(code, 0) for types in case.types.values()) for code in range(len(EVENT_TYPES))}
    lost: dict[int, int] = {}
    for (column, code), cells in empty.items():
        if column not in {USER_ID, USER_SESSION}:  # other empty ids cost no row
            continue
        lost[code] = max(lost.get(code, 0), cells)  # a row may have several empty cells: at least so many are lost
    return {code: rows + lost.get(code, 0) for code, rows in kept.items()}


def _is_uneven(empty: Empty, rows: dict[int, int], column: str, code: int) -> bool:
    """Whether the column is empty much more often in rows of this type than in the others."""
    own, cells = rows[code], empty[column, code]
    others = sum(rows.values()) - own
    if not others or cells < EMPTY_CELLS or cells < EMPTY_SHARE * own:
        return False
    elsewhere = sum(amount for (name, _), amount in empty.items() if name == column) - cells
    return cells * others >= EMPTY_FACTOR * elsewhere * own


class TellingOrder(Rule):
    """Rows in an order that tells something of the value."""

    code = "row_order"
    title = "Rows in an order that gives something away"
    needs = (
        Need(
            lambda case: any(card.order is not None and card.sessions >= FEWEST_SESSIONS for _, card in case.files),
            f"the order of the rows was not noted, or the files have fewer than {FEWEST_SESSIONS} sessions",
        ),
    )

    def look(self, case: AuditCase) -> Finding | None:
        by_value: list[str] = []
        grouped: list[str] = []
        for role, card in case.files:
            if card.order is None or card.sessions < FEWEST_SESSIONS:
                continue
            by_type = self._by_type(case, role, card)
            if by_type is not None:
                grouped.append(by_type)
            by_value += self._by_value(role, card, grouped=by_type is not None)
        if not by_value and not grouped:
            return None
        telling = by_value + ([f"rows are grouped by event type in {joined(grouped)}"] if grouped else [])
        return self.finding(
            "warning" if by_value else "note",
            "Rows stand in the order of the value" if by_value else "Rows are grouped by event type",
            explanation=f"As the files stood, {joined(telling)}.",
            advice=(
                "The product sorts the rows itself and never looks at a row's place; whoever models by hand must not "
                "use row numbers, which say nothing about new sessions."
            ),
        )

    def _by_type(self, case: AuditCase, role: Role, card: FileCard) -> str | None:
        """Whether rows of one type stand together, held against the changes that shuffled rows would have."""
        types = case.types[ROLES.index(role)].values()
        rows = sum(types)
        shuffled = (rows - 1) * (1 - sum((events / rows) ** 2 for events in types))
        if card.order is None or shuffled <= 0 or card.order.type_changes >= GROUPED * shuffled:
            return None
        return f"{role} ({count(card.order.type_changes, 'change')} of it, {number(round(shuffled))} in mixed rows)"

    def _by_value(self, role: Role, card: FileCard, *, grouped: bool) -> list[str]:
        """What the place of a row tells of its value. Grouped by type it tells what the type tells: that is no news."""
        if card.order is None:
            return []
        rises, correlation = card.order.value_rises, card.order.value_correlation
        if rises is not None and not 1 - SORTED < rises < SORTED:
            way = "rises" if rises >= SORTED else "falls"
            return [f"in {role} the value {way} in {percent(max(rises, 1 - rises))} of the steps from row to row"]
        if correlation is not None and abs(correlation) >= CORRELATED and not grouped:
            return [f"in {role} a row's place goes with its value (correlation {correlation:.2f})"]
        return []
