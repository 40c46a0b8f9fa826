"""The quick preset at the competition's size: seconds, test error, and whether a repeated run gives the same bytes.

    python -m benchmarks.quick [--repeat 2]

Generates the demo (101,500 sessions) and real baskets (60,000), runs `python -m core run --preset quick` on both, and
scores the submissions against truth.csv.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

SETS = {"demo": ["--sessions", "101500"], "journey": ["--sessions", "60000"]}


def core(*arguments: str, home: Path, exit_codes: tuple[int, ...] = (0,)) -> tuple[dict, float]:
    """Run a verb in a separate process, and return its JSON object and the seconds it took."""
    environment = os.environ | {"SVS_HOME": str(home)}
    started = time.perf_counter()
    command = [sys.executable, "-m", "core", *arguments, "--json"]
    process = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if process.returncode not in exit_codes:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{process.stderr[-2000:]}")
    return json.loads(process.stdout.splitlines()[-1]), time.perf_counter() - started


def make_live_run(folder: Path, n_sessions: int, *, own_columns: bool = False) -> None:
    """Write the files of a demo into a folder, and a run for open sessions on them into its subfolder `run`."""
    further = ["--own-columns"] if own_columns else []
    core("demo", "--out", str(folder), "--sessions", str(n_sessions), *further, home=folder / "home")
    inputs = [f"--train={folder / 'train.csv'}", f"--test={folder / 'test.csv'}"]
    inputs += [f"--mapping={folder / 'mapping.toml'}"] if own_columns else []
    core("run", "--purpose", "live", *inputs, "--out", str(folder / "run"), home=folder / "home")


def main() -> None:
    """Print one line per run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=2)
    options = parser.parse_args()
    print("data     seconds  test MSE  of variance  expected (90%)           same bytes")
    with tempfile.TemporaryDirectory() as scratch:
        for name, size in SETS.items():
            files = Path(scratch) / name
            core(name, "--out", str(files), *size, home=files / "home")
            truth = pl.read_csv(files / "truth.csv").rename({"session_value": "truth"})
            first: bytes | None = None
            for repeat in range(options.repeat):
                home = files / f"home{repeat}"  # a new workspace, so that nothing is reused
                inputs = [
                    f"--{part}={files / part.replace('-', '_')}.csv" for part in ("train", "test", "sample-submission")
                ]
                summary, seconds = core("run", "--preset", "quick", *inputs, home=home)
                submission = Path(summary["submission"])
                joined = pl.read_csv(submission).join(truth, on="user_session")
                assert joined.height == truth.height
                mse = ((joined["session_value"] - joined["truth"]) ** 2).mean()
                expected = summary["expected_test_mse"]
                first = first or submission.read_bytes()
                same = "yes" if submission.read_bytes() == first else "NO"
                print(
                    f"{name:8} {seconds:7.1f}  {mse:8.1f}  {mse / joined['truth'].var(ddof=0):11.1%}  "
                    f"{expected['value']:.0f} ({expected['low']:.0f} to {expected['high']:.0f})".ljust(64)
                    + (same if repeat else "")
                )


if __name__ == "__main__":
    main()
