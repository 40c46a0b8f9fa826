"""Time until a search finds good settings: the product's search compared with a plain Optuna loop.

    python -m benchmarks.tuning [--minutes 2] [--data demo journey] [--seeds 21 22 23]

The plain loop is what a notebook would contain for LightGBM: an empty study over the same search space, five fits per
trial with newly binned data, no pruning and no known settings. Both searches use the same columns, folds, start values,
held-out users for early stopping, and all cores.

Prints the best out-of-fold MSE of each, and the seconds until each reached the worse of the two. Good settings differ
by less than the noise of bagging, so a single comparison is luck. The result is the median ratio over datasets
generated with several seeds; the known settings were not chosen on any of these.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import optuna

from benchmarks.quick import SETS, core
from core.base.workspace import Workspace
from core.config import RunConfig
from core.features import build_features, session_events
from core.ingestion import InputFiles, ingest
from core.schema import SESSION
from core.training import LEARNERS, PreparedFolds, prepare, training_set
from core.training.fitting import fit_learner
from core.training.targets import targets_to_try
from core.training.tuning import LearnerSearch, SearchFolder
from core.training.tuning.groups import UserGroups

_MAX_ROUNDS = 1500
BestBySeconds = list[tuple[float, float]]
"""Seconds since the start of the search, and the best MSE so far."""


def prepare_dataset(name: str, scratch: Path, seed: int = 7) -> PreparedFolds:
    """Generate a dataset and prepare it for fitting."""
    files = scratch / name
    core(name, "--out", str(files), *SETS[name], "--seed", str(seed), home=scratch / "home")
    inputs = InputFiles(files / "train.csv", files / "test.csv", files / "sample_submission.csv")
    dataset, config = ingest(inputs, Workspace(scratch / "home")), RunConfig()
    events = session_events(dataset, config)
    return prepare(
        training_set(build_features(dataset, config), dataset.submission_order().get_column(SESSION), events), config
    )


def own_search(prepared: PreparedFolds, folder: Path, seconds: float) -> BestBySeconds:
    """Run the product's search for LightGBM."""
    started, history = time.perf_counter(), []
    records = SearchFolder(folder)
    search = LearnerSearch(LEARNERS[0], prepared, records, records.storage())
    while time.perf_counter() - started < seconds:
        search.run_trial()
        if search.best is not None:
            history.append((time.perf_counter() - started, search.best.loss))
    return history


def plain_loop(prepared: PreparedFolds, seconds: float) -> BestBySeconds:
    """Run an Optuna study as a notebook would."""
    started, history = time.perf_counter(), []
    matrices, learner, y = prepared.matrices, LEARNERS[0], prepared.matrices.y
    targets = {target.name: target for target in targets_to_try(prepared.metric, y, learner)}
    groups = UserGroups(matrices.folds.users, prepared.context.seed)

    def objective(trial: optuna.Trial) -> float:
        target = targets[trial.suggest_categorical("target", list(targets))]
        settings = {"objective": target.objective, "transform": target.transform, "rounds": _MAX_ROUNDS}
        settings |= learner.suggest(trial, target.objective)
        oof = np.full(len(y), np.nan)
        for fold, (train, validation) in enumerate(matrices.folds.splits()):
            train_rows, validation_rows = matrices.train_rows(fold, train), matrices.train_rows(fold, validation)
            fitted = fit_learner(
                learner.bin(
                    lambda train_rows=train_rows: train_rows, prepared.context, held_out=groups.held_out(train)
                ),
                settings,
                prepared.context,
                y=y[train],
                start=matrices.start(train_rows),
                metric=prepared.metric,
                matrix=lambda train_rows=train_rows: train_rows,
            )
            oof[validation] = fitted.predict(validation_rows, matrices.start(validation_rows))
        return float(np.mean((oof - y) ** 2))

    def record(study: optuna.Study, _: optuna.trial.FrozenTrial) -> None:
        history.append((time.perf_counter() - started, study.best_value))

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=prepared.context.seed))
    study.optimize(objective, timeout=seconds, callbacks=[record])
    return history


def seconds_until(history: BestBySeconds, goal: float) -> float:
    """Return the seconds until the best MSE reached the goal."""
    return next(seconds for seconds, best in history if best <= goal)


def compare(name: str, seed: int, seconds: float) -> float:
    """Run both searches, print a line, and return the ratio of their times to the worse of both results."""
    with tempfile.TemporaryDirectory() as scratch:
        prepared = prepare_dataset(name, Path(scratch), seed)
        own = own_search(prepared, Path(scratch) / "search", seconds)
        plain = plain_loop(prepared, seconds)
    goal = max(own[-1][1], plain[-1][1])
    own_seconds, plain_seconds = (seconds_until(history, goal) for history in (own, plain))
    columns = "    ".join(f"{len(history):4} {history[-1][1]:12.2f}" for history in (own, plain))
    ratio = own_seconds / plain_seconds
    print(f"{name:7} {seed:4}  {columns}    {own_seconds:6.0f} {plain_seconds:6.0f} {ratio:6.2f}", flush=True)
    return ratio


def main() -> None:
    """Print one line per dataset and seed, and the median of each dataset."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2.0, help="for each search")
    parser.add_argument("--data", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[21, 22, 23])
    options = parser.parse_args()
    print("data    seed  own: trials, best    plain: trials, best    seconds to the worse of both: own, plain, ratio")
    for name in options.data:
        ratios = [compare(name, seed, 60 * options.minutes) for seed in options.seeds]
        print(f"{name}: median ratio {np.median(ratios):.2f}", flush=True)


if __name__ == "__main__":
    main()
