"""The audit: every rule fires with its sentence, stays quiet, does not apply; the answer is stored and repeatable."""

from __future__ import annotations

import dataclasses
import datetime
import json
import random
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


# --- a shop in order --------------------------------------------------------------------------------------------------


def calm(train: int = 1500, test: int = 600, *, test_days: tuple[int, int] = (20, 28)) -> list[Event]:
    """A shop in order: train is 20 days long, test the 8 days after it, evenly filled.

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
    """A shop in order whose test sessions are of the days of train."""
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


def found(code: str, dataset: Dataset) -> Finding | None:
    outcome, finding = RULE[code].ask(AuditCase(dataset))
    assert outcome.outcome == ("quiet" if finding is None else "found"), outcome
    return finding


def sure(code: str, dataset: Dataset) -> Finding:
    finding = found(code, dataset)
    assert finding is not None
    return finding


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


def test_a_shop_in_order_is_quiet_but_for_the_past_that_grows_with_the_log(calm_shop):
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


def test_of_the_demo_the_planted_defects_are_found_and_nothing_else_is_worse_than_a_note(demo):
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
def test_rows_that_could_not_be_used_are_told_with_their_reasons(tmp_path, rows, severity, share):
    events = calm()
    finding = sure("quarantine", store(tmp_path, events, train=spoiled(events, rows)))
    assert (finding.severity, finding.count) == (severity, rows)
    were = "was" if rows == 1 else "were"
    assert finding.explanation == f"{rows} of 6,300 rows ({share}) {were} kept aside ({rows} of train, 0 of test)."
    assert finding.examples == (f"empty user_id: {rows} row{'s' if rows > 1 else ''}",)


def test_rows_to_be_ignored_are_not_rows_that_could_not_be_used(calm_copy):
    aside = {"quarantined": 40, "ignored": 40}
    dataset = with_card(
        calm_copy, train=aside, quarantine_reasons={"event_type is wishlist, which is to be ignored": 40}
    )
    assert found("quarantine", dataset) is None


def test_reasons_leave_out_the_words_to_be_ignored(calm_copy):
    aside = pl.DataFrame({"reason": ["empty user_id"] * 2 + ["wishlist"] * 40, "ignored": [False] * 2 + [True] * 40})
    aside.write_parquet(calm_copy.folder / "quarantine.parquet")
    dataset = with_card(calm_copy, train={"quarantined": 42, "ignored": 40, "rows": 4_542})
    finding = sure("quarantine", dataset)
    assert finding.count == 2
    assert finding.explanation == (
        "2 of 6,342 rows (0.0%) were kept aside (2 of train, 0 of test); besides, 40 rows with an event word to be "
        "ignored."
    )
    assert finding.examples == ("empty user_id: 2 rows",)


@pytest.mark.parametrize(("rows", "severity", "share"), [(10, "note", "0.2%"), (316, "warning", "5.0%")])
def test_repeated_rows_are_counted_in_both_files(calm_copy, rows, severity, share):
    dataset = with_card(
        calm_copy,
        train={"duplicates": rows - 4, "removed": rows - 4, "rows": 4_500},
        test={"duplicates": 4, "rows": 1_800},
    )
    finding = sure("duplicates", dataset)
    assert finding.advice.startswith("The repetitions were removed; ")
    assert (finding.severity, finding.count) == (severity, rows)
    assert finding.explanation == (
        f"{rows} of 6,300 rows ({share}) repeat another one in every column ({rows - 4} in train, 4 in test)."
    )


def test_repeated_rows_that_the_mapping_keeps_are_said_to_be_kept(calm_copy):
    finding = sure("duplicates", with_card(calm_copy, test={"duplicates": 1}))
    assert finding.advice.startswith("The repetitions are kept, as the mapping says; ")
    assert finding.title == "1 row repeats another one"


def test_a_column_that_is_empty_for_one_event_type_is_a_warning(calm_copy):
    empty = {"BUY": {"category_id": 400}, "VIEW": {"category_id": 3, "user_id": 2}}
    finding = sure("empty_cells", with_card(calm_copy, train={"empty_cells": empty}, test={"empty_cells": {}}))
    assert (finding.severity, finding.count) == ("warning", 405)
    assert finding.title == "category_id is empty mostly in BUY rows"
    assert finding.explanation == (
        "405 id cells are empty; category_id is in 400 of 2,100 BUY rows (19.0%), at least 5 times as often as in "
        "other rows."
    )
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
    finding = sure("empty_cells", with_card(calm_copy, train={"empty_cells": empty}))
    assert finding.severity == "note"
    assert finding.count == sum(columns["user_id"] for columns in empty.values())


def test_empty_cells_are_counted_for_the_type_that_the_files_word_means(calm_copy):
    (calm_copy.folder / "mapping.toml").write_text('[event_words]\npurchase = "BUY"\nview = "VIEW"\nbought = "BUY"\n')
    empty = {"Purchase ": {"user_id": 300}, "bought": {"user_id": 100}, "wishlist": {"user_id": 900}}
    finding = sure("empty_cells", with_card(calm_copy, train={"empty_cells": empty}))
    assert finding.count == 400, "words without a meaning do not count"
    assert "user_id is in 400 of 2,500 BUY rows (16.0%)" in finding.explanation


def ordered(**now: object) -> dict[str, object]:
    usual = {
        "time_rises": 0.5, "type_changes": 2_800, "session_changes": 3_000, "value_rises": 0.5, "value_correlation": 0.0
    }  # fmt: skip
    return {"order": RowOrder.model_validate(usual | now).model_dump()}


def test_rows_grouped_by_event_type_are_a_note_whatever_their_value_does_then(calm_copy):
    dataset = with_card(calm_copy, train=ordered(type_changes=2, value_correlation=0.6), test=ordered(type_changes=900))
    finding = sure("row_order", dataset)
    assert finding.severity == "note"
    assert finding.explanation == (
        "As the files stood, rows are grouped by event type in train (2 changes of it, 2,999 in mixed rows)."
    )


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ({"value_rises": 0.995}, "in train the value rises in 99.5% of the steps from row to row"),
        ({"value_rises": 0.002}, "in train the value falls in 99.8% of the steps from row to row"),
        ({"value_correlation": -0.31}, "in train a row's place goes with its value (correlation -0.31)"),
    ],
)
def test_rows_in_the_order_of_the_value_are_a_warning(calm_copy, order, told):
    finding = sure("row_order", with_card(calm_copy, train=ordered(**order), test=ordered(value_rises=None)))
    assert finding.severity == "warning"
    assert finding.explanation == f"As the files stood, {told}."


def test_rows_in_an_order_that_tells_little_are_quiet(calm_copy):
    assert found("row_order", with_card(calm_copy, ordered(value_correlation=0.29, value_rises=0.9))) is None
    assert found("row_order", with_card(calm_copy, ordered(time_rises=1.0, session_changes=0))) is None


# --- how much, and what of --------------------------------------------------------------------------------------------


def test_few_sessions_and_users_are_a_warning_and_next_to_none_serious(tmp_path):
    finding = sure("small_data", store(tmp_path / "some", calm(train=150, test=80)))
    assert (finding.severity, finding.count) == ("warning", 150)
    assert finding.explanation == (
        "Train has 150 sessions of 150 users, test 80 sessions; from 1,000, 200 and 100 on a score says something."
    )
    assert sure("small_data", store(tmp_path / "few", good_events())).severity == "serious"


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
    finding = sure("constant_columns", store(tmp_path, change(calm(train=150, test=60))))
    assert (finding.severity, finding.count, finding.examples) == (severity, 1, (entry,))
    assert finding.explanation == f"{entry.split(':')[0]} is the same in 100.0% of the rows."


def test_a_column_that_hardly_changes_is_a_note_and_one_that_changes_a_little_more_is_quiet(tmp_path):
    def rare(every: int) -> list[Event]:
        return changed(calm(train=200, test=100), lambda event: {"category": f"C{number_of(event) % every == 0:d}"})

    finding = sure("constant_columns", store(tmp_path / "hardly", rare(100)))
    assert (finding.severity, finding.explanation) == ("note", "category_id is the same in 99.0% of the rows.")
    assert found("constant_columns", store(tmp_path / "little", rare(50))) is None


# --- time -------------------------------------------------------------------------------------------------------------


def two_files(train: tuple[int, int], test: tuple[int, int]) -> list[Event]:
    """Sessions of one event each hour from one day to another, in each file."""
    return [
        Event(file, f"{file}{hour}", f"U{hour}", time=MIDNIGHT + 3_600 * hour)
        for file, (first, last) in (("train", train), ("test", test))
        for hour in range(24 * first, 24 * last)
    ]


@pytest.mark.parametrize(
    ("days", "severity", "title", "told"),
    [
        (
            ((0, 10), (13, 15)), "note", "Test begins 3.04 days after train ends",
            "Train runs from 2025-06-01 to 2025-06-10, test from 2025-06-14 to 2025-06-15: between them lie 3.04 days "
            "without an event.",
        ),
        (
            ((0, 3), (13, 15)), "warning", "Test begins 10.0 days after train ends",
            "Train runs from 2025-06-01 to 2025-06-03, test from 2025-06-14 to 2025-06-15: between them lie 10.0 days "
            "without an event, more than train is long.",
        ),
        (
            ((5, 9), (0, 5)), "serious", "Test lies before train",
            "Train runs from 2025-06-06 to 2025-06-09, test from 2025-06-01 to 2025-06-05: the sessions to predict are "
            "older than those that have values.",
        ),
        (
            ((0, 9), (6, 12)), "note", "Train and test overlap in time",
            "Train runs from 2025-06-01 to 2025-06-09, test from 2025-06-07 to 2025-06-12; 72 test events (50.0%) lie "
            "within train's time: the files were not split by time alone.",
        ),
    ],
)  # fmt: skip
def test_train_and_test_are_held_against_each_other_in_time(tmp_path, days, severity, title, told):
    finding = sure("files_in_time", store(tmp_path, two_files(*days)))
    assert (finding.severity, finding.title, finding.explanation) == (severity, title, told)
    assert finding.chart == "log_span"


def test_test_right_after_train_is_quiet(tmp_path):
    assert found("files_in_time", store(tmp_path, two_files((0, 6), (6, 9)))) is None


def test_times_of_other_years_are_serious_and_do_not_move_what_else_is_said_of_time(tmp_path):
    odd = [
        *visit("train", "old", "V1", times=[-MIDNIGHT, -MIDNIGHT + 5]),
        *visit("test", "new", "V2", times=[80 * 365 * DAY]),
    ]
    dataset = store(tmp_path, calm() + odd)
    finding = sure("far_times", dataset)
    assert (finding.severity, finding.count) == ("serious", 3)
    assert finding.explanation == (
        "3 events are more than 3 times the log's length away from the rest, of which nine tenths lie between "
        "2025-06-01 and 2025-06-19."
    )
    assert finding.examples == ("1970-01-01 in train: 2 events", "2105-05-13 in test: 1 event")
    assert found("files_in_time", dataset) is None
    assert found("missing_days", dataset) is None


def test_a_log_that_starts_slowly_has_no_times_far_outside(tmp_path):
    slow = [
        event
        for day in range(40)
        for number in range(2 ** (day // 5))
        for event in visit("train", f"T{day}-{number}", f"U{number}", times=[day * DAY + number])
    ]
    assert found("far_times", store(tmp_path, slow + two_files((0, 0), (40, 42)))) is None


def without_days(*days: int) -> Change:
    return lambda events: [event for event in events if (event.time - MIDNIGHT) // DAY not in days]


def test_days_without_events_are_a_warning_with_their_dates(tmp_path):
    finding = sure("missing_days", store(tmp_path, without_days(5, 6, 22)(calm())))
    assert (finding.severity, finding.count) == ("warning", 3)
    assert finding.explanation == "3 of 24 whole days have less than 10% of the 225 events of a usual day."
    assert finding.examples == ("2025-06-06: 0 events", "2025-06-07: 0 events", "2025-06-23: 0 events")


def test_a_shop_that_is_closed_on_one_day_of_the_week_is_a_note(tmp_path):
    finding = sure("missing_days", store(tmp_path, without_days(7, 14)(calm())))
    assert (finding.severity, finding.count) == ("note", 2)
    assert finding.explanation.endswith("of a usual day; all are the same day of the week.")


def test_a_day_with_a_fifth_of_the_usual_events_and_a_gap_between_the_files_are_no_missing_days(tmp_path):
    thinned = [event for event in calm() if (event.time - MIDNIGHT) // DAY != 5 or number_of(event) % 5 == 0]
    later = changed(thinned, lambda event: {"time": event.time + 30 * DAY * (event.file == "test")})
    assert found("missing_days", store(tmp_path, later)) is None


@pytest.mark.parametrize(
    ("cut", "severity", "title"),
    [
        (lambda time: time // DAY * DAY, "warning", "Event times have no time of day"),
        (lambda time: time // DAY * DAY - 2 * 3_600, "warning", "Event times have no time of day"),
        (lambda time: time // 3_600 * 3_600, "note", "Event times have no minutes"),
        (lambda time: time // 60 * 60, "note", "Event times have no seconds"),
    ],
)
def test_times_that_were_cut_are_found(tmp_path, cut, severity, title):
    events = changed(calm(train=200, test=50), lambda event: {"time": cut(event.time)})
    finding = sure("coarse_times", store(tmp_path, events))
    assert (finding.severity, finding.title) == (severity, title)
    assert finding.explanation.startswith("100.0% of the ")


# --- sessions ---------------------------------------------------------------------------------------------------------


def test_an_id_of_several_users_is_a_warning_with_the_time_it_spans(tmp_path):
    lost = [
        *visit("train", "LOST", "V1", times=[0]),
        *visit("train", "LOST", "V2", times=[DAY, DAY + 60]),
        *visit("train", "LOST", "V3", times=[5 * DAY]),
        *visit("test", "LOST", "V4", times=[21 * DAY]),
        *visit("test", "LOST", "V5", times=[22 * DAY + 3_600]),
        *visit("test", "B", "V6", times=[22 * DAY]),
        *visit("test", "B", "V7", times=[22 * DAY + 3 * 3600]),
    ]
    finding = sure("composite_sessions", store(tmp_path, calm() + lost))
    assert (finding.severity, finding.count) == ("warning", 2)
    assert finding.explanation == (
        "2 of 2,102 session ids have more than one user (1 in train, 2 in test); the most shared one has 3 users "
        "in train, whose 4 events span 5.00 days."
    )
    assert finding.examples[0] == "LOST in train: 3 users, 4 events, 5.00 days"
    assert set(finding.examples[1:]) == {
        "LOST in test: 2 users, 2 events, 25 h 0 min", "B in test: 2 users, 2 events, 3 h 0 min"
    }  # fmt: skip


def test_session_ids_that_are_shared_everywhere_are_serious(tmp_path):
    shared = changed(calm(train=200, test=100), lambda event: {"session": f"{event.file}{number_of(event) // 4}"})
    finding = sure("composite_sessions", store(tmp_path, shared))
    assert (finding.severity, finding.count) == ("serious", 75)


def test_sessions_in_both_files_are_known_and_most_of_test_being_so_is_serious(tmp_path):
    def both(sessions: int) -> list[Event]:
        again = [event for event in calm() if event.file == "train" and number_of(event) < sessions]
        return calm() + changed(again, lambda event: {"file": "test", "time": event.time + 20 * DAY})

    few, most = sure("known_sessions", store(tmp_path / "few", both(3))), both(700)
    assert (few.severity, few.count) == ("warning", 3)
    assert few.explanation == (
        "3 of 603 test sessions (0.5%) stand in train as well, with the same users, so their values are known."
    )
    assert set(few.examples) == {"S-train-0", "S-train-1", "S-train-2"}
    many = sure("known_sessions", store(tmp_path / "most", most))
    assert (many.severity, many.count) == ("serious", 700)
    assert "700 of 1,300 test sessions (53.8%)" in many.explanation
    assert found("reused_sessions", store(tmp_path / "most", most)) is None


def test_an_id_that_comes_back_with_another_user_is_neither_known_nor_shared(tmp_path):
    again = visit("test", "S-train-4", "somebody else", times=[21 * DAY])
    dataset = store(tmp_path, calm() + again)
    finding = sure("reused_sessions", dataset)
    assert (finding.severity, finding.count, finding.examples) == ("warning", 1, ("S-train-4",))
    assert finding.explanation == (
        "1 of 601 test sessions (0.2%) has an id that belongs to one user in train and to a different one in test."
    )
    assert found("known_sessions", dataset) is None
    assert found("composite_sessions", dataset) is None


def test_a_shared_id_in_both_files_is_not_an_id_that_comes_back(tmp_path):
    lost = [
        event
        for user, file in enumerate(("train", "train", "test", "test"))
        for event in visit(file, "LOST", f"V{user}", times=[(21 + user) * DAY])
    ]
    assert found("reused_sessions", store(tmp_path, calm() + lost)) is None


def test_events_that_stand_in_both_files_are_a_warning_and_serious_when_they_are_most_of_test(tmp_path):
    def repeated(sessions: int) -> list[Event]:
        again = [event for event in calm() if event.file == "train" and number_of(event) < sessions]
        return calm() + changed(again, lambda event: {"file": "test"})

    finding = sure("rows_in_both", store(tmp_path / "some", repeated(2)))
    assert (finding.severity, finding.count) == ("warning", 6)
    assert finding.explanation == (
        "6 of 1,806 test events (0.3%) are in train too, with the same session, user, product, category, event type "
        "and time: the two exports overlap."
    )
    assert set(finding.examples) == {"S-train-0", "S-train-1"}
    assert sure("rows_in_both", store(tmp_path / "most", repeated(601))).severity == "serious"


def test_sessions_that_touch_the_edges_of_the_log_may_be_cut(tmp_path):
    late = [
        event
        for number in range(40)
        for event in visit("test", f"L{number}", f"V{number}", times=[28 * DAY - 200 + number, 28 * DAY - 100])
    ]
    early = [event for number in range(5) for event in visit("train", f"E{number}", f"W{number}", times=[number, 90])]
    finding = sure("cut_sessions", store(tmp_path, calm() + late + early))
    assert (finding.severity, finding.count) == ("note", 45)
    assert finding.explanation == (
        "45 of 2,145 sessions (2.1%) begin or end within 2 min 0 s, the median length of sessions with several events, "
        "of an edge of the log; at any moment about 0.106 sessions are running."
    )
    assert finding.examples == ("start of train: 5 sessions", "end of test: 40 sessions")


def test_where_most_sessions_are_cut_it_is_a_warning(tmp_path):
    hour = [
        event
        for number in range(200)
        for file, begin in (("train", 0), ("test", 3_600))
        for event in visit(
            file, f"{file}{number}", f"U{number}", times=[begin + 15 * number, begin + 15 * number + 600]
        )
    ]
    finding = sure("cut_sessions", store(tmp_path, hour))
    assert finding.severity == "warning"
    assert finding.count == 82, "41 sessions begin within the first ten minutes, 41 end within the last"


def test_files_with_a_gap_between_them_have_four_edges(tmp_path):
    apart = changed(calm(train=300, test=300), lambda event: {"time": event.time + 9 * DAY * (event.file == "test")})
    finding = sure("cut_sessions", store(tmp_path, apart))
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

    finding = sure("long_sessions", store(tmp_path / "few", long(5)))
    assert (finding.severity, finding.count) == ("note", 5)
    assert finding.explanation == "5 of 2,105 sessions (0.2%) last longer than a day, the longest 7.00 days."
    assert finding.examples == ("LONG4: 7.00 days", "LONG3: 6.00 days", "LONG2: 5.00 days")
    assert sure("long_sessions", store(tmp_path / "many", long(120))).severity == "warning"
    assert found("long_sessions", store(tmp_path / "two", long(2))) is None


def test_a_log_whose_buys_lack_their_add_cart_looks_like_a_sample(tmp_path):
    thin = [event for event in calm() if event.kind != "ADD_CART" or number_of(event) % 10 == 0]
    finding = sure("thin_sample", store(tmp_path, thin))
    assert (finding.severity, finding.count) == ("note", 0)
    assert finding.explanation == (
        "0.0% of 2,100 sessions have one event, and only 10.0% of 2,100 BUYs have an ADD_CART of the same product in "
        "their session."
    )


def test_a_log_of_mostly_single_events_looks_like_a_sample_and_another_product_in_the_cart_does_not_help(tmp_path):
    single = [event for event in calm() if event.kind == "VIEW" or number_of(event) % 4 == 0]
    finding = sure("thin_sample", store(tmp_path / "single", single))
    assert finding.count == 2_100 - 525
    assert finding.explanation == (
        "75.0% of 2,100 sessions have one event, and 100.0% of 525 BUYs have an ADD_CART of the same product in their "
        "session."
    )
    other = changed(calm(), lambda event: {"product": "PX"} if event.kind == "ADD_CART" else {})
    assert "only 0.0% of 2,100 BUYs" in sure("thin_sample", store(tmp_path / "other", other)).explanation


@pytest.mark.parametrize("a_line", [0, 1_500])
def test_a_log_of_receipts_is_no_sample_for_want_of_carts_or_of_second_lines(a_line, tmp_path):
    """Two BUYs a session, or one where its number is below `a_line`."""
    receipts = [
        dataclasses.replace(event, kind="BUY")
        for event in calm()
        if event.kind == "BUY" or (event.kind == "VIEW" and number_of(event) >= a_line)
    ]
    outcome, _ = RULE["thin_sample"].ask(AuditCase(store(tmp_path, receipts)))
    assert (outcome.outcome, outcome.reason) == (
        "not_applicable",
        "the log holds nothing but BUYs: a receipt of one line is whole",
    )


def test_values_added_up_from_prices_add_up_in_a_sample_too(tmp_path):
    single = [event for event in calm() if event.kind == "VIEW" or number_of(event) % 4 == 0]
    dataset = store(tmp_path, single)
    assert "do not expect them to add up from the events" in sure("thin_sample", dataset).advice
    assert sure("thin_sample", with_card(dataset, value_rule="price_of_buys")).advice == (
        "Nothing to do: the values are added up from the BUYs in the files, so what is missing here is missing there, "
        "too."
    )


def test_a_log_of_single_views_has_no_buy_to_look_at(tmp_path):
    views = [event for event in calm() if event.kind == "VIEW"]
    finding = sure("thin_sample", store(tmp_path, views))
    assert finding.explanation == "100.0% of 2,100 sessions have one event, and none has a BUY."


# --- ids --------------------------------------------------------------------------------------------------------------


def test_users_in_both_files_are_a_note_with_their_share_of_users_and_sessions(tmp_path):
    again = [
        event for number in range(3) for event in visit("test", f"X{number}", "U-train-0", times=[22 * DAY + number])
    ]
    finding = sure("shared_users", store(tmp_path, calm() + again))
    assert (finding.severity, finding.count) == ("note", 1)
    assert finding.explanation == "1 of 601 test users (0.2%) are in train too; they have 0.5% of the test sessions."


@pytest.mark.parametrize(
    ("code", "name", "several"), [("new_products", "product", "products"), ("new_categories", "category", "categories")]
)
def test_products_and_categories_that_train_never_saw_are_a_note_and_most_being_new_a_warning(
    tmp_path, code, name, several
):
    def new(sessions: int) -> list[Event]:
        return changed(
            calm(), lambda event: {name: "NEW"} if event.file == "test" and number_of(event) < sessions else {}
        )

    finding = sure(code, store(tmp_path / "few", new(6)))
    assert (finding.severity, finding.count, finding.examples) == ("note", 1, ("NEW",))
    total, share = (21, "4.8%") if name == "product" else (6, "16.7%")
    assert finding.explanation == (
        f"Train never saw 1 of {total} {several} of test ({share}); 1.0% of the test events are about them."
    )
    most = sure(code, store(tmp_path / "most", new(301)))
    assert (most.severity, most.count) == ("warning", 1)
    assert f"write their {name}_id in the same way" in most.advice


def test_a_product_with_several_categories_is_a_note_among_many_and_a_warning_among_few(tmp_path):
    moved = visit("train", "X", "V", times=[0], product="P3")
    events = [*calm(), dataclasses.replace(moved[0], category="OTHER")]
    finding = sure("moving_categories", store(tmp_path / "few", events))
    assert (finding.severity, finding.count) == ("warning", 1)
    assert finding.explanation == "1 of 20 products (5.0%) is filed under more than one category."
    assert finding.examples == ("P3: C3 and OTHER",)
    many = events + [Event("train", "X", "V", f"Q{number}", "C1", time=MIDNIGHT) for number in range(100)]
    assert sure("moving_categories", store(tmp_path / "many", many)).severity == "note"


def test_ids_that_say_that_there_is_none_are_a_warning_and_a_category_so_called_a_note(tmp_path):
    unknown = changed(calm(), lambda event: {"category": "Unknown"} if event.product == "P3" else {})
    category = sure("placeholder_ids", store(tmp_path / "category", unknown))
    events = sum(event.product == "P3" for event in calm())
    assert (category.severity, category.count, category.examples) == (
        "note", 1, (f"category_id 'Unknown': {events} events",)
    )  # fmt: skip
    guests = changed(unknown, lambda event: {"user": "-1"} if number_of(event) < 50 else {})
    finding = sure("placeholder_ids", store(tmp_path / "user", guests))
    assert (finding.severity, finding.count) == ("warning", 2)
    assert finding.explanation == (
        f"2 ids in category_id and user_id are words for nothing, and stand in {events + 300} cells: what has no id is "
        "taken for one thing with a long history."
    )
    assert set(finding.examples) == {"user_id '-1': 300 events", f"category_id 'Unknown': {events} events"}


def test_what_sql_writes_for_nothing_is_no_session(tmp_path):
    merged = changed(calm(), lambda event: {"session": "\\N"} if number_of(event) < 8 else {})
    finding = sure("placeholder_ids", store(tmp_path, merged))
    assert (finding.severity, finding.count) == ("warning", 1)
    assert finding.examples == ("user_session '\\N': 48 events",)


def test_ids_that_differ_only_in_spelling_are_a_warning(tmp_path):
    spelled = {
        "U-test-0": "u-test-1", "U-test-1": "U-TEST-1", "U-test-2": "007", "U-test-3": "7.0", "U-test-4": "7",
        "U-test-5": "aBc", "U-test-6": "AbC",
    }  # fmt: skip
    events = changed(calm(), lambda event: {"user": spelled.get(event.user, event.user)})
    finding = sure("alike_ids", store(tmp_path, events))
    assert (finding.severity, finding.count) == ("warning", 2), "mixed case may be a random code"
    assert finding.explanation == (
        "In user_id, 2 ids occur in spellings that differ only in upper and lower case, in zeros at the front, in "
        ".0 at the end, in how accents are stored, or in blanks and characters that cannot be seen."
    )
    assert finding.examples == ("user_id: 007, 7 and 7.0",)


def test_a_user_id_of_many_sessions_looks_like_many_people(tmp_path):
    def held(sessions: int) -> list[Event]:
        return changed(calm(), lambda event: {"user": "guests"} if number_of(event) < sessions else {})

    finding = sure("crowded_users", store(tmp_path / "many", held(50)))
    assert (finding.severity, finding.count, finding.examples) == ("warning", 1, ("guests: 100 sessions",))
    assert finding.explanation == ("1 user id has 100 of 2,100 sessions (4.8%), where a user has 1.05 on average.")
    assert found("crowded_users", store(tmp_path / "few", held(49))) is None


def test_few_users_with_many_sessions_each_are_people(tmp_path):
    club = changed(calm(), lambda event: {"user": f"U{number_of(event) % 30}"})
    assert found("crowded_users", store(tmp_path, club)) is None


def test_what_acts_faster_or_longer_than_people_is_found(tmp_path):
    fast = visit("train", "FAST", "R1", times=[DAY + second // 2 for second in range(60)])
    busy = visit("train", "BUSY", "R2", times=[2 * DAY + 40 * event for event in range(1_501)])
    sleepless = visit("test", "LONG", "R3", times=[22 * DAY + 3_600 * hour for hour in range(24)])
    # A person: a full basket in one second, twenty quick clicks with a pause, a day of 23 hours.
    person = visit("train", "P", "V", times=[3 * DAY] * 90 + [3 * DAY + 3_600 * hour + 1_800 for hour in range(23)])
    quick = visit("train", "Q", "V", times=[5 * DAY + second for second in range(19)])
    products = (dataclasses.replace(event, product=f"P{place % 20}") for place, event in enumerate([*person, *fast]))
    finding = sure("robots", store(tmp_path, [*calm(), *products, *busy, *sleepless, *quick]))
    assert (finding.severity, finding.count) == ("warning", 3)
    assert finding.explanation.startswith(
        "3 users act faster or longer than a person (1 with an event every second for 20 s or longer, 1 with more than "
        "1,500 events on one day and 1 active in all 24 hours of a day); "
    )
    assert finding.examples[0] == "R2: 1,501 events"
    assert {example.split(":")[0] for example in finding.examples} == {"R1", "R2", "R3"}


def test_a_robot_of_few_events_is_a_note(tmp_path):
    fast = visit("train", "FAST", "R1", times=[DAY + second for second in range(30)])
    finding = sure("robots", store(tmp_path, calm() + fast))
    assert (finding.severity, finding.count, finding.examples) == ("note", 1, ("R1: 30 events",))
    assert finding.explanation == (
        "1 user acts faster or longer than a person (1 with an event every second for 20 s or longer); 0.5% of all "
        "events are theirs."
    )


# --- values -----------------------------------------------------------------------------------------------------------


def valued(change: Callable[[int, float], float]) -> list[Event]:
    """The shop in order with other values: number of the train session and its value -> value."""
    return changed(calm(), lambda event: {"value": change(number_of(event), event.value)})


def test_a_tail_that_decides_the_score_is_told_with_its_curve(tmp_path):
    events = valued(lambda number, value: 500.0 + number if number < 2 else value)
    dataset = store(tmp_path, events)
    finding = sure("heavy_tail", dataset)
    values = np.array([event.value for event in events if event.file == "train" and event.kind == "VIEW"])
    parts = np.sort((values - values.mean()) ** 2)[::-1]
    share = parts[:2].sum() / parts.sum()
    assert 0.1 < share < 0.5
    assert (finding.severity, finding.count, finding.chart) == ("note", 2, "tail")
    assert finding.explanation.startswith(
        f"The 2 train sessions farthest from the mean value (0.1% of all) have {share:.1%} of all squared deviation; "
        "the largest value is 501, the median "
    )
    assert finding.table[0] == {"sessions": round(1 / 1500, 8), "deviation": round(parts[0] / parts.sum(), 6)}
    assert {"sessions": round(2 / 1500, 8), "deviation": round(share, 6)} in finding.table
    assert finding.table[-1] == {"sessions": 1.0, "deviation": 1.0}


def test_a_tail_of_half_the_score_is_a_warning(tmp_path):
    finding = sure("heavy_tail", store(tmp_path, valued(lambda number, value: 9_000.0 if number == 3 else value)))
    assert finding.severity == "warning"


def test_zeros_are_a_note_and_a_warning_where_purchases_are_worth_nothing(tmp_path):
    free = store(tmp_path / "free", valued(lambda number, value: 0.0 if number < 150 else value))
    finding = sure("zero_values", free)
    assert (finding.severity, finding.count) == ("warning", 150)
    assert finding.explanation == (
        "150 of 1,500 train sessions (10.0%) have the value 0; 150 of the 1,500 sessions with a BUY are among them."
    )
    looked = [
        event for event in valued(lambda n, v: 0.0 if n < 150 else v) if event.kind != "BUY" or number_of(event) >= 150
    ]
    glances = sure("zero_values", store(tmp_path / "glances", looked))
    assert (glances.severity, glances.count) == ("note", 150)
    assert "0 of the 1,350 sessions with a BUY are among them" in glances.explanation


def test_test_sessions_whose_purchases_add_up_to_their_value_are_a_warning(calm_copy):
    priced = with_card(calm_copy, value_rule="price_of_buys")
    buying = {event.session for event in calm() if event.file == "test" and event.kind == "BUY"}
    finding = sure("value_in_test", priced)
    assert (finding.severity, finding.count) == ("warning", len(buying))
    assert f"{len(buying):,} of 600 test sessions" in finding.explanation


def test_test_sessions_without_a_purchase_show_no_value(tmp_path):
    looked = [event for event in calm() if event.file == "train" or event.kind != "BUY"]
    assert found("value_in_test", with_card(store(tmp_path, looked), value_rule="price_of_buys")) is None


def test_sessions_whose_rows_disagree_are_a_warning_and_most_doing_so_serious(tmp_path):
    def uneven(sessions: int) -> list[Event]:
        return changed(
            calm(), lambda event: {"value": 200.0} if event.kind == "BUY" and number_of(event) < sessions else {}
        )

    finding = sure("differing_values", store(tmp_path / "some", uneven(4)))
    assert (finding.severity, finding.count) == ("warning", 4)
    assert finding.explanation == "The rows of 4 of 1,500 train sessions (0.3%) do not agree on the session's value."
    forced = store(tmp_path / "most", uneven(800), Mapping(least_usable=0.0))
    assert sure("differing_values", forced).severity == "serious"


def test_values_cut_off_at_a_limit_are_a_warning(tmp_path):
    events = valued(lambda number, value: min(value, 100.0))
    capped = sum(event.value == 100.0 for event in events if event.file == "train" and event.kind == "VIEW")
    finding = sure("capped_values", store(tmp_path / "capped", events))
    assert (finding.severity, finding.count, finding.title) == ("warning", capped, "Values seem to be cut off at 100")
    assert finding.explanation == (
        f"{capped} of 1,500 train sessions ({capped / 1500:.1%}) have exactly the largest value, 100: larger ones were "
        "probably set to it."
    )
    four = store(tmp_path / "four", valued(lambda number, value: 500.0 if number < 4 else value))
    assert found("capped_values", four) is None


def test_values_that_change_in_the_course_of_train_are_a_warning(tmp_path):
    events = valued(lambda number, value: value * (1.5 if number > 750 else 1.0))
    finding = sure("value_trend", store(tmp_path, events))
    early, late = (
        np.array([e.value for e in events if e.file == "train" and e.kind == "VIEW" and (number_of(e) > 750) == half])
        for half in (False, True)
    )
    assert finding.severity == "warning"
    assert finding.explanation == (
        f"The mean value is {early.mean():.1f} in the first half of train's sessions and {late.mean():.1f} in the "
        f"second; their distributions are {ks_2samp(early, late).statistic:.1%} apart (Kolmogorov-Smirnov distance)."
    )


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


def test_test_sessions_that_are_different_themselves_are_a_warning(tmp_path):
    dataset = store(tmp_path, longer_test())
    drift = sure("feature_drift", dataset)
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
    assert f"{drift.count} of {len(table)} features differ clearly" in drift.explanation
    told = sure("told_apart", dataset)
    assert told.severity == "warning"
    assert told.explanation.startswith(
        "A small model guesses the file of a session with an AUC of 1.00 from what was done"
    )


def test_a_past_that_grows_is_a_note_where_test_comes_later(calm_shop):
    drift, told = sure("feature_drift", calm_shop), sure("told_apart", calm_shop)
    assert (drift.severity, told.severity) == ("note", "note")
    assert {record["about"] for record in drift.table if record["drifted"]} == {"the past"}
    assert f"({drift.count} about the past)" in drift.explanation
    assert drift.advice.startswith("Expected of files of different times")


def test_a_test_of_one_day_is_no_warning(tmp_path):
    """Its hours and weekdays are others than those of train, and its sessions are the same."""
    dataset = store(tmp_path, calm(test_days=(20, 21)))
    drift, told = sure("feature_drift", dataset), sure("told_apart", dataset)
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


def test_the_distances_are_those_of_the_books():
    draws = np.random.default_rng(3)
    first, second = draws.normal(size=4_000), draws.normal(0.5, 1.2, size=3_000)
    apart = distance(first, second)
    answer = ks_2samp(first, second)
    assert apart.ks == pytest.approx(answer.statistic)
    edges = np.quantile(first, np.linspace(0, 1, 11)[1:-1])
    e, a = (np.histogram(each, [-np.inf, *edges, np.inf])[0] / len(each) for each in (first, second))
    assert apart.psi == pytest.approx(np.sum((a - e) * np.log(a / e)), rel=0.02)


def test_what_cannot_be_measured_counts_as_a_value_of_its_own():
    nothing, some = np.full(100, np.nan), np.linspace(0, 1, 100)
    assert distance(nothing, nothing).ks == 0.0
    assert distance(nothing, some).ks == 1.0
    assert distance(np.concatenate([some, nothing]), some).ks == pytest.approx(0.5)
    assert distance(some, np.concatenate([some, nothing])).psi > 0.25


def test_a_constant_that_moves_either_way_is_seen_by_the_index():
    five = np.full(100, 5.0)
    assert stability_index(five, five) == 0.0
    assert stability_index(five, five - 1) > 1.0
    assert stability_index(five, five + 1) > 1.0


# --- what does not apply ----------------------------------------------------------------------------------------------

NO_EVENTS = "the files hold no events"
TINY = {
    "row_order": "the order of the rows was not noted, or the files have fewer than 100 sessions",
    "missing_days": "the log has fewer than 7 whole days",
    "coarse_times": "there are fewer than 100 events",
    "cut_sessions": "fewer than 30 sessions have several events",
    "thin_sample": "there are fewer than 100 sessions",
    "heavy_tail": "train has fewer than 1,000 sessions with a value",
    "value_in_test": "the values stand in a column, they are not added up from prices",
    "unknown_values": "the values are in a column, they are not added up from prices",
    "capped_values": "train has fewer than 100 different values",
    "value_trend": "a half of train has fewer than 200 sessions with a value",
    "feature_drift": "a file has fewer than 200 sessions",
    "told_apart": "a file has fewer than 200 sessions",
}


def not_applicable(report: AuditReport) -> dict[str, str]:
    return {outcome.code: outcome.reason for outcome in report.outcomes if outcome.outcome == "not_applicable"}


def test_ten_sessions_are_too_few_for_most_of_these_rules_and_the_others_say_what_they_see(tmp_path):
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
        (lambda e: {"time": e.time - e.time % DAY}, "cut_sessions", "half of the sessions of several events last 0 s"),
        (lambda e: {"value": 3.0}, "heavy_tail", "all train sessions are worth the same"),
        (lambda e: {"value": 3.0}, "value_trend", "all train sessions are worth the same"),
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
def test_what_a_rule_needs_is_told_where_it_is_missing(tmp_path, change, code, reason):
    outcome, _ = RULE[code].ask(AuditCase(store(tmp_path, changed(calm(), change))))
    assert (outcome.outcome, outcome.reason) == ("not_applicable", reason)


def test_days_of_few_events_are_not_searched_for_holes(tmp_path):
    outcome, _ = RULE["missing_days"].ask(AuditCase(store(tmp_path, calm(train=100, test=40))))
    assert (outcome.outcome, outcome.reason) == ("not_applicable", "a usual day has fewer than 20 events")


# --- the whole --------------------------------------------------------------------------------------------------------


def test_codes_and_titles_are_unique_and_findings_carry_their_rules_code(demo):
    assert len({rule.code for rule in RULES}) == len({rule.title for rule in RULES}) == len(RULES)
    report = audit(demo)
    outcomes = {outcome.code: outcome for outcome in report.outcomes}
    assert {finding.code for finding in report.findings} == {
        code for code, outcome in outcomes.items() if outcome.outcome == "found"
    }


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


def test_an_audit_is_stored_and_found_again_without_work(calm_copy, monkeypatch):
    assert stored_audit(calm_copy) is None
    first = audit(calm_copy)
    assert stored_audit(calm_copy) == first
    monkeypatch.setattr(report_module, "AuditCase", None)  # whoever computes now fails
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
def test_a_damaged_or_older_audit_is_computed_anew(calm_copy, damage):
    first = audit(calm_copy)
    path = calm_copy.folder / "audit.json"
    whole = path.read_text()
    assert damage(whole) != whole
    path.write_text(damage(whole))
    assert stored_audit(calm_copy) is None
    assert audit(calm_copy) == first
    assert path.read_text() == whole


def test_an_audit_that_is_no_text_is_computed_anew(calm_copy):
    (calm_copy.folder / "audit.json").write_bytes(b"\xff\xfe\x00")
    assert stored_audit(calm_copy) is None
    assert audit(calm_copy) == stored_audit(calm_copy)


def test_nothing_but_the_audit_is_left_in_the_folder(calm_copy):
    before = {path.name for path in calm_copy.folder.iterdir()}
    audit(calm_copy, again=True)
    assert {path.name for path in calm_copy.folder.iterdir()} - before == {"audit.json"}


def test_a_folder_that_cannot_be_written_costs_only_the_storing(calm_copy, monkeypatch):
    def refuse(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report_module, "sync", refuse)
    monkeypatch.setattr(report_module.os, "fsync", refuse)
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


def test_the_words_for_a_terminal_hold_every_finding_and_what_did_not_apply(tmp_path):
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


def test_ids_stand_in_the_examples_only_cut_and_on_one_line(tmp_path):
    """A page shows explanations as Markdown, and an id is a visitor's text."""
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


