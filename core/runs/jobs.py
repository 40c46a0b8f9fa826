"""The jobs database: which background work there is, who asked for it, and how far it is.

SQLite in WAL mode, shared by all processes of a workspace. Work waits in a queue and is done one piece after the other:
two at once would fight for the cores and both come later. Why no library does this: docs/decisions/0011.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import secrets
import sqlite3
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import psutil

from core.errors import RunError
from core.progress import Moment, News
from core.workspace import Workspace

State = Literal["queued", "running", "stopping", "done", "failed", "cancelled", "lost"]
ACTIVE: tuple[State, ...] = ("running", "stopping")
"""At work. At most one job of a workspace is."""
OPEN: tuple[State, ...] = ("queued", *ACTIVE)
"""Not ended."""
RESUMABLE: tuple[State, ...] = ("failed", "cancelled", "lost")
"""Ended without a run. What a cancelled one had done is gone, the others go on where they were."""

_HEARTBEAT_LIMIT = 600.0
"""Seconds without a sign of life after which a job counts as lost. A worker gives one every two seconds; its process is
looked at as well, so this is for one that hangs, and long enough for a laptop that slept to go on."""
_BUSY_TIMEOUT = 10.0  # seconds to wait for another process that writes
_PROCESS_GRACE = 20.0
"""Seconds that a job may have no process yet: from its line in the database to the start of the worker."""
_ENDED_WITHOUT_A_WORD = "Its process ended without a word; resume it, and it goes on where it was."

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


@dataclass(frozen=True)
class Job:
    """A piece of background work.

    Attributes:
        owner: the account that asked for it.
        created, started, ended, heartbeat: epoch seconds; `started` of its last sitting, null while it waits.
        place: in the queue: the lowest is next.
        sittings: how often it was started.
        moment: its last progress, null before the first.
        memory, cores: what its process uses: bytes, and cores kept busy, on average since the last heartbeat; null
            before the first.
    """

    id: str
    state: State
    owner: str
    dataset: str
    dataset_name: str
    config_digest: str
    config: dict[str, Any]
    place: float
    created: float
    started: float | None
    ended: float | None
    heartbeat: float
    sittings: int
    pid: int | None
    pid_started: float | None
    moment: Moment | None
    memory: float | None
    cores: float | None
    run_id: str | None
    error: str | None

    @property
    def active(self) -> bool:
        """A process works on it."""
        return self.state in ACTIVE

    @property
    def open(self) -> bool:
        """It waits or works."""
        return self.state in OPEN

    def seconds(self, now: float | None = None) -> float:
        """How long its last sitting took, or takes by now; 0 while it waits."""
        began = self.started if self.started is not None else self.created
        return 0.0 if self.state == "queued" else max((self.ended or now or time.time()) - began, 0.0)


_prepared: set[tuple[str, int, int]] = set()
"""The databases whose tables this process has seen to; pages look every second."""


def _file(path: Path) -> tuple[str, int, int]:
    """What tells this file from another one that takes its place."""
    try:
        found = path.stat()
    except OSError:
        return str(path), -1, -1
    return str(path), found.st_dev, found.st_ino


class Jobs:
    """All jobs of a workspace. Every method opens the database, does one transaction and closes it."""

    def __init__(self, workspace: Workspace) -> None:
        self._path = workspace.jobs_database
        if _file(self._path) in _prepared:
            return
        with self._open() as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute(_JOBS)
            there = {row["name"] for row in database.execute("PRAGMA table_info(jobs)")}
            for name, kind in _LATER_COLUMNS.items():
                if name not in there:
                    # another process may do the same at this moment
                    with contextlib.suppress(sqlite3.OperationalError):
                        database.execute(f"ALTER TABLE jobs ADD COLUMN {name} {kind}")
            for each in (_WISHES, _NEWS, _NEWS_BY_JOB, _ONE_ACTIVE, _ONE_OPEN):
                database.execute(each)
        _prepared.add(_file(self._path))

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with contextlib.closing(
                sqlite3.connect(self._path, timeout=_BUSY_TIMEOUT, isolation_level=None)
            ) as database:
                database.row_factory = sqlite3.Row
                yield database
        except sqlite3.DatabaseError as error:
            raise RunError.no_database(self._path, str(error)) from error

    @contextlib.contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """One transaction that nobody else writes in."""
        with self._open() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:  # whatever it was, and an interruption too: nothing half is written
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")

    # --- the queue ----------------------------------------------------------------------------------------------------

    def enqueue(self, dataset: str, dataset_name: str, config_digest: str, config: dict[str, Any]) -> tuple[Job, bool]:
        """Put new work at the end of the queue; or, where the same work waits or is at work, give that job.

        Returns:
            The job, and whether it is new.
        """
        self.bury_the_dead()
        now = time.time()
        name = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now))}-{secrets.token_hex(2)}"
        with self._changing() as database:
            same = _open_with(database, dataset, config_digest)
            if same is None:
                database.execute(
                    "INSERT INTO jobs (id, state, owner, dataset, dataset_name, config_digest, config, created,"
                    " heartbeat, place, sittings) VALUES (?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?, 0)",
                    (
                        name,
                        _account(),
                        dataset,
                        dataset_name,
                        config_digest,
                        json.dumps(config),
                        now,
                        now,
                        _last_place(database) + 1,
                    ),
                )
        return self.get(same or name), same is None

    def resume(self, job_id: str) -> Job:
        """Put a job that ended without a run into the queue once more.

        Raises:
            RunError: there is none of that name, or it waits, works or is done.
        """
        job = self.get(job_id)
        if job.state not in RESUMABLE:
            raise RunError.not_resumable(job_id, job.state)
        with self._changing() as database:
            same = _open_with(database, job.dataset, job.config_digest)
            if same is None:
                database.execute(
                    "UPDATE jobs SET state = 'queued', place = ?, started = NULL, ended = NULL, pid = NULL,"
                    " pid_started = NULL, moment = NULL, error = NULL, memory = NULL, cores = NULL WHERE id = ?",
                    (_last_place(database) + 1, job_id),
                )
                database.execute("DELETE FROM wishes WHERE job = ?", (job_id,))
                if job.state == "cancelled":  # what it came by is gone
                    database.execute("DELETE FROM news WHERE job = ?", (job_id,))
        return self.get(same or job_id)

    def start_next(self) -> Job | None:
        """Take the first of the queue, if nothing is at work: it counts as running from now on. None if not."""
        self.bury_the_dead()
        now = time.time()
        with self._open() as database:  # those who look every second need not lock anything
            if database.execute("SELECT 1 FROM jobs WHERE state = 'queued' LIMIT 1").fetchone() is None:
                return None
        with self._changing() as database:
            if database.execute("SELECT 1 FROM jobs WHERE state IN ('running', 'stopping')").fetchone() is not None:
                return None
            first = database.execute(
                "SELECT id FROM jobs WHERE state = 'queued' ORDER BY place, created LIMIT 1"
            ).fetchone()
            if first is None:
                return None
            database.execute(
                "UPDATE jobs SET state = 'running', started = ?, heartbeat = ?, sittings = sittings + 1 WHERE id = ?",
                (now, now, first["id"]),
            )
        return self.get(first["id"])

    def queue(self) -> list[Job]:
        """What waits, the next first."""
        waiting = [job for job in self.all() if job.state == "queued"]
        return sorted(waiting, key=lambda job: (job.place, job.created))

    def move(self, job_id: str, steps: int) -> None:
        """Let a waiting job go so many places forward (negative) or back in the queue; the ends are the limits."""
        with self._changing() as database:
            rows = database.execute("SELECT id FROM jobs WHERE state = 'queued' ORDER BY place, created").fetchall()
            order = [row["id"] for row in rows]
            if job_id not in order:
                return
            at = order.index(job_id)
            order.insert(min(max(at + steps, 0), len(order) - 1), order.pop(at))
            for place, each in enumerate(order):
                database.execute("UPDATE jobs SET place = ? WHERE id = ?", (float(place), each))

    # --- the worker ---------------------------------------------------------------------------------------------------

    def adopt(self, job_id: str, pid: int) -> bool:
        """The worker says that it is this job's process; False when the job has ended before it began."""
        started = psutil.Process(pid).create_time()
        return self._update(job_id, pid=pid, pid_started=started, heartbeat=time.time())

    def beat(
        self,
        job_id: str,
        moment: Moment | None = None,
        *,
        memory: float | None = None,
        cores: float | None = None,
    ) -> bool:
        """A sign of life, with what there is to tell; False when the job was ended by somebody else."""
        told: dict[str, object] = {"heartbeat": time.time()}
        if moment is not None:
            told["moment"] = json.dumps(moment.__dict__)
        if memory is not None:
            told |= {"memory": memory, "cores": cores}
        return self._update(job_id, **told)

    def tell(self, job_id: str, news: News) -> None:
        """Write down what the work came by: a trial that ended, a fold that was fitted."""
        with self._open() as database:
            database.execute(
                "INSERT INTO news (job, time, kind, content) VALUES (?, ?, ?, ?)",
                (job_id, time.time(), news.kind, json.dumps(news.content)),
            )

    def news(self, job_id: str, kind: str | None = None) -> list[dict[str, Any]]:
        """What a job told, in order: its content, with `time` (epoch seconds) and `kind`."""
        with self._open() as database:
            rows = database.execute(
                "SELECT * FROM news WHERE job = ? AND (? IS NULL OR kind = ?) ORDER BY number", (job_id, kind, kind)
            ).fetchall()
        return [{"time": row["time"], "kind": row["kind"], **json.loads(row["content"])} for row in rows]

    def end(self, job_id: str, state: State, *, run_id: str | None = None, error: str | None = None) -> None:
        """Close a job that waits or works; one that has ended keeps its end."""
        with self._open() as database:
            database.execute(
                "UPDATE jobs SET state = ?, ended = ?, run_id = ?, error = ?"
                " WHERE id = ? AND state IN ('queued', 'running', 'stopping')",
                (state, time.time(), run_id, error, job_id),
            )

    # --- wishes -------------------------------------------------------------------------------------------------------

    def ask_to_stop(self, job_id: str) -> None:
        """Wish that a job at work ends and keeps nothing."""
        with self._open() as database:
            database.execute("UPDATE jobs SET state = 'stopping' WHERE id = ? AND state = 'running'", (job_id,))

    def is_to_stop(self, job_id: str) -> bool:
        """Whether somebody wished so, or the job has ended already."""
        with self._open() as database:
            row = database.execute("SELECT state FROM jobs WHERE id = ?", (job_id,)).fetchone()
        return row is None or row["state"] != "running"

    def ask_to_finish(self, job_id: str) -> None:
        """Wish that a job tunes no longer and goes on with the best it has found."""
        with self._open() as database:
            database.execute("INSERT OR REPLACE INTO wishes (job, wish) VALUES (?, 'finish')", (job_id,))

    def is_to_finish(self, job_id: str) -> bool:
        """Whether somebody wished so."""
        with self._open() as database:
            return database.execute("SELECT 1 FROM wishes WHERE job = ?", (job_id,)).fetchone() is not None

    # --- looking ------------------------------------------------------------------------------------------------------

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
        """The one at work."""
        return next((job for job in self.all() if job.active), None)

    def bury_the_dead(self) -> None:
        """Mark as lost what claims to be at work and has no living process."""
        with self._open() as database:
            rows = database.execute("SELECT * FROM jobs WHERE state IN ('running', 'stopping')").fetchall()
        for job in map(_job, rows):
            if not _alive(job):
                if job.state == "stopping":
                    self.end(job.id, "cancelled")
                else:
                    self.end(job.id, "lost", error=_ENDED_WITHOUT_A_WORD)

    def _update(self, job_id: str, **values: object) -> bool:
        """Change a job at work; whether there was one to change."""
        names = ", ".join(f"{name} = ?" for name in values)
        change = f"UPDATE jobs SET {names} WHERE id = ? AND state IN ('running', 'stopping')"  # noqa: S608 (our names)
        with self._open() as database:
            return database.execute(change, (*values.values(), job_id)).rowcount == 1


