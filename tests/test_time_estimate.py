"""Estimated durations: what a person is promised before a run starts."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from core.config import RunConfig
from core.pipeline.steps import steps
from core.pipeline.time_estimate import TimeEstimate, estimate_time
from core.runs import Run
from core.runs.manifest import Manifest, SessionCounts

SIZES = [200, 5_000, 100_000, 3_000_000]


def earlier_run(n_sessions: int, seconds: float, **settings: object) -> Run:
    """A finished run, of whose manifest only what an estimate needs exists."""
    sessions = SessionCounts(train=n_sessions - n_sessions // 3, test=n_sessions // 3, known=0, composite=0)
    config = RunConfig.checked(**settings)
    return Run(Path(), Manifest.model_construct(config=config, seconds=seconds, sessions=sessions))


def usual_seconds(n_sessions: int, config: RunConfig | None = None) -> float:
    return sum(step.weight for step in steps(config or RunConfig(), n_sessions))


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.pipeline.time_estimate.available_cores", lambda: 2)


def test_without_an_earlier_run_a_range_is_promised() -> None:
    estimate = estimate_time(RunConfig(), 101_500, [])
    assert not estimate.is_sure
    assert estimate.seconds / estimate.factor < 40 < estimate.seconds * estimate.factor  # docs/benchmarks.md
    assert estimate.text == "14 s to 2 min"


def test_an_earlier_run_on_similar_data_gives_one_number() -> None:
    estimate = estimate_time(RunConfig(), 12_000, [earlier_run(10_000, 3 * usual_seconds(10_000))])
    assert estimate.is_sure
    assert estimate.seconds == pytest.approx(3 * (usual_seconds(12_000) + 2))


@pytest.mark.parametrize("size", SIZES)
def test_a_machine_that_is_three_times_slower_is_so_at_every_size(size: int) -> None:
    slow = estimate_time(RunConfig(), size, [earlier_run(10_000, 3 * usual_seconds(10_000))])
    usual = estimate_time(RunConfig(), size, [])
    assert slow.seconds == pytest.approx(3 * usual.seconds)


def test_a_tenth_of_the_data_takes_more_than_a_tenth_of_the_time() -> None:
    small, large = (estimate_time(RunConfig(), size, []).seconds for size in (10_000, 100_000))
    assert large / 10 < small < large


def test_a_run_on_data_of_another_size_is_weaker_evidence() -> None:
    runs = [earlier_run(1_000, 10.0)]
    near, far = (estimate_time(RunConfig(), size, runs) for size in (1_500, 100_000))
    assert near.is_sure
    assert not far.is_sure


def test_the_run_on_the_most_similar_data_and_the_newest_run_count_most() -> None:
    fast, slow = earlier_run(1_000, usual_seconds(1_000)), earlier_run(100_000, 4 * usual_seconds(100_000))
    small, large = (
        estimate_time(RunConfig(), size, [slow, fast]).seconds / estimate_time(RunConfig(), size, []).seconds
        for size in (1_000, 100_000)
    )
    assert 1 < small < 2 < large < 4
    older_first = [earlier_run(1_000, usual_seconds(1_000)), earlier_run(1_000, 4 * usual_seconds(1_000))]
    assert (
        estimate_time(RunConfig(), 1_000, older_first).seconds
        < estimate_time(RunConfig(), 1_000, older_first[::-1]).seconds
    )


@pytest.mark.parametrize(
    "settings",
    [{"preset": "standard"}, {"preset": "standard", "trials": 3}, {"engine": "duckdb"}],
    ids=["budget", "trials", "another engine"],
)
def test_runs_that_are_not_comparable_are_no_evidence(settings: dict[str, object]) -> None:
    assert not estimate_time(RunConfig(), 1_000, [earlier_run(1_000, 500.0, **settings)]).is_sure


def test_fewer_learners_and_folds_take_less_time() -> None:
    all_of_them = estimate_time(RunConfig(), 10_000, []).seconds
    assert estimate_time(RunConfig(learners=("xgboost",)), 10_000, []).seconds < all_of_them
    assert estimate_time(RunConfig(folds=10), 10_000, []).seconds > all_of_them


@pytest.mark.parametrize(("size", "pace"), list(itertools.product(SIZES, [0.2, 1.0, 8.0])))
def test_quick_is_never_promised_to_take_longer_than_standard(size: int, pace: float) -> None:
    runs = [earlier_run(10_000, pace * usual_seconds(10_000))]
    quick, standard, thorough = (
        estimate_time(RunConfig(preset=name), size, runs).seconds for name in ("quick", "standard", "thorough")
    )
    assert quick <= standard <= thorough


def test_a_budget_is_kept_unless_the_data_need_more() -> None:
    config = RunConfig(preset="standard")
    assert estimate_time(config, 100_000, []) == TimeEstimate(600.0, 1.0, over_budget=False)
    large = estimate_time(config, 10_000_000, [])
    assert large.over_budget
    assert large.seconds == pytest.approx(estimate_time(RunConfig(), 10_000_000, []).seconds)


def test_the_weights_of_the_steps_are_seconds_of_the_whole_run() -> None:
    assert 20 < usual_seconds(101_500) < 60
    assert usual_seconds(100_000, RunConfig(preset="standard", minutes=3)) == pytest.approx(180)
    one_trial, four_trials = (usual_seconds(100_000, RunConfig(preset="standard", trials=number)) for number in (1, 4))
    assert four_trials - one_trial == pytest.approx(3 * 3 * 6.0)
