"""Out-of-fold MSE of each learner by number of boosting rounds, as a multiple of its default.

python -m benchmarks.learner_rounds --train F --test F [--sample-submission F]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from core.base.workspace import Workspace
from core.config import RunConfig, available_cores
from core.features import build_features
from core.ingestion import InputFiles, ingest
from core.training import LEARNERS, mean_squared_error, training_set
from core.training.cross_fitting import FoldMatrices, cross_fit
from core.training.folds import make_folds
from core.training.learners import FitContext

EFFORTS = (0.5, 1.0, 2.0)


def main() -> None:
    """Print one line per learner and multiple: seconds for five folds and out-of-fold MSE."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--sample-submission", type=Path)
    options = parser.parse_args()
    config = RunConfig()
    with tempfile.TemporaryDirectory() as home:
        files = InputFiles(options.train, options.test, options.sample_submission)
        data = training_set(build_features(ingest(files, Workspace(Path(home))), config))
    folds = make_folds(data.users, config.folds, config.seed)
    context = FitContext(data.names, available_cores(), config.seed)
    for learner in LEARNERS:
        for effort in EFFORTS:
            started = time.perf_counter()
            trial = replace(context, effort=effort)
            (fit,) = cross_fit([learner], FoldMatrices(data.X, data.y, data.X_test[:0], folds), context=trial)
            seconds = time.perf_counter() - started
            print(f"{learner.name:10} {effort:5.2f}  {seconds:6.1f} s  MSE {mean_squared_error(fit.oof, data.y):9.2f}")


if __name__ == "__main__":
    main()
