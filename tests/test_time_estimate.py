"""Estimated durations: what a person is promised before a run starts."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from core.config import RunConfig
from core.pipeline.steps import steps
from core.pipeline.time_estimate import TimeEstimate, estimate_presets, estimate_time, learn_pace
from core.runs import Run
from core.runs.manifest import Manifest, SessionCounts

SIZES = [200, 5_000, 100_000, 3_000_000]


def earlier_run(n_sessions: int, seconds: float, **settings: object) -> Run:
    """A finished run, of whose manifest only what an estimate needs exists."""
    sessions = SessionCounts(train=n_sessions - n_sessions // 3, test=n_sessions // 3, known=0, composite=0)
    config = RunConfig.checked(**settings)
    usual = {step.name: step.weight for step in steps(config, n_sessions)}
    timings = {name: weight * seconds / sum(usual.values()) for name, weight in usual.items()}
    return Run(Path(), Manifest.model_construct(config=config, seconds=seconds, sessions=sessions, timings=timings))


def usual_seconds(n_sessions: int, config: RunConfig | None = None) -> float:
    return sum(step.weight for step in steps(config or RunConfig(), n_sessions))


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.pipeline.time_estimate.available_cores", lambda: 2)


def test_without_an_earlier_run_a_range_is_promised() -> None:
    estimate = estimate_time(RunConfig(), 101_500, [])
    assert not estimate.is_sure
    assert estimate.low < 40 < estimate.high  # docs/benchmarks.md


def test_an_earlier_run_on_similar_data_gives_one_number() -> None:
    estimate = estimate_time(RunConfig(), 12_000, [earlier_run(10_000, 3 * usual_seconds(10_000))])
    assert estimate.is_sure
    assert estimate.seconds == pytest.approx(3 * (usual_seconds(12_000) + 2.7))


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


def test_runs_with_another_engine_are_no_evidence() -> None:
    assert not estimate_time(RunConfig(), 1_000, [earlier_run(1_000, 500.0, engine="duckdb")]).is_sure


def test_a_run_of_the_other_kind_is_weak_evidence() -> None:
    tuned = earlier_run(
        1_000, 4 * usual_seconds(1_000, RunConfig(preset="standard", trials=3)), preset="standard", trials=3
    )
    alone = estimate_time(RunConfig(), 1_000, [tuned]).seconds
    both = estimate_time(RunConfig(), 1_000, [tuned, earlier_run(1_000, usual_seconds(1_000))]).seconds
    usual = estimate_time(RunConfig(), 1_000, []).seconds
    assert alone == pytest.approx(4 * usual)
    assert usual < both < 3 * usual, "the newest run says most about the load of the machine"


def test_a_machine_whose_load_varies_gets_a_range() -> None:
    steady = [earlier_run(1_000, usual_seconds(1_000)) for _ in range(4)]
    varying = [earlier_run(1_000, factor * usual_seconds(1_000)) for factor in (1, 3, 1, 3)]
    assert estimate_time(RunConfig(), 1_000, steady).is_sure
    estimate = estimate_time(RunConfig(), 1_000, varying)
    assert not estimate.is_sure
    assert estimate.low < usual_seconds(1_000) + 4
    assert estimate.high > 2 * usual_seconds(1_000)


def test_the_pace_of_each_step_is_learned() -> None:
    run = earlier_run(10_000, usual_seconds(10_000))
    run.manifest.timings["train"] *= 4
    pace = learn_pace(RunConfig(), 10_000, [run] * 3)
    assert pace.of_steps["train"] > 2.5
    assert pace.of_steps["prepare"] == pytest.approx(1.0)
    assert pytest.approx(pace.overall) == 1.0


def test_the_time_that_a_budget_left_for_tuning_says_nothing_about_the_pace() -> None:
    budget = earlier_run(10_000, 600.0, preset="standard")
    budget.manifest.timings.update(tune=10.0, train=500.0, importance=80.0)
    pace = learn_pace(RunConfig(), 10_000, [budget])
    assert pace.of_steps["train"] == pytest.approx(pace.overall)
    assert pace.overall < 2


def test_fewer_learners_and_folds_take_less_time() -> None:
    all_of_them = estimate_time(RunConfig(), 10_000, []).seconds
    assert estimate_time(RunConfig(learners=("xgboost",)), 10_000, []).seconds < all_of_them
    assert estimate_time(RunConfig(folds=10), 10_000, []).seconds > all_of_them


@pytest.mark.parametrize(
    ("size", "pace", "evidence"), list(itertools.product([*SIZES, 101_500], [0.2, 1.0, 8.0, 40.0], [0, 1, 3]))
)
def test_no_preset_is_promised_to_take_less_than_a_simpler_one(size: int, pace: float, evidence: int) -> None:
    runs = [earlier_run(10_000, pace * usual_seconds(10_000))] * evidence
    quick, standard, thorough = estimate_presets(size, runs).values()
    for simpler, other in ((quick, standard), (standard, thorough)):
        assert simpler.low <= other.low
        assert simpler.seconds <= other.seconds
        assert simpler.high <= other.high


def test_a_budget_is_kept_unless_the_data_need_more() -> None:
    config = RunConfig(preset="standard")
    runs = [earlier_run(100_000, usual_seconds(100_000))]
    assert estimate_time(config, 100_000, runs) == TimeEstimate(600.0, 600.0, 600.0, over_budget=False)
    large = estimate_time(config, 10_000_000, runs)
    assert large.over_budget
    assert large.seconds > 600
    slow = [earlier_run(100_000, 20 * usual_seconds(100_000))]
    assert estimate_time(config, 100_000, slow).high > 600, "it may not keep the budget"


def test_the_weights_of_the_steps_are_seconds_of_the_whole_run() -> None:
    assert 20 < usual_seconds(101_500) < 60
    assert usual_seconds(100_000, RunConfig(preset="standard", minutes=3)) == pytest.approx(180)
    one_trial, four_trials = (usual_seconds(100_000, RunConfig(preset="standard", trials=number)) for number in (1, 4))
    assert four_trials - one_trial == pytest.approx(3 * 3 * 3.75)
