"""The queue of background jobs, with their states, progress and interim results.

Jobs run one at a time: two at once would compete for the cores, and both would finish later. Decision 0011 says why
no library is used.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import Any

import psutil

from core.base.processes import LOW_PRIORITY, start_time
from core.base.progress import InterimResult, ProgressUpdate
from core.base.workspace import Workspace
from core.errors import RunError
from core.jobs.database import JobsDatabase
from core.jobs.interim_results import stored_result
from core.jobs.job import RESUMABLE, Job, State
from core.jobs.job_rows import (
    ACTIVE_IDS,
    IS_ACTIVE,
    IS_OPEN,
    QUEUED_IDS,
    first_id,
    insert_job,
    mark_as_running,
    open_id,
    return_to_queue,
)

_DAMAGED = "Its row in the jobs database was damaged. Start the run again."
_PROCESS_ENDED = "Its process ended unexpectedly. Resume the run to continue from its checkpoints."


class Jobs:
    """All jobs of a workspace. Every change is one transaction."""

    def __init__(self, workspace: Workspace) -> None:
        self._database = JobsDatabase(workspace.jobs_database)

    # --- the queue ----------------------------------------------------------------------------------------------------

    def enqueue(
        self,
        dataset: str,
        dataset_name: str,
        config_digest: str,
        config: dict[str, Any],
        *,
        nice: int = LOW_PRIORITY,
    ) -> tuple[Job, bool]:
        """Add a job to the end of the queue, unless a job with the same dataset and settings is queued or running.

        Return the new or the existing job, and whether it is new.
        """
        self.mark_lost_jobs()
        with self._database.transaction() as database:
            same = open_id(database, dataset, config_digest)
            job_id = same or insert_job(database, dataset, dataset_name, config_digest, config, nice=nice)
        return self.get(job_id), same is None

    def start_now(
        self, dataset: str, dataset_name: str, config_digest: str, config: dict[str, Any], out: str | None
    ) -> Job:
        """Start a job in the calling process, ahead of the queue. If the same work is queued, its job is started.

        This is one transaction, so that no other process starts the job in between.

        Raises:
            RunError: a job is already running.
        """
        self.mark_lost_jobs()
        with self._database.transaction() as database:
            same = open_id(database, dataset, config_digest)
            if (busy := first_id(database, ACTIVE_IDS)) is not None:
                raise RunError.busy(busy, is_same_run=busy == same)
            job_id = same or insert_job(database, dataset, dataset_name, config_digest, config)
            database.execute("UPDATE jobs SET out = ? WHERE id = ?", (out, job_id))
            mark_as_running(database, job_id)
        return self.get(job_id)

    def resume(self, job_id: str) -> Job:
        """Return a failed, cancelled or lost job to the queue. If the same work is already open, return that job.

        Raises:
            RunError: there is no such job, or it is queued, running or done.
        """
        self.get(job_id)  # raises an error if there is no such job
        with self._database.transaction() as database:
            job = Job.of_row(database.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone())
            if job.state not in RESUMABLE:
                raise RunError.wrong_job_state(job_id, job.state, "resume")
            same = open_id(database, job.dataset, job.config_digest)
            if same is None:
                return_to_queue(database, job)
        return self.get(same or job_id)

    def start_next(self) -> Job | None:
        """Mark the first queued job as running and return it; None if the queue is empty or a job is running."""
        self.mark_lost_jobs()
        with self._database.connect() as database:  # pages call this every second, so avoid the write lock
            if first_id(database, QUEUED_IDS) is None:
                return None
        with self._database.transaction() as database:
            job_id = first_id(database, QUEUED_IDS)
            if job_id is None or first_id(database, ACTIVE_IDS) is not None:
                return None
            mark_as_running(database, job_id)
        return self.get(job_id)

    def dequeue(self, job_id: str) -> bool:
        """Remove a job from the queue. Return False if it is not queued.

        A job that was resumed becomes lost again, so that its earlier work can still be resumed; others are cancelled.
        """
        return self._execute(
            "UPDATE jobs SET ended = ?, state = CASE WHEN error IS NULL THEN 'cancelled' ELSE 'lost' END"
            " WHERE id = ? AND state = 'queued'",
            time.time(),
            job_id,
        )

    def queue(self) -> list[Job]:
        """Return the queued jobs, the next one first."""
        queued = [job for job in self.all() if job.state == "queued"]
        return sorted(queued, key=lambda job: (job.place, job.created))

    def move(self, job_id: str, steps: int) -> None:
        """Move a queued job forward (negative `steps`) or back, at most to either end of the queue."""
        with self._database.transaction() as database:
            order = [row["id"] for row in database.execute(QUEUED_IDS)]
            if job_id not in order:
                return
            position = order.index(job_id)
            order.insert(min(max(position + steps, 0), len(order) - 1), order.pop(position))
            database.executemany("UPDATE jobs SET place = ? WHERE id = ?", enumerate(order))

    # --- the worker ---------------------------------------------------------------------------------------------------

    def set_worker(self, job_id: str, pid: int) -> bool:
        """Record the worker process of a running job. Return False if the job has already ended."""
        return self._update(job_id, pid=pid, pid_started=start_time(psutil.Process(pid)), heartbeat=time.time())

    def record_heartbeat(self, job_id: str, progress: ProgressUpdate | None = None) -> bool:
        """Record a heartbeat, and new progress if there is any. Return False if another process has ended the job."""
        values = {} if progress is None else {"moment": json.dumps(asdict(progress))}
        return self._update(job_id, heartbeat=time.time(), **values)

    def record_usage(self, job_id: str, *, memory: float, cores: float) -> bool:
        """Record a heartbeat with the memory (bytes) and the number of cores that the worker uses."""
        return self._update(job_id, heartbeat=time.time(), memory=memory, cores=cores)

    def add_result(self, job_id: str, result: InterimResult) -> None:
        """Store an interim result, such as a finished trial or a fitted fold."""
        query = "INSERT INTO news (job, time, kind, content) VALUES (?, ?, ?, ?)"
        self._execute(query, job_id, time.time(), result.kind, json.dumps(result.content))

    def results(self, job_id: str, kind: str | None = None) -> list[dict[str, Any]]:
        """Return a job's interim results in order: their content, with `time` (epoch seconds) and `kind`.

        A damaged result is left out.
        """
        query = "SELECT * FROM news WHERE job = ? AND (? IS NULL OR kind = ?) ORDER BY number"
        with self._database.connect() as database:
            rows = database.execute(query, (job_id, kind, kind)).fetchall()
        return [result for row in rows if (result := stored_result(row)) is not None]

    def end(
        self, job_id: str, state: State, *, run_id: str | None = None, error: str | None = None, at: float | None = None
    ) -> None:
        """End an open job, now or `at` (epoch seconds). A job that has already ended is not changed."""
        update = f"UPDATE jobs SET state = ?, ended = ?, run_id = ?, error = ? WHERE id = ? AND {IS_OPEN}"  # noqa: S608
        self._execute(update, state, time.time() if at is None else at, run_id, error, job_id)

    # --- requests -----------------------------------------------------------------------------------------------------

    def request_stop(self, job_id: str) -> None:
        """Request that a running job ends without a result."""
        self._execute("UPDATE jobs SET state = 'stopping' WHERE id = ? AND state = 'running'", job_id)

    def should_stop(self, job_id: str) -> bool:
        """Return whether the job was asked to stop, or has already ended."""
        with self._database.connect() as database:
            row = database.execute("SELECT state FROM jobs WHERE id = ?", (job_id,)).fetchone()
        return row is None or row["state"] != "running"

    def request_finish(self, job_id: str) -> None:
        """Request that a job ends its tuning and finishes with the best parameters so far."""
        self._execute("INSERT OR REPLACE INTO wishes (job, wish) VALUES (?, 'finish')", job_id)

    def should_finish(self, job_id: str) -> bool:
        """Return whether the job was asked to finish early."""
        with self._database.connect() as database:
            query = "SELECT 1 FROM wishes WHERE job = ? AND wish = 'finish'"
            return database.execute(query, (job_id,)).fetchone() is not None

    def acknowledge_end(self, job_id: str) -> None:
        """Record that a person has seen how a job ended, so that pages no longer report it."""
        self._execute("INSERT OR REPLACE INTO wishes (job, wish) VALUES (?, 'acknowledged')", job_id)

    # --- reading ------------------------------------------------------------------------------------------------------

    def get(self, job_id: str) -> Job:
        """Return a job, after marking lost jobs as lost.

        Raises:
            RunError: there is no job with this id.
        """
        self.mark_lost_jobs()
        with self._database.connect() as database:
            row = database.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
        if row is None:
            raise RunError.unknown("job", job_id, [job.id for job in self.all()])
        return Job.of_row(row)

    def all(self) -> list[Job]:
        """Return all jobs with an undamaged row, newest first, after marking lost jobs as lost."""
        return self._read_all()[0]

    def damaged(self) -> list[RunError]:
        """Return an error for each job whose row is damaged."""
        return self._read_all()[1]

    def _read_all(self) -> tuple[list[Job], list[RunError]]:
        self.mark_lost_jobs()
        with self._database.connect() as database:
            rows = database.execute("SELECT * FROM jobs ORDER BY created DESC, id DESC").fetchall()
        jobs, errors = [], []
        for row in rows:
            try:
                jobs.append(Job.of_row(row))
            except RunError as error:
                errors.append(error)
        return jobs, errors

    def active(self) -> Job | None:
        """Return the running job; None if there is none."""
        return next((job for job in self.all() if job.active), None)

    def open(self) -> list[Job]:
        """Return the running job, if there is one, and then the queued jobs, the next one first."""
        open_jobs = [job for job in self.all() if job.open]
        return sorted(open_jobs, key=lambda job: (not job.active, job.place, job.created))

    def unacknowledged_end(self) -> Job | None:
        """Return the job that ended last; None if a person has acknowledged its end, or if no job has ended."""
        ended = [job for job in self.all() if job.ended is not None and not job.open]
        latest = max(ended, key=lambda job: job.ended or 0.0, default=None)
        if latest is None:
            return None
        with self._database.connect() as database:
            query = "SELECT 1 FROM wishes WHERE job = ? AND wish = 'acknowledged'"
            return None if database.execute(query, (latest.id,)).fetchone() else latest

    def mark_lost_jobs(self) -> None:
        """Mark running jobs whose process has ended as lost, or as cancelled if they were asked to stop.

        An open job whose row is damaged is marked as failed, because it would block the queue for good.
        """
        with self._database.connect() as database:
            rows = database.execute(f"SELECT rowid AS number, * FROM jobs WHERE {IS_OPEN}").fetchall()  # noqa: S608
        for row in rows:
            try:
                job = Job.of_row(row)
            except RunError:
                update = "UPDATE jobs SET state = 'failed', error = ? WHERE rowid = ?"
                self._execute(update, _DAMAGED, row["number"])
                continue
            if not job.active or job.alive:
                continue
            ended = job.heartbeat  # the best estimate
            if job.state == "stopping":
                self.end(job.id, "cancelled", at=ended)
            else:
                self.end(job.id, "lost", error=_PROCESS_ENDED, at=ended)

    def _update(self, job_id: str, **values: object) -> bool:
        """Update a running job. Return False if it is not running."""
        names = ", ".join(f"{name} = ?" for name in values)
        update = f"UPDATE jobs SET {names} WHERE id = ? AND {IS_ACTIVE}"  # noqa: S608 (our names)
        return self._execute(update, *values.values(), job_id)

    def _execute(self, statement: str, *values: object) -> bool:
        """Execute a statement that changes at most one row. Return whether it changed one."""
        with self._database.connect() as database:
            return database.execute(statement, values).rowcount == 1
