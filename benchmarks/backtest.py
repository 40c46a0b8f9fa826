"""Backtest on The Complete Journey: is the actual score inside the 90% interval of the expected one?

    python -m benchmarks.backtest [--test-days 28] [--backtests 6] [--preset quick] [--sessions 60000]

The files of `svs journey` are joined into one log with the values of all sessions. `svs backtest` then splits it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import polars as pl

from core.demo.journey import write_journey
from core.schema import USER_SESSION


def join_files(folder: Path) -> Path:
    """Join train.csv, test.csv and truth.csv of a folder into one log with session values, and return its path."""
    train, test, truth = (
        pl.read_csv(folder / f"{name}.csv", infer_schema=False) for name in ("train", "test", "truth")
    )
    test = test.join(truth, on=USER_SESSION, how="left", maintain_order="left").select(train.columns)
    (folder / "log").mkdir()
    log = folder / "log" / "events.csv"
    pl.concat([train, test]).write_csv(log)
    return log


def main() -> None:
    """Print the table of cuts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--test-days", default="28")
    parser.add_argument("--backtests", default="6")
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--sessions", type=int, default=60_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_journey(Path(folder), sessions=options.sessions)
        command = [sys.executable, "-m", "core", "backtest", "--events", str(join_files(Path(folder)))]
        command += ["--test-days", options.test_days, "--backtests", options.backtests, "--preset", options.preset]
        subprocess.run(command, check=True, env=os.environ | {"SVS_HOME": str(Path(folder) / "home")})


if __name__ == "__main__":
    main()
