"""Size and load time of a model at the competition's size, and the time and memory of scoring millions of later events.

    python -m benchmarks.scoring [--events 5 50]

The later events are those of the demo again, in later months and other sessions, so most users and products are known.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from pathlib import Path

import polars as pl
from pyarrow import parquet

from benchmarks.quick import core
from core.model import load_model
from core.schema import EVENT_COLUMNS, EVENT_TIME, USER_SESSION

_SESSIONS = 101_500
_LOADS = 7


def main() -> None:
    """Print the size and load time of the model, and one line per number of events."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, nargs="+", default=[5], help="Millions of later events.")
    millions = parser.parse_args().events
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        files, home, run = scratch / "files", scratch / "home", scratch / "run"
        core("demo", "--out", str(files), "--sessions", str(_SESSIONS), home=home)
        core("run", f"--train={files / 'train.csv'}", f"--test={files / 'test.csv'}", "--out", str(run), home=home)
        size = sum(path.stat().st_size for path in (run / "model").rglob("*") if path.is_file())
        seconds = statistics.median(_load_seconds(run) for _ in range(_LOADS))
        print(f"The model has {size / 1e6:.1f} MB and loads in {seconds:.2f} s (median of {_LOADS}).")
        print("  events    sessions  seconds  events a second  peak memory")
        for each in millions:
            events = scratch / "events.parquet"
            _write_later_events(files, events, each * 1_000_000)
            targets = [f"--events={events}", f"--out={scratch / f'values{each}.parquet'}"]
            outcome, elapsed = core("score", f"--run={run}", *targets, home=home)
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6  # training takes less
            rate = outcome["rows"] / elapsed
            print(
                f"{outcome['rows']:>10,} {outcome['sessions']:>10,}  {elapsed:7.1f}  {rate:15,.0f}  {peak:.1f} GB",
                flush=True,
            )


def _load_seconds(run: Path) -> float:
    began = time.perf_counter()
    load_model(run)
    return time.perf_counter() - began


def _write_later_events(files: Path, path: Path, n_events: int) -> None:
    """Write the events of the demo month after month, each time with other session ids, until there are enough."""
    columns = list(EVENT_COLUMNS)
    log = pl.concat([pl.read_csv(files / f"{part}.csv").select(columns) for part in ("train", "test")])
    times = log.get_column(EVENT_TIME).str.slice(0, 19).str.to_datetime()
    writer, n_written, month = None, 0, 0
    while n_written < n_events:
        month += 1
        later = times.dt.offset_by(f"{30 * month}d")
        part = log.with_columns(
            later.dt.strftime("%Y-%m-%d %H:%M:%S+00:00").alias(EVENT_TIME), pl.col(USER_SESSION) + f"_{month}"
        )
        table = part.to_arrow(compat_level=pl.CompatLevel.oldest())
        writer = writer or parquet.ParquetWriter(path, table.schema)
        writer.write_table(table)
        n_written += part.height
    if writer is not None:
        writer.close()


if __name__ == "__main__":
    main()
