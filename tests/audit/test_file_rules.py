"""Audit rules on how the files were written, and on amount and variety of the data."""

from __future__ import annotations

import dataclasses

import polars as pl
import pytest

from tests.audit.shop import (
    MIDNIGHT,
    Change,
    calm,
    changed,
    figures,
    find,
    finding_of,
    number_of,
    ordered,
    with_card,
)
from tests.events_on_the_spot import Event, csv_of, good_events, rows_of, store


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
    counts = {"quarantined": 40, "ignored": 40}
    dataset = with_card(
        calm_copy, train=counts, quarantine_reasons={"event_type is wishlist, which the mapping ignores": 40}
    )
    assert find("quarantine", dataset) is None


def test_reasons_leave_out_ignored_event_words(calm_copy):
    quarantine = pl.DataFrame(
        {"reason": ["empty user_id"] * 2 + ["wishlist"] * 40, "ignored": [False] * 2 + [True] * 40}
    )
    quarantine.write_parquet(calm_copy.folder / "quarantine.parquet")
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


def test_an_empty_cell_of_a_type_without_a_usable_row_is_reported(calm_copy):
    (calm_copy.folder / "mapping.toml").write_text('[event_words]\nwish = "REMOVE_CART"\nview = "VIEW"\n')
    finding = finding_of("empty_cells", with_card(calm_copy, train={"empty_cells": {"wish": {"product_id": 2}}}))
    assert figures(finding) == "2 2 2 100.0%"


def test_empty_cells_of_a_log_without_event_types_belong_to_the_type_of_all_rows(calm_copy):
    (calm_copy.folder / "mapping.toml").write_text('every_event_is = "BUY"\n')
    finding = finding_of("empty_cells", with_card(calm_copy, train={"empty_cells": {"": {"user_id": 50}}}))
    assert finding.examples == ("BUY: user_id 50",)
