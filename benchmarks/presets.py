"""What tuning gains: errors on the test sessions with default settings, with tuned ones, and with several seeds.

    python -m benchmarks.presets [--shops demo journey purchases] [--sessions 12000] [--seeds 1 2 3 4 5 6] [--trials 20]

For each shop and seed, the stack is fitted three times on the same folds and columns: as `quick` does, with as many
seeds as `standard` uses, and with tuned settings and as many seeds. Differences are relative to the first, with
their standard errors over users. See `benchmarks.shops` for the shops; `purchases` has the values of REES46.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.shops import SHOPS, trained, write_shop
from core.config import RunConfig
from core.training import PreparedFolds, Training, train
from core.training.tuning import Budget, SearchFolder, tune

STANDARD = RunConfig(preset="standard")


def fitted(training: Training, search_results: dict | None = None) -> Training:
    """Fit the stack of a training again with the seeds of the standard preset."""
    parts = {name: getattr(training, name) for name in PreparedFolds.__dataclass_fields__}
    return train(replace(PreparedFolds(**parts), config=STANDARD), known_share=0.0, search_results=search_results or {})


def losses_of(training: Training, truth: np.ndarray) -> np.ndarray:
    """Return the squared errors on the scored test sessions."""
    is_scored = np.isfinite(truth)
    return (training.test - truth)[is_scored] ** 2


def difference(losses: np.ndarray, base: np.ndarray, users: np.ndarray) -> tuple[float, float]:
    """Return the difference of the mean losses in percent, and its standard error over users."""
    _, user = np.unique(users, return_inverse=True)
    by_user = np.bincount(user, weights=losses - base)
    relative = 100 / float(base.sum())
    return relative * float(by_user.sum()), relative * float(np.sqrt(np.sum(by_user**2)))


def main() -> None:
    """Print one row per shop and seed, and the means of each shop."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shops", nargs="+", choices=SHOPS, default=["demo", "journey", "purchases"])
    parser.add_argument("--sessions", type=int, default=12_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5, 6])
    parser.add_argument("--trials", type=int, default=20)
    options = parser.parse_args()
    print("| shop | seed | seconds | seeds | tuned and seeds |\n|---|---|---|---|---|", flush=True)
    for shop in options.shops:
        gains = []
        for seed in options.seeds:
            with tempfile.TemporaryDirectory() as name:
                files = write_shop(shop, Path(name) / "files", options.sessions, seed)
                quick, truth = trained(files, RunConfig(), Path(name) / "home")
                started = time.perf_counter()
                search = tune(quick, SearchFolder(Path(name) / "search"), Budget(options.trials, None))
                tuned, seconds = fitted(quick, search), time.perf_counter() - started
            assert quick.data.times is not None
            users = quick.data.times.test.users[np.isfinite(truth)]
            base = losses_of(quick, truth)
            results = [difference(losses_of(each, truth), base, users) for each in (fitted(quick), tuned)]
            gains.append([change for change, _ in results])
            cells = " | ".join(f"{change:+.2f}% ± {error:.2f}" for change, error in results)
            print(f"| {shop} | {seed} | {seconds:.0f} | {cells} |", flush=True)
        means = " | ".join(f"{mean:+.2f}%" for mean in np.mean(gains, axis=0))
        print(f"| {shop} | mean | | {means} |", flush=True)


if __name__ == "__main__":
    main()
