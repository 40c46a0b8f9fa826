"""The audit: every rule finds something, stays quiet or does not apply; the report is stored and reproducible."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
import random
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.stats import ks_2samp

from core.audit import AUDIT_VERSION, RULES, AuditReport, Finding, audit, lines, stored_audit
from core.audit import report as report_module
from core.audit.case import AuditCase
from core.audit.distance import distance, stability_index
from core.audit.drift_rules import ABOUT, CALENDAR, PAST, SESSION
from core.audit.sample import draw_sample
from core.base.workspace import DEMO_FOLDER, Workspace
from core.config import RunConfig
from core.dataset import Dataset, RowOrder
from core.features import all_features, build_features
from core.ingestion import InputFiles, ingest
from core.ingestion.mapping import Mapping
from core.schema import ROLES
from tests.events_on_the_spot import Event, csv_of, good_events, rows_of, store

RULE = {rule.code: rule for rule in RULES}
DAY = 86_400
MIDNIGHT = 1_748_736_000
"""2025-06-01 00:00:00 UTC, a Sunday."""

Change = Callable[[list[Event]], list[Event]]


# --- a shop without defects -------------------------------------------------------------------------------------------


def calm(train: int = 1500, test: int = 600, *, test_days: tuple[int, int] = (20, 28)) -> list[Event]:
    """A shop without defects: train is 20 days long, test the 8 days after it, evenly filled.

    Every session is of a user of its own, has a VIEW, an ADD_CART and a BUY of one of twenty products, a minute apart,
    and a value of its own between 10 and 110.
    """
    draws = random.Random(5)
    events = []
    for file, sessions, (first, last) in (("train", train, (0, 20)), ("test", test, test_days)):
        for number in range(sessions):
            slot = (last - first) * DAY // sessions
            start = MIDNIGHT + first * DAY + number * slot + draws.randrange(slot - 120)
            product = draws.randrange(20)
            value = round(10 + 100 * draws.random(), 2)
            for step, kind in enumerate(("VIEW", "ADD_CART", "BUY")):
                events.append(
                    Event(
                        file,
                        f"S-{file}-{number}",
                        f"U-{file}-{number}",
                        f"P{product}",
                        f"C{product % 5}",
                        kind,
                        start + 60 * step,
                        value,
                    )
                )
    return events


def at_the_same_time() -> list[Event]:
    """A shop without defects whose test sessions are of the days of train."""
    return calm(test_days=(0, 20))


def visit(
    file: str,
    session: str,
    user: str,
    *,
    times: Iterable[int],
    value: float = 50.0,
    product: str = "P1",
    kind: str = "VIEW",
) -> list[Event]:
    """A session with an event of one kind at each of the times (seconds after MIDNIGHT)."""
    category = f"C{int(product[1:]) % 5}" if product[1:].isdigit() else "C0"
    return [Event(file, session, user, product, category, kind, MIDNIGHT + time, value) for time in times]


def changed(events: list[Event], change: Callable[[Event], dict[str, object]]) -> list[Event]:
    """The events with what `change` says of each."""
    return [dataclasses.replace(event, **change(event)) for event in events]


def number_of(event: Event) -> int:
    return int(event.session.split("-")[-1])


def with_card(dataset: Dataset, both: dict[str, object] | None = None, /, **fields: object) -> Dataset:
    """The dataset with another card; `both` changes the cards of both files."""
    card = json.loads((dataset.folder / "card.json").read_text())
    for name in ROLES:
        card[name] |= both or {}
    for name, content in fields.items():
        card[name] = card[name] | content if isinstance(content, dict) and name in ROLES else content
    (dataset.folder / "card.json").write_text(json.dumps(card))
    return dataset


def find(code: str, dataset: Dataset) -> Finding | None:
    """The finding of one rule, which must apply."""
    outcome, finding = RULE[code].examine(AuditCase(dataset))
    assert outcome.outcome == ("quiet" if finding is None else "found"), outcome
    return finding


def finding_of(code: str, dataset: Dataset) -> Finding:
    """The finding of one rule, which must find something."""
    finding = find(code, dataset)
    assert finding is not None
    return finding


def figures(finding: Finding) -> str:
    """The dates and numbers in the explanation, in their order."""
    return " ".join(re.findall(r"\d{4}-\d\d-\d\d|\d+(?:,\d{3})*(?:\.\d+)?%?", finding.explanation))


@pytest.fixture(scope="session")
def calm_shop(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return store(tmp_path_factory.mktemp("calm"), calm())


@pytest.fixture(scope="session")
def mixed_shop(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return store(tmp_path_factory.mktemp("mixed"), at_the_same_time())


@pytest.fixture
def calm_copy(calm_shop: Dataset, tmp_path: Path) -> Dataset:
    """A copy whose card a test may change."""
    folder = Path(shutil.copytree(calm_shop.folder, tmp_path / calm_shop.folder.name))
    (folder / "audit.json").unlink(missing_ok=True)
    return Dataset(folder)


# --- quiet ------------------------------------------------------------------------------------------------------------


def test_without_defects_only_the_growing_past_is_reported(calm_shop):
    report = audit(calm_shop, again=True)
    assert [outcome.code for outcome in report.outcomes] == [rule.code for rule in RULES]
    outcomes = {outcome.code: outcome.outcome for outcome in report.outcomes}
    assert {code for code, outcome in outcomes.items() if outcome == "found"} == {"feature_drift", "told_apart"}
    assert not_applicable(report) == {code: TINY[code] for code in ("value_in_test", "unknown_values")}
    assert {finding.severity for finding in report.findings} == {"note"}


def test_files_of_the_same_days_differ_in_no_feature(mixed_shop):
    report = audit(mixed_shop, again=True)
    assert [(finding.code, finding.severity) for finding in report.findings] == [("files_in_time", "note")]
    assert not_applicable(report) == {code: TINY[code] for code in ("value_in_test", "unknown_values")}


# --- the demo ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory, demo_files: InputFiles) -> Dataset:
    return ingest(demo_files, Workspace(tmp_path_factory.mktemp("demo")))


def test_the_planted_defects_of_the_demo_are_found_and_nothing_else_is_worse_than_a_note(demo):
    planted = json.loads((DEMO_FOLDER / "demo.json").read_text())
    report = audit(demo, again=True)
    findings = {finding.code: finding for finding in report.findings}
    assert {code for code, finding in findings.items() if finding.severity != "note"} == {
        "composite_sessions", "known_sessions"
    }  # fmt: skip
    assert findings["known_sessions"].count == planted["known_sessions"] == 19
    assert findings["composite_sessions"].count == 1
    shared, name = findings["composite_sessions"], planted["composite_session"]
    assert [example.split(",")[0] for example in shared.examples] == [
        f"{name} in train: {planted['composite_train_users']} users",
        f"{name} in test: {planted['composite_test_users']} users",
    ]
    assert findings["shared_users"].count == planted["users_in_both"]
    assert findings["new_products"].count == planted["products_new_in_test"]


# --- files ------------------------------------------------------------------------------------------------------------


def spoiled(events: list[Event], sessions: int) -> bytes:
    """The train file with the user of so many rows left out."""
    rows = rows_of(events, "train")
    for row in rows[:sessions]:
        row["user_id"] = ""
    return csv_of(rows)


@pytest.mark.parametrize(("rows", "severity", "share"), [(1, "note", "0.0%"), (63, "warning", "1.0%")])
def test_quarantined_rows_are_counted_with_their_reasons(tmp_path, rows, severity, share):
    events = calm()
    finding = finding_of("quarantine", store(tmp_path, events, train=spoiled(events, rows)))
    assert (finding.severity, finding.count) == (severity, rows)
    assert figures(finding) == f"{rows} 6,300 {share} {rows} 0"
    assert finding.examples == (f"empty user_id: {rows} row{'s' if rows > 1 else ''}",)


def test_ignored_rows_do_not_count_as_quarantined(calm_copy):
    aside = {"quarantined": 40, "ignored": 40}
    dataset = with_card(
        calm_copy, train=aside, quarantine_reasons={"event_type is wishlist, which is to be ignored": 40}
    )
    assert find("quarantine", dataset) is None


def test_reasons_leave_out_ignored_event_words(calm_copy):
    aside = pl.DataFrame({"reason": ["empty user_id"] * 2 + ["wishlist"] * 40, "ignored": [False] * 2 + [True] * 40})
    aside.write_parquet(calm_copy.folder / "quarantine.parquet")
    dataset = with_card(calm_copy, train={"quarantined": 42, "ignored": 40, "rows": 4_542})
    finding = finding_of("quarantine", dataset)
    assert finding.count == 2
    assert figures(finding) == "2 6,342 0.0% 2 0 40"
    assert finding.examples == ("empty user_id: 2 rows",)


@pytest.mark.parametrize(("rows", "severity", "share"), [(10, "note", "0.2%"), (316, "warning", "5.0%")])
def test_repeated_rows_are_counted_in_both_files(calm_copy, rows, severity, share):
    dataset = with_card(
        calm_copy,
        train={"duplicates": rows - 4, "removed": rows - 4, "rows": 4_500},
        test={"duplicates": 4, "rows": 1_800},
    )
    finding = finding_of("duplicates", dataset)
    assert "were removed" in finding.advice
    assert (finding.severity, finding.count) == (severity, rows)
    assert figures(finding) == f"{rows} 6,300 {share} {rows - 4} 4"


def test_repeated_rows_that_the_mapping_keeps_are_reported_as_kept(calm_copy):
    finding = finding_of("duplicates", with_card(calm_copy, test={"duplicates": 1}))
    assert "are kept" in finding.advice
    assert finding.count == 1


def test_a_column_that_is_empty_for_one_event_type_is_a_warning(calm_copy):
    empty = {"BUY": {"category_id": 400}, "VIEW": {"category_id": 3, "user_id": 2}}
    finding = finding_of("empty_cells", with_card(calm_copy, train={"empty_cells": empty}, test={"empty_cells": {}}))
    assert (finding.severity, finding.count) == ("warning", 405)
    assert finding.title.startswith("category_id ")
    assert figures(finding) == "405 400 2,100 19.0% 5"
    assert finding.examples == ("BUY: category_id 400",)


@pytest.mark.parametrize(
    "empty",
    [
        {"BUY": {"user_id": 9}},  # too few
        {"BUY": {"user_id": 100}, "VIEW": {"user_id": 60}, "ADD_CART": {"user_id": 80}},  # everywhere
        {"BUY": {"user_id": 50}},  # in a part of BUY too small to matter
    ],
)
def test_empty_cells_that_are_few_or_everywhere_are_a_note(calm_copy, empty):
    finding = finding_of("empty_cells", with_card(calm_copy, train={"empty_cells": empty}))
    assert finding.severity == "note"
    assert finding.count == sum(columns["user_id"] for columns in empty.values())


def test_empty_cells_are_counted_by_the_event_type_of_the_word(calm_copy):
    (calm_copy.folder / "mapping.toml").write_text('[event_words]\npurchase = "BUY"\nview = "VIEW"\nbought = "BUY"\n')
    empty = {"Purchase ": {"user_id": 300}, "bought": {"user_id": 100}, "wishlist": {"user_id": 900}}
    finding = finding_of("empty_cells", with_card(calm_copy, train={"empty_cells": empty}))
    assert finding.count == 400, "words without a meaning do not count"
    assert figures(finding) == "400 400 2,500 16.0% 5"


def ordered(**now: object) -> dict[str, object]:
    usual = {
        "time_rises": 0.5, "type_changes": 2_800, "session_changes": 3_000, "value_rises": 0.5, "value_correlation": 0.0
    }  # fmt: skip
    return {"order": RowOrder.model_validate(usual | now).model_dump()}


def test_rows_grouped_by_event_type_are_a_note_even_if_correlated_with_the_value(calm_copy):
    dataset = with_card(calm_copy, train=ordered(type_changes=2, value_correlation=0.6), test=ordered(type_changes=900))
    finding = finding_of("row_order", dataset)
    assert finding.severity == "note"
    assert figures(finding) == "2 2,999"


@pytest.mark.parametrize(
    ("order", "shares"),
    [({"value_rises": 0.995}, "99.5%"), ({"value_rises": 0.002}, "99.8%"), ({"value_correlation": -0.31}, "0.31")],
)
def test_rows_in_the_order_of_the_value_are_a_warning(calm_copy, order, shares):
    finding = finding_of("row_order", with_card(calm_copy, train=ordered(**order), test=ordered(value_rises=None)))
    assert finding.severity == "warning"
    assert figures(finding) == shares


def test_rows_in_an_ordinary_order_are_quiet(calm_copy):
    assert find("row_order", with_card(calm_copy, ordered(value_correlation=0.29, value_rises=0.9))) is None
    assert find("row_order", with_card(calm_copy, ordered(time_rises=1.0, session_changes=0))) is None


# --- amount and variety --------------------------------------------------------------------------------------------


def test_few_sessions_and_users_are_a_warning_and_very_few_are_serious(tmp_path):
    finding = finding_of("small_data", store(tmp_path / "some", calm(train=150, test=80)))
    assert (finding.severity, finding.count) == ("warning", 150)
    assert figures(finding) == "150 150 80 1,000 200 100"
    assert finding_of("small_data", store(tmp_path / "few", good_events())).severity == "serious"


def of_one(name: str, entry: object) -> Change:
    return lambda events: [dataclasses.replace(event, **{name: entry}) for event in events]


@pytest.mark.parametrize(
    ("change", "severity", "entry"),
    [
        (of_one("product", "P7"), "warning", "product_id: P7"),
        (of_one("kind", "BUY"), "note", "event_type: BUY"),
        (of_one("category", "(none)"), "note", "category_id: (none)"),
        (of_one("value", 12.5), "serious", "session_value: 12.5"),
        (of_one("time", MIDNIGHT), "warning", "event_time: 2025-06-01"),
    ],
)
def test_a_column_that_never_changes_is_found(tmp_path, change, severity, entry):
    finding = finding_of("constant_columns", store(tmp_path, change(calm(train=150, test=60))))
    assert (finding.severity, finding.count, finding.examples) == (severity, 1, (entry,))
    assert figures(finding) == "100.0%"


def test_a_column_that_hardly_changes_is_a_note_and_one_that_changes_a_little_more_is_quiet(tmp_path):
    def rare(every: int) -> list[Event]:
        return changed(calm(train=200, test=100), lambda event: {"category": f"C{number_of(event) % every == 0:d}"})

    finding = finding_of("constant_columns", store(tmp_path / "hardly", rare(100)))
    assert (finding.severity, figures(finding)) == ("note", "99.0%")
    assert find("constant_columns", store(tmp_path / "little", rare(50))) is None


# --- time -------------------------------------------------------------------------------------------------------------


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
            ((0, 10), (13, 15)), "note", "Test begins 3.04 days after train ends",
            "2025-06-01 2025-06-10 2025-06-14 2025-06-15 3.04",
        ),
        (
            ((0, 3), (13, 15)), "warning", "Test begins 10.0 days after train ends",
            "2025-06-01 2025-06-03 2025-06-14 2025-06-15 10.0",
        ),
        (
            ((5, 9), (0, 5)), "serious", "Test is earlier than train",
            "2025-06-06 2025-06-09 2025-06-01 2025-06-05",
        ),
        (
            ((0, 9), (6, 12)), "note", "Train and test overlap in time",
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


# --- sessions ---------------------------------------------------------------------------------------------------------


def test_a_session_id_of_several_users_is_a_warning_with_its_time_span(tmp_path):
    lost = [
        *visit("train", "LOST", "V1", times=[0]),
        *visit("train", "LOST", "V2", times=[DAY, DAY + 60]),
        *visit("train", "LOST", "V3", times=[5 * DAY]),
        *visit("test", "LOST", "V4", times=[21 * DAY]),
        *visit("test", "LOST", "V5", times=[22 * DAY + 3_600]),
        *visit("test", "B", "V6", times=[22 * DAY]),
        *visit("test", "B", "V7", times=[22 * DAY + 3 * 3600]),
    ]
    finding = finding_of("composite_sessions", store(tmp_path, calm() + lost))
    assert (finding.severity, finding.count) == ("warning", 2)
    assert figures(finding) == "2 2,102 1 2 3 4 5.00"
    assert finding.examples[0] == "LOST in train: 3 users, 4 events, 5.00 days"
    assert set(finding.examples[1:]) == {
        "LOST in test: 2 users, 2 events, 25 h 0 min", "B in test: 2 users, 2 events, 3 h 0 min"
    }  # fmt: skip


def test_session_ids_that_are_shared_everywhere_are_serious(tmp_path):
    shared = changed(calm(train=200, test=100), lambda event: {"session": f"{event.file}{number_of(event) // 4}"})
    finding = finding_of("composite_sessions", store(tmp_path, shared))
    assert (finding.severity, finding.count) == ("serious", 75)


def test_sessions_in_both_files_are_known_and_most_of_test_being_so_is_serious(tmp_path):
    def both(sessions: int) -> list[Event]:
        again = [event for event in calm() if event.file == "train" and number_of(event) < sessions]
        return calm() + changed(again, lambda event: {"file": "test", "time": event.time + 20 * DAY})

    few, most = finding_of("known_sessions", store(tmp_path / "few", both(3))), both(700)
    assert (few.severity, few.count) == ("warning", 3)
    assert figures(few) == "3 603 0.5%"
    assert set(few.examples) == {"S-train-0", "S-train-1", "S-train-2"}
    many = finding_of("known_sessions", store(tmp_path / "most", most))
    assert (many.severity, many.count) == ("serious", 700)
    assert figures(many) == "700 1,300 53.8%"
    assert find("reused_sessions", store(tmp_path / "most", most)) is None


def test_a_session_id_reused_by_another_user_is_neither_known_nor_composite(tmp_path):
    again = visit("test", "S-train-4", "another user", times=[21 * DAY])
    dataset = store(tmp_path, calm() + again)
    finding = finding_of("reused_sessions", dataset)
    assert (finding.severity, finding.count, finding.examples) == ("warning", 1, ("S-train-4",))
    assert figures(finding) == "1 601 0.2%"
    assert find("known_sessions", dataset) is None
    assert find("composite_sessions", dataset) is None


def test_a_composite_id_in_both_files_is_not_reused(tmp_path):
    lost = [
        event
        for user, file in enumerate(("train", "train", "test", "test"))
        for event in visit(file, "LOST", f"V{user}", times=[(21 + user) * DAY])
    ]
    assert find("reused_sessions", store(tmp_path, calm() + lost)) is None


def test_events_in_both_files_are_a_warning_and_serious_if_they_are_most_of_test(tmp_path):
    def repeated(sessions: int) -> list[Event]:
        again = [event for event in calm() if event.file == "train" and number_of(event) < sessions]
        return calm() + changed(again, lambda event: {"file": "test"})

    finding = finding_of("rows_in_both", store(tmp_path / "some", repeated(2)))
    assert (finding.severity, finding.count) == ("warning", 6)
    assert figures(finding) == "6 1,806 0.3%"
    assert set(finding.examples) == {"S-train-0", "S-train-1"}
    assert finding_of("rows_in_both", store(tmp_path / "most", repeated(601))).severity == "serious"


def test_sessions_that_touch_the_edges_of_the_log_may_be_cut(tmp_path):
    late = [
        event
        for number in range(40)
        for event in visit("test", f"L{number}", f"V{number}", times=[28 * DAY - 200 + number, 28 * DAY - 100])
    ]
    early = [event for number in range(5) for event in visit("train", f"E{number}", f"W{number}", times=[number, 90])]
    finding = finding_of("cut_sessions", store(tmp_path, calm() + late + early))
    assert (finding.severity, finding.count) == ("note", 45)
    assert figures(finding) == "45 2,145 2.1% 2 0 0.106"
    assert finding.examples == ("start of train: 5 sessions", "end of test: 40 sessions")


def test_many_sessions_at_the_edges_are_a_warning(tmp_path):
    hour = [
        event
        for number in range(200)
        for file, begin in (("train", 0), ("test", 3_600))
        for event in visit(
            file, f"{file}{number}", f"U{number}", times=[begin + 15 * number, begin + 15 * number + 600]
        )
    ]
    finding = finding_of("cut_sessions", store(tmp_path, hour))
    assert finding.severity == "warning"
    assert finding.count == 82, "41 sessions begin within the first ten minutes, 41 end within the last"


def test_files_with_a_gap_between_them_have_four_edges(tmp_path):
    apart = changed(calm(train=300, test=300), lambda event: {"time": event.time + 9 * DAY * (event.file == "test")})
    finding = finding_of("cut_sessions", store(tmp_path, apart))
    assert [example.split(":")[0] for example in finding.examples] == [
        "start of train", "end of train", "start of test", "end of test"
    ]  # fmt: skip


def test_sessions_longer_than_a_day_are_a_note_and_a_warning_when_there_are_many(tmp_path):
    def long(sessions: int) -> list[Event]:
        return calm() + [
            event
            for number in range(sessions)
            for event in visit("train", f"LONG{number}", f"V{number}", times=[3_600, 3_600 + (3 + number % 5) * DAY])
        ]

    finding = finding_of("long_sessions", store(tmp_path / "few", long(5)))
    assert (finding.severity, finding.count) == ("note", 5)
    assert figures(finding) == "5 2,105 0.2% 7.00"
    assert finding.examples == ("LONG4: 7.00 days", "LONG3: 6.00 days", "LONG2: 5.00 days")
    assert finding_of("long_sessions", store(tmp_path / "many", long(120))).severity == "warning"
    assert find("long_sessions", store(tmp_path / "two", long(2))) is None


def test_a_log_whose_buys_lack_their_add_cart_is_a_thin_sample(tmp_path):
    thin = [event for event in calm() if event.kind != "ADD_CART" or number_of(event) % 10 == 0]
    finding = finding_of("thin_sample", store(tmp_path, thin))
    assert (finding.severity, finding.count) == ("note", 0)
    assert figures(finding) == "0.0% 2,100 10.0% 2,100"


def test_a_log_of_mostly_single_events_is_a_thin_sample_and_carts_with_other_products_do_not_count(tmp_path):
    single = [event for event in calm() if event.kind == "VIEW" or number_of(event) % 4 == 0]
    finding = finding_of("thin_sample", store(tmp_path / "single", single))
    assert finding.count == 2_100 - 525
    assert figures(finding) == "75.0% 2,100 100.0% 525"
    other = changed(calm(), lambda event: {"product": "PX"} if event.kind == "ADD_CART" else {})
    assert figures(finding_of("thin_sample", store(tmp_path / "other", other))) == "0.0% 2,100 0.0% 2,100"


@pytest.mark.parametrize("a_line", [0, 1_500])
def test_a_log_of_receipts_is_no_thin_sample(a_line, tmp_path):
    """Two BUYs a session, or one where its number is below `a_line`."""
    receipts = [
        dataclasses.replace(event, kind="BUY")
        for event in calm()
        if event.kind == "BUY" or (event.kind == "VIEW" and number_of(event) >= a_line)
    ]
    outcome, _ = RULE["thin_sample"].examine(AuditCase(store(tmp_path, receipts)))
    assert (outcome.outcome, outcome.reason) == (
        "not_applicable",
        "the log has only BUYs, and a receipt with one line is complete",
    )


def test_the_advice_on_a_thin_sample_depends_on_where_values_come_from(tmp_path):
    single = [event for event in calm() if event.kind == "VIEW" or number_of(event) % 4 == 0]
    dataset = store(tmp_path, single)
    in_a_column = finding_of("thin_sample", dataset)
    from_prices = finding_of("thin_sample", with_card(dataset, value_rule="price_of_buys"))
    assert from_prices.advice.startswith("Nothing to do. ")
    assert not in_a_column.advice.startswith("Nothing to do. ")


def test_a_log_of_single_views_has_no_buy_to_look_at(tmp_path):
    views = [event for event in calm() if event.kind == "VIEW"]
    finding = finding_of("thin_sample", store(tmp_path, views))
    assert figures(finding) == "100.0% 2,100"


# --- ids --------------------------------------------------------------------------------------------------------------


def test_users_in_both_files_are_a_note_with_their_share_of_users_and_sessions(tmp_path):
    again = [
        event for number in range(3) for event in visit("test", f"X{number}", "U-train-0", times=[22 * DAY + number])
    ]
    finding = finding_of("shared_users", store(tmp_path, calm() + again))
    assert (finding.severity, finding.count) == ("note", 1)
    assert figures(finding) == "1 601 0.2% 0.5%"


@pytest.mark.parametrize(
    ("code", "name", "several"), [("new_products", "product", "products"), ("new_categories", "category", "categories")]
)
def test_new_products_and_categories_are_a_note_and_a_warning_if_most_are_new(tmp_path, code, name, several):
    def new(sessions: int) -> list[Event]:
        return changed(
            calm(), lambda event: {name: "NEW"} if event.file == "test" and number_of(event) < sessions else {}
        )

    finding = finding_of(code, store(tmp_path / "few", new(6)))
    assert (finding.severity, finding.count, finding.examples) == ("note", 1, ("NEW",))
    total, share = (21, "4.8%") if name == "product" else (6, "16.7%")
    assert figures(finding) == f"1 {total} {share} 1.0%"
    most = finding_of(code, store(tmp_path / "most", new(301)))
    assert (most.severity, most.count) == ("warning", 1)
    assert f"{name}_id" in most.advice


def test_a_product_with_several_categories_is_a_note_among_many_and_a_warning_among_few(tmp_path):
    moved = visit("train", "X", "V", times=[0], product="P3")
    events = [*calm(), dataclasses.replace(moved[0], category="OTHER")]
    finding = finding_of("moving_categories", store(tmp_path / "few", events))
    assert (finding.severity, finding.count) == ("warning", 1)
    assert figures(finding) == "1 20 5.0%"
    assert finding.examples == ("P3: C3 and OTHER",)
    many = events + [Event("train", "X", "V", f"Q{number}", "C1", time=MIDNIGHT) for number in range(100)]
    assert finding_of("moving_categories", store(tmp_path / "many", many)).severity == "note"


def test_placeholder_ids_are_a_warning_and_in_categories_a_note(tmp_path):
    unknown = changed(calm(), lambda event: {"category": "Unknown"} if event.product == "P3" else {})
    category = finding_of("placeholder_ids", store(tmp_path / "category", unknown))
    events = sum(event.product == "P3" for event in calm())
    assert (category.severity, category.count, category.examples) == (
        "note", 1, (f"category_id 'Unknown': {events} events",)
    )  # fmt: skip
    guests = changed(unknown, lambda event: {"user": "-1"} if number_of(event) < 50 else {})
    finding = finding_of("placeholder_ids", store(tmp_path / "user", guests))
    assert (finding.severity, finding.count) == ("warning", 2)
    assert figures(finding) == f"2 {events + 300}"
    assert set(finding.examples) == {"user_id '-1': 300 events", f"category_id 'Unknown': {events} events"}


def test_the_null_of_sql_exports_is_a_placeholder(tmp_path):
    merged = changed(calm(), lambda event: {"session": "\\N"} if number_of(event) < 8 else {})
    finding = finding_of("placeholder_ids", store(tmp_path, merged))
    assert (finding.severity, finding.count) == ("warning", 1)
    assert finding.examples == ("user_session '\\N': 48 events",)


def test_ids_that_differ_only_in_spelling_are_a_warning(tmp_path):
    spelled = {
        "U-test-0": "u-test-1", "U-test-1": "U-TEST-1", "U-test-2": "007", "U-test-3": "7.0", "U-test-4": "7",
        "U-test-5": "aBc", "U-test-6": "AbC",
    }  # fmt: skip
    events = changed(calm(), lambda event: {"user": spelled.get(event.user, event.user)})
    finding = finding_of("alike_ids", store(tmp_path, events))
    assert (finding.severity, finding.count) == ("warning", 2), "mixed case may be a random code"
    assert figures(finding) == "2 0"
    assert finding.examples == ("user_id: 007, 7 and 7.0",)


def test_a_user_id_of_many_sessions_looks_like_many_people(tmp_path):
    def held(sessions: int) -> list[Event]:
        return changed(calm(), lambda event: {"user": "guests"} if number_of(event) < sessions else {})

    finding = finding_of("crowded_users", store(tmp_path / "many", held(50)))
    assert (finding.severity, finding.count, finding.examples) == ("warning", 1, ("guests: 100 sessions",))
    assert figures(finding) == "1 100 2,100 4.8% 1.05"
    assert find("crowded_users", store(tmp_path / "few", held(49))) is None


def test_few_users_with_many_sessions_each_are_not_crowded(tmp_path):
    club = changed(calm(), lambda event: {"user": f"U{number_of(event) % 30}"})
    assert find("crowded_users", store(tmp_path, club)) is None


def test_users_who_act_faster_or_longer_than_people_are_robots(tmp_path):
    fast = visit("train", "FAST", "R1", times=[DAY + second // 2 for second in range(60)])
    busy = visit("train", "BUSY", "R2", times=[2 * DAY + 40 * event for event in range(1_501)])
    sleepless = visit("test", "LONG", "R3", times=[22 * DAY + 3_600 * hour for hour in range(24)])
    # A person: a full basket in one second, twenty quick clicks with a pause, a day of 23 hours.
    person = visit("train", "P", "V", times=[3 * DAY] * 90 + [3 * DAY + 3_600 * hour + 1_800 for hour in range(23)])
    quick = visit("train", "Q", "V", times=[5 * DAY + second for second in range(19)])
    products = (dataclasses.replace(event, product=f"P{place % 20}") for place, event in enumerate([*person, *fast]))
    finding = finding_of("robots", store(tmp_path, [*calm(), *products, *busy, *sleepless, *quick]))
    assert (finding.severity, finding.count) == ("warning", 3)
    assert figures(finding).startswith("3 1 20 1 1,500 1 24 ")
    assert finding.examples[0] == "R2: 1,501 events"
    assert {example.split(":")[0] for example in finding.examples} == {"R1", "R2", "R3"}


def test_a_robot_of_few_events_is_a_note(tmp_path):
    fast = visit("train", "FAST", "R1", times=[DAY + second for second in range(30)])
    finding = finding_of("robots", store(tmp_path, calm() + fast))
    assert (finding.severity, finding.count, finding.examples) == ("note", 1, ("R1: 30 events",))
    assert figures(finding) == "1 1 20 0.5%"


# --- values -----------------------------------------------------------------------------------------------------------


def valued(change: Callable[[int, float], float]) -> list[Event]:
    """The shop in order with other values: number of the train session and its value -> value."""
    return changed(calm(), lambda event: {"value": change(number_of(event), event.value)})


def test_a_heavy_tail_is_reported_with_its_curve(tmp_path):
    events = valued(lambda number, value: 500.0 + number if number < 2 else value)
    dataset = store(tmp_path, events)
    finding = finding_of("heavy_tail", dataset)
    values = np.array([event.value for event in events if event.file == "train" and event.kind == "VIEW"])
    parts = np.sort((values - values.mean()) ** 2)[::-1]
    share = parts[:2].sum() / parts.sum()
    assert 0.1 < share < 0.5
    assert (finding.severity, finding.count, finding.chart) == ("note", 2, "tail")
    assert figures(finding).startswith(f"2 0.1% {share:.1%} 501 ")
    assert finding.table[0] == {"sessions": round(1 / 1500, 8), "deviation": round(parts[0] / parts.sum(), 6)}
    assert {"sessions": round(2 / 1500, 8), "deviation": round(share, 6)} in finding.table
    assert finding.table[-1] == {"sessions": 1.0, "deviation": 1.0}


def test_a_tail_of_half_the_score_is_a_warning(tmp_path):
    finding = finding_of("heavy_tail", store(tmp_path, valued(lambda number, value: 9_000.0 if number == 3 else value)))
    assert finding.severity == "warning"


def test_zeros_are_a_note_and_a_warning_where_purchases_are_worth_nothing(tmp_path):
    free = store(tmp_path / "free", valued(lambda number, value: 0.0 if number < 150 else value))
    finding = finding_of("zero_values", free)
    assert (finding.severity, finding.count) == ("warning", 150)
    assert figures(finding) == "150 1,500 10.0% 0 150 1,500"
    looked = [
        event for event in valued(lambda n, v: 0.0 if n < 150 else v) if event.kind != "BUY" or number_of(event) >= 150
    ]
    glances = finding_of("zero_values", store(tmp_path / "glances", looked))
    assert (glances.severity, glances.count) == ("note", 150)
    assert figures(glances) == "150 1,500 10.0% 0 0 1,350"


def test_test_sessions_whose_purchases_add_up_to_their_value_are_a_warning(calm_copy):
    priced = with_card(calm_copy, value_rule="price_of_buys")
    buying = {event.session for event in calm() if event.file == "test" and event.kind == "BUY"}
    finding = finding_of("value_in_test", priced)
    assert (finding.severity, finding.count) == ("warning", len(buying))
    assert figures(finding) == f"{len(buying):,} 600 {len(buying) / 600:.1%}"


def test_test_sessions_without_a_purchase_show_no_value(tmp_path):
    looked = [event for event in calm() if event.file == "train" or event.kind != "BUY"]
    assert find("value_in_test", with_card(store(tmp_path, looked), value_rule="price_of_buys")) is None


def test_sessions_whose_rows_disagree_are_a_warning_and_most_doing_so_serious(tmp_path):
    def uneven(sessions: int) -> list[Event]:
        return changed(
            calm(), lambda event: {"value": 200.0} if event.kind == "BUY" and number_of(event) < sessions else {}
        )

    finding = finding_of("differing_values", store(tmp_path / "some", uneven(4)))
    assert (finding.severity, finding.count) == ("warning", 4)
    assert figures(finding) == "4 1,500 0.3%"
    forced = store(tmp_path / "most", uneven(800), Mapping(least_usable=0.0))
    assert finding_of("differing_values", forced).severity == "serious"


def test_values_cut_off_at_a_limit_are_a_warning(tmp_path):
    events = valued(lambda number, value: min(value, 100.0))
    capped = sum(event.value == 100.0 for event in events if event.file == "train" and event.kind == "VIEW")
    finding = finding_of("capped_values", store(tmp_path / "capped", events))
    assert (finding.severity, finding.count) == ("warning", capped)
    assert figures(finding) == f"{capped} 1,500 {capped / 1500:.1%} 100"
    four = store(tmp_path / "four", valued(lambda number, value: 500.0 if number < 4 else value))
    assert find("capped_values", four) is None


def test_values_that_change_in_the_course_of_train_are_a_warning(tmp_path):
    events = valued(lambda number, value: value * (1.5 if number > 750 else 1.0))
    finding = finding_of("value_trend", store(tmp_path, events))
    early, late = (
        np.array([e.value for e in events if e.file == "train" and e.kind == "VIEW" and (number_of(e) > 750) == half])
        for half in (False, True)
    )
    assert finding.severity == "warning"
    assert figures(finding) == (f"{early.mean():.1f} {late.mean():.1f} {ks_2samp(early, late).statistic:.1%}")


# --- drift ------------------------------------------------------------------------------------------------------------


def longer_test() -> list[Event]:
    """Each session of test has ten more views of another product."""
    events = calm()
    views = [event for event in events if event.file == "test" and event.kind == "VIEW"]
    return events + [
        dataclasses.replace(event, time=event.time + 7 * step, product="P19", category="C4")
        for event in views
        for step in range(1, 11)
    ]


def test_different_test_sessions_are_a_warning(tmp_path):
    dataset = store(tmp_path, longer_test())
    drift = finding_of("feature_drift", dataset)
    table = {record["feature"]: record for record in drift.table}
    assert drift.severity == "warning"
    assert drift.count == sum(bool(record["drifted"]) for record in drift.table)
    assert table["n_events"]["drifted"] is True
    assert table["n_events"]["about"] == "the session"
    assert table["n_events"]["ks"] == 1.0
    assert table["n_buy"] == {
        "feature": "n_buy", "about": "the session", "psi": 0.0, "ks": 0.0, "p_value": 1.0, "drifted": False
    }  # fmt: skip
    assert set(table) == {feature.name for feature in all_features()}
    assert [record["psi"] for record in drift.table] == sorted((r["psi"] for r in drift.table), reverse=True)
    assert figures(drift).startswith(f"{drift.count} {len(table)} ")
    told = finding_of("told_apart", dataset)
    assert told.severity == "warning"
    assert figures(told).startswith("1.00 ")


def test_a_growing_past_is_a_note_if_test_is_later(calm_shop):
    drift, told = finding_of("feature_drift", calm_shop), finding_of("told_apart", calm_shop)
    assert (drift.severity, told.severity) == ("note", "note")
    assert {record["about"] for record in drift.table if record["drifted"]} == {"the past"}
    assert f"({drift.count} about the past)" in drift.explanation
    assert drift.advice.startswith("Nothing to do. ")


def test_a_test_of_one_day_is_no_warning(tmp_path):
    """Its hours and weekdays are others than those of train, and its sessions are the same."""
    dataset = store(tmp_path, calm(test_days=(20, 21)))
    drift, told = finding_of("feature_drift", dataset), finding_of("told_apart", dataset)
    about = {record["about"] for record in drift.table if record["drifted"]}
    assert (drift.severity, told.severity) == ("note", "note")
    assert about == {"the calendar", "the past"}


def test_every_feature_is_about_the_session_the_calendar_or_the_past():
    about = {kind: {name for name, is_about in ABOUT.items() if is_about == kind} for kind in (SESSION, CALENDAR, PAST)}
    assert about[CALENDAR] == {"start_hour", "start_weekday", "hour_sin", "hour_cos", "week_sin", "week_cos"}
    assert {"n_events", "duration", "n_products"} <= about[SESSION]
    assert {"user_buy_rate", "product_popularity_min", "category_buy_rate_max"} <= about[PAST]
    assert set(ABOUT) == {feature.name for feature in all_features()}


def test_the_sample_holds_the_features_of_a_run_for_the_same_units_each_time(demo):
    table = build_features(demo, RunConfig())
    sample = draw_sample(demo, lambda part, parts, text: None, most=200)
    again = draw_sample(demo, lambda part, parts, text: None, most=200)
    assert sample.train.shape == sample.test.shape == (200, len(table.names))
    assert sample.names == tuple(table.names)
    np.testing.assert_array_equal(sample.train, again.train)
    everything = set(map(tuple, np.nan_to_num(table.values.to_numpy(), nan=-9).tolist()))
    assert {tuple(row) for row in np.nan_to_num(sample.train, nan=-9).tolist()} <= everything
    whole = draw_sample(demo, lambda part, parts, text: None)
    is_test = table.units.get_column("role").to_numpy() == 1
    np.testing.assert_array_equal(whole.train, table.values.to_numpy()[~is_test])
    np.testing.assert_array_equal(whole.test, table.values.to_numpy()[is_test])


def test_the_distances_agree_with_their_definitions():
    draws = np.random.default_rng(3)
    first, second = draws.normal(size=4_000), draws.normal(0.5, 1.2, size=3_000)
    apart = distance(first, second)
    answer = ks_2samp(first, second)
    assert apart.ks == pytest.approx(answer.statistic)
    edges = np.quantile(first, np.linspace(0, 1, 11)[1:-1])
    e, a = (np.histogram(each, [-np.inf, *edges, np.inf])[0] / len(each) for each in (first, second))
    assert apart.psi == pytest.approx(np.sum((a - e) * np.log(a / e)), rel=0.02)


def test_missing_features_count_as_a_value_of_their_own():
    nothing, some = np.full(100, np.nan), np.linspace(0, 1, 100)
    assert distance(nothing, nothing).ks == 0.0
    assert distance(nothing, some).ks == 1.0
    assert distance(np.concatenate([some, nothing]), some).ks == pytest.approx(0.5)
    assert distance(some, np.concatenate([some, nothing])).psi > 0.25


def test_the_stability_index_sees_a_constant_move_in_both_directions():
    five = np.full(100, 5.0)
    assert stability_index(five, five) == 0.0
    assert stability_index(five, five - 1) > 1.0
    assert stability_index(five, five + 1) > 1.0


# --- what does not apply ----------------------------------------------------------------------------------------------

NO_EVENTS = "the files have no events"
TINY = {
    "row_order": "the order of the rows is unknown, or the files have fewer than 100 sessions",
    "missing_days": "the log has fewer than 7 whole days",
    "coarse_times": "there are fewer than 100 events",
    "cut_sessions": "fewer than 30 sessions have several events",
    "thin_sample": "there are fewer than 100 sessions",
    "heavy_tail": "train has fewer than 1,000 sessions with a value",
    "value_in_test": "the values are in a column, not added up from prices",
    "unknown_values": "the values are in a column, not added up from prices",
    "capped_values": "train has fewer than 100 distinct values",
    "value_trend": "a half of train has fewer than 200 sessions with a value",
    "feature_drift": "a file has fewer than 200 sessions",
    "told_apart": "a file has fewer than 200 sessions",
}


def not_applicable(report: AuditReport) -> dict[str, str]:
    return {outcome.code: outcome.reason for outcome in report.outcomes if outcome.outcome == "not_applicable"}


def test_with_ten_sessions_some_rules_do_not_apply_and_the_others_do(tmp_path):
    report = audit(store(tmp_path, good_events()))
    assert not_applicable(report) == TINY
    assert {finding.code for finding in report.findings} <= set(RULE) - set(TINY)


def test_without_events_no_rule_applies(tmp_path, calm_shop):
    folder = tmp_path / calm_shop.folder.name
    shutil.copytree(calm_shop.folder, folder)
    for name in ("train.parquet", "test.parquet", "units.parquet"):
        pl.read_parquet(folder / name).clear().write_parquet(folder / name)
    dataset = with_card(Dataset(folder), {"sessions": 0, "users": 0, "kept": 0, "rows": 0})
    report = audit(dataset, again=True)
    assert not_applicable(report) == {rule.code: NO_EVENTS for rule in RULES}
    assert report.findings == ()


@pytest.mark.parametrize(
    ("change", "code", "reason"),
    [
        (
            lambda e: {"time": e.time - e.time % DAY},
            "cut_sessions",
            "half of the sessions with several events last 0 s",
        ),
        (lambda e: {"value": 3.0}, "heavy_tail", "all train sessions have the same value"),
        (lambda e: {"value": 3.0}, "value_trend", "all train sessions have the same value"),
        (lambda e: {"user": f"U{number_of(e) % 40}"}, "feature_drift", "a file has fewer than 50 users"),
        (lambda e: {"user": f"U{number_of(e) % 40}"}, "told_apart", "a file has fewer than 50 users"),
        (lambda e: {"time": MIDNIGHT}, "coarse_times", "all events have the same time"),
        (
            lambda e: {"time": MIDNIGHT},
            "value_trend",
            "a half of train has fewer than 200 sessions with a value",
        ),
    ],
)
def test_the_reason_why_a_rule_does_not_apply_is_the_unmet_requirement(tmp_path, change, code, reason):
    outcome, _ = RULE[code].examine(AuditCase(store(tmp_path, changed(calm(), change))))
    assert (outcome.outcome, outcome.reason) == ("not_applicable", reason)


def test_missing_days_do_not_apply_to_days_with_few_events(tmp_path):
    outcome, _ = RULE["missing_days"].examine(AuditCase(store(tmp_path, calm(train=100, test=40))))
    assert (outcome.outcome, outcome.reason) == ("not_applicable", "a median day has fewer than 20 events")


# --- the report -------------------------------------------------------------------------------------------------------


def test_codes_and_titles_are_unique_and_findings_carry_their_rules_code(demo):
    assert len({rule.code for rule in RULES}) == len({rule.title for rule in RULES}) == len(RULES)
    report = audit(demo)
    outcomes = {outcome.code: outcome for outcome in report.outcomes}
    assert {finding.code for finding in report.findings} == {
        code for code, outcome in outcomes.items() if outcome.outcome == "found"
    }


def messy() -> list[Event]:
    """A shop with nearly every defect that event files alone can have."""
    events = [event for event in longer_test() if (event.time - MIDNIGHT) // DAY not in (5, 6, 22)]
    spellings = {"U-train-20": "007", "U-train-21": "7", "U-train-22": "-1"}

    def spoil(event: Event) -> dict[str, object]:
        number, value = number_of(event), event.value * (1.5 if number_of(event) > 750 else 1.0)
        changes: dict[str, object] = {"user": spellings.get(event.user, event.user)}
        changes["value"] = 900.0 if number % 300 == 7 else 0.0 if number % 100 == 9 else value
        if number == 11 and event.kind == "BUY":
            changes["value"] = value + 1
        if 100 <= number < 150:
            changes["user"] = "guests"
        if event.file == "test" and number < 6:
            changes |= {"product": "NEW", "category": "#REF!"}
        return changes

    events = changed(events, spoil)
    train = [event for event in events if event.file == "train"]
    events += [dataclasses.replace(event, file="test") for event in train if number_of(event) < 2]
    for user in range(3):
        events += visit("train", "LOST", f"V{user}", times=[(1 + user) * DAY])
    for number in range(5):
        events += visit("train", f"LONG{number}", f"W{number}", times=[3_600, 3_600 + (3 + number) * DAY])
        events += visit("train", f"EARLY{number}", f"X{number}", times=[number, 90])
    events += visit("test", "S-train-4", "another user", times=[21 * DAY])
    events += visit("train", "FAST", "R1", times=[DAY + second for second in range(30)])
    events += visit("train", "OLD", "V9", times=[-MIDNIGHT])
    return [*events, dataclasses.replace(visit("train", "MOVED", "Y", times=[DAY], product="P3")[0], category="OTHER")]


def coarse() -> list[Event]:
    """A small log without times of day, with one product and few carts."""
    events = [event for event in calm(150, 60) if event.kind != "ADD_CART" or number_of(event) % 10 == 0]
    return changed(events, lambda event: {"product": "P7", "time": event.time // DAY * DAY})


def test_the_sentences_of_every_rule(tmp_path, calm_copy, snapshot):
    untrained = {"session": [1], "user_session": ["S1"], "reason": ["lost_purchase"], "remaining": [12.5]}
    pl.DataFrame(untrained).write_parquet(calm_copy.folder / "untrained.parquet")
    aside = {"quarantined": 40, "ignored": 3, "duplicates": 9, "empty_cells": {"BUY": {"category_id": 400}}}
    written = with_card(
        calm_copy,
        train=aside | ordered(value_rises=0.995),
        value_rule="price_of_buys",
        unassigned_purchases=1,
        untrained={"lost_purchase": 30},
    )
    pl.DataFrame({"reason": ["empty user_id"], "ignored": [False]}).write_parquet(
        calm_copy.folder / "quarantine.parquet"
    )
    datasets = (store(tmp_path / "messy", messy()), store(tmp_path / "coarse", coarse()), written)
    sentences = {
        finding.code: (finding.severity, finding.title, finding.explanation, finding.advice, finding.examples)
        for dataset in datasets
        for finding in reversed(audit(dataset, again=True).findings)
    }
    assert set(RULE) == set(sentences)
    assert {code: (RULE[code].title, *sentences[code]) for code in RULE} == snapshot


def test_findings_come_worst_first_and_then_by_count(tmp_path):
    lost = [event for user in range(4) for event in visit("train", "LOST", f"V{user}", times=[DAY])]
    old = visit("train", "OLD", "V9", times=[-MIDNIGHT])
    report = audit(store(tmp_path, at_the_same_time() + lost + old))
    order = [(finding.severity, -(finding.count or 0)) for finding in report.findings]
    ranks = ["serious", "warning", "note"]
    assert order == sorted(order, key=lambda pair: (ranks.index(pair[0]), pair[1]))
    assert [finding.code for finding in report.findings][:2] == ["far_times", "composite_sessions"]
    assert report.counted() == {
        severity: sum(finding.severity == severity for finding in report.findings) for severity in ranks
    }


def test_the_same_dataset_gives_the_same_bytes(demo):
    first = audit(demo, again=True).model_dump_json()
    stored = (demo.folder / "audit.json").read_bytes()
    assert audit(demo, again=True).model_dump_json() == first
    assert (demo.folder / "audit.json").read_bytes() == stored


def test_codes_and_unit_numbers_may_be_any_whole_numbers_in_any_order(demo, tmp_path):
    """The same events under scattered codes, negative ones among them, and units in no order."""
    folder = tmp_path / demo.folder.name
    shutil.copytree(demo.folder, folder)
    scattered = {"session": 3, "user": 5, "product": 7, "category": 11, "unit": 13}

    def scatter(path: Path) -> None:
        frame = pl.read_parquet(path)
        there = [name for name in scattered if name in frame.columns]
        frame = frame.with_columns(pl.col(name).hash(scattered[name]).reinterpret(signed=True) for name in there)
        frame.sample(fraction=1, shuffle=True, seed=1).write_parquet(path)

    for path in sorted(folder.glob("*.parquet")):
        scatter(path)
    before, after = audit(demo, again=True), audit(Dataset(folder), again=True)
    assert before.outcomes == after.outcomes
    told = [
        {f.code: (f.severity, f.count, f.title) for f in report.findings} for report in (before, after)
    ]  # fmt: skip
    assert told[0] == told[1]
    for code in set(told[0]) - {"feature_drift", "told_apart"}:
        one, other = (next(f for f in report.findings if f.code == code) for report in (before, after))
        assert one.explanation == other.explanation


def test_a_stored_report_is_returned_without_running_the_rules(calm_copy, monkeypatch):
    assert stored_audit(calm_copy) is None
    first = audit(calm_copy)
    assert stored_audit(calm_copy) == first
    monkeypatch.setattr(report_module, "AuditCase", None)  # running the rules now fails
    assert audit(calm_copy) == first
    with pytest.raises(TypeError):
        audit(calm_copy, again=True)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "[1, 2]",
        lambda text: text.replace(f'"version": {AUDIT_VERSION}', f'"version": {AUDIT_VERSION - 1}'),
        lambda text: text.replace('"severity": "note"', '"severity": "dreadful"', 1),
        lambda text: text.replace('"dataset": "', '"dataset": "another'),
    ],
    ids=["empty", "half", "other", "older", "unknown severity", "of another dataset"],
)
def test_a_damaged_or_older_report_is_recomputed(calm_copy, damage):
    first = audit(calm_copy)
    path = calm_copy.folder / "audit.json"
    whole = path.read_text()
    assert damage(whole) != whole
    path.write_text(damage(whole))
    assert stored_audit(calm_copy) is None
    assert audit(calm_copy) == first
    assert path.read_text() == whole


def test_a_report_that_is_not_text_is_recomputed(calm_copy):
    (calm_copy.folder / "audit.json").write_bytes(b"\xff\xfe\x00")
    assert stored_audit(calm_copy) is None
    assert audit(calm_copy) == stored_audit(calm_copy)


def test_nothing_but_the_audit_is_left_in_the_folder(calm_copy):
    before = {path.name for path in calm_copy.folder.iterdir()}
    audit(calm_copy, again=True)
    assert {path.name for path in calm_copy.folder.iterdir()} - before == {"audit.json"}


def test_if_the_folder_is_not_writable_the_report_is_returned_but_not_saved(calm_copy, monkeypatch):
    def refuse(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    before = {path.name for path in calm_copy.folder.iterdir()}
    assert audit(calm_copy).findings
    assert {path.name for path in calm_copy.folder.iterdir()} == before


def test_progress_goes_up_to_the_end(calm_copy):
    heard: list[tuple[int, int, str]] = []
    audit(calm_copy, lambda part, parts, text: heard.append((part, parts, text)))
    parts = [part for part, _, _ in heard]
    assert parts == sorted(parts)
    assert {whole for _, whole, _ in heard} == {heard[-1][0]}
    assert "product history features" in {text for _, _, text in heard}
    assert {rule.title for rule in RULES} <= {text for _, _, text in heard}


def test_the_summary_has_every_finding_and_every_rule_that_does_not_apply(tmp_path):
    report = audit(store(tmp_path, good_events()))
    told = lines(report)
    counted = report.counted()
    assert told[0].startswith(f"{len(report.findings)} findings: {counted['serious']} serious, ")
    assert told[0].endswith("found nothing, 12 did not apply")
    text = "\n".join(told)
    for finding in report.findings:
        assert f"{finding.title}\n         {finding.explanation}\n         {finding.advice}" in text
    for code, reason in TINY.items():
        assert f"{RULE[code].title}: does not apply, {reason}" in text
    assert not any("\n" in line for line in told)


def test_sentences_end_and_titles_do_not(demo, tmp_path):
    for finding in (*audit(demo).findings, *audit(store(tmp_path, good_events())).findings):
        assert finding.explanation.endswith(".")
        assert finding.advice.endswith(".")
        assert not finding.title.endswith(".")
        assert "nan" not in f"{finding.explanation}{finding.title}".lower().split()


def test_ids_are_only_in_the_examples_cut_and_on_one_line(tmp_path):
    """A page renders explanations as Markdown, and ids are text from a visitor's files."""
    evil = "![x](https://example.org/x)" + "y" * 5_000
    events = [
        dataclasses.replace(event, product=evil, category="a\nb", session=f"{evil}{number_of(event) // 4}")
        for event in calm(train=300, test=160)
    ]
    report = audit(store(tmp_path, events))
    assert {"composite_sessions", "constant_columns"} <= {finding.code for finding in report.findings}
    for finding in report.findings:
        assert "example.org" not in f"{finding.title}{finding.explanation}{finding.advice}"
        assert all(len(example) < 200 and example.isprintable() for example in finding.examples)
    assert "category_id: a\\nb" in next(f for f in report.findings if f.code == "constant_columns").examples
    assert all(line.isprintable() for line in lines(report))


