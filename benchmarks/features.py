"""The feature table: seconds from a clean dataset to all features, peak memory, and time per event by size.

    python -m benchmarks.features [--sessions 98000 2480000 24800000] [--repeat 3] [--datasets DIR] [--no-pandas]

The data are the simulator's (about 2.04 events a session), each measurement in a process of its own, without Python's
start. The table of 50 million events takes 20 GB and is only written to a file, in parts; the smaller ones are made in
memory, and written in the same way, so that the time an event can be compared. benchmarks/pandas_features.py computes
23 of the features in plain pandas in the same run. `--datasets` keeps the datasets for the next time.
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
"""Way of writing pandas -> sessions up to which it is measured beside the table; beyond, it takes too long."""
_IN_MEMORY_UP_TO = 5_000_000
"""Sessions up to which the table is built in memory; beyond, it is written to a file in parts."""

MEASURE = """
import json, resource, sys, time
from pathlib import Path
from core.config import RunConfig
from core.dataset import Dataset
from core.features import all_features, build_features, write_features
dataset, parts = Dataset(Path(sys.argv[1])), {}
began = last = time.perf_counter()
def report(part, of, name):
    global last
    now = time.perf_counter()
    parts[name], last = now - last, now
config = RunConfig(history=sys.argv[2])
if len(sys.argv) > 3:
    shape = (write_features(dataset, config, Path(sys.argv[3]), report), len(all_features()))
else:
    shape = build_features(dataset, config, report).values.shape
seconds = time.perf_counter() - began
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
names = list(parts)
by_group = {name: parts[after] for name, after in zip(names, names[1:])}
said = {"seconds": seconds, "peak": peak, "shape": shape, "before": parts[names[0]], "groups": by_group}
print(json.dumps(said))
"""


def measured(*command: str) -> dict[str, Any]:
    """The last line that a program writes, as JSON."""
    done = subprocess.run([sys.executable, *command], check=True, capture_output=True, text=True, env=os.environ)
    return json.loads(done.stdout.splitlines()[-1])


def dataset_of(sessions: int, home: Path) -> Dataset:
    """A simulated dataset, made unless it is there."""
    workspace = Workspace(home / str(sessions))
    known = list_datasets(workspace)
    if known:
        return known[0]
    with tempfile.TemporaryDirectory() as files:
        write_demo(Path(files), sessions=sessions, seed=7)
        return ingest(InputFiles(Path(files) / "train.csv", Path(files) / "test.csv"), workspace)


def told(command: tuple[str, ...], events: int, repeat: int, how: str) -> tuple[float, list[dict[str, Any]]]:
    """Measure a size in one way, print it; the median of the seconds, and all that was measured."""
    found = [measured(*command) for _ in range(repeat)]
    seconds = sorted(each["seconds"] for each in found)
    median, peak = statistics.median(seconds), max(each["peak"] for each in found)
    span = f"({seconds[0]:.1f} to {seconds[-1]:.1f})"
    features = found[0]["shape"][1]
    print(
        f"{events:10,}  {features:8}  {median:9.1f}  {span:16}{1e6 * median / events:8.2f}  {peak:7,.0f}  {how}",
        flush=True,
    )
    return median, found


def main() -> None:
    """Print one line a size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, nargs="+", default=[98_000, 2_480_000, 24_800_000])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--history", choices=["as_of", "all_rows"], default="as_of")
    parser.add_argument("--datasets", type=Path)
    parser.add_argument("--no-pandas", action="store_true")
    parser.add_argument("--groups", action="store_true", help="the seconds of each group, too")
    options = parser.parse_args([] if __name__ != "__main__" else None)
    print("    events  features   median s  (min to max)    us/event  peak MB")
    written = []
    with tempfile.TemporaryDirectory() as scratch:
        for sessions in options.sessions:
            dataset = dataset_of(sessions, options.datasets or Path(scratch))
            card = dataset.card()
            events = card.train.kept + card.test.kept
            command = ("-c", MEASURE, str(dataset.folder), options.history)
            if sessions <= _IN_MEMORY_UP_TO:
                median, found = told(command, events, options.repeat, "in memory")
            file = str(Path(scratch) / "features.parquet")
            written.append(told((*command, file), events, options.repeat, "to a file")[0] / events)
            for style in [] if options.no_pandas else _PANDAS_UP_TO:
                if sessions <= _PANDAS_UP_TO[style]:
                    plain = measured("-m", "benchmarks.pandas_features", str(dataset.folder), style)
                    print(
                        f"  plain pandas ({style}), {plain['shape'][1]} features: {plain['seconds']:.1f} s, "
                        f"{plain['peak']:,.0f} MB: {plain['seconds'] / median:.1f} times as long",
                        flush=True,
                    )
            if options.groups and sessions <= _IN_MEMORY_UP_TO:
                print("  ", {"before": found[-1]["before"], **found[-1]["groups"]})
    if len(written) > 1:
        print(f"to a file: {max(written) / min(written):.2f} times the time an event between the sizes")


if __name__ == "__main__":
    main()
