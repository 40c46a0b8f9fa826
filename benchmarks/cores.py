"""Why fits run side by side, one core each (docs/decisions/0001).

    python -m benchmarks.cores

For each learner as many fits as there are cores (50,000 rows, 49 features): one after the other on all cores, then side
by side on one core each; on the machine as it is, and with as many busy processes beside it as there are cores.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

from core.config import available_cores
from core.training import LEARNERS
from core.training.learners import FitContext

REPEATS = 3
EFFORT = 0.35


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Other work on the machine."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def median_seconds(work: Callable[[], object]) -> float:
    """Median of a few repeats."""
    taken = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def main() -> None:
    """Print one line a learner and state of the machine."""
    draws = np.random.default_rng(0)
    X = draws.normal(size=(50_000, 49))
    y = np.exp(X[:, 0]) + draws.normal(size=len(X))
    cores = available_cores()
    names = [f"f{number}" for number in range(X.shape[1])]

    print(f"{cores} cores; seconds for {cores} fits, medians of {REPEATS}")
    print("machine  learner     one after the other  side by side  ratio")
    for state, others in (("idle", 0), ("busy", cores)):
        with busy(others):
            for learner in LEARNERS:

                def in_turn(learner=learner) -> None:
                    for seed in range(cores):
                        learner.fit(X, y, FitContext(names, cores, seed, EFFORT))

                def side_by_side(learner=learner) -> None:
                    with ThreadPoolExecutor(cores) as pool:
                        list(pool.map(lambda seed: learner.fit(X, y, FitContext(names, 1, seed, EFFORT)), range(cores)))

                first, second = median_seconds(in_turn), median_seconds(side_by_side)
                print(f"{state:7}  {learner.name:10}  {first:19.2f}  {second:12.2f}  {second / first:5.2f}", flush=True)


if __name__ == "__main__":
    main()
