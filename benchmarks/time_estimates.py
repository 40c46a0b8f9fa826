"""How long runs are promised to take, before they start and while they run, and how long they take.

    python -m benchmarks.time_estimates [--runs 10] [--log FILE]

Ten runs of different size and preset, one after the other in one workspace, so that each estimate is learned from the
runs before it. `promise` is the first estimate. `worst` is the largest factor between the time left that was shown and
the time that was left, at every tenth of the work. Times that differ by less than 3 seconds count as equal, because
they do not matter for planning.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.quick import core
from core.base.workspace import Workspace
from core.config import RunConfig
from core.dataset import Dataset, list_datasets
from core.pipeline.time_estimate import estimate_time
from core.runs import list_runs

CASES: tuple[tuple[int, dict[str, object]], ...] = (
    (6_000, {}),
    (3_000, {"preset": "standard", "trials": 3}),
    (20_000, {}),
    (8_000, {"preset": "standard", "trials": 6}),
    (3_000, {}),
    (12_000, {"preset": "standard", "minutes": 1.5}),
    (15_000, {"learners": ("lightgbm", "linear")}),
    (20_000, {"preset": "standard", "trials": 2}),
    (10_000, {"folds": 3}),
    (5_000, {"preset": "standard", "minutes": 1.0, "trials": 50}),
)
"""Sessions of the demo, and settings of the run."""
ALLOWED = 1.5
"""Largest factor between what was promised and what came."""
EQUAL_SECONDS = 3.0


@dataclass(frozen=True)
class Timed:
    """A run: its duration, and (seconds since the request, share of the work, seconds left) of each progress update."""

    seconds: float
    updates: list[tuple[float, float, float | None]]


def timed_run(dataset: Dataset, settings: dict[str, object], home: Path) -> Timed:
    """Run the pipeline in a process of its own, and record its progress."""
    options = [f"--{name}={value}" for name, value in settings.items() if name != "learners"]
    for learner in settings.get("learners", ()):  # type: ignore[attr-defined]
        options += ["--learners", learner]
    command = [sys.executable, "-m", "core", "run", "--dataset", dataset.fingerprint, "--progress", "json", *options]
    started, updates = time.monotonic(), []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"SVS_HOME": str(home)}
    ) as process:
        for line in process.stdout or ():
            if line.startswith('{"progress"'):
                update = json.loads(line)["progress"]
                updates.append((time.monotonic() - started, update["fraction"], update["seconds_left"]))
    assert process.returncode == 0, command
    return Timed(time.monotonic() - started, updates)


def factor(promised: float, came: float) -> float:
    """Return by which factor a promise was wrong; 1 if both are equal to a person."""
    if abs(promised - came) <= EQUAL_SECONDS:
        return 1.0
    return math.exp(abs(math.log(max(promised, 0.1) / max(came, 0.1))))


def factors_at_tenths(run: Timed) -> list[float]:
    """Return the factor at the first update at or after each tenth of the work that has an estimate."""
    factors = []
    for tenth in range(1, 10):
        later = ((at, left) for at, share, left in run.updates if share >= tenth / 10 and left is not None)
        at, left = next(later, (run.seconds, 0.0))
        factors.append(factor(left, run.seconds - at))
    return factors


def main() -> None:
    """Print one line per run, and how many promises were kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=len(CASES))
    parser.add_argument("--log", type=Path, help="JSON Lines file for all progress updates.")
    options = parser.parse_args()
    print("sessions  settings                        promise        seconds  factor  worst  at every tenth of the work")
    kept: list[bool] = []
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch) / "home"
        workspace = Workspace(home)
        for size, settings in CASES[: options.runs]:
            files = Path(scratch) / str(size)
            if not files.exists():
                core("demo", "--out", str(files), "--sessions", str(size), home=home)
                core("ingest", f"--train={files / 'train.csv'}", f"--test={files / 'test.csv'}", home=home)
            dataset = next(each for each in list_datasets(workspace) if each.card().train.bytes == _size(files))
            card, config = dataset.card(), RunConfig.checked(**settings)
            estimate = estimate_time(config, card.train.sessions + card.to_predict, list_runs(workspace))
            run = timed_run(dataset, settings, home)
            first, tenths = factor(estimate.seconds, run.seconds), factors_at_tenths(run)
            kept += [each <= ALLOWED for each in (first, *tenths)]
            label = ", ".join(f"{name} {value}" for name, value in settings.items()) or "quick"
            print(
                f"{size:8,}  {label[:30]:30}  {estimate.text:14} {run.seconds:7.1f}  {first:6.2f}  {max(tenths):5.2f}  "
                + " ".join(f"{each:.1f}" for each in tenths),
                flush=True,
            )
            if options.log is not None:
                with options.log.open("a") as log:
                    timings = list_runs(workspace)[0].manifest.timings
                    record = [size, settings, estimate.seconds, run.seconds, run.updates, timings]
                    log.write(json.dumps(record) + "\n")
    print(f"{sum(kept)} of {len(kept)} estimates within a factor {ALLOWED}")


def _size(files: Path) -> int:
    return (files / "train.csv").stat().st_size


if __name__ == "__main__":
    main()
