"""How long quick runs are promised to take, and how long they take, on data of different size in one workspace.

    python -m benchmarks.estimates [--sessions 700 3000 ...]

The first run has only a range; each later one is promised what the earlier runs of the workspace suggest. Runs of the
demo and of real baskets take turns.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from pathlib import Path

from benchmarks.quick import core
from core.base.workspace import Workspace
from core.config import RunConfig
from core.dataset import list_datasets
from core.pipeline.time_estimate import estimate_time
from core.runs import list_runs

SESSIONS = (3_000, 700, 20_000, 6_000, 1_500, 60_000, 12_000, 40_000, 2_000, 101_500)
GENERATORS = ("demo", "journey")
ALLOWED = 1.5
"""Largest factor between the promise and what came."""


def main() -> None:
    """Print one line per run, and how many promises were kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, nargs="+", default=list(SESSIONS))
    sizes = parser.parse_args().sessions
    print("data     sessions  promised           seconds  factor")
    factors = []
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch) / "home"
        workspace = Workspace(home)
        for place, size in enumerate(sizes):
            generator, files = GENERATORS[place % len(GENERATORS)], Path(scratch) / str(place)
            core(generator, "--out", str(files), "--sessions", str(size), home=home)
            inputs = [f"--{part}={files / part}.csv" for part in ("train", "test")]
            core("ingest", *inputs, home=home)
            dataset, *_ = list_datasets(workspace)
            n_sessions = dataset.card().train.sessions + dataset.card().to_predict
            estimate = estimate_time(RunConfig(), n_sessions, list_runs(workspace))
            _, seconds = core("run", "--preset", "quick", "--dataset", dataset.fingerprint, home=home)
            factor = math.exp(abs(math.log(seconds / estimate.seconds)))
            is_kept = factor <= (ALLOWED if estimate.is_sure else estimate.factor)
            factors.append(is_kept)
            print(
                f"{generator:8} {n_sessions:8,}  {estimate.text:18} {seconds:7.1f}  {factor:6.2f}"
                f"{'' if is_kept else '  outside'}",
                flush=True,
            )
    print(f"{sum(factors)} of {len(factors)} promises were within a factor of {ALLOWED}, or within the range.")


if __name__ == "__main__":
    main()