def test_an_audit_holds_no_time_of_its_own(demo):
    today = datetime.datetime.now(datetime.UTC).date()
    assert str(today) not in audit(demo, again=True).model_dump_json()


def test_sessions_whose_purchases_are_in_doubt_are_a_warning_and_many_are_serious(calm_copy):
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
    finding = sure("unknown_values", dataset)
    assert (finding.severity, finding.count) == ("warning", 30)
    assert finding.title == "30 train sessions have no known value"
    assert finding.explanation == (
        "30 of 1,500 train sessions (2.0%) will not train; their other purchases add up to 1,234 value units, the lost "
        "ones to at least 56.0. 1 lost purchase can be assigned to no session."
    )
    assert finding.examples == ("S1: a purchase row of it is or may be in quarantine",)
    many = with_card(calm_copy, value_rule="price_of_buys", untrained={"lost_purchase": 31})
    assert sure("unknown_values", many).severity == "serious"


def test_known_values_are_no_finding_and_a_column_of_values_is_no_case_for_it(calm_copy):
    shared = with_card(calm_copy, value_rule="price_of_buys", untrained={"shared_id": 5})
    assert found("unknown_values", shared) is None
    outcome, _ = RULE["unknown_values"].ask(AuditCase(with_card(calm_copy, value_rule="column")))
    assert (outcome.outcome, outcome.reason) == (
        "not_applicable",
        "the values are in a column, they are not added up from prices",
    )
