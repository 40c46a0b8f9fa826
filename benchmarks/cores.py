"""Parallel fits with one core each, compared with sequential fits on all cores (decision 0001).

    python -m benchmarks.cores

Each learner makes as many fits as there are cores, on 50,000 rows and 49 features. The fits run in sequence on all
cores, then in parallel on one core each. Both are repeated while other processes keep all cores busy.
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

from core.base.cores import available_cores
from core.metric import MEAN_SQUARED_ERROR
from core.training import LEARNERS
from core.training.fitting import FittedLearner, default_settings, fit_learner
from core.training.learners import FitContext, Learner

REPEATS = 3
EFFORT = 0.35


@contextmanager
def busy_cores(n_processes: int) -> Iterator[None]:
    """Keep cores busy with other processes."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n_processes)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def median_seconds(work: Callable[[], object]) -> float:
    """Return the median of a few repeats."""
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def main() -> None:
    """Print one line per learner and load of the machine."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50_000, 49))
    y = np.exp(X[:, 0]) + rng.normal(size=len(X))
    cores = available_cores()
    names = [f"f{column}" for column in range(X.shape[1])]

    def fit(learner: Learner, threads: int, seed: int) -> FittedLearner:
        context = FitContext(names, threads, seed, effort=EFFORT)
        settings = default_settings(learner, MEAN_SQUARED_ERROR, y)
        binned = learner.bin(lambda: X, context)
        return fit_learner(binned, settings, context, y=y, start=None, metric=MEAN_SQUARED_ERROR, matrix=lambda: X)

    print(f"{cores} cores; seconds for {cores} fits, medians of {REPEATS}")
    print("machine  learner         sequential      parallel  ratio")
    for state, n_others in (("idle", 0), ("busy", cores)):
        with busy_cores(n_others):
            for learner in LEARNERS:

                def sequential(learner=learner) -> None:
                    for seed in range(cores):
                        fit(learner, cores, seed)

                def parallel(learner=learner) -> None:
                    with ThreadPoolExecutor(cores) as pool:
                        list(pool.map(lambda seed: fit(learner, 1, seed), range(cores)))

                first, second = median_seconds(sequential), median_seconds(parallel)
                print(f"{state:7}  {learner.name:10}  {first:14.2f}  {second:12.2f}  {second / first:5.2f}", flush=True)


if __name__ == "__main__":
    main()
