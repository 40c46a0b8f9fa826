"""Audit rules on the times of events."""

from __future__ import annotations

import pytest

from tests.audit.shop import (
    DAY,
    MIDNIGHT,
    Change,
    calm,
    changed,
    figures,
    find,
    finding_of,
    number_of,
    visit,
)
from tests.events_on_the_spot import Event, store


def two_files(train: tuple[int, int], test: tuple[int, int]) -> list[Event]:
    """Sessions of one event each hour from one day to another, in each file."""
    return [
        Event(file, f"{file}{hour}", f"U{hour}", time=MIDNIGHT + 3_600 * hour)
        for file, (first, last) in (("train", train), ("test", test))
        for hour in range(24 * first, 24 * last)
    ]


@pytest.mark.parametrize(
    ("days", "severity", "title", "dates"),
    [
        (
            ((0, 10), (13, 15)), "note", "The test file begins 3.04 days after the end of the train file",
            "2025-06-01 2025-06-10 2025-06-14 2025-06-15 3.04",
        ),
        (
            ((0, 3), (13, 15)), "warning", "The test file begins 10.0 days after the end of the train file",
            "2025-06-01 2025-06-03 2025-06-14 2025-06-15 10.0",
        ),
        (
            ((5, 9), (0, 5)), "serious", "The test file is earlier than the train file",
            "2025-06-06 2025-06-09 2025-06-01 2025-06-05",
        ),
        (
            ((0, 9), (6, 12)), "note", "The train and the test file overlap in time",
            "2025-06-01 2025-06-09 2025-06-07 2025-06-12 72 50.0%",
        ),
    ],
)  # fmt: skip
def test_train_and_test_are_compared_in_time(tmp_path, days, severity, title, dates):
    finding = finding_of("files_in_time", store(tmp_path, two_files(*days)))
    assert (finding.severity, finding.title, figures(finding)) == (severity, title, dates)
    assert finding.chart == "log_span"


def test_test_right_after_train_is_quiet(tmp_path):
    assert find("files_in_time", store(tmp_path, two_files((0, 6), (6, 9)))) is None


def test_times_of_other_years_are_serious_and_do_not_affect_other_time_rules(tmp_path):
    odd = [
        *visit("train", "old", "V1", times=[-MIDNIGHT, -MIDNIGHT + 5]),
        *visit("test", "new", "V2", times=[80 * 365 * DAY]),
    ]
    dataset = store(tmp_path, calm() + odd)
    finding = finding_of("far_times", dataset)
    assert (finding.severity, finding.count) == ("serious", 3)
    assert figures(finding) == "90% 2025-06-01 2025-06-19 3 3"
    assert finding.examples == ("1970-01-01 in train: 2 events", "2105-05-13 in test: 1 event")
    assert find("files_in_time", dataset) is None
    assert find("missing_days", dataset) is None


def test_a_log_that_starts_slowly_has_no_times_far_outside(tmp_path):
    slow = [
        event
        for day in range(40)
        for number in range(2 ** (day // 5))
        for event in visit("train", f"T{day}-{number}", f"U{number}", times=[day * DAY + number])
    ]
    assert find("far_times", store(tmp_path, slow + two_files((0, 0), (40, 42)))) is None


def without_days(*days: int) -> Change:
    return lambda events: [event for event in events if (event.time - MIDNIGHT) // DAY not in days]


def test_days_without_events_are_a_warning_with_their_dates(tmp_path):
    finding = finding_of("missing_days", store(tmp_path, without_days(5, 6, 22)(calm())))
    assert (finding.severity, finding.count) == ("warning", 3)
    assert figures(finding) == "3 24 10% 225"
    assert finding.examples == ("2025-06-06: 0 events", "2025-06-07: 0 events", "2025-06-23: 0 events")


def test_a_shop_that_is_closed_on_one_day_of_the_week_is_a_note(tmp_path):
    finding = finding_of("missing_days", store(tmp_path, without_days(7, 14)(calm())))
    assert (finding.severity, finding.count) == ("note", 2)
    assert figures(finding) == "2 24 10% 225"


def test_a_day_with_a_fifth_of_the_usual_events_and_a_gap_between_the_files_are_no_missing_days(tmp_path):
    thinned = [event for event in calm() if (event.time - MIDNIGHT) // DAY != 5 or number_of(event) % 5 == 0]
    later = changed(thinned, lambda event: {"time": event.time + 30 * DAY * (event.file == "test")})
    assert find("missing_days", store(tmp_path, later)) is None


@pytest.mark.parametrize(
    ("cut", "severity", "title"),
    [
        (lambda time: time // DAY * DAY, "warning", "Event times have no time of day"),
        (lambda time: time // DAY * DAY - 2 * 3_600, "warning", "Event times have no time of day"),
        (lambda time: time // 3_600 * 3_600, "note", "Event times have no minutes"),
        (lambda time: time // 60 * 60, "note", "Event times have no seconds"),
    ],
)
def test_truncated_times_are_found(tmp_path, cut, severity, title):
    events = changed(calm(train=200, test=50), lambda event: {"time": cut(event.time)})
    finding = finding_of("coarse_times", store(tmp_path, events))
    assert (finding.severity, finding.title) == (severity, title)
    assert figures(finding).startswith("100.0% ")
