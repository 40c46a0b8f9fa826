"""Throughput and peak memory of ingestion, by size.

    python -m benchmarks.ingest [--sessions 2480000 24800000] [--repeat 3] [--files DIR]

The files are simulated, with about 2.04 events per session. Each measurement runs in its own process and workspace. The
time covers everything from the two CSV files to the stored dataset: content hash, parsing, quarantine, dictionaries,
sorting and writing. The start of Python is not counted. `--files` keeps the event files for the next run.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from core.demo import write_demo

MEASURE = """
import json, resource, sys, time
from pathlib import Path
from core.ingestion import InputFiles, ingest
from core.base.workspace import Workspace
files, home = Path(sys.argv[1]), Path(sys.argv[2])
started = time.perf_counter()
inputs = InputFiles(files / "train.csv", files / "test.csv", files / "sample_submission.csv")
card = ingest(inputs, Workspace(home)).card()
seconds = time.perf_counter() - started
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"events": card.train.rows + card.test.rows, "seconds": seconds, "peak": peak}))
"""


def measure(files: Path) -> dict[str, float]:
    """Ingest the files in a separate process."""
    with tempfile.TemporaryDirectory() as home:
        process = subprocess.run(
            [sys.executable, "-c", MEASURE, str(files), home],
            check=True,
            capture_output=True,
            text=True,
            env=os.environ,
        )
    return json.loads(process.stdout)


def main() -> None:
    """Print one line per size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, nargs="+", default=[2_480_000, 24_800_000])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--files", type=Path)
    options = parser.parse_args([] if __name__ != "__main__" else None)
    print("    events   median s  (min to max)     events/s  us/event  peak MB")
    with tempfile.TemporaryDirectory() as scratch:
        for sessions in options.sessions:
            files = (options.files or Path(scratch)) / str(sessions)
            if not (files / "train.csv").is_file():
                write_demo(files, sessions=sessions, seed=7)
            runs = [measure(files) for _ in range(options.repeat)]
            seconds = sorted(run["seconds"] for run in runs)
            median, events = statistics.median(seconds), runs[0]["events"]
            print(
                f"{events:10,.0f}  {median:8.1f}  ({seconds[0]:.1f} to {seconds[-1]:.1f})".ljust(40)
                + f"{events / median:12,.0f}  {1e6 * median / events:8.2f}  "
                + f"{max(run['peak'] for run in runs):7,.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
