"""The priority of a background run: stored with its job, and given to its process."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import psutil
import pytest

from core.base.processes import LOW_PRIORITY
from core.base.workspace import Workspace
from core.config import RunConfig
from core.jobs import Jobs, start_run
from core.pipeline.first_run import demo_dataset


@pytest.mark.parametrize("nice", [0, 19])
def test_a_worker_runs_at_the_priority_of_its_job(
    nice: int, demo_workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def sleeper(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        started.append(popen([sys.executable, "-c", "import time; time.sleep(60)"], **options))
        return started[0]

    monkeypatch.setattr("core.jobs.control.subprocess.Popen", sleeper)
    try:
        job, _ = start_run(demo_workspace, demo_dataset(demo_workspace), RunConfig(), nice=nice)
        assert psutil.Process(started[0].pid).nice() == (nice or psutil.Process().nice())
        assert (job.nice, job.gives_way) == (nice, nice > 0)
    finally:
        for process in started:
            process.kill()
            process.wait()


def test_by_default_a_job_gives_way_to_other_programs(demo_workspace: Workspace) -> None:
    job, _ = Jobs(demo_workspace).enqueue("dataset", "demo", "digest", {})
    assert (job.nice, job.gives_way) == (LOW_PRIORITY, True)
