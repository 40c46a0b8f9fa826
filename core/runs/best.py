"""The best run on a dataset: the one that every page shows by default."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from core.metric import METRICS, score_in_words
from core.runs.manifest import Manifest
from core.runs.store import Run


def best_run(runs: Sequence[Run]) -> Run | None:
    """Return the run with the lowest expected score among runs on one dataset; None if there are none.

    Scores in different metrics cannot be compared. If the runs minimized several metrics, only runs with the most
    frequent one count (of equally frequent ones, the first of `METRICS`). Of equal scores, the first run wins.

    Args:
        runs: runs on one dataset, newest first.
    """
    if not runs:
        return None
    counts = Counter(run.manifest.scores.metric_scores.metric for run in runs)
    metric = min(counts, key=lambda name: (-counts[name], METRICS.index(name)))
    rivals = [run for run in runs if run.manifest.scores.metric_scores.metric == metric]
    is_withheld = any(run.manifest.scores.expected_withheld for run in rivals)
    return min(rivals, key=lambda run: _score(run.manifest, is_withheld=is_withheld))


def compare_with_best(run: Run, best: Run) -> str:
    """Say in a sentence how a run compares with the best run on its dataset; empty if it is the best."""
    if run.folder == best.folder:
        return ""
    scores, best_scores = run.manifest.scores.metric_scores, best.manifest.scores.metric_scores
    if scores.metric != best_scores.metric:
        return (
            f"This run minimizes the {scores.label}, so it cannot be compared with the best run by {best_scores.label}."
        )
    is_withheld = run.manifest.scores.expected_withheld or best.manifest.scores.expected_withheld
    name = f"{'cross-validated' if is_withheld else 'expected test'} {scores.label}"
    score, best_score = (
        score_in_words(scores.metric, _score(one.manifest, is_withheld=is_withheld)) for one in (run, best)
    )
    if score == best_score:
        return f"Another run is as good: its {name} is also {score}."
    return f"A better run exists: its {name} is {best_score}, this run's is {score}."


def _score(manifest: Manifest, *, is_withheld: bool) -> float:
    """Return the score by which runs are ranked: the expected one, unless it must not be relied on."""
    scores = manifest.scores.metric_scores
    return scores.stack if is_withheld else scores.expected.value
