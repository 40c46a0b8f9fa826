"""Feature ablation: the error of LightGBM with all feature groups and without each of them.

    python -m benchmarks.ablation [--data demo journey]

The data are a demo of 101,500 sessions and 60,000 real baskets. LightGBM runs with default settings and five folds by
user, without a stack. The test error is that of the average of the fold models, on all test sessions.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.quick import SETS, core
from core.base.cores import available_cores
from core.base.workspace import Workspace
from core.config import RunConfig
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
from core.training.prepared_folds import learn_fold_columns
from core.training.training_set import TrainingSet

EVERYTHING_LEARNED = "recovered_prices"
"""Without recovered prices there is no start value and no value ratio of users, so no learned feature at all."""


def errors_without(data: TrainingSet, truth: np.ndarray, without: str | None, config: RunConfig) -> tuple[float, float]:
    """Return the out-of-fold and test mean squared error without a group of features."""
    group_of = {entry.feature.name: entry.group for entry in feature_catalogue()}
    kept_columns = [column for column, name in enumerate(data.names) if group_of[name] != without]
    folds = make_folds(data.users, config.folds, config.seed)
    if without == "user_values":
        data = dataclasses.replace(data, times=None)  # learners then start from recovered prices alone
    columns = None if without == EVERYTHING_LEARNED else _without(learn_fold_columns(data, data.y, folds), without)
    names = [*(data.names[column] for column in kept_columns), *(columns.names if columns else ())]
    context = FitContext(names, available_cores(), config.seed)
    lightgbm = [learner for learner in LEARNERS if learner.name == "lightgbm"]
    matrices = FoldMatrices(data.X[:, kept_columns], data.y, data.X_test[:, kept_columns], folds, columns)
    (fit,) = cross_fit(lightgbm, matrices, context=context)
    return mean_squared_error(fit.oof, data.y), float(np.nanmean((fit.test - truth) ** 2))


def _without(columns: FoldColumns | None, group: str | None) -> FoldColumns | None:
    """Drop the learned columns of a group, but keep the start value of the learners."""
    if columns is None or group not in LEARNED_GROUPS:
        return columns
    dropped = {feature.name for feature in LEARNED_GROUPS[group]} - {START.name}
    kept = [column for column, name in enumerate(columns.names) if name not in dropped]
    return dataclasses.replace(
        columns,
        names=tuple(columns.names[column] for column in kept),
        train=tuple(matrix[:, kept] for matrix in columns.train),
        test=tuple(matrix[:, kept] for matrix in columns.test),
    )


def true_values(dataset: Dataset, units: np.ndarray, truth: Path) -> np.ndarray:
    """Return the true value of each unit, in order; NaN for units of composite sessions."""
    values = pl.read_csv(truth).join(dataset.dictionary(USER_SESSION).collect(), on=USER_SESSION)
    sessions = dataset.units().filter(~pl.col("composite")).select(UNIT, SESSION).collect()
    by_unit = sessions.join(values.select(SESSION, SESSION_VALUE), on=SESSION)
    return (
        pl.DataFrame({UNIT: units}).join(by_unit, on=UNIT, how="left", maintain_order="left")[SESSION_VALUE].to_numpy()
    )


def main() -> None:
    """Print one line per data set and group."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", choices=SETS, default=list(SETS))
    options = parser.parse_args([] if __name__ != "__main__" else None)
    config = RunConfig(features="full")
    groups = list(dict.fromkeys(entry.group for entry in feature_catalogue()))
    print("data     without            out of fold      test", flush=True)
    for name in options.data:
        with tempfile.TemporaryDirectory() as scratch:
            home, files = Path(scratch) / "home", Path(scratch) / "files"
            core(name, "--out", str(files), *SETS[name], home=home)
            inputs = InputFiles(*(files / f"{part}.csv" for part in ("train", "test", "sample_submission")))
            dataset = ingest(inputs, Workspace(home))
            events = session_events(dataset, config)
            data = training_set(build_features(dataset, config), dataset.submission_order().get_column(SESSION), events)
            truth = true_values(dataset, data.test_units, files / "truth.csv")
            for without in [None, *groups]:
                oof, test = errors_without(data, truth, without, config)
                print(f"{name:8} {without or 'nothing':18} {oof:11.1f} {test:9.1f}", flush=True)


if __name__ == "__main__":
    main()
