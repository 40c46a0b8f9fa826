"""The jobs database: which background work there is, and how far it is. SQLite in WAL mode, shared by all processes."""

from __future__ import annotations

import contextlib
import json
import secrets
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import psutil

from core.errors import RunError
from core.progress import Moment
from core.workspace import Workspace

State = Literal["running", "stopping", "done", "failed", "cancelled", "lost"]
ACTIVE: tuple[State, ...] = ("running", "stopping")

_HEARTBEAT_LIMIT = 600.0
"""Seconds without a sign of life after which a job counts as lost. A worker gives one every two seconds; its process is
looked at as well, so this is for one that hangs, and long enough for a laptop that slept to go on."""
_BUSY_TIMEOUT = 10.0  # seconds to wait for another process that writes
_PROCESS_GRACE = 20.0
"""Seconds that a job may have no process yet: from its line in the database to the start of the worker."""

_TABLE = """
CREATE TABLE IF NOT EXISTS jobs (
    id TEXT PRIMARY KEY, state TEXT NOT NULL, dataset TEXT NOT NULL, dataset_name TEXT NOT NULL,
    config_digest TEXT NOT NULL, config TEXT NOT NULL, created REAL NOT NULL, ended REAL, heartbeat REAL NOT NULL,
    pid INTEGER, pid_started REAL, moment TEXT, run_id TEXT, error TEXT
)
"""
_WISHES = "CREATE TABLE IF NOT EXISTS wishes (job TEXT PRIMARY KEY, wish TEXT NOT NULL)"
_ONE_ACTIVE = """
CREATE UNIQUE INDEX IF NOT EXISTS one_active ON jobs ((1)) WHERE state IN ('running', 'stopping')
"""
"""At most one job at a time works on a machine: two would fight for the cores and both come later."""


@dataclass(frozen=True)
class Job:
    """A piece of background work. Times are epoch seconds; `moment` is its last progress, None before the first."""

    id: str
    state: State
    dataset: str
    dataset_name: str
    config_digest: str
    config: dict[str, Any]
    created: float
    ended: float | None
    heartbeat: float
    pid: int | None
    pid_started: float | None
    moment: Moment | None
    run_id: str | None
    error: str | None

    @property
    def active(self) -> bool:
        return self.state in ACTIVE

    def seconds(self, now: float | None = None) -> float:
        """How long it has worked, or had worked when it ended."""
        return (self.ended or now or time.time()) - self.created


