"""How soon a search finds good settings: the product's own beside a plain Optuna loop, on the same rows and folds.

    python -m benchmarks.tuning [--minutes 2] [--data demo journey] [--seeds 21 22 23]

The plain loop is what a notebook has (LightGBM): a fresh study, settings of the same space, five fits a trial on
datasets made anew, no pruning, nothing known beforehand. Both fit on the same columns, from the same start, stop by the
same held-out users and use all cores. Printed: the best out-of-fold MSE of each, and the seconds until each reached the
worse of the two. Good settings differ by less than what another seed of the bagging moves, so a single race is luck:
the figure is the median over datasets made with several seeds, none of which what is known beforehand was chosen by.
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
from core.training import LEARNERS, Prepared, prepare, training_set
from core.training.fitting import fit_learner
from core.training.targets import targets_to_try
from core.training.tuning import LearnerSearch, SearchFolder
from core.training.tuning.groups import UserGroups

_MOST_ROUNDS = 1500
Reached = list[tuple[float, float]]
"""Seconds since the search began and the best MSE by then."""


def prepared(name: str, scratch: Path, seed: int = 7) -> Prepared:
    """The rows of a dataset as every fit sees them."""
    files = scratch / name
    core(name, "--out", str(files), *SETS[name], "--seed", str(seed), home=scratch / "home")
    inputs = InputFiles(files / "train.csv", files / "test.csv", files / "sample_submission.csv")
    dataset, config = ingest(inputs, Workspace(scratch / "home")), RunConfig()
    events = session_events(dataset, config)
    return prepare(training_set(build_features(dataset, config), dataset.order().get_column(SESSION), events), config)


def own_search(ready: Prepared, folder: Path, seconds: float) -> Reached:
    """The product's search of one learner."""
    began, reached = time.perf_counter(), []
    searches = SearchFolder(folder)
    search = LearnerSearch(
        LEARNERS[0],
        ready.matrices,
        context=ready.context,
        metric=ready.metric,
        folder=searches,
        storage=searches.storage(),
    )
    while time.perf_counter() - began < seconds:
        search.run_trial()
        if search.best is not None:
            reached.append((time.perf_counter() - began, search.best.loss))
    return reached


def plain_loop(ready: Prepared, seconds: float) -> Reached:
    """What a notebook has."""
    began, reached = time.perf_counter(), []
    matrices, learner, y = ready.matrices, LEARNERS[0], ready.matrices.y
    targets = {each.name: each for each in targets_to_try(ready.metric, y, learner.objectives)}
    groups = UserGroups.draw(matrices.folds.users, ready.context.seed)

    def objective(trial: optuna.Trial) -> float:
        target = targets[trial.suggest_categorical("target", list(targets))]
        settings = {"objective": target.objective, "transform": target.transform, "rounds": _MOST_ROUNDS}
        settings |= learner.suggest(trial, target.objective)
        oof = np.full(len(y), np.nan)
        for fold, (learned, validated) in enumerate(matrices.folds.splits()):
            known, asked = matrices.train_rows(fold, learned), matrices.train_rows(fold, validated)
            fitted = fit_learner(
                learner.bin(lambda known=known: known, ready.context, held=groups.held_out(learned)),
                settings,
                ready.context,
                y=y[learned],
                start=matrices.start(known),
                metric=ready.metric,
                matrix=lambda known=known: known,
            )
            oof[validated] = fitted.predict(asked, matrices.start(asked))
        return float(np.mean((oof - y) ** 2))

    def note(study: optuna.Study, _: optuna.trial.FrozenTrial) -> None:
        reached.append((time.perf_counter() - began, study.best_value))

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=ready.context.seed))
    study.optimize(objective, timeout=seconds, callbacks=[note])
    return reached


def until(reached: Reached, goal: float) -> float:
    """Seconds until the best was this good."""
    return next(seconds for seconds, best in reached if best <= goal)


def raced(name: str, seed: int, seconds: float) -> float:
    """Print a line of a dataset's two searches; the ratio of their times to the worse best of both."""
    with tempfile.TemporaryDirectory() as scratch:
        ready = prepared(name, Path(scratch), seed)
        own = own_search(ready, Path(scratch) / "search", seconds)
        plain = plain_loop(ready, seconds)
    goal = max(own[-1][1], plain[-1][1])
    own_seconds, plain_seconds = (until(each, goal) for each in (own, plain))
    told = "    ".join(f"{len(each):4} {each[-1][1]:12.2f}" for each in (own, plain))
    ratio = own_seconds / plain_seconds
    print(f"{name:7} {seed:4}  {told}    {own_seconds:6.0f} {plain_seconds:6.0f} {ratio:6.2f}", flush=True)
    return ratio


def main() -> None:
    """Print one line a dataset and seed, and the median of each dataset."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=2.0, help="for each search")
    parser.add_argument("--data", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[21, 22, 23])
    options = parser.parse_args()
    print("data    seed  own: trials, best    plain: trials, best    seconds to the worse of both: own, plain, ratio")
    for name in options.data:
        ratios = [raced(name, seed, 60 * options.minutes) for seed in options.seeds]
        print(f"{name}: median ratio {np.median(ratios):.2f}", flush=True)


if __name__ == "__main__":
    main()