def test_a_report_does_not_depend_on_the_date(demo):
    today = datetime.datetime.now(datetime.UTC).date()
    assert str(today) not in audit(demo, again=True).model_dump_json()


def test_sessions_with_doubtful_purchases_are_a_warning_and_many_are_serious(calm_copy):
    sessions = pl.DataFrame(
        {
            "session": [1, 2],
            "user_session": ["S1", "S2"],
            "reason": ["lost_purchase", "shared_id"],
            "remaining": [12.5, 3.0],
        }
    )
    sessions.write_parquet(calm_copy.folder / "untrained.parquet")
    counts = {"untrained": {"lost_purchase": 30, "shared_id": 100}, "untrained_value": 1234.0, "lost_value": 56.0}
    dataset = with_card(calm_copy, value_rule="price_of_buys", unassigned_purchases=1, **counts)
    finding = finding_of("unknown_values", dataset)
    assert (finding.severity, finding.count) == ("warning", 30)
    assert figures(finding) == "30 1,500 2.0% 1,234 56.0 1"
    assert finding.examples == ("S1: a purchase row of it is in quarantine, or may be",)
    many = with_card(calm_copy, value_rule="price_of_buys", untrained={"lost_purchase": 31})
    assert finding_of("unknown_values", many).severity == "serious"


def test_shared_ids_are_no_unknown_values_and_the_rule_needs_values_from_prices(calm_copy):
    shared = with_card(calm_copy, value_rule="price_of_buys", untrained={"shared_id": 5})
    assert find("unknown_values", shared) is None
    outcome, _ = RULE["unknown_values"].examine(AuditCase(with_card(calm_copy, value_rule="column")))
    assert (outcome.outcome, outcome.reason) == (
        "not_applicable",
        "the values are in a column, not added up from prices",
    )
