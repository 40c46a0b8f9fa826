"""Audit rules on session values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from scipy.stats import ks_2samp

from core.audit.audited_dataset import AuditedDataset
from core.ingestion.mapping import Mapping
from tests.audit.shop import (
    RULE,
    calm,
    changed,
    figures,
    find,
    finding_of,
    number_of,
    with_card,
)
from tests.events_on_the_spot import Event, store


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
    assert finding.examples == ("S1: a purchase row is or may be quarantined",)
    many = with_card(calm_copy, value_rule="price_of_buys", untrained={"lost_purchase": 31})
    assert finding_of("unknown_values", many).severity == "serious"


def test_shared_ids_are_no_unknown_values_and_the_rule_needs_values_from_prices(calm_copy):
    shared = with_card(calm_copy, value_rule="price_of_buys", untrained={"shared_id": 5})
    assert find("unknown_values", shared) is None
    outcome, _ = RULE["unknown_values"].examine(AuditedDataset(with_card(calm_copy, value_rule="column")))
    assert (outcome.outcome, outcome.reason) == (
        "not_applicable",
        "the values are in a column, not added up from prices",
    )
