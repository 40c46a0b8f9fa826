"""A piece of background work: its states, and whether its process is alive."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from core.base.processes import find_process
from core.base.progress import ProgressUpdate
from core.config import RunConfig
from core.errors import SettingError

State = Literal["queued", "running", "stopping", "done", "failed", "cancelled", "lost"]
ACTIVE: tuple[State, ...] = ("running", "stopping")
"""At work. At most one job of a workspace is."""
OPEN: tuple[State, ...] = ("queued", *ACTIVE)
"""Not ended."""
RESUMABLE: tuple[State, ...] = ("failed", "cancelled", "lost")
"""Ended without a run. What a cancelled one had done is gone, the others go on where they were."""

_HEARTBEAT_LIMIT = 600.0
"""Seconds without a sign of life after which a job counts as lost. A worker gives one every two seconds; its process is
looked at as well, so this is for one that hangs."""
_SECOND_LOOK = 30.0
"""Seconds after the first look that found it silent."""
_PROCESS_GRACE = 20.0
"""Seconds that a job may have no process yet: from its line in the database to the start of the worker."""

_silent: dict[str, tuple[float, float]] = {}
"""Of jobs that this process found silent: their last sign of life, and when they were found so (monotonic)."""


@dataclass(frozen=True)
class Job:
    """A piece of background work.

    Attributes:
        owner: the account that asked for it.
        created, started, ended, heartbeat: epoch seconds; `started` of its last sitting, null while it waits.
        error: why it ended without a run; of one that waits to be resumed, why it did before. Null where it never did,
            or what it had done is gone.
        place: in the queue: the lowest is next.
        sittings: how often it was started.
        moment: its last progress, null before the first.
        pid_started: seconds from the machine's start, see core.base.processes.
        out: the folder for the run, where it is not to stand in the workspace.
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
    moment: ProgressUpdate | None
    memory: float | None
    cores: float | None
    out: str | None
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

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Job:
        """From a row of the database."""
        values = dict(row)
        values["config"] = json.loads(values["config"])
        values["moment"] = ProgressUpdate(**json.loads(values["moment"])) if values["moment"] else None
        return cls(**{field.name: values[field.name] for field in fields(cls)})

    @property
    def alive(self) -> bool:
        """Its process is there: one of that number, started when ours was, no zombie, heard of lately. A new job gets
        time to start one.
        """
        now = time.time()
        if self.pid is None or self.pid_started is None:
            return now - (self.started or self.created) < _PROCESS_GRACE
        if find_process(self.pid, self.pid_started) is None:
            return False
        return now - self.heartbeat < _HEARTBEAT_LIMIT or not self._is_still_silent()

    def _is_still_silent(self) -> bool:
        """Whether it was as silent at an earlier look: after a machine slept, or its clock was put forward, whoever
        looks first must not take a worker for lost that had no time yet to say anything.
        """
        now = time.monotonic()
        heartbeat, since = _silent.setdefault(self.id, (self.heartbeat, now))
        if heartbeat != self.heartbeat:
            _silent[self.id] = (self.heartbeat, now)
            return False
        return now - since >= _SECOND_LOOK

    def seconds(self, now: float | None = None) -> float:
        """How long its last sitting took, or takes by now; 0 for one that waits, or was never started."""
        return 0.0 if self.started is None else max((self.ended or now or time.time()) - self.started, 0.0)