class Jobs:
    """All jobs of a workspace. Every method opens the database, does one transaction and closes it."""

    def __init__(self, workspace: Workspace) -> None:
        self._path = workspace.jobs_database
        with self._open() as database:
            database.execute(_TABLE)
            database.execute(_ONE_ACTIVE)
            database.execute(_WISHES)

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with contextlib.closing(
                sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT, isolation_level=None)
            ) as database:
                database.row_factory = sqlite3.Row
                database.execute("PRAGMA journal_mode=WAL")
                yield database
        except sqlite3.DatabaseError as error:
            raise RunError.no_database(self._path, str(error)) from error

    def claim(self, dataset: str, dataset_name: str, config_digest: str, config: dict[str, Any]) -> tuple[Job, bool]:
        """Enter a new job, unless one is active: then that one is returned, and False."""
        self.bury_the_dead()
        now = time.time()
        name = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now))}-{secrets.token_hex(2)}"
        with self._open() as database:
            database.execute("BEGIN IMMEDIATE")
            active = database.execute("SELECT id FROM jobs WHERE state IN ('running', 'stopping')").fetchone()
            if active is None:
                database.execute(
                    "INSERT INTO jobs (id, state, dataset, dataset_name, config_digest, config, created, heartbeat)"
                    " VALUES (?, 'running', ?, ?, ?, ?, ?, ?)",
                    (name, dataset, dataset_name, config_digest, json.dumps(config), now, now),
                )
            database.execute("COMMIT")
        return self.get(name if active is None else active["id"]), active is None

    def adopt(self, job_id: str, pid: int) -> bool:
        """The worker says that it is this job's process; False when the job has ended before it began."""
        started = psutil.Process(pid).create_time()
        return self._update(job_id, pid=pid, pid_started=started, heartbeat=time.time())

    def beat(self, job_id: str, moment: Moment | None = None) -> bool:
        """A sign of life, with the progress where there is new; False when the job was ended by somebody else."""
        if moment is None:
            return self._update(job_id, heartbeat=time.time())
        return self._update(job_id, heartbeat=time.time(), moment=json.dumps(moment.__dict__))

    def ask_to_stop(self, job_id: str) -> None:
        with self._open() as database:
            database.execute("UPDATE jobs SET state = 'stopping' WHERE id = ? AND state = 'running'", (job_id,))

    def ask_to_finish(self, job_id: str) -> None:
        """Wish that a job tunes no longer and goes on with the best it has found."""
        with self._open() as database:
            database.execute("INSERT OR REPLACE INTO wishes (job, wish) VALUES (?, 'finish')", (job_id,))

    def is_to_finish(self, job_id: str) -> bool:
        """Whether somebody wished so."""
        with self._open() as database:
            return database.execute("SELECT 1 FROM wishes WHERE job = ?", (job_id,)).fetchone() is not None

    def end(self, job_id: str, state: State, *, run_id: str | None = None, error: str | None = None) -> None:
        """Close an active job; one that has ended keeps its end."""
        with self._open() as database:
            database.execute(
                "UPDATE jobs SET state = ?, ended = ?, run_id = ?, error = ?"
                " WHERE id = ? AND state IN ('running', 'stopping')",
                (state, time.time(), run_id, error, job_id),
            )

    def get(self, job_id: str) -> Job:
        """One job, as it is now: one whose process is gone is marked lost before.

        Raises:
            RunError: there is none of that name.
        """
        self.bury_the_dead()
        with self._open() as database:
            row = database.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
        if row is None:
            raise RunError.unknown("job", job_id, [job.id for job in self.all()])
        return _job(row)

    def all(self) -> list[Job]:
        """Newest first; jobs whose process is gone are marked lost before."""
        self.bury_the_dead()
        with self._open() as database:
            return [_job(row) for row in database.execute("SELECT * FROM jobs ORDER BY created DESC, id DESC")]

    def active(self) -> Job | None:
        return next((job for job in self.all() if job.active), None)

    def bury_the_dead(self) -> None:
        """Mark as lost what claims to be active and has no living process."""
        with self._open() as database:
            rows = database.execute("SELECT * FROM jobs WHERE state IN ('running', 'stopping')").fetchall()
        for job in map(_job, rows):
            if not _alive(job):
                if job.state == "stopping":
                    self.end(job.id, "cancelled")
                else:
                    self.end(job.id, "lost", error="Its process ended without a word: start it again.")

    def _update(self, job_id: str, **values: object) -> bool:
        """Change an active job; whether there was one to change."""
        names = ", ".join(f"{name} = ?" for name in values)
        change = f"UPDATE jobs SET {names} WHERE id = ? AND state IN ('running', 'stopping')"  # noqa: S608 (our names)
        with self._open() as database:
            return database.execute(change, (*values.values(), job_id)).rowcount == 1


def _alive(job: Job) -> bool:
    """A process of that number, started when ours was, no zombie, heard of lately. A new job gets time to start."""
    now = time.time()
    if job.pid is None or job.pid_started is None:
        return now - job.created < _PROCESS_GRACE
    try:
        process = psutil.Process(job.pid)
        same = abs(process.create_time() - job.pid_started) < 1.0 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
    return same and now - job.heartbeat < _HEARTBEAT_LIMIT


def _job(row: sqlite3.Row) -> Job:
    values = dict(row)
    values["config"] = json.loads(values["config"])
    values["moment"] = Moment(**json.loads(values["moment"])) if values["moment"] else None
    return Job(**values)
