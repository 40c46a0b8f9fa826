"""Sentences that several charts share."""

from __future__ import annotations

from collections.abc import Sequence

NO_EVENTS = "There are no events."
NO_TRAIN_EVENTS = "The train file has no events in this selection."
NO_SESSIONS = "There are no sessions."
NO_TRAIN_SESSIONS = "There are no train sessions in this selection."
NO_VALUES = "No train session has a known value."
NO_PREDICTIONS = "No session has an out-of-fold prediction."


def join_clauses(clauses: Sequence[str], empty: str) -> str:
    """Return the clauses as one sentence, or `empty` if there are none.

    >>> join_clauses(["the train file has 2 events", "the test file has 1 event"], NO_EVENTS)
    'The train file has 2 events; the test file has 1 event.'
    >>> join_clauses([], NO_EVENTS)
    'There are no events.'
    """
    sentence = "; ".join(clauses)
    return f"{sentence[0].upper()}{sentence[1:]}." if sentence else empty
