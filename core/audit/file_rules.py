"""How were the files written? Quarantined rows, repeated rows, empty cells, and the order of the rows."""

from __future__ import annotations

from collections import Counter
from typing import Final

import polars as pl

from core.audit.audited_dataset import AuditedDataset
from core.audit.rule import Finding, Rule
from core.audit.text import MAX_EXAMPLES, share_of
from core.base.text import count, display, fixed, fold_case, listed, number, percent, verb, whole
from core.check_result import Requirement
from core.dataset import RowOrder
from core.schema import EVENT_TYPES, IGNORED, REASON, ROLES, TEST_ROLE, TRAIN_ROLE, USER_ID, USER_SESSION, Role

HIGH_QUARANTINED: Final = 0.01
"""Share of the rows. A few broken rows are in every export; 1% has a common cause that can be found."""
MAX_REASON: Final = 120
"""Characters. A reason is a clause, but it may quote a value from the file."""
HIGH_REPEATED: Final = 0.05
"""Share of the rows. Two equal clicks within a second are in every log with whole seconds (1 to 2% of the simulated
shop's rows); 5% looks like an export that was concatenated twice."""
EMPTY_SHARE: Final = 0.05
"""Share of the rows of an event type. Fewer empty cells hardly change its features."""
EMPTY_FACTOR: Final = 5
"""If an event type has empty cells this many times as often as the others, it is more than chance or sloppiness."""
MIN_EMPTY_CELLS: Final = 10
"""Fewer may be chance."""
GROUPED: Final = 0.1
"""Changes of event type, relative to shuffled rows. A log in time order has nearly as many as shuffled rows."""
SORTED: Final = 0.99
"""Share of the adjacent rows with different values. If the order is unrelated to the value, it increases in half."""
CORRELATED: Final = 0.3
"""A medium effect (Cohen 1988, Statistical power analysis). A weaker one may be a season, in a log sorted by time."""
MIN_SESSIONS: Final = 100
"""Per file. Fewer sessions may be in any order by chance."""


class QuarantinedRows(Rule):
    code = "quarantine"
    title = "Quarantined rows"

    def find(self, data: AuditedDataset) -> Finding | None:
        n_rows = sum(card.rows for _, card in data.files)
        n_ignored = sum(card.ignored for _, card in data.files)
        train, test = (card.quarantined - card.ignored for _, card in data.files)
        n_quarantined = train + test
        if n_quarantined <= 0:
            return None
        reasons = data.card.quarantine_reasons
        if n_ignored:  # the reasons in the card include those of ignored rows
            counts = data.dataset.quarantine().filter(~pl.col(IGNORED)).group_by(REASON).len()
            reasons = dict(counts.sort(["len", REASON], descending=[True, False]).collect().iter_rows())
        more = f" Another {count(n_ignored, 'row')} had an event word that is ignored." if n_ignored else ""
        return self.finding(
            "warning" if n_quarantined >= HIGH_QUARANTINED * n_rows else "note",
            f"{count(n_quarantined, 'row')} {verb(n_quarantined, 'was', 'were')} quarantined",
            count=n_quarantined,
            explanation=(
                f"{share_of(n_quarantined, n_rows, 'rows')} {verb(n_quarantined, 'is', 'are')} in quarantine "
                f"({whole(train)} in the train file, {whole(test)} in the test file).{more}"
            ),
            advice="The Data page lists them with file, line and reason. Fix them in the files if they matter.",
            examples=[
                f"{display(reason, MAX_REASON)}: {count(amount, 'row')}"
                for reason, amount in list(reasons.items())[:MAX_EXAMPLES]
            ],
        )


class RepeatedRows(Rule):
    code = "duplicates"
    title = "Duplicate rows"

    def find(self, data: AuditedDataset) -> Finding | None:
        n_repeated = sum(card.duplicates for _, card in data.files)
        n_rows = sum(card.rows for _, card in data.files)
        if not n_repeated:
            return None
        handling = "were removed" if any(card.removed for _, card in data.files) else "are kept, as the mapping says"
        repeats = verb(n_repeated, "repeats", "repeat")
        return self.finding(
            "warning" if n_repeated >= HIGH_REPEATED * n_rows else "note",
            f"{count(n_repeated, 'row')} {repeats} another row",
            count=n_repeated,
            explanation=(
                f"{share_of(n_repeated, n_rows, 'rows')} {repeats} another row in every column "
                f"({whole(data.card.train.duplicates)} in the train file, {whole(data.card.test.duplicates)} in the "
                "test file)."
            ),
            advice=f"The repeats {handling}. If there are many, check whether the export was concatenated twice.",
        )


