"""Parsing of amounts: which texts are numbers, what decides the decimal mark, and which currencies are found."""

from __future__ import annotations

import polars as pl
import pytest

from core.ingestion.values.amounts import DecimalEvidence, currency_signs, decimal_evidence, parse_amounts

NUMBERS = {
    # text: (with a decimal point, with a decimal comma)
    "490": (490.0, 490.0),
    " 7 ": (7.0, 7.0),
    ".5": (0.5, None),
    ",5": (None, 0.5),
    "5.": (5.0, None),
    "+5": (5.0, 5.0),
    "-5": (-5.0, -5.0),
    "−5": (-5.0, -5.0),
    "12.50": (12.5, None),
    "12,50": (None, 12.5),
    "1e5": (100_000.0, 100_000.0),
    "1.5E+3": (1_500.0, None),
    "1,5e3": (None, 1_500.0),
    "7.250": (7.25, 7_250.0),
    "1,234": (1_234.0, 1.234),
    "1,2345": (None, 1.2345),
    "1,234e5": (None, 123_400.0),
    "1,234.56": (1_234.56, None),
    "1.234,56": (None, 1_234.56),
    "1,234,567": (1_234_567.0, None),
    "1.234.567": (None, 1_234_567.0),
    "12,34,567.8": (1_234_567.8, None),
    "1 299,00": (None, 1_299.0),
    "1\u00a0299.00": (1_299.0, None),
    "1\u202f299": (1_299.0, 1_299.0),
    "1'299.50": (1_299.5, None),
    "1’299": (1_299.0, 1_299.0),
    "0,123": (None, 0.123),
    "0.590": (0.59, None),
    "1234.500": (1_234.5, None),
    "$1,299.00": (1_299.0, None),
    "-$5.00": (-5.0, None),
    "$-5.00": (-5.0, None),
    "$ 5": (5.0, 5.0),
    "1 299,00 €": (None, 1_299.0),
    "12.5 kr": (12.5, None),
    "12.5TL": (12.5, None),
    "TRY 12": (12.0, 12.0),
    "R$ 1.234,50": (None, 1_234.5),
    "(12.50)": (-12.5, None),
    "12.50-": (-12.5, None),
    "12,-": (None, 12.0),
    "12.-": (12.0, None),
    "1.299,- €": (None, 1_299.0),
}
NOT_NUMBERS = [
    *("E10", "e5", ",", ".", "+", "-", "$", "€", "--", "--5", "+-5", "(5", "5)", "-(5)", "$$5", "5$5", "5kg", "kg"),
    *("1.2.3", "1..2", "1,,2", "12,34.5", "1,234.56.7", "0x1F", "1_000", "1e400", "inf", "-inf", "Infinity", "NaN"),
    *("nan", "TRUE", "12:30", "1/2", "5%", "12f", "१२", "1e", "1e5.5"),
]


@pytest.mark.parametrize("text", NUMBERS)
def test_a_number_is_parsed_with_each_decimal_mark(text: str) -> None:
    assert tuple(parse_amounts(pl.Series([text]), mark).item() for mark in (".", ",")) == NUMBERS[text]


@pytest.mark.parametrize("text", [*NOT_NUMBERS, "", " ", "12 50", "1 2345"])
def test_a_text_that_is_not_a_number_is_null(text: str) -> None:
    assert [parse_amounts(pl.Series([text]), mark).item() for mark in (".", ",")] == [None, None]


def test_the_order_of_the_cells_is_kept() -> None:
    texts = [*NUMBERS, *NOT_NUMBERS, None] * 3
    for position, mark in enumerate((".", ",")):
        expected = [NUMBERS[text][position] if text in NUMBERS else None for text in texts]
        assert parse_amounts(pl.Series(texts), mark).to_list() == expected


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (pl.Series([1, None, 3]), [1.0, None, 3.0]),
        (pl.Series([1.5, float("nan"), float("inf")]), [1.5, None, None]),
        (pl.Series([True, False]), [None, None]),
        (pl.Series(["2025-01-01"]).str.to_date(), [None]),
        (pl.Series([], dtype=pl.String), []),
    ],
    ids=["integer", "float", "boolean", "date", "empty"],
)
def test_only_numeric_columns_of_other_types_are_numbers(cells: pl.Series, expected: list[float | None]) -> None:
    assert parse_amounts(cells).to_list() == expected


EVIDENCE = [
    (["490", "12"], DecimalEvidence(), None),
    (["490", "7.250"], DecimalEvidence(ambiguous_point="7.250"), "7.250"),
    (["490", "1,234"], DecimalEvidence(ambiguous_comma="1,234"), "1,234"),
    (["7.250", "1.5"], DecimalEvidence(point="1.5", ambiguous_point="7.250"), None),
    (["7.250", "0.590"], DecimalEvidence(point="0.590", ambiguous_point="7.250"), None),
    (["7.250", "1.234.567"], DecimalEvidence(comma="1.234.567", ambiguous_point="7.250"), None),
    (["1,234", "1,5"], DecimalEvidence(comma="1,5", ambiguous_comma="1,234"), None),
    (["4.90", "76,97"], DecimalEvidence(point="4.90", comma="76,97"), None),
    (["4.90", "76,97", "1,234"], DecimalEvidence(point="4.90", comma="76,97", ambiguous_comma="1,234"), "1,234"),
    (["$3,981", "$490"], DecimalEvidence(ambiguous_comma="3,981"), "3,981"),
    (["E10", ",", "n/a"], DecimalEvidence(), None),
]


@pytest.mark.parametrize(("cells", "evidence", "undecided"), EVIDENCE, ids=[" ".join(case[0]) for case in EVIDENCE])
def test_the_cells_of_a_column_show_its_decimal_mark_or_leave_it_undecided(
    cells: list[str], evidence: DecimalEvidence, undecided: str | None
) -> None:
    assert decimal_evidence(pl.Series(cells)) == evidence
    assert evidence.undecided == undecided
    halves = decimal_evidence(pl.Series(cells[:1])) | decimal_evidence(pl.Series(cells[1:]))
    assert halves == evidence


def test_contradicting_cells_are_found_after_thousands_of_others() -> None:
    evidence = decimal_evidence(pl.Series(["4.90"] * 5_000 + ["76,97", "1,234"]))
    assert (evidence.point, evidence.comma, evidence.undecided) == ("4.90", "76,97", "1,234")
    assert decimal_evidence(pl.Series(["490"] * 5_000 + ["7.250"])).undecided == "7.250"


def test_currency_signs_become_codes() -> None:
    cells = pl.Series(["12.50", "€ 3", "3 EUR", "$5", "12 TL", "₺5", None, "n/a"])
    assert currency_signs(cells) == {"EUR", "$", "TRY"}
    assert currency_signs(pl.Series([1.5])) == set()
