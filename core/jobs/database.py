"""The file behind the jobs: its tables, those of earlier versions brought up to date, and transactions on it.

SQLite in WAL mode, shared by all processes of a workspace.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from core.base.files import is_full_disk
from core.errors import RunError

_BUSY_TIMEOUT = 10.0  # seconds to wait for another process that writes
_JOBS = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, state TEXT NOT NULL, dataset TEXT NOT NULL, dataset_name TEXT NOT NULL,
    config_digest TEXT NOT NULL, config TEXT NOT NULL, created REAL NOT NULL, ended REAL, heartbeat REAL NOT NULL,
    pid INTEGER, pid_started REAL, moment TEXT, run_id TEXT, error TEXT
)
"""
_LATER_COLUMNS = {
    "owner": "TEXT NOT NULL DEFAULT ''",
    "place": "REAL NOT NULL DEFAULT 0",
    "started": "REAL",
    "sittings": "INTEGER NOT NULL DEFAULT 1",
    "memory": "REAL",
    "cores": "REAL",
    "out": "TEXT",
}
"""Databases of earlier versions get them when they are first opened."""
_WISHES = "CREATE TABLE IF NOT EXISTS wishes (job TEXT PRIMARY KEY, wish TEXT NOT NULL)"
_NEWS = """
CREATE TABLE IF NOT EXISTS news (
    number INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, time REAL NOT NULL, kind TEXT NOT NULL,
    content TEXT NOT NULL
)
"""
_NEWS_BY_JOB = "CREATE INDEX IF NOT EXISTS news_by_job ON news (job, number)"
_ONE_ACTIVE = """
CREATE UNIQUE INDEX IF NOT EXISTS one_active ON jobs ((1)) WHERE state IN ('running', 'stopping')
"""
_ONE_OPEN = """
CREATE UNIQUE INDEX IF NOT EXISTS one_open ON jobs (dataset, config_digest)
WHERE state IN ('queued', 'running', 'stopping')
"""
"""The same work is not done twice at a time."""

_prepared: set[tuple[str, int, int]] = set()
"""The databases whose tables this process has seen to; pages look every second."""


def _file(path: Path) -> tuple[str, int, int]:
    """What tells this file from another one that takes its place."""
    try:
        found = path.stat()
    except OSError:
        return str(path), -1, -1
    return str(path), found.st_dev, found.st_ino


class JobsDatabase:
    """Every use opens the file, does one transaction and closes it.

    Raises:
        RunError: it cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        if _file(path) in _prepared:
            return
        with self.open() as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute(_JOBS)
            there = {row["name"] for row in database.execute("PRAGMA table_info(jobs)")}
            for name, kind in _LATER_COLUMNS.items():
                if name not in there:
                    # another process may do the same at this moment
                    with contextlib.suppress(sqlite3.OperationalError):
                        database.execute(f"ALTER TABLE jobs ADD COLUMN {name} {kind}")
                        if name == "started":  # nothing waited then
                            database.execute("UPDATE jobs SET started = created")
            for each in (_WISHES, _NEWS, _NEWS_BY_JOB, _ONE_ACTIVE, _ONE_OPEN):
                database.execute(each)
        _prepared.add(_file(path))

    @contextlib.contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """To look, or to write with one statement."""
        try:
            with contextlib.closing(
                sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT, isolation_level=None)
            ) as database:
                database.row_factory = sqlite3.Row
                yield database
        except sqlite3.DatabaseError as error:
            if is_full_disk(error, self._path.parent):
                raise RunError.no_room(self._path) from error
            raise RunError.no_database(self._path, str(error)) from error

    @contextlib.contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """One transaction that nobody else writes in."""
        with self.open() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:  # whatever it was, and an interruption too: nothing half is written
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")
