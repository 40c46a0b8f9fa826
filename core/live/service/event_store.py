"""The events that a service has received, stored in SQLite, so that a killed service can continue.

An event is stored before its request is answered. SQLite writes ahead (WAL), which survives the end of the process at
any moment. After a power failure, the last events may be missing.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import chain, count
from pathlib import Path
from typing import Any, Final, NamedTuple

import polars as pl

from core.errors import RunError
from core.live.events import Event
from core.live.rules import Rules, rules_of

_TABLES = """
CREATE TABLE IF NOT EXISTS about (
    run TEXT NOT NULL, last_known INTEGER NOT NULL DEFAULT 0, known_until INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS rules (number INTEGER PRIMARY KEY, rule TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY, received INTEGER NOT NULL, session TEXT NOT NULL, user TEXT NOT NULL,
    product TEXT NOT NULL, category TEXT NOT NULL, type TEXT NOT NULL, time INTEGER NOT NULL, id TEXT NOT NULL,
    own TEXT NOT NULL DEFAULT '');
CREATE UNIQUE INDEX IF NOT EXISTS once ON events (session, user, id) WHERE id != '';
"""
_LOCK_SECONDS = 1.0
"""A service that was killed a moment ago may still hold the file."""
_UNREADABLE = ""
"""Stands for the run of a file that cannot be read. No run has an empty id."""
CLOSED = ""
"""Type of the row that says that a session was closed."""
_COLUMNS = "session, user, product, category, type, time, id, own"
_ONCE = "ON CONFLICT (session, user, id) WHERE id != '' DO NOTHING"
"""An event with a known id is not stored again. Any other conflict is an error."""
EVENT_TABLE: Final = {
    "number": pl.Int64,
    "session": pl.String,
    "user": pl.String,
    "product": pl.String,
    "category": pl.String,
    "type": pl.String,
    "time": pl.Int64,
    "own": pl.String,
}
"""Columns of a table of stored events: those of `StoredEvent` and `Event`, with own columns in JSON."""
_ADD_OWN = "ALTER TABLE events ADD COLUMN own TEXT NOT NULL DEFAULT ''"
"""For states of earlier versions, whose events have no own columns."""


class StoredEvent(NamedTuple):
    """An event that the store has.

    Attributes:
        number: its place in the store.
        received: when it was received, in epoch seconds.
        event: the event.
        is_close: whether the row says that the session was closed; `event` then only has its ids.
        is_history: whether it becomes history of later sessions. It does not if the history of the model has it.
    """

    number: int
    received: int
    event: Event
    is_close: bool
    is_history: bool


def find_state(folder: Path, run: str) -> Path:
    """Return the state file in a folder that belongs to a run; the path of a new file if there is none.

    The file that is named after the run is also returned if it cannot be read, such as while another service uses it:
    a new file would begin without its events. A file with another name may have come to the run by a change of the
    model. If it stays locked, it is taken for that of another service.
    """
    path = folder / f"{run}.sqlite"
    if path.exists() and _run_of(path) in (run, _UNREADABLE):
        return path
    for state in sorted(folder.glob("*.sqlite")):
        if _run_of(state) == run:
            return state
    numbered = (folder / f"{run}-{number}.sqlite" for number in count(2))
    return next(file for file in chain([path], numbered) if not file.exists())


def _run_of(state: Path) -> str | None:
    """Return the run that a state belongs to; None if it has no run yet, and `_UNREADABLE` if it cannot be read."""
    uri = f"{state.resolve().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=_LOCK_SECONDS)) as connection:
            row = connection.execute("SELECT run FROM about").fetchone()
    except sqlite3.Error:
        return _UNREADABLE
    return None if row is None else str(row[0])


class EventStore:
    """The stored events of a service, in the order in which they were received.

    Args:
        path: SQLite file, created if it does not exist.
        run: id of the run whose model predicts the sessions. Its history must not have these events.

    Raises:
        RunError: the file is not usable, or belongs to another run.
    """

    def __init__(self, path: Path, run: str) -> None:
        try:
            self._connection = sqlite3.connect(path, timeout=_LOCK_SECONDS, isolation_level=None)
        except sqlite3.Error as error:
            raise RunError.unusable_state(path, str(error)) from error
        try:
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # two services would not know of each other
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.executescript(_TABLES)
            if "own" not in {row[1] for row in self._connection.execute("PRAGMA table_info(events)")}:
                self._connection.execute(_ADD_OWN)
            stored = self._connection.execute("SELECT run, last_known, known_until FROM about").fetchone()
            if stored is None:
                stored = (run, 0, 0)
                self._connection.execute("INSERT INTO about VALUES (?, ?, ?)", stored)
        except sqlite3.Error as error:
            self._connection.close()
            raise RunError.unusable_state(path, str(error)) from error
        stored_run, self._last_known, self._known_until = stored
        if stored_run != run:
            self._connection.close()
            raise RunError.state_of_other_run(path, stored_run, run)

    def add(self, events: Iterable[Event], received: int) -> list[bool]:
        """Store events in one transaction, and return which of them are new; an event with a known id is not.

        Raises:
            sqlite3.Error: nothing was stored, such as when the disk is full.
        """
        is_new = []
        with self._connection:
            cursor = self._connection.execute("BEGIN IMMEDIATE")
            for event in events:
                row = (
                    received,
                    event.session,
                    event.user,
                    event.product,
                    event.category,
                    event.type,
                    event.time,
                    event.id,
                    json.dumps(dict(event.own)) if event.own else "",
                )
                cursor.execute(
                    f"INSERT INTO events (received, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) {_ONCE}",  # noqa: S608 (constants)
                    row,
                )
                is_new.append(cursor.rowcount > 0)
        return is_new

    def close_sessions(self, sessions: Iterable[tuple[str, str]], received: int) -> None:
        """Record that sessions, given as (session id, user id), were closed."""
        self.add((Event(session, user, "", "", CLOSED, 0) for session, user in sessions), received)

    def replay(self, after: int = 0, limit: int = -1) -> Iterator[StoredEvent]:
        """Yield the events in order.

        Args:
            after: number of the event before the first one.
            limit: the most events to yield; -1 for all.
        """
        query = f"SELECT number, received, {_COLUMNS} FROM events WHERE number > ? ORDER BY number LIMIT ?"  # noqa: S608
        with closing(self._connection.cursor()) as cursor:
            for row in cursor.execute(query, (after, limit)):
                yield self._stored(row)

    def replay_only(self, numbers: Iterable[int]) -> Iterator[StoredEvent]:
        """Yield the events with these numbers, which the store has, in this order."""
        query = f"SELECT number, received, {_COLUMNS} FROM events WHERE number = ?"  # noqa: S608 (a constant)
        with closing(self._connection.cursor()) as cursor:
            for number in numbers:
                yield self._stored(cursor.execute(query, (number,)).fetchone())

    def table(self, after: int, limit: int) -> pl.DataFrame:
        """Return the events that `replay` yields, with the columns of `EVENT_TABLE`."""
        names = ", ".join(EVENT_TABLE)
        query = f"SELECT {names} FROM events WHERE number > ? ORDER BY number LIMIT ?"  # noqa: S608 (constants)
        rows = self._connection.execute(query, (after, limit)).fetchall()
        return pl.DataFrame(rows, schema=EVENT_TABLE, orient="row")

    @property
    def is_history(self) -> pl.Expr:
        """Which events of a table become history; see `StoredEvent`."""
        return pl.col("number").gt(self._last_known) | pl.col("time").gt(self._known_until)

    def _stored(self, row: Sequence[Any]) -> StoredEvent:
        number, received, *fields, own = row
        event = Event(*fields, *([json.loads(own)] if own else []))
        is_history = number > self._last_known or event.time > self._known_until
        return StoredEvent(number, received, event, event.type == CLOSED, is_history)

    def change_run(self, run: str, known_until: int) -> None:
        """Assign the state to another run.

        Args:
            run: its id.
            known_until: epoch seconds of the last event in the history of its model. Stored events after it become
                history; that of the model is assumed to have the earlier ones.
        """
        last = self._connection.execute("SELECT max(number) FROM events").fetchone()[0] or 0
        values = (run, last, known_until)
        self._connection.execute("UPDATE about SET run = ?, last_known = ?, known_until = ?", values)
        self._last_known, self._known_until = last, known_until

    def rules(self) -> Rules:
        """Return the stored rules; none if they were never stored.

        Raises:
            SettingError: another version stored rules that this one does not know.
        """
        rows = self._connection.execute("SELECT rule FROM rules ORDER BY number")
        return rules_of([json.loads(rule) for (rule,) in rows])

    def save_rules(self, rules: Rules) -> None:
        """Replace the stored rules."""
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute("DELETE FROM rules")
            rows = [(json.dumps(record),) for record in rules.records()]
            self._connection.executemany("INSERT INTO rules (rule) VALUES (?)", rows)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
