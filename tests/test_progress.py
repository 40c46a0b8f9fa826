"""Progress: fractions, elapsed time and estimates."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.base.progress import Progress, ProgressUpdate, Step
from core.config import RunConfig
from core.pipeline.steps import steps

many = settings(derandomize=True, deadline=None, max_examples=300)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("core.base.progress.time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


READ_AND_FIT = (Step("read", "Reading", 1.0), Step("fit", "Fitting", 3.0))


def recorded(steps: tuple[Step, ...] = READ_AND_FIT) -> tuple[Progress, list[ProgressUpdate]]:
    updates: list[ProgressUpdate] = []
    return Progress(steps, updates.append), updates


def test_an_update_has_the_step_the_part_and_the_fraction_of_the_whole_work(clock: Clock) -> None:
    progress, updates = recorded()
    clock.now += 1.0
    progress.report("fit", 1, 6, "LightGBM, 1 of 6 folds")
    assert updates == [
        ProgressUpdate(
            step="fit",
            label="Fitting",
            detail="LightGBM, 1 of 6 folds",
            part=1,
            parts=6,
            fraction=(1.0 + 3.0 / 6) / 4.0,
            seconds=1.0,
            seconds_left=None,
        )
    ]


def test_steps_count_by_their_weight() -> None:
    progress, updates = recorded()
    for step, part in (("read", 0), ("read", 1), ("read", 2), ("fit", 0), ("fit", 1), ("fit", 2)):
        progress.report(step, part, 2)
    assert [update.fraction for update in updates] == pytest.approx([0, 0.125, 0.25, 0.25, 0.625, 1.0])


def test_a_step_without_parts_adds_nothing_until_the_next_one() -> None:
    progress, updates = recorded()
    progress.report("read", 0, 0)
    assert updates[-1].fraction == 0.0


@many
@given(st.data())
def test_the_fraction_never_falls_and_stays_between_0_and_1(data: st.DataObject) -> None:
    weights = data.draw(st.lists(st.floats(0.01, 100), min_size=1, max_size=6))
    steps = tuple(Step(f"s{number}", "", weight) for number, weight in enumerate(weights))
    progress, updates = recorded(steps)
    for _ in range(data.draw(st.integers(1, 20))):
        parts = data.draw(st.integers(0, 30))
        progress.report(data.draw(st.sampled_from(steps)).name, data.draw(st.integers(0, parts)), parts)
    progress.report(steps[-1].name, 7, 7)
    fractions = [update.fraction for update in updates]
    assert fractions == sorted(fractions)
    assert fractions[0] >= 0
    assert fractions[-1] == pytest.approx(1.0)
    assert fractions[-1] <= 1


def test_more_parts_than_announced_count_as_all() -> None:
    progress, updates = recorded()
    progress.report("fit", 9, 6)
    assert updates[-1].fraction == 1.0


def test_a_run_ends_at_exactly_1_with_no_time_left(clock: Clock) -> None:
    progress, updates = recorded(steps(RunConfig()))
    for step in steps(RunConfig()):
        for part in range(16):
            clock.now += 1.0
            progress.report(step.name, part, 15)
    assert updates[-1].fraction == 1.0
    assert updates[-1].seconds_left == 0.0


def test_there_is_no_estimate_in_the_first_two_seconds(clock: Clock) -> None:
    progress, updates = recorded()
    for _ in range(19):
        clock.now += 0.1
        progress.report("read", 1, 2)
    assert {update.seconds_left for update in updates} == {None}
    clock.now += 0.2
    progress.report("read", 1, 2)
    assert updates[-1].seconds_left == pytest.approx(2.1 * (1 - 0.125) / 0.125)


def test_there_is_no_estimate_while_nothing_is_done(clock: Clock) -> None:
    progress, updates = recorded()
    clock.now += 30
    progress.report("read", 0, 2)
    assert updates[-1].seconds_left is None


def test_the_estimate_is_right_at_a_steady_pace(clock: Clock) -> None:
    progress, updates = recorded()
    start = clock.now
    for second in range(1, 101):
        clock.now = start + second
        progress.report(
            "read" if second <= 25 else "fit", second if second <= 25 else second - 25, 25 if second <= 25 else 75
        )
    assert [update.seconds_left for update in updates[2:]] == pytest.approx(
        [100.0 - second for second in range(3, 101)]
    )


def test_updates_are_optional() -> None:
    Progress(READ_AND_FIT).report("read", 1, 2)


def test_earlier_attempts_count_in_elapsed_and_remaining_time(clock: Clock) -> None:
    progress, updates = recorded()
    progress.add_earlier_seconds(50.0)
    clock.now += 10.0
    progress.report("fit", 1, 3)
    assert (updates[-1].fraction, updates[-1].seconds, updates[-1].seconds_left) == (0.5, 60.0, 60.0)


def test_an_expected_duration_counts_more_than_the_pace_of_the_first_steps(clock: Clock) -> None:
    updates: list[ProgressUpdate] = []
    progress = Progress((Step("read", "", 38.0), Step("fit", "", 442.0)), updates.append, in_seconds=True)
    progress.report("read", 0, 1)
    assert updates[-1].seconds_left == 480.0  # before anything is done, what was promised
    clock.now += 3.0
    progress.report("read", 1, 1)
    assert updates[-1].fraction == pytest.approx(0.079, abs=0.001)
    assert 300 < (updates[-1].seconds_left or 0) < 480  # by its pace alone, 35 s would be left
    for part in range(1, 11):
        clock.now += 88.4  # twice as slow as expected
        progress.report("fit", part, 10)
    middle, end = updates[-6], updates[-1]
    assert middle.seconds_left == pytest.approx(5 * 88.4, rel=0.25)
    assert end.seconds_left == 0.0
