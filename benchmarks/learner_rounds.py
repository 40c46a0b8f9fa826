"""Error of the stack and time of the fits by number of boosting rounds, with the learning rate in inverse proportion.

    python -m benchmarks.learner_rounds [--shops demo journey ...] [--sessions 12000] [--seeds 1 2]

Factors are relative to the defaults. Seconds are processor time of all fits of the trees. See `benchmarks.shops` for
the shops.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.shops import SHOPS, trained, write_shop
from core.config import RunConfig
from core.training import Training, mean_squared_error
from core.training.combinations import Combinations
from core.training.cross_fitting import CrossFit, cross_fit
from core.training.fitting import default_settings
from core.training.learners import Learner, Settings

FACTORS = (0.5, 1.0, 2.0, 4.0)
RATES = {"lightgbm": "learning_rate", "xgboost": "eta", "catboost": "learning_rate"}


def settings_with(learner: Learner, training: Training, factor: float) -> Settings:
    """Return default settings with more or fewer rounds."""
    settings = default_settings(learner, training.metric, training.data.y)
    rate = RATES[learner.name]
    rounds, step = round(int(settings["rounds"]) * factor), float(settings[rate]) / factor
    return {**settings, "rounds": rounds, rate: step}


def stack_errors(training: Training, truth: np.ndarray, fits: tuple[CrossFit, ...]) -> tuple[float, float]:
    """Return the mean squared error of the stack of some fits out of fold and on the test sessions."""
    data, matrices, is_scored = training.data, training.matrices, np.isfinite(truth)
    oof, test = (np.column_stack([getattr(fit, name) for fit in fits]) for name in ("oof", "test"))
    stack = Combinations(oof, data.y, matrices.folds, training.metric, start=training.start).best()
    assert matrices.columns is not None
    start = np.mean([matrices.columns.test_start(fit) for fit in matrices.folds.fits_for_test], axis=0)
    predicted = stack.predict(test, start)
    return mean_squared_error(stack.oof, data.y), mean_squared_error(predicted[is_scored], truth[is_scored])


def main() -> None:
    """Print one row per shop, seed and factor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shops", nargs="+", choices=SHOPS, default=SHOPS)
    parser.add_argument("--sessions", type=int, default=12_000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    options = parser.parse_args()
    print("| shop | seed | rounds | seconds | out of fold | test |\n|---|---|---|---|---|---|", flush=True)
    for shop in options.shops:
        for seed in options.seeds:
            with tempfile.TemporaryDirectory() as name:
                files = write_shop(shop, Path(name) / "files", options.sessions, seed)
                training, truth = trained(files, RunConfig(), Path(name) / "home")
            oof, test = stack_errors(training, truth, training.fits)
            trees = [learner for learner in training.learners if learner.name in RATES]
            others = tuple(fit for fit in training.fits if fit.learner not in RATES)
            for factor in FACTORS:
                settings = {learner.name: settings_with(learner, training, factor) for learner in trees}
                started = time.process_time()
                fits = cross_fit(trees, training.matrices, context=training.context, settings=settings)
                seconds = time.process_time() - started
                oof_with, test_with = stack_errors(training, truth, (*fits, *others))
                changes = f"{100 * (oof_with / oof - 1):+.2f}% | {100 * (test_with / test - 1):+.2f}%"
                print(f"| {shop} | {seed} | {factor:g} | {seconds:.1f} | {changes} |", flush=True)


if __name__ == "__main__":
    main()
