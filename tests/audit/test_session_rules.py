"""Audit rules on session ids and on the length of sessions."""

from __future__ import annotations

import dataclasses

import pytest

from core.audit.audited_dataset import AuditedDataset
from tests.audit.shop import (
    DAY,
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
        repeated = [event for event in calm() if event.file == "train" and number_of(event) < sessions]
        return calm() + changed(repeated, lambda event: {"file": "test", "time": event.time + 20 * DAY})

    few, most = finding_of("known_sessions", store(tmp_path / "few", both(3))), both(700)
    assert (few.severity, few.count) == ("warning", 3)
    assert figures(few) == "3 603 0.5%"
    assert set(few.examples) == {"S-train-0", "S-train-1", "S-train-2"}
    many = finding_of("known_sessions", store(tmp_path / "most", most))
    assert (many.severity, many.count) == ("serious", 700)
    assert figures(many) == "700 1,300 53.8%"
    assert find("reused_sessions", store(tmp_path / "most", most)) is None


def test_a_session_id_reused_by_another_user_is_neither_known_nor_composite(tmp_path):
    repeated = visit("test", "S-train-4", "another user", times=[21 * DAY])
    dataset = store(tmp_path, calm() + repeated)
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
        repeated = [event for event in calm() if event.file == "train" and number_of(event) < sessions]
        return calm() + changed(repeated, lambda event: {"file": "test"})

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
    outcome, _ = RULE["thin_sample"].examine(AuditedDataset(store(tmp_path, receipts)))
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
