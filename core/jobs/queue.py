"""The queue of background jobs, with their states, progress and interim results.

Jobs run one at a time: two at once would compete for the cores, and both would finish later. Decision 0011 says why
no library is used.
"""

from __future__ import annotations

import getpass
import json
import secrets
import sqlite3
import time
from typing import Any

import psutil

from core.base.processes import start_time
from core.base.progress import InterimResult, ProgressUpdate
from core.base.workspace import Workspace
from core.errors import RunError
from core.jobs.database import JobsDatabase
from core.jobs.job import RESUMABLE, Job, State

_ENDED_WITHOUT_A_WORD = "Its process ended without a word; resume it, and it goes on where it was."


class Jobs:
    """All jobs of a workspace. Every method is one transaction."""

    def __init__(self, workspace: Workspace) -> None:
        self._database = JobsDatabase(workspace.jobs_database)

    # --- the queue ----------------------------------------------------------------------------------------------------

    def enqueue(self, dataset: str, dataset_name: str, config_digest: str, config: dict[str, Any]) -> tuple[Job, bool]:
        """Add a job to the end of the queue, unless a job with the same dataset and settings is queued or running.

        Returns:
            The new or existing job, and whether it is new.
        """
        self.mark_lost_jobs()
        with self._database.changing() as database:
            same = _open_with(database, dataset, config_digest)
            name = same or _insert(database, dataset, dataset_name, config_digest, config)
        return self.get(name), same is None

    def begin(
        self, dataset: str, dataset_name: str, config_digest: str, config: dict[str, Any], out: str | None
    ) -> Job:
        """Start a job in the calling process, ahead of the queue. A queued job with the same work is taken over.

        This is one transaction, so that no other process starts the job in between.

        Raises:
            RunError: a job is already running.
        """
        self.mark_lost_jobs()
        with self._database.changing() as database:
            same = _open_with(database, dataset, config_digest)
            if (busy := _active(database)) is not None:
                raise RunError.busy(busy, same=busy == same)
            name = same or _insert(database, dataset, dataset_name, config_digest, config)
            database.execute("UPDATE jobs SET out = ? WHERE id = ?", (out, name))
            _count_as_running(database, name)
        return self.get(name)

    def resume(self, job_id: str) -> Job:
        """Return a failed, cancelled or lost job to the queue.

        Raises:
            RunError: there is no such job, or it is queued, running or done.
        """
        job = self.get(job_id)
        if job.state not in RESUMABLE:
            raise RunError.not_resumable(job_id, job.state)
        with self._database.changing() as database:
            same = _open_with(database, job.dataset, job.config_digest)
            if same is None:
                database.execute(
                    "UPDATE jobs SET state = 'queued', place = ?, started = NULL, ended = NULL, pid = NULL,"
                    " pid_started = NULL, moment = NULL, memory = NULL, cores = NULL WHERE id = ?",
                    (_last_place(database) + 1, job_id),
                )
                database.execute("DELETE FROM wishes WHERE job = ?", (job_id,))
                if job.state == "cancelled":  # its checkpoints were deleted, so its results will come again
                    database.execute("DELETE FROM news WHERE job = ?", (job_id,))
        return self.get(same or job_id)

    def start_next(self) -> Job | None:
        """Mark the first queued job as running and return it; None if the queue is empty or a job is running."""
        self.mark_lost_jobs()
        with self._database.open() as database:  # pages call this every second, so avoid the write lock
            if database.execute("SELECT 1 FROM jobs WHERE state = 'queued' LIMIT 1").fetchone() is None:
                return None
        with self._database.changing() as database:
            found = database.execute(
                "SELECT id FROM jobs WHERE state = 'queued' ORDER BY place, created LIMIT 1"
            ).fetchone()
            if found is None or _active(database) is not None:
                return None
            _count_as_running(database, found["id"])
        return self.get(found["id"])

    def take_from_queue(self, job_id: str) -> bool:
        """Remove a job from the queue. Return False if it is not queued.

        A job that was resumed becomes lost again, so that its earlier work can still be resumed; others are cancelled.
        """
        with self._database.open() as database:
            changed = database.execute(
                "UPDATE jobs SET ended = ?, state = CASE WHEN error IS NULL THEN 'cancelled' ELSE 'lost' END"
                " WHERE id = ? AND state = 'queued'",
                (time.time(), job_id),
            )
            return changed.rowcount == 1

    def queue(self) -> list[Job]:
        """Return the queued jobs, the next one first."""
        waiting = [job for job in self.all() if job.state == "queued"]
        return sorted(waiting, key=lambda job: (job.place, job.created))

    def move(self, job_id: str, steps: int) -> None:
        """Move a queued job forward (negative `steps`) or back, at most to either end of the queue."""
        with self._database.changing() as database:
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
        """Record the worker process of a job. Return False if the job has already ended."""
        since = start_time(psutil.Process(pid))
        return self._update(job_id, pid=pid, pid_started=since, heartbeat=time.time())

    def beat(
        self,
        job_id: str,
        moment: ProgressUpdate | None = None,
        *,
        memory: float | None = None,
        cores: float | None = None,
    ) -> bool:
        """Record a heartbeat, with progress or resource use. Return False if another process has ended the job."""
        values: dict[str, object] = {"heartbeat": time.time()}
        if moment is not None:
            values["moment"] = json.dumps(moment.__dict__)
        if memory is not None:
            values |= {"memory": memory, "cores": cores}
        return self._update(job_id, **values)

    def tell(self, job_id: str, news: InterimResult) -> None:
        """Store an interim result, such as a finished trial or a fitted fold."""
        with self._database.open() as database:
            database.execute(
                "INSERT INTO news (job, time, kind, content) VALUES (?, ?, ?, ?)",
                (job_id, time.time(), news.kind, json.dumps(news.content)),
            )

    def news(self, job_id: str, kind: str | None = None) -> list[dict[str, Any]]:
        """Return a job's interim results in order: their content, with `time` (epoch seconds) and `kind`."""
        with self._database.open() as database:
            rows = database.execute(
                "SELECT * FROM news WHERE job = ? AND (? IS NULL OR kind = ?) ORDER BY number", (job_id, kind, kind)
            ).fetchall()
        return [{"time": row["time"], "kind": row["kind"], **json.loads(row["content"])} for row in rows]

    def end(
        self,
        job_id: str,
        state: State,
        *,
        run_id: str | None = None,
        error: str | None = None,
        at: float | None = None,
    ) -> None:
        """End an open job, now or `at` (epoch seconds). A job that has already ended is not changed."""
        with self._database.open() as database:
            database.execute(
                "UPDATE jobs SET state = ?, ended = ?, run_id = ?, error = ?"
                " WHERE id = ? AND state IN ('queued', 'running', 'stopping')",
                (state, time.time() if at is None else at, run_id, error, job_id),
            )

    # --- requests -----------------------------------------------------------------------------------------------------

    def ask_to_stop(self, job_id: str) -> None:
        """Request that a running job ends without a result."""
        with self._database.open() as database:
            database.execute("UPDATE jobs SET state = 'stopping' WHERE id = ? AND state = 'running'", (job_id,))

    def is_to_stop(self, job_id: str) -> bool:
        """Return whether the job was asked to stop, or has already ended."""
        with self._database.open() as database:
            row = database.execute("SELECT state FROM jobs WHERE id = ?", (job_id,)).fetchone()
        return row is None or row["state"] != "running"

    def ask_to_finish(self, job_id: str) -> None:
        """Request that a job ends its tuning and finishes with the best parameters so far."""
        with self._database.open() as database:
            database.execute("INSERT OR REPLACE INTO wishes (job, wish) VALUES (?, 'finish')", (job_id,))

    def is_to_finish(self, job_id: str) -> bool:
        """Return whether the job was asked to finish early."""
        with self._database.open() as database:
            return database.execute("SELECT 1 FROM wishes WHERE job = ?", (job_id,)).fetchone() is not None

    # --- looking ------------------------------------------------------------------------------------------------------

    def get(self, job_id: str) -> Job:
        """Return a job, after marking lost jobs as lost.

        Raises:
            RunError: there is no job with this id.
        """
        self.mark_lost_jobs()
        with self._database.open() as database:
            row = database.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
        if row is None:
            raise RunError.unknown("job", job_id, [job.id for job in self.all()])
        return Job.of_row(row)

    def all(self) -> list[Job]:
        """Return all jobs, newest first, after marking lost jobs as lost."""
        self.mark_lost_jobs()
        with self._database.open() as database:
            return [Job.of_row(row) for row in database.execute("SELECT * FROM jobs ORDER BY created DESC, id DESC")]

    def active(self) -> Job | None:
        """Return the running job; None if there is none."""
        return next((job for job in self.all() if job.active), None)

    def mark_lost_jobs(self) -> None:
        """Mark running jobs whose process has ended as lost; those that were asked to stop as cancelled."""
        with self._database.open() as database:
            rows = database.execute("SELECT * FROM jobs WHERE state IN ('running', 'stopping')").fetchall()
        for job in map(Job.of_row, rows):
            if not job.alive:
                # the last heartbeat is the best estimate of when it ended
                if job.state == "stopping":
                    self.end(job.id, "cancelled", at=job.heartbeat)
                else:
                    self.end(job.id, "lost", error=_ENDED_WITHOUT_A_WORD, at=job.heartbeat)

    def _update(self, job_id: str, **values: object) -> bool:
        """Update a running job. Return False if it is not running."""
        names = ", ".join(f"{name} = ?" for name in values)
        change = f"UPDATE jobs SET {names} WHERE id = ? AND state IN ('running', 'stopping')"  # noqa: S608 (our names)
        with self._database.open() as database:
            return database.execute(change, (*values.values(), job_id)).rowcount == 1


