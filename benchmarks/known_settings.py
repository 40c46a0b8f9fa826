"""Settings that a search may begin with: the best that long searches find on data that no other benchmark uses.

    python -m benchmarks.known_settings [--minutes 5] [--seed 11] [--data demo journey] [--learners ...]

One line a trial that went through all folds, the best first: data, learner, out-of-fold loss against the defaults' on
squared errors, seconds, and what was proposed. The learners' `proven_settings` come from here.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from benchmarks.quick import SETS
from benchmarks.tuning import prepared
from core.training import LEARNERS, Prepared
from core.training.learners import Learner
from core.training.tuning import LearnerSearch, SearchFolder, TrialResult

_SHOWN = 6


def found(ready: Prepared, learner: Learner, folder: Path, seconds: float) -> list[TrialResult]:
    """All trials of a search of so many seconds."""
    searches, began = SearchFolder(folder), time.perf_counter()
    search = LearnerSearch(
        learner,
        ready.matrices,
        context=ready.context,
        metric=ready.metric,
        folder=searches,
        storage=searches.storage(),
    )
    while time.perf_counter() - began < seconds:
        search.run_trial()
    return search.trials


def main() -> None:
    """Print the best of each search."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0, help="for each learner")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--data", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--learners", nargs="+", choices=[each.name for each in LEARNERS])
    options = parser.parse_args()
    for name in options.data:
        with tempfile.TemporaryDirectory() as scratch:
            ready = prepared(name, Path(scratch), options.seed)
            for learner in LEARNERS:
                if options.learners and learner.name not in options.learners:
                    continue
                tried = found(ready, learner, Path(scratch) / learner.name, 60 * options.minutes)
                complete = sorted((each for each in tried if each.complete), key=lambda each: each.loss)
                print(f"{name} {learner.name}: {len(tried)} trials, {len(complete)} through all folds")
                for each in complete[:_SHOWN]:
                    told = {
                        key: value if isinstance(value, str) else float(f"{value:.3g}")
                        for key, value in each.params.items()
                    }
                    ratio = each.loss / tried[0].loss
                    print(
                        f"  {ratio:.4f} {each.seconds:6.1f} s {each.settings['rounds']:5} rounds {json.dumps(told)}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
