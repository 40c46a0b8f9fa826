"""Finds the column with the types of events, and what its words mean."""

from __future__ import annotations

from typing import Final

from core.errors import listed
from core.ingestion.mapping import column_names as names
from core.ingestion.mapping.event_words import USUAL_WORDS, is_of_no_interest, is_page_view, type_of
from core.ingestion.mapping.fields import LONGEST_TEXT
from core.ingestion.mapping.findings import Findings
from core.ingestion.mapping.log_column import MOSTLY, LogColumn, can_be_written
from core.schema import BUY, EVENT_TYPE, EVENT_TYPES, USER_SESSION, VIEW

_MOST_KINDS: Final = 60
"""Different words in a column of event types: web analytics come to some dozens, names and ids to thousands."""
_FEWEST_TYPES: Final = 2
"""Of our types in a column that is not named like one of event types: one word alone may mean something else."""


def find_event_types(findings: Findings) -> None:
    """Find the column of event types and its words; a log of receipts needs none, for all its events are purchases."""
    column = _column(findings)
    if column is not None:
        is_named_so = column in findings.candidates(EVENT_TYPE, names.TYPE_NAMES)
        findings.take(EVENT_TYPE, column, "" if is_named_so else "holds words for types of events")
        _find_words(findings, column)
    elif _is_log_of_receipts(findings):
        findings.settings["every_event_is"] = BUY
        findings.go_without(EVENT_TYPE, "The log has no types of events but what receipts have: every event is a BUY.")
    else:
        findings.miss(EVENT_TYPE, "No column holds types of events: name it, or say in every_event_is what all are.")


def _column(findings: Findings) -> LogColumn | None:
    """The column in whose words most of our types are; where no words are known, the one that is named best."""
    candidates = [
        column
        for column in findings.candidates(EVENT_TYPE, names.TYPE_NAMES)
        if len(column.distinct) <= _MOST_KINDS
        and (not column.cells or _types_in(column) or names.is_telling_type_name(column))
    ]
    if candidates:
        return max(candidates, key=lambda column: (_types_in(column), _known_share(column)))
    others = [column for column in findings.left if not names.is_own_name(column)]
    return next((column for column in others if _is_of_event_types(column)), None)


def _types_in(column: LogColumn) -> int:
    return len({type_of(word) for word in column.distinct[:_MOST_KINDS]} - {None})


def _known_share(column: LogColumn) -> float:
    return sum(type_of(word) is not None for word in column.filled) / max(1, len(column.filled))


def _is_of_event_types(column: LogColumn) -> bool:
    return len(column.distinct) <= _MOST_KINDS and _types_in(column) >= _FEWEST_TYPES and _known_share(column) >= 0.5


def _is_log_of_receipts(findings: Findings) -> bool:
    if findings.candidates(USER_SESSION, names.RECEIPT_NAMES):
        return True
    prices = findings.candidates("price", (*names.PRICE_NAMES, *names.ROW_TOTAL_NAMES))
    quantities = findings.candidates("quantity", names.QUANTITY_NAMES)
    return all(any(column.decimal_mark() for column in columns) for columns in (prices, quantities))


def _find_words(findings: Findings, column: LogColumn) -> None:
    words = _spellings(column)
    types = {word: event_type for word in words if (event_type := type_of(word)) is not None}
    ignored = [word for word in words if word not in types and is_of_no_interest(word)]
    if any(event_type == VIEW and not is_page_view(word) for word, event_type in types.items()):
        ignored += [word for word in types if is_page_view(word)]
        types = {word: event_type for word, event_type in types.items() if not is_page_view(word)}
    unknown = [word for word in words if word not in types and word not in ignored]
    if words and not types:
        findings.miss(
            EVENT_TYPE, f"Column {column.name} has words of unknown meaning, {listed(words)}: say it in event_words."
        )
        return
    unseen = [event_type for event_type in EVENT_TYPES if event_type not in types.values()]
    usual = {word: event_type for event_type in unseen for word in USUAL_WORDS[event_type] if word not in words}
    if column.filled_share < MOSTLY:
        ignored.append("")
    findings.settings["event_words"] = types | usual
    if ignored:
        findings.settings["ignored_words"] = ignored
    findings.reasons[EVENT_TYPE] += _told(types, ignored, unknown, unseen)


def _spellings(column: LogColumn) -> list[str]:
    """The words that a mapping can hold, each in its first spelling, in the order in which they come first."""
    spellings: dict[str, str] = {}
    for word in column.distinct:
        if len(word) <= LONGEST_TEXT and can_be_written(word):
            spellings.setdefault(word.lower(), word)
    return list(spellings.values())


def _told(types: dict[str, str], ignored: list[str], unknown: list[str], unseen: list[str]) -> str:
    told = ""
    if types:
        told += f" Its words mean: {listed((f'{word} {kind}' for word, kind in types.items()), 12)}."
    if ignored:
        told += f" Set aside: {listed(word or 'events without a word' for word in ignored)}."
    if unknown:
        told += f" Of unknown meaning: {listed(unknown)}; put them into event_words or ignored_words."
    if unseen:
        told += f" The rows looked at show no {listed(unseen)}; its usual words are taken."
    return told
