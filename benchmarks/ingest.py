"""Reading event files: events a second and peak memory by size, each measurement in a process and workspace of its own.

    python -m benchmarks.ingest [--sessions 2480000 24800000] [--repeat 3] [--files DIR]

The files are the simulator's (about 2.04 events a session). The seconds are those of the ingestion itself, from the two
CSV files to the stored dataset (content hash, parsing, quarantine, dictionaries, sorting, writing), without Python's
start. `--files` keeps the event files for the next time.
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
began = time.perf_counter()
inputs = InputFiles(files / "train.csv", files / "test.csv", files / "sample_submission.csv")
card = ingest(inputs, Workspace(home)).card()
seconds = time.perf_counter() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"events": card.train.rows + card.test.rows, "seconds": seconds, "peak": peak}))
"""


def measured(files: Path) -> dict[str, float]:
    """One ingestion in a process of its own."""
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, str(files), home],
            check=True,
            capture_output=True,
            text=True,
            env=os.environ,
        )
    return json.loads(done.stdout)


def main() -> None:
    """Print one line a size."""
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
            found = [measured(files) for _ in range(options.repeat)]
            seconds = sorted(each["seconds"] for each in found)
            median, events = statistics.median(seconds), found[0]["events"]
            print(
                f"{events:10,.0f}  {median:8.1f}  ({seconds[0]:.1f} to {seconds[-1]:.1f})".ljust(40)
                + f"{events / median:12,.0f}  {1e6 * median / events:8.2f}  "
                + f"{max(each['peak'] for each in found):7,.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