def _open_with(database: sqlite3.Connection, dataset: str, config_digest: str) -> str | None:
    """Return the id of the queued or running job with this work; None if there is none."""
    found = database.execute(
        "SELECT id FROM jobs WHERE dataset = ? AND config_digest = ? AND state IN ('queued', 'running', 'stopping')",
        (dataset, config_digest),
    ).fetchone()
    return None if found is None else str(found["id"])


def _active(database: sqlite3.Connection) -> str | None:
    """Return the id of the running job; None if there is none."""
    found = database.execute("SELECT id FROM jobs WHERE state IN ('running', 'stopping')").fetchone()
    return None if found is None else str(found["id"])


def _insert(
    database: sqlite3.Connection, dataset: str, dataset_name: str, config_digest: str, config: dict[str, Any]
) -> str:
    """Add a job to the end of the queue and return its id."""
    now = time.time()
    name = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now))}-{secrets.token_hex(2)}"
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
    return name


def _count_as_running(database: sqlite3.Connection, job_id: str) -> None:
    now = time.time()
    database.execute(
        "UPDATE jobs SET state = 'running', started = ?, heartbeat = ?, sittings = sittings + 1, error = NULL"
        " WHERE id = ?",
        (now, now, job_id),
    )


def _last_place(database: sqlite3.Connection) -> float:
    found = database.execute("SELECT max(place) FROM jobs WHERE state = 'queued'").fetchone()[0]
    return -1.0 if found is None else float(found)


def _account() -> str:
    """Return the user of this process; empty if it is unknown."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
