"""Sentences for people on the card of a dataset."""

from __future__ import annotations

from core.base.amounts import money
from core.base.text import count, time_text, verb, whole
from core.dataset.card import DatasetCard, UnknownValue
from core.own_columns import TABLE_LEVEL

COUNTED_SESSIONS = (
    "Sessions are counted by session id. An id that is in both files counts in each of them. An id that several users "
    "share counts once."
)
"""How sessions are counted; shown wherever such counts are shown."""
COUNTED_UNITS = "an id that several users share counts once for each user"
"""How sessions are counted in tables by user; completes a sentence such as "In tables by user, ..."."""


def table_lines(card: DatasetCard) -> list[str]:
    """Return one line per table of products or users: the ids of the log that it has, and the rows that it lost."""
    lines = []
    for name, table in card.tables.items():
        line = (
            f"{table.name}: {whole(table.known)} of {count(table.ids, TABLE_LEVEL[name])} of the log are in this table"
        )
        if table.known < table.ids:
            line += "; the others have empty cells"
        if table.repeated:
            line += f"; {count(table.repeated, 'row')} {verb(table.repeated, 'was', 'were')} replaced by later rows "
            line += "with the same id"
        if table.broken:
            line += f"; {count(table.broken, 'line')} could not be read or {verb(table.broken, 'has', 'have')} no id"
        lines.append(f"{line}.")
    return lines


def untrained_lines(card: DatasetCard) -> list[str]:
    """Return sentences on train sessions that are not used for training, and on purchases that could not be used."""
    lines = []
    if total := sum(card.untrained.values()):
        reasons = "; ".join(
            f"for {whole(sessions)}, {UnknownValue(code).clause}" for code, sessions in card.untrained.items()
        )
        value = f" Their valid purchases add up to {money(card.untrained_value)}."
        lines.append(
            f"{whole(total)} of {count(card.train.sessions, 'train session')} {verb(total, 'is', 'are')} not used for "
            f"training: {reasons}.{value if card.untrained_value else ''}"
        )
    if card.lost_value:
        lines.append(f"The quarantined purchases of the train file add up to at least {money(card.lost_value)}.")
    if card.unassigned_purchases:
        rows = count(card.unassigned_purchases, "quarantined train row")
        lines.append(
            f"{rows} may be {verb(card.unassigned_purchases, 'a purchase', 'purchases')} of an unknown session, "
            "so session values may be too low."
        )
    return lines


def without_events_line(card: DatasetCard) -> str | None:
    """Return a sentence on the sessions to predict that have no usable event; None if there are none."""
    if not card.without_events:
        return None
    has = verb(card.without_events, "has no usable event and gets", "have no usable event and get")
    return f"{whole(card.without_events)} of {count(card.to_predict, 'session')} to predict {has} a default prediction."


def split_lines(card: DatasetCard) -> list[str]:
    """Return sentences on how one log was split into the train and the test file; none if they were separate."""
    split = card.split
    if split is None:
        return []
    lines = [
        f"The log is split by date at {time_text(split.start)}. The sessions that begin within {split.days:g} days "
        "after that are the test file.",
        f"The actual values of {whole(split.actual_values)} of {count(card.test.sessions, 'test session')} are known. "
        "They are used only to evaluate the predictions.",
    ]
    if split.left_out_sessions:
        lines.append(
            f"{count(split.left_out_sessions, 'session')} with events at or after {time_text(split.end)} "
            f"{verb(split.left_out_sessions, 'is', 'are')} left out."
        )
    return lines
