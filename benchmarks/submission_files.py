"""Seconds and memory of the submission desk on large files.

    python -m benchmarks.submission_files [--rows 10000000]

Writes two submissions with that many rows, and checks one and compares both, each in a separate process, against a
target in memory. Prints one line each: seconds (without reading the target) and the highest memory of the process.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from core.submission import CheckedSubmission, SubmissionTarget, run_checks
from core.submission.compare import compare


def write_files(folder: Path, rows: int) -> None:
    """Write one.csv and two.csv with the same sessions."""
    rng = np.random.default_rng(0)
    ids = "SESSION_" + pl.Series("user_session", rng.permutation(rows)).cast(pl.String)
    values = rng.lognormal(3, 1, rows)
    for name, factor in (("one", 1.0), ("two", rng.lognormal(0, 0.2, rows))):
        pl.DataFrame({"user_session": ids, "session_value": np.round(values * factor, 6)}).write_csv(
            folder / f"{name}.csv"
        )


def measure(task: str, folder: Path) -> None:
    """Print the seconds and the memory of one task."""
    ids = pl.read_csv(folder / "one.csv", columns=["user_session"])["user_session"]
    started = time.perf_counter()
    target = SubmissionTarget.of(ids, ids)
    files = [
        CheckedSubmission.open(folder / f"{name}.csv", target) for name in ("one", "two")[: 1 + (task == "compare")]
    ]
    if task == "check":
        failed = [check.code for check in run_checks(files[0]) if check.outcome == "failed"]
        assert failed == [], failed
    else:
        predictions = {name: file.predictions.to_numpy() for name, file in zip(("one", "two"), files, strict=True)}
        compare(target.sessions, predictions, {})
    seconds = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{task:8} {seconds:6.1f} s  {memory:5.2f} GB", flush=True)


def main() -> None:
    """Write the files, and measure each task in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--task", choices=["check", "compare"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task is not None:
        measure(options.task, options.folder)
        return
    with tempfile.TemporaryDirectory() as folder:
        write_files(Path(folder), options.rows)
        for task in ("check", "compare"):
            command = [sys.executable, "-m", "benchmarks.submission_files", "--task", task, "--folder", folder]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
