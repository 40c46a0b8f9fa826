"""Time and peak memory of the feature table, from a stored dataset to all features, by size.

    python -m benchmarks.features [--sessions 98000 2480000 24800000] [--repeat 3] [--datasets DIR] [--no-pandas]

The data are simulated, with about 2.04 events per session. Each measurement runs in its own process; the start of
Python is not counted. All sizes are written to a file batch by batch, so that their time per event can be compared.
Smaller tables are also built in memory; that of 50 million events would take 20 GB. benchmarks/pandas_features.py
computes 23 of the features in plain pandas for comparison. `--datasets` keeps the datasets for the next run.
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
from typing import Any

from core.base.workspace import Workspace
from core.dataset import Dataset, list_datasets
from core.demo import write_demo
from core.ingestion import InputFiles, ingest

_PANDAS_UP_TO = {"vectorised": 5_000_000, "apply": 200_000}
"""Style of pandas code -> largest number of sessions it is measured with; larger ones take too long."""
_IN_MEMORY_UP_TO = 5_000_000
"""Largest number of sessions whose table is also built in memory."""

MEASURE = """
import json, resource, sys, time
from pathlib import Path
from core.config import RunConfig
from core.dataset import Dataset
from core.features import all_features, build_features, write_features
dataset, parts = Dataset(Path(sys.argv[1])), {}
started = last = time.perf_counter()
def report(done, total, label):
    global last
    now = time.perf_counter()
    parts[label], last = now - last, now
config = RunConfig(features="full", history=sys.argv[2])
if len(sys.argv) > 3:
    shape = (write_features(dataset, config, Path(sys.argv[3]), report), len(all_features()))
else:
    shape = build_features(dataset, config, report).values.shape
seconds = time.perf_counter() - started
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
names = list(parts)
by_group = {name: parts[after] for name, after in zip(names, names[1:])}
print(json.dumps({"seconds": seconds, "peak": peak, "shape": shape, "before": parts[names[0]], "groups": by_group}))
"""


def run_json(*command: str) -> dict[str, Any]:
    """Run a Python program and parse the last line of its output as JSON."""
    process = subprocess.run([sys.executable, *command], check=True, capture_output=True, text=True, env=os.environ)
    return json.loads(process.stdout.splitlines()[-1])


def simulated_dataset(sessions: int, home: Path) -> Dataset:
    """Return a simulated dataset, and create it if `home` does not have it."""
    workspace = Workspace(home / str(sessions))
    if datasets := list_datasets(workspace):
        return datasets[0]
    with tempfile.TemporaryDirectory() as files:
        write_demo(Path(files), sessions=sessions, seed=7)
        return ingest(InputFiles(Path(files) / "train.csv", Path(files) / "test.csv"), workspace)


def measure(command: tuple[str, ...], events: int, repeat: int, label: str) -> tuple[float, list[dict[str, Any]]]:
    """Run a measurement several times and print a line. Return the median of the seconds and all measurements."""
    runs = [run_json(*command) for _ in range(repeat)]
    seconds = sorted(run["seconds"] for run in runs)
    median, peak = statistics.median(seconds), max(run["peak"] for run in runs)
    span = f"({seconds[0]:.1f} to {seconds[-1]:.1f})"
    features = runs[0]["shape"][1]
    print(
        f"{events:10,}  {features:8}  {median:9.1f}  {span:16}{1e6 * median / events:8.2f}  {peak:7,.0f}  {label}",
        flush=True,
    )
    return median, runs


def main() -> None:
    """Print one line per size and output (memory or file)."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, nargs="+", default=[98_000, 2_480_000, 24_800_000])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--history", choices=["as_of", "all_rows"], default="as_of")
    parser.add_argument("--datasets", type=Path)
    parser.add_argument("--no-pandas", action="store_true")
    parser.add_argument("--groups", action="store_true", help="also print the seconds of each group")
    options = parser.parse_args([] if __name__ != "__main__" else None)
    print("    events  features   median s  (min to max)    us/event  peak MB")
    seconds_per_event = []
    with tempfile.TemporaryDirectory() as scratch:
        for sessions in options.sessions:
            dataset = simulated_dataset(sessions, options.datasets or Path(scratch))
            card = dataset.card()
            events = card.train.kept + card.test.kept
            command = ("-c", MEASURE, str(dataset.folder), options.history)
            if sessions <= _IN_MEMORY_UP_TO:
                median, runs = measure(command, events, options.repeat, "in memory")
            file = str(Path(scratch) / "features.parquet")
            seconds_per_event.append(measure((*command, file), events, options.repeat, "to a file")[0] / events)
            for style in [] if options.no_pandas else _PANDAS_UP_TO:
                if sessions <= _PANDAS_UP_TO[style]:
                    pandas = run_json("-m", "benchmarks.pandas_features", str(dataset.folder), style)
                    print(
                        f"  plain pandas ({style}), {pandas['shape'][1]} features: {pandas['seconds']:.1f} s, "
                        f"{pandas['peak']:,.0f} MB: {pandas['seconds'] / median:.1f} times as long",
                        flush=True,
                    )
            if options.groups and sessions <= _IN_MEMORY_UP_TO:
                print("  ", {"before": runs[-1]["before"], **runs[-1]["groups"]})
    if len(seconds_per_event) > 1:
        ratio = max(seconds_per_event) / min(seconds_per_event)
        print(f"to a file: the slowest size takes {ratio:.2f} times as long per event as the fastest")


if __name__ == "__main__":
    main()
