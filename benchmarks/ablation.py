"""What each group of features is worth: LightGBM's error with all of them, and without each.

    python -m benchmarks.ablation [--data demo journey]

Demo of 101,500 sessions and 60,000 real baskets; defaults, five folds by user, no stack. Test error is that of the mean
of the fold models on the sessions to predict, known and shared ones not set apart.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.quick import SETS, core
from core.base.workspace import Workspace
from core.config import RunConfig, available_cores
from core.dataset import Dataset
from core.features import build_features, feature_catalogue, session_events
from core.features.learned.catalogue import LEARNED_GROUPS, START
from core.ingestion import InputFiles, ingest
from core.schema import SESSION, SESSION_VALUE, UNIT, USER_SESSION
from core.training import LEARNERS, mean_squared_error, training_set
from core.training.cross_fitting import FoldMatrices, cross_fit
from core.training.folds import make_folds
from core.training.learned_columns import FoldColumns
from core.training.learners import FitContext
from core.training.prepared import fold_columns
from core.training.training_set import TrainingSet

EVERYTHING_LEARNED = "recovered_prices"
"""Without prices there is nothing that learners start from, and nothing to hold users' values against."""


def measured(data: TrainingSet, truth: np.ndarray, without: str | None, config: RunConfig) -> tuple[float, float]:
    """Out-of-fold and test mean squared error without a group of features."""
    group_of = {each.feature.name: each.group for each in feature_catalogue()}
    kept = [place for place, name in enumerate(data.names) if group_of[name] != without]
    folds = make_folds(data.users, config.folds, config.seed)
    if without == "user_values":
        data = dataclasses.replace(data, times=None)  # they start from recovered prices alone then
    columns = None if without == EVERYTHING_LEARNED else _without(fold_columns(data, data.y, folds), without)
    names = [*(data.names[place] for place in kept), *(columns.names if columns else ())]
    context = FitContext(names, available_cores(), config.seed)
    lightgbm = [learner for learner in LEARNERS if learner.name == "lightgbm"]
    matrices = FoldMatrices(data.X[:, kept], data.y, data.X_test[:, kept], folds, columns)
    (fit,) = cross_fit(lightgbm, matrices, context=context)
    return mean_squared_error(fit.oof, data.y), float(np.nanmean((fit.test - truth) ** 2))


def _without(columns: FoldColumns | None, group: str | None) -> FoldColumns | None:
    """The learned columns but for those of a group; where learners start from stays."""
    if columns is None or group not in LEARNED_GROUPS:
        return columns
    left = {each.name for each in LEARNED_GROUPS[group]} - {START.name}
    kept = [place for place, name in enumerate(columns.names) if name not in left]
    return dataclasses.replace(
        columns,
        names=tuple(columns.names[place] for place in kept),
        train=tuple(matrix[:, kept] for matrix in columns.train),
        test=tuple(matrix[:, kept] for matrix in columns.test),
    )


def true_values(dataset: Dataset, units: np.ndarray, truth: Path) -> np.ndarray:
    """Of the units to predict, in their order; NaN for those that share a session."""
    values = pl.read_csv(truth).join(dataset.dictionary(USER_SESSION).collect(), on=USER_SESSION)
    described = dataset.units().filter(~pl.col("composite")).select(UNIT, SESSION).collect()
    of_unit = described.join(values.select(SESSION, SESSION_VALUE), on=SESSION)
    return (
        pl.DataFrame({UNIT: units}).join(of_unit, on=UNIT, how="left", maintain_order="left")[SESSION_VALUE].to_numpy()
    )


def main() -> None:
    """Print one line a data set and group."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", choices=SETS, default=list(SETS))
    options = parser.parse_args([] if __name__ != "__main__" else None)
    config = RunConfig()
    groups = list(dict.fromkeys(each.group for each in feature_catalogue()))
    print("data     without            out of fold      test", flush=True)
    for name in options.data:
        with tempfile.TemporaryDirectory() as scratch:
            home, files = Path(scratch) / "home", Path(scratch) / "files"
            core(name, "--out", str(files), *SETS[name], home=home)
            inputs = InputFiles(*(files / f"{each}.csv" for each in ("train", "test", "sample_submission")))
            dataset = ingest(inputs, Workspace(home))
            events = session_events(dataset, config)
            data = training_set(build_features(dataset, config), dataset.order().get_column(SESSION), events)
            truth = true_values(dataset, data.test_units, files / "truth.csv")
            for without in [None, *groups]:
                oof, test = measured(data, truth, without, config)
                print(f"{name:8} {without or 'nothing':18} {oof:11.1f} {test:9.1f}", flush=True)


if __name__ == "__main__":
    main()
