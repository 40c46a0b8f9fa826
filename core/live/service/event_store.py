"""The events that a service has received, in SQLite, so that it continues where it was after it was killed.

An event is stored before its request is answered. SQLite writes ahead (WAL), which survives the end of the process at
any moment. After a power failure, the last events may be missing.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from core.errors import RunError
from core.live.events import Event
from core.live.rules import Rules, rules_of

_TABLES = """
CREATE TABLE IF NOT EXISTS about (run TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS rules (number INTEGER PRIMARY KEY, rule TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS events (
    number INTEGER PRIMARY KEY, received INTEGER NOT NULL, session TEXT NOT NULL, user TEXT NOT NULL,
    product TEXT NOT NULL, category TEXT NOT NULL, type TEXT NOT NULL, time INTEGER NOT NULL, id TEXT NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS once ON events (session, user, id) WHERE id != '';
"""
_LOCK_SECONDS = 1.0
"""A service that was killed a moment ago may still hold the file."""
_CLOSED = ""
"""Type of the row that says that a session was closed."""
_COLUMNS = "session, user, product, category, type, time, id"


class EventStore:
    """The stored events of a service, in the order in which they were received.

    Args:
        path: SQLite file, created if it does not exist.
        run: id of the run whose model values the events. Its history must not have them.

    Raises:
        RunError: the file is not usable, or belongs to another run.
    """

    def __init__(self, path: Path, run: str) -> None:
        try:
            self._connection = sqlite3.connect(path, timeout=_LOCK_SECONDS, isolation_level=None)
            self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")  # two services would not know of each other
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.executescript(_TABLES)
            stored = self._connection.execute("SELECT run FROM about").fetchone()
            if stored is None:
                self._connection.execute("INSERT INTO about VALUES (?)", (run,))
        except sqlite3.Error as error:
            raise RunError.unusable_state(path, str(error)) from error
        if stored is not None and stored[0] != run:
            raise RunError.state_of_other_run(path, stored[0], run)

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
                )
                cursor.execute(
                    f"INSERT OR IGNORE INTO events (received, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 (a constant)
                    row,
                )
                is_new.append(cursor.rowcount > 0)
        return is_new

    def close_sessions(self, sessions: Iterable[tuple[str, str]], received: int) -> None:
        """Store that sessions, given by session id and user id, were closed."""
        self.add((Event(session, user, "", "", _CLOSED, 0) for session, user in sessions), received)

    def replay(self) -> Iterator[tuple[int, Event, bool]]:
        """Yield when each event was received, the event, and whether it is the close of its session."""
        query = f"SELECT received, {_COLUMNS} FROM events ORDER BY number"  # noqa: S608 (a constant)
        with closing(self._connection.cursor()) as cursor:
            for received, *fields in cursor.execute(query):
                event = Event(*fields)
                yield received, event, event.type == _CLOSED

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
