"""A background job: its settings and progress, its states, and whether its process is alive."""

from __future__ import annotations

import functools
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from core.base.processes import find_process
from core.base.progress import ProgressUpdate
from core.base.stored_files import UnusableFileError, parse_json
from core.config import RunConfig
from core.errors import RunError, SettingError

State = Literal["queued", "running", "stopping", "done", "failed", "cancelled", "lost"]
ACTIVE: tuple[State, ...] = ("running", "stopping")
"""States of a job that a process works on. At most one job of a workspace is in one of them."""
OPEN: tuple[State, ...] = ("queued", *ACTIVE)
"""States of a job that has not ended."""
RESUMABLE: tuple[State, ...] = ("failed", "cancelled", "lost")
"""States of a job that ended without a run. A resumed job uses its checkpoints, except after it was cancelled."""

LOW_PRIORITY, NORMAL_PRIORITY = 10, 0
"""Priorities of a background job: after the dashboard and other programs, or like them."""

_HEARTBEAT_LIMIT = 600.0
"""Seconds without a heartbeat after which a process is regarded as hanging. Workers send one every two seconds."""
_SECOND_LOOK = 30.0
"""Seconds between two checks that find no new heartbeat, before a job counts as lost."""
_PROCESS_GRACE = 20.0
"""Seconds for which a new job may have no process, until its worker has started."""
_PUBLISHED_NAMES = {"progress": "moment", "attempts": "sittings"}
"""Attribute -> its name in the database and in JSON output, as earlier versions named it."""

_LATEST_TIME = 1e11
"""Epoch seconds; the year 5138. Later times cannot be shown."""

_silent: dict[str, tuple[float, float]] = {}
"""Id of a job without a recent heartbeat -> its last heartbeat, and the monotonic time when this was first noticed."""


@dataclass(frozen=True)
class Job:
    """A background job. All times are epoch seconds.

    Attributes:
        owner: the account that created it; empty if unknown.
        dataset: fingerprint of the dataset.
        place: sort key in the queue; the lowest is next.
        started: start of its last attempt; None while it waits.
        attempts: how often it was started.
        pid_started: start time of its process, see core.base.processes.
        progress: last reported progress; None before the first report.
        memory: bytes that its process uses; None before the first heartbeat.
        cores: average number of busy cores since the previous heartbeat; None before the first.
        nice: priority of its process, from 0 (normal) to 19 (only when nothing else runs).
        out: folder for the run; None if the run goes into the workspace.
        error: why the job ended without a run; for a resumed job, why its last attempt did. None otherwise.
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
    attempts: int
    pid: int | None
    pid_started: float | None
    progress: ProgressUpdate | None
    memory: float | None
    cores: float | None
    nice: int
    out: str | None
    run_id: str | None
    error: str | None

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Job:
        """Create a job from a row of the database.

        Raises:
            RunError: the row is damaged.
        """
        values = {field.name: row[_PUBLISHED_NAMES.get(field.name, field.name)] for field in fields(cls)}
        job_id = str(values["id"])
        try:
            values["config"] = parse_json(values["config"] or "null")
            values["progress"] = parse_json(values["progress"]) if values["progress"] else None
            job = _checked_job().validate_python(values)
        except (UnusableFileError, TypeError) as error:  # text that is not JSON, or a cell that is no text
            raise RunError.damaged_job(job_id, f"a cell {error}") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise RunError.damaged_job(job_id, f"{where}: {first['msg']}") from error
        for name in ("created", "started", "ended", "heartbeat"):
            if not 0 <= (getattr(job, name) or 0.0) <= _LATEST_TIME:
                raise RunError.damaged_job(job_id, f"{name} is not a time")
        return job

    def record(self) -> dict[str, Any]:
        """Return the job as a JSON object, with the names of the database."""
        return {_PUBLISHED_NAMES.get(name, name): value for name, value in asdict(self).items()}

    @property
    def active(self) -> bool:
        return self.state in ACTIVE

    @property
    def open(self) -> bool:
        return self.state in OPEN

    @property
    def gives_way(self) -> bool:
        """Whether its process has low priority, so that other programs come first on a busy machine."""
        return self.nice > 0

    @property
    def out_folder(self) -> Path | None:
        """The attribute `out` as a path."""
        return None if self.out is None else Path(self.out)

    def run_config(self) -> RunConfig:
        """Return the settings of the run.

        Raises:
            SettingError: another version of the program stored them, and this one cannot read them.
        """
        try:
            return RunConfig.model_validate(self.config)
        except ValidationError as error:
            raise SettingError.other_version(self.id) from error

    @property
    def alive(self) -> bool:
        """Whether its process exists and sends heartbeats, or has yet to start.

        A single check that finds no recent heartbeat is not enough: after the machine slept or its clock was changed,
        the last heartbeat seems old until the worker sends the next one.
        """
        if self.pid is None or self.pid_started is None:
            return time.time() - (self.started or self.created) < _PROCESS_GRACE
        if find_process(self.pid, self.pid_started) is None:
            return False
        if time.time() - self.heartbeat < _HEARTBEAT_LIMIT:
            return True
        now = time.monotonic()
        heartbeat, since = _silent.setdefault(self.id, (self.heartbeat, now))
        if heartbeat != self.heartbeat:
            _silent[self.id] = (self.heartbeat, now)
            return True
        return now - since < _SECOND_LOOK

    def seconds(self) -> float:
        """Return how long its last attempt took, or has taken so far; 0 while it waits."""
        return 0.0 if self.started is None else max((self.ended or time.time()) - self.started, 0.0)


@functools.cache
def _checked_job() -> TypeAdapter[Job]:
    """Return the validator of the cells of a row."""
    return TypeAdapter(Job)
