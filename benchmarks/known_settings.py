"""Find starting settings for the search: the best of long searches on data that no other benchmark uses.

    python -m benchmarks.known_settings [--minutes 5] [--seed 11] [--data demo journey] [--learners ...]

Prints one line per trial that was completed on all folds, the best first: out-of-fold loss relative to the default
settings, seconds, rounds and parameters. The `known` settings of the learners were chosen from this output.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from benchmarks.quick import SETS
from benchmarks.tuning import prepare_dataset
from core.training import LEARNERS, PreparedFolds
from core.training.learners import Learner
from core.training.tuning import LearnerSearch, SearchFolder, TrialResult

_SHOWN = 6


def run_search(prepared: PreparedFolds, learner: Learner, folder: Path, seconds: float) -> list[TrialResult]:
    """Search for some seconds and return all trials."""
    records, started = SearchFolder(folder), time.perf_counter()
    search = LearnerSearch(learner, prepared, records, records.storage())
    while time.perf_counter() - started < seconds:
        search.run_trial()
    return search.trials


def main() -> None:
    """Print the best of each search."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0, help="for each learner")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--data", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--learners", nargs="+", choices=[learner.name for learner in LEARNERS])
    options = parser.parse_args()
    for name in options.data:
        with tempfile.TemporaryDirectory() as scratch:
            prepared = prepare_dataset(name, Path(scratch), options.seed)
            for learner in LEARNERS:
                if options.learners and learner.name not in options.learners:
                    continue
                tried = run_search(prepared, learner, Path(scratch) / learner.name, 60 * options.minutes)
                complete = sorted((trial for trial in tried if trial.complete), key=lambda trial: trial.loss)
                print(f"{name} {learner.name}: {len(tried)} trials, {len(complete)} completed")
                for trial in complete[:_SHOWN]:
                    params = {
                        key: value if isinstance(value, str) else float(f"{value:.3g}")
                        for key, value in trial.params.items()
                    }
                    ratio, rounds = trial.loss / tried[0].loss, trial.settings["rounds"]
                    print(
                        f"  {ratio:.4f} {trial.seconds:6.1f} s {rounds:5} rounds {json.dumps(params)}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