class EmptyCells(Rule):
    code = "empty_cells"
    title = "Empty cells, by event type"

    def find(self, data: AuditedDataset) -> Finding | None:
        empty = _empty_cells(data)
        if not empty:
            return None
        rows = _rows_by_type(data, empty)
        uneven = [key for key in empty if _is_uneven(empty, rows, *key)]
        keys = sorted(uneven or empty, key=lambda key: (-empty[key], key))
        (column, code), total = keys[0], empty.total()
        event_type, n_cells, n_rows = EVENT_TYPES[code], empty[column, code], rows[code]
        comparison = f", at least {EMPTY_FACTOR} times as often as in other rows" if uneven else ""
        return self.finding(
            "warning" if uneven else "note",
            f"{column} is empty mostly in {event_type} rows"
            if uneven
            else f"{count(total, 'cell')} {verb(total, 'is', 'are')} empty",
            count=total,
            explanation=(
                f"{count(total, 'id cell')} {verb(total, 'is', 'are')} empty. {column} is empty in {whole(n_cells)} of "
                f"{count(n_rows, f'{event_type} row')} ({percent(n_cells / n_rows)}){comparison}."
            ),
            advice=(
                f"{'Check why the export leaves it out. ' if uneven else ''}Rows without a user or session go to "
                "quarantine. Rows without a product or category count as events on an unknown one."
            ),
            examples=[
                f"{EVENT_TYPES[code]}: {column} {whole(empty[column, code])}" for column, code in keys[:MAX_EXAMPLES]
            ],
        )


Empty = Counter[tuple[str, int]]
"""(column of the files, code of the event type) -> empty cells in both files."""


def _empty_cells(data: AuditedDataset) -> Empty:
    """Count empty cells by event type. Rows with an ignored or unknown event word are left out."""
    empty: Empty = Counter()
    for _, card in data.files:
        for word, columns in card.empty_cells.items():
            code = data.event_words.get(fold_case(word.strip()))
            if code is not None:
                empty.update({(column, code): n_cells for column, n_cells in columns.items() if n_cells})
    return empty


def _rows_by_type(data: AuditedDataset, empty: Empty) -> dict[int, int]:
    """Return the least number of rows of both files by event type, including quarantined rows with an empty cell."""
    used = Counter(data.event_counts[TRAIN_ROLE]) + Counter(data.event_counts[TEST_ROLE])
    rows = {code: used[code] for code in range(len(EVENT_TYPES))}
    for (column, code), n_cells in empty.items():
        # Without a user or session, a row is lost. A row may lack both, so they are not added up.
        n_lost = n_cells if column in {USER_ID, USER_SESSION} else 0
        # Rows without a product or category are used, unless they are quarantined for another reason.
        rows[code] = max(rows[code], used[code] + n_lost, n_cells)
    return rows


def _is_uneven(empty: Empty, rows: dict[int, int], column: str, code: int) -> bool:
    """Return whether the column is empty much more often in rows of this event type than in the others."""
    n_rows, n_cells = rows[code], empty[column, code]
    other_rows = sum(rows.values()) - n_rows
    if not other_rows or n_cells < MIN_EMPTY_CELLS or n_cells < EMPTY_SHARE * n_rows:
        return False
    other_cells = sum(amount for (name, _), amount in empty.items() if name == column) - n_cells
    return n_cells * other_rows >= EMPTY_FACTOR * other_cells * n_rows


class InformativeOrder(Rule):
    code = "row_order"
    title = "Rows in an order that reveals their value or type"
    requirements = (
        Requirement[AuditedDataset](
            lambda data: any(card.order is not None and card.sessions >= MIN_SESSIONS for _, card in data.files),
            f"the order of the rows is unknown, or the files have fewer than {MIN_SESSIONS} sessions",
        ),
    )

    def find(self, data: AuditedDataset) -> Finding | None:
        by_value: list[str] = []
        by_type: list[str] = []
        for role, card in data.files:
            if card.order is None or card.sessions < MIN_SESSIONS:
                continue
            grouping = self._grouping(data, role, card.order)
            by_type += grouping
            by_value += self._sorting(role, card.order) or ([] if grouping else self._correlation(role, card.order))
        if not by_value and not by_type:
            return None
        statements = by_value + ([f"rows are grouped by event type in {listed(by_type)}"] if by_type else [])
        return self.finding(
            "warning" if by_value else "note",
            "Rows are ordered by value" if by_value else "Rows are grouped by event type",
            explanation=f"In the order of the files, {listed(statements)}.",
            advice=(
                "The product sorts the rows and never uses their position. Do not use row numbers in a model of your "
                "own: they say nothing about new sessions."
            ),
        )

    def _grouping(self, data: AuditedDataset, role: Role, order: RowOrder) -> list[str]:
        """Compare the changes of event type with those in shuffled rows; empty if the rows are not grouped by type."""
        counts = data.event_counts[ROLES.index(role)].values()
        n_rows = sum(counts)
        shuffled = (n_rows - 1) * (1 - sum((n_events / n_rows) ** 2 for n_events in counts))
        if shuffled <= 0 or order.type_changes >= GROUPED * shuffled:
            return []
        changes = count(order.type_changes, "change")
        return [f"the {role} file ({changes} of event type, {number(round(shuffled))} in shuffled rows)"]

    def _sorting(self, role: Role, order: RowOrder) -> list[str]:
        """Describe the direction in which the rows are sorted by value; empty if they are not."""
        rises = order.value_rises
        if rises is None or 1 - SORTED < rises < SORTED:
            return []
        direction, share = "rises" if rises >= SORTED else "falls", percent(max(rises, 1 - rises))
        return [f"the value {direction} in {share} of the steps from one row of the {role} file to the next"]

    def _correlation(self, role: Role, order: RowOrder) -> list[str]:
        """Describe the correlation of position and value; empty if it is weak.

        Not for files that are grouped by event type, where the position shows the type.
        """
        correlation = order.value_correlation
        if correlation is None or abs(correlation) < CORRELATED:
            return []
        return [f"position and value of the rows of the {role} file have a correlation of {fixed(correlation, 2)}"]