def _open_with(database: sqlite3.Connection, dataset: str, config_digest: str) -> str | None:
    """The id of the job with this work that waits or is at work."""
    found = database.execute(
        "SELECT id FROM jobs WHERE dataset = ? AND config_digest = ? AND state IN ('queued', 'running', 'stopping')",
        (dataset, config_digest),
    ).fetchone()
    return None if found is None else str(found["id"])


def _last_place(database: sqlite3.Connection) -> float:
    found = database.execute("SELECT max(place) FROM jobs WHERE state = 'queued'").fetchone()[0]
    return -1.0 if found is None else float(found)


def _account() -> str:
    """Whose process this is; empty where nobody can tell."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


def _alive(job: Job) -> bool:
    """A process of that number, started when ours was, no zombie, heard of lately. A new job gets time to start."""
    now = time.time()
    if job.pid is None or job.pid_started is None:
        return now - (job.started or job.created) < _PROCESS_GRACE
    try:
        process = psutil.Process(job.pid)
        same = abs(process.create_time() - job.pid_started) < 1.0 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
    return same and now - job.heartbeat < _HEARTBEAT_LIMIT


def _job(row: Mapping[str, Any]) -> Job:
    values = dict(row)
    values["config"] = json.loads(values["config"])
    values["moment"] = Moment(**json.loads(values["moment"])) if values["moment"] else None
    return Job(**{field.name: values[field.name] for field in fields(Job)})
