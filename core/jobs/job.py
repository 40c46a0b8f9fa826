"""A piece of background work: its states, and whether its process is alive."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from core.base.processes import find_process
from core.base.progress import ProgressUpdate
from core.config import RunConfig
from core.errors import SettingError

State = Literal["queued", "running", "stopping", "done", "failed", "cancelled", "lost"]
ACTIVE: tuple[State, ...] = ("running", "stopping")
"""States of a job that a process works on. At most one job of a workspace is in one of them."""
OPEN: tuple[State, ...] = ("queued", *ACTIVE)
"""States of a job that has not ended."""
RESUMABLE: tuple[State, ...] = ("failed", "cancelled", "lost")
"""States of a job that ended without a run. A cancelled job starts over; the others resume from their checkpoints."""

_HEARTBEAT_LIMIT = 600.0
"""Seconds without a heartbeat after which a job counts as lost although its process exists, for a process that hangs.
Workers send a heartbeat every two seconds."""
_SECOND_LOOK = 30.0
"""Seconds that must pass between two looks without a new heartbeat before a job counts as lost."""
_PROCESS_GRACE = 20.0
"""Seconds that a new job may have no process, from its row in the database to the start of its worker."""
_PUBLISHED_NAMES = {"progress": "moment", "attempts": "sittings"}
"""Attributes that have another name in the database and in JSON output, where earlier versions named them."""

_silent: dict[str, tuple[float, float]] = {}
"""Job that this process saw without a recent heartbeat -> its last heartbeat, and when it was first seen so
(monotonic)."""


@dataclass(frozen=True)
class Job:
    """A piece of background work. All times are epoch seconds.

    Attributes:
        owner: the account that created it; empty if unknown.
        place: sort key in the queue; the lowest is next.
        started: start of its last attempt; None while it waits.
        attempts: how often it was started.
        pid_started: start time of its process, see core.base.processes.
        progress: its last progress; None before the first.
        memory: bytes that its process uses; None before the first heartbeat.
        cores: cores that its process keeps busy, averaged since the last heartbeat; None before the first.
        out: folder for the run; None if the run goes into the workspace.
        error: why it ended without a run, or, for a resumed job, why its last attempt did; None otherwise.
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
    out: str | None
    run_id: str | None
    error: str | None

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Job:
        """Return the job in a row of the database."""
        values = {field.name: row[_PUBLISHED_NAMES.get(field.name, field.name)] for field in fields(cls)}
        values["config"] = json.loads(values["config"])
        values["progress"] = ProgressUpdate(**json.loads(values["progress"])) if values["progress"] else None
        return cls(**values)

    def record(self) -> dict[str, Any]:
        """Return the job as a JSON object, with the names of the database."""
        return {_PUBLISHED_NAMES.get(name, name): value for name, value in asdict(self).items()}

    @property
    def active(self) -> bool:
        """Whether a process works on it."""
        return self.state in ACTIVE

    @property
    def open(self) -> bool:
        """Whether it is queued or running."""
        return self.state in OPEN

    @property
    def out_folder(self) -> Path | None:
        """The folder for the run; None if the run goes into the workspace."""
        return None if self.out is None else Path(self.out)

    def run_config(self) -> RunConfig:
        """Return the settings of the run.

        Raises:
            SettingError: they were stored by another version of the program and are no longer valid.
        """
        try:
            return RunConfig.model_validate(self.config)
        except ValidationError as error:
            raise SettingError.of_another_version(self.id) from error

    @property
    def alive(self) -> bool:
        """Whether its process exists and sends heartbeats. A new job has time to start its process."""
        now = time.time()
        if self.pid is None or self.pid_started is None:
            return now - (self.started or self.created) < _PROCESS_GRACE
        if find_process(self.pid, self.pid_started) is None:
            return False
        return now - self.heartbeat < _HEARTBEAT_LIMIT or not self._is_still_silent()

    def _is_still_silent(self) -> bool:
        """Return whether there was no heartbeat since an earlier look.

        One look is not enough: after the machine slept or its clock was changed, the last heartbeat seems old until the
        worker has had time for the next.
        """
        now = time.monotonic()
        heartbeat, since = _silent.setdefault(self.id, (self.heartbeat, now))
        if heartbeat != self.heartbeat:
            _silent[self.id] = (self.heartbeat, now)
            return False
        return now - since >= _SECOND_LOOK

    def seconds(self) -> float:
        """Return how long its last attempt took, or has taken so far; 0 while it waits."""
        return 0.0 if self.started is None else max((self.ended or time.time()) - self.started, 0.0)
