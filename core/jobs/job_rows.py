"""Statements on the rows of jobs. Each runs in a transaction of the caller, so that several are one change."""

from __future__ import annotations

import getpass
import json
import secrets
import sqlite3
import time
from typing import Any

from core.base.processes import LOW_PRIORITY
from core.jobs.job import ACTIVE, OPEN, Job

IS_ACTIVE, IS_OPEN = f"state IN {ACTIVE}", f"state IN {OPEN}"
ACTIVE_IDS = f"SELECT id FROM jobs WHERE {IS_ACTIVE}"  # noqa: S608 (our text)
QUEUED_IDS = "SELECT id FROM jobs WHERE state = 'queued' ORDER BY place, created"
_NEXT_PLACE = "(SELECT coalesce(max(place) + 1, 0) FROM jobs WHERE state = 'queued')"


def open_id(database: sqlite3.Connection, dataset: str, config_digest: str) -> str | None:
    """Return the id of the queued or running job with this work; None if there is none."""
    query = f"SELECT id FROM jobs WHERE dataset = ? AND config_digest = ? AND {IS_OPEN}"  # noqa: S608 (our text)
    return first_id(database, query, dataset, config_digest)


def first_id(database: sqlite3.Connection, query: str, *values: str) -> str | None:
    """Return the id in the first row of a query; None if it has no row."""
    row = database.execute(query, values).fetchone()
    return None if row is None else str(row["id"])


def insert_job(
    database: sqlite3.Connection,
    dataset: str,
    dataset_name: str,
    config_digest: str,
    config: dict[str, Any],
    *,
    nice: int = LOW_PRIORITY,
) -> str:
    """Add a job to the end of the queue and return its id."""
    now = time.time()
    job_id = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(now))}-{secrets.token_hex(2)}"
    database.execute(
        "INSERT INTO jobs (id, state, owner, dataset, dataset_name, config_digest, config, created,"  # noqa: S608
        f" heartbeat, nice, place, sittings) VALUES (?, 'queued', ?, ?, ?, ?, ?, ?, ?, ?, {_NEXT_PLACE}, 0)",
        (job_id, _account(), dataset, dataset_name, config_digest, json.dumps(config), now, now, nice),
    )
    return job_id


def mark_as_running(database: sqlite3.Connection, job_id: str) -> None:
    """Start the next attempt of a job."""
    now = time.time()
    database.execute(
        "UPDATE jobs SET state = 'running', started = ?, heartbeat = ?, sittings = sittings + 1, error = NULL"
        " WHERE id = ?",
        (now, now, job_id),
    )


def return_to_queue(database: sqlite3.Connection, job: Job) -> None:
    """Put a job that has ended at the end of the queue, and delete the requests to stop or finish it."""
    database.execute(
        f"UPDATE jobs SET state = 'queued', place = {_NEXT_PLACE}, started = NULL, ended = NULL,"  # noqa: S608
        " pid = NULL, pid_started = NULL, moment = NULL, memory = NULL, cores = NULL WHERE id = ?",
        (job.id,),
    )
    database.execute("DELETE FROM wishes WHERE job = ?", (job.id,))
    if job.state == "cancelled":  # its checkpoints were deleted, so its results will be reported again
        database.execute("DELETE FROM news WHERE job = ?", (job.id,))


def _account() -> str:
    """Return the user of this process; empty if it is unknown."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
