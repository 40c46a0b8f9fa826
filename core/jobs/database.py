"""The SQLite database of the jobs: its tables, upgrades from earlier versions, and transactions.

All processes of a workspace share its file, in WAL mode.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from core.base.files import is_full_disk
from core.base.stored_files import UnusableFileError, require_regular
from core.errors import RunError
from core.jobs.job import ACTIVE, OPEN

_BUSY_TIMEOUT = 10.0
"""Seconds to wait while another process writes."""
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
    "nice": "INTEGER NOT NULL DEFAULT 10",
}
"""Name -> type of the columns that the first version did not have. They are added when its database is opened."""
_OTHER_TABLES = (
    "CREATE TABLE IF NOT EXISTS wishes (job TEXT PRIMARY KEY, wish TEXT NOT NULL)",
    """
    CREATE TABLE IF NOT EXISTS news (
        number INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, time REAL NOT NULL, kind TEXT NOT NULL,
        content TEXT NOT NULL
    )
    """,
    "CREATE INDEX IF NOT EXISTS news_by_job ON news (job, number)",
    # at most one job of a workspace runs
    f"CREATE UNIQUE INDEX IF NOT EXISTS one_active ON jobs ((1)) WHERE state IN {ACTIVE}",
    # the same work is queued or running only once
    f"CREATE UNIQUE INDEX IF NOT EXISTS one_open ON jobs (dataset, config_digest) WHERE state IN {OPEN}",
)
_prepared: set[tuple[str, int, int]] = set()
"""Databases whose tables exist. Pages open the database every second, so this is not checked each time."""


def _identity(path: Path) -> tuple[str, int, int]:
    """Return values that identify the file, so that a file that replaces it under the same name is recognized."""
    try:
        status = path.stat()
    except OSError:
        return str(path), -1, -1
    if status.st_size == 0:  # it was emptied, so it has no tables
        return str(path), -1, -1
    return str(path), status.st_dev, status.st_ino


def _text(content: bytes) -> str:
    """Decode a cell. One that is not UTF-8 must not hide the other rows."""
    return content.decode("utf-8", errors="replace")


class JobsDatabase:
    """The database file. It is opened for each use and closed afterwards.

    Raises:
        RunError: the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        if _identity(path) in _prepared:
            return
        with self.connect() as database:
            database.execute("PRAGMA journal_mode=WAL")  # not possible within a transaction
        with self.transaction() as database:
            _create_tables(database)
        _prepared.add(_identity(path))

    @contextlib.contextmanager
    def connect(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection for reading, or for a single statement that writes."""
        self._require_regular_files()
        try:
            connection = sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT, isolation_level=None)
            connection.row_factory = sqlite3.Row
            connection.text_factory = _text
            with contextlib.closing(connection) as database:
                yield database
        except sqlite3.DatabaseError as error:
            if is_full_disk(error, self._path.parent):
                raise RunError.disk_full(self._path) from error
            raise RunError.jobs_database_unusable(self._path, str(error)) from error

    def _require_regular_files(self) -> None:
        """Raise a RunError if the database or one of its files is a link, a folder or a pipe."""
        for suffix in ("", "-wal", "-shm", "-journal"):
            path = self._path.with_name(self._path.name + suffix)
            try:
                require_regular(path)
            except UnusableFileError as error:
                if not error.is_missing:
                    raise RunError.jobs_database_unusable(self._path, f"{path.name} {error}") from error

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection for a transaction during which no other process can write."""
        with self.connect() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:  # also an interruption: all or nothing is written
                if database.in_transaction:  # SQLite itself rolls back after some errors, such as a full disk
                    database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")


def _create_tables(database: sqlite3.Connection) -> None:
    """Create what is missing, within a transaction, so that two processes do not add the same column."""
    database.execute(_JOBS)
    existing = {row["name"] for row in database.execute("PRAGMA table_info(jobs)")}
    for name, type_ in _LATER_COLUMNS.items():
        if name not in existing:
            database.execute(f"ALTER TABLE jobs ADD COLUMN {name} {type_}")
    if "started" not in existing:  # the first version had no queue: jobs started when they were created
        database.execute("UPDATE jobs SET started = created")
    for statement in _OTHER_TABLES:
        database.execute(statement)
