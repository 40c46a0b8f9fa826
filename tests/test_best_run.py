"""Which run of a dataset is the best, and what is said about the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.config import RunConfig
from core.runs import Run, best_run, compare_with_best
from core.runs.manifest import Manifest
from core.runs.scores import Interval, MetricScores, Scores


def run_with(
    name: str, expected: float, *, metric: str = "mse", stack: float | None = None, withheld: bool = False
) -> Run:
    """A run of which only its scores exist."""
    interval = Interval(value=expected, low=expected, high=expected)
    scores = MetricScores.model_construct(
        metric=metric, label=metric.upper(), stack=expected if stack is None else stack, expected=interval
    )
    return Run(
        Path(name),
        Manifest.model_construct(
            run_id=name,
            config=RunConfig(),
            scores=Scores.model_construct(in_metric=scores, expected_withheld=withheld),
        ),
    )


def test_the_run_with_the_lowest_expected_score_is_best_whatever_its_age() -> None:
    runs = [run_with("newest", 130.0), run_with("older", 120.0), run_with("oldest", 140.0)]
    assert best_run(runs) is runs[1]
    assert best_run([]) is None


def test_of_equal_runs_the_newest_is_best() -> None:
    runs = [run_with("newest", 120.0), run_with("older", 120.0)]
    assert best_run(runs) is runs[0]


def test_scores_in_different_metrics_are_not_compared() -> None:
    newest, *others = runs = [run_with("newest", 7.0, metric="mae"), run_with("a", 130.0), run_with("b", 120.0)]
    assert best_run(runs) is others[1]
    assert best_run([newest, others[0]]) is others[0]  # of equally frequent metrics, the first
    assert best_run([newest, run_with("c", 6.0, metric="mae"), others[0]]).folder.name == "c"  # type: ignore[union-attr]


def test_withheld_scores_do_not_decide() -> None:
    runs = [run_with("a", 100.0, stack=90.0, withheld=True), run_with("b", 90.0, stack=100.0, withheld=True)]
    assert best_run(runs) is runs[0]


@pytest.mark.parametrize(
    ("run", "sentence"),
    [
        (run_with("best", 120.0), ""),
        (
            run_with("worse", 130.0),
            "A better run exists: its expected test MSE is 120, this run's is 130.",
        ),
        (run_with("twin", 120.0), "Another run is as good: its expected test MSE is also 120."),
        (
            run_with("other", 7.0, metric="mae"),
            "This run minimizes the MAE, so it cannot be compared with the best run by MSE.",
        ),
        (
            run_with("withheld", 110.0, stack=140.0, withheld=True),
            "A better run exists: its cross-validated MSE is 120, this run's is 140.",
        ),
    ],
    ids=lambda value: value.folder.name if isinstance(value, Run) else "",
)
def test_another_run_than_the_best_is_compared_with_it(run: Run, sentence: str) -> None:
    assert compare_with_best(run, run_with("best", 120.0)) == sentence
