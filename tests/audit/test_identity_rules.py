"""Audit rules on what ids stand for, and on robots."""

from __future__ import annotations

import dataclasses

import pytest

from core.audit.audited_dataset import AuditedDataset
from tests.audit.shop import (
    DAY,
    MIDNIGHT,
    RULE,
    calm,
    changed,
    figures,
    find,
    finding_of,
    number_of,
    visit,
    with_card,
)
from tests.events_on_the_spot import Event, store


def test_users_in_both_files_are_a_note_with_their_share_of_users_and_sessions(tmp_path):
    repeated = [
        event for number in range(3) for event in visit("test", f"X{number}", "U-train-0", times=[22 * DAY + number])
    ]
    finding = finding_of("shared_users", store(tmp_path, calm() + repeated))
    assert (finding.severity, finding.count) == ("note", 1)
    assert figures(finding) == "1 601 0.2% 0.5%"


def test_unknown_users_are_a_warning_and_their_rules_do_not_apply(tmp_path):
    dataset = store(tmp_path, calm(30, 12))
    assert find("no_users", dataset) is None
    without = AuditedDataset(with_card(dataset, has_users=False))
    _, finding = RULE["no_users"].examine(without)
    assert finding is not None
    assert (finding.severity, finding.count, figures(finding)) == ("warning", 42, "42")
    for code in ("shared_users", "crowded_users"):
        assert RULE[code].examine(without)[0].reason == "the log has no user ids"
    assert "user_id" not in without.id_columns.values()


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
