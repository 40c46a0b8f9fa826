"""Which background work there is, who asked for it, and how far it is.

Work waits in a queue and is done one piece after the other: two at once would fight for the cores and both come later.
Why no library does this: docs/decisions/0011.
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
        """Put new work at the end of the queue; or, where the same work waits or is at work, give that job.

        Returns:
            The job, and whether it is new.
        """
        self.bury_the_dead()
        with self._database.changing() as database:
            same = _open_with(database, dataset, config_digest)
            name = same or _insert(database, dataset, dataset_name, config_digest, config)
        return self.get(name), same is None

    def begin(
        self, dataset: str, dataset_name: str, config_digest: str, config: dict[str, Any], out: str | None
    ) -> Job:
        """Count work as running that the caller does at once, whatever waits; the same work that waits is taken over.

        In one transaction: what stood in the queue in between might be started by whoever looks.

        Raises:
            RunError: another job is at work, or this very one.
        """
        self.bury_the_dead()
        with self._database.changing() as database:
            same = _open_with(database, dataset, config_digest)
            if (busy := _active(database)) is not None:
                raise RunError.busy(busy, same=busy == same)
            name = same or _insert(database, dataset, dataset_name, config_digest, config)
            database.execute("UPDATE jobs SET out = ? WHERE id = ?", (out, name))
            _count_as_running(database, name)
        return self.get(name)

    def resume(self, job_id: str) -> Job:
        """Put a job that ended without a run into the queue once more.

        Raises:
            RunError: there is none of that name, or it waits, works or is done.
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
                if job.state == "cancelled":  # what it came by is gone
                    database.execute("DELETE FROM news WHERE job = ?", (job_id,))
        return self.get(same or job_id)

    def start_next(self) -> Job | None:
        """Take the first of the queue, if nothing is at work: it counts as running from now on. None if not."""
        self.bury_the_dead()
        with self._database.open() as database:  # those who look every second need not lock anything
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
        """A job that waits is not to be done: cancelled, or, where it has done something before, lost as it was, to be
        resumed another time. False where it does not wait.
        """
        with self._database.open() as database:
            changed = database.execute(
                "UPDATE jobs SET ended = ?, state = CASE WHEN error IS NULL THEN 'cancelled' ELSE 'lost' END"
                " WHERE id = ? AND state = 'queued'",
                (time.time(), job_id),
            )
            return changed.rowcount == 1

    def queue(self) -> list[Job]:
        """What waits, the next first."""
        waiting = [job for job in self.all() if job.state == "queued"]
        return sorted(waiting, key=lambda job: (job.place, job.created))

    def move(self, job_id: str, steps: int) -> None:
        """Let a waiting job go so many places forward (negative) or back in the queue; the ends are the limits."""
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
        """The worker says that it is this job's process; False when the job has ended before it began."""
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
        """A sign of life, with what there is to tell; False when the job was ended by somebody else."""
        told: dict[str, object] = {"heartbeat": time.time()}
        if moment is not None:
            told["moment"] = json.dumps(moment.__dict__)
        if memory is not None:
            told |= {"memory": memory, "cores": cores}
        return self._update(job_id, **told)

    def tell(self, job_id: str, news: InterimResult) -> None:
        """Write down what the work came by: a trial that ended, a fold that was fitted."""
        with self._database.open() as database:
            database.execute(
                "INSERT INTO news (job, time, kind, content) VALUES (?, ?, ?, ?)",
                (job_id, time.time(), news.kind, json.dumps(news.content)),
            )

    def news(self, job_id: str, kind: str | None = None) -> list[dict[str, Any]]:
        """What a job told, in order: its content, with `time` (epoch seconds) and `kind`."""
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
        """Close a job that waits or works, now or `at` (epoch seconds); one that has ended keeps its end."""
        with self._database.open() as database:
            database.execute(
                "UPDATE jobs SET state = ?, ended = ?, run_id = ?, error = ?"
                " WHERE id = ? AND state IN ('queued', 'running', 'stopping')",
                (state, time.time() if at is None else at, run_id, error, job_id),
            )

    # --- wishes -------------------------------------------------------------------------------------------------------

    def ask_to_stop(self, job_id: str) -> None:
        """Wish that a job at work ends and keeps nothing."""
        with self._database.open() as database:
            database.execute("UPDATE jobs SET state = 'stopping' WHERE id = ? AND state = 'running'", (job_id,))

    def is_to_stop(self, job_id: str) -> bool:
        """Whether somebody wished so, or the job has ended already."""
        with self._database.open() as database:
            row = database.execute("SELECT state FROM jobs WHERE id = ?", (job_id,)).fetchone()
        return row is None or row["state"] != "running"

    def ask_to_finish(self, job_id: str) -> None:
        """Wish that a job tunes no longer and goes on with the best it has found."""
        with self._database.open() as database:
            database.execute("INSERT OR REPLACE INTO wishes (job, wish) VALUES (?, 'finish')", (job_id,))

    def is_to_finish(self, job_id: str) -> bool:
        """Whether somebody wished so."""
        with self._database.open() as database:
            return database.execute("SELECT 1 FROM wishes WHERE job = ?", (job_id,)).fetchone() is not None

    # --- looking ------------------------------------------------------------------------------------------------------

    def get(self, job_id: str) -> Job:
        """One job, as it is now: one whose process is gone is marked lost before.

        Raises:
            RunError: there is none of that name.
        """
        self.bury_the_dead()
        with self._database.open() as database:
            row = database.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
        if row is None:
            raise RunError.unknown("job", job_id, [job.id for job in self.all()])
        return Job.of_row(row)

    def all(self) -> list[Job]:
        """Newest first; jobs whose process is gone are marked lost before."""
        self.bury_the_dead()
        with self._database.open() as database:
            return [Job.of_row(row) for row in database.execute("SELECT * FROM jobs ORDER BY created DESC, id DESC")]

    def active(self) -> Job | None:
        """The one at work."""
        return next((job for job in self.all() if job.active), None)

    def bury_the_dead(self) -> None:
        """Mark as lost what claims to be at work and has no living process."""
        with self._database.open() as database:
            rows = database.execute("SELECT * FROM jobs WHERE state IN ('running', 'stopping')").fetchall()
        for job in map(Job.of_row, rows):
            if not job.alive:
                # when it was last heard of: nobody may have looked for days
                if job.state == "stopping":
                    self.end(job.id, "cancelled", at=job.heartbeat)
                else:
                    self.end(job.id, "lost", error=_ENDED_WITHOUT_A_WORD, at=job.heartbeat)

    def _update(self, job_id: str, **values: object) -> bool:
        """Change a job at work; whether there was one to change."""
        names = ", ".join(f"{name} = ?" for name in values)
        change = f"UPDATE jobs SET {names} WHERE id = ? AND state IN ('running', 'stopping')"  # noqa: S608 (our names)
        with self._database.open() as database:
            return database.execute(change, (*values.values(), job_id)).rowcount == 1


def _open_with(database: sqlite3.Connection, dataset: str, config_digest: str) -> str | None:
    """The id of the job with this work that waits or is at work."""
    found = database.execute(
        "SELECT id FROM jobs WHERE dataset = ? AND config_digest = ? AND state IN ('queued', 'running', 'stopping')",
        (dataset, config_digest),
    ).fetchone()
    return None if found is None else str(found["id"])


def _active(database: sqlite3.Connection) -> str | None:
    """The id of the job at work."""
    found = database.execute("SELECT id FROM jobs WHERE state IN ('running', 'stopping')").fetchone()
    return None if found is None else str(found["id"])


def _insert(
    database: sqlite3.Connection, dataset: str, dataset_name: str, config_digest: str, config: dict[str, Any]
) -> str:
    """A new job at the end of the queue; its id."""
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
    """Whose process this is; empty where nobody can tell."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
