"""Numbers, durations, counts and lists as text."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.base.text import count, duration, listed, number, percent, size

many = settings(derandomize=True, deadline=None, max_examples=300)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (0.0, "0"),
        (-0.0, "0"),
        (7, "7"),
        (7.0, "7.00"),
        (123_456_789, "123,456,789"),
        (-1500, "-1,500"),
        (999.4, "999"),
        (999.6, "1,000"),
        (9.996, "10.0"),
        (99.96, "100"),
        (0.09996, "0.100"),
        (1.0, "1.00"),
        (0.00012345, "0.000123"),
        (1e-7, "0.000000100"),
        (1234.5, "1,234"),
        (1e9 + 0.4, "1,000,000,000"),
        (-42.196, "-42.2"),
        (None, "–"),
        (math.nan, "–"),
    ],
)
def test_number(value: float | None, shown: str) -> None:
    assert number(value) == shown


@many
@given(st.floats(1e-7, 999.4) | st.floats(-999.4, -1e-7))
@example(9.995)
@example(0.1)
@example(99.95)
def test_a_number_below_1000_is_rounded_to_three_significant_digits(value: float) -> None:
    shown = number(value)
    digits = shown.lstrip("-").replace(".", "").lstrip("0")
    assert len(digits) == 3, shown
    last_digit = 10.0 ** (math.floor(math.log10(abs(float(shown)))) - 2)
    assert abs(float(shown) - value) <= 0.5001 * last_digit


@many
@given(st.integers(-(2**50), 2**50))
@example(10**15)
def test_an_integer_keeps_all_of_its_digits(value: int) -> None:
    shown = number(value)
    assert int(shown.replace(",", "")) == value
    assert re.fullmatch(r"-?\d{1,3}(,\d{3})*", shown)


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (1.0, "100.0%"),
        (0.5, "50.0%"),
        (-0.031, "-3.1%"),
        (0.0004, "0.0%"),
        (-0.0004, "0.0%"),
        (None, "–"),
        (math.nan, "–"),
    ],
)
def test_percent(share: float | None, shown: str) -> None:
    assert percent(share) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (61, "1 min 1 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 0 min"),
        (3700, "1 h 2 min"),
        (7199, "2 h 0 min"),
        (90_000, "25 h 0 min"),
    ],
)
def test_duration(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown


@many
@given(st.floats(0, 1e6))
def test_a_duration_is_rounded_to_its_smallest_unit(seconds: float) -> None:
    units = {"h": 3600, "min": 60, "s": 1}
    parts = re.findall(r"(\d+) (h|min|s)", duration(seconds))
    total = sum(int(amount) * units[unit] for amount, unit in parts)
    smallest = units[parts[-1][1]]
    assert abs(total - seconds) <= smallest / 2 + 0.5 * (smallest == 60)
    assert all(int(amount) < 60 for amount, unit in parts if unit != "h")


@pytest.mark.parametrize(
    ("amount", "shown"), [(0, "0 runs"), (1, "1 run"), (2, "2 runs"), (1_234_567, "1,234,567 runs")]
)
def test_count(amount: int, shown: str) -> None:
    assert count(amount, "run") == shown


@pytest.mark.parametrize(
    ("items", "max_items", "expected"),
    [
        ([], 8, ""),
        ([1], 8, "1"),
        ([1, 2], 8, "1 and 2"),
        ("abc", 3, "a, b and c"),
        ("abcd", 3, "a, b, c and 1 more"),
        (range(2_000), 1, "0 and 1,999 more"),
    ],
)
def test_listed(items: Iterable[object], max_items: int, expected: str) -> None:
    assert listed(items, max_items) == expected


def test_listed_counts_items_that_it_is_not_given() -> None:
    assert listed("ab", total=10) == "a, b and 8 more"
    assert listed("ab", total=2) == "a and b"
    assert listed("abcd", max_items=2, conjunction="or") == "a, b or 2 more"


@pytest.mark.parametrize(
    ("n_bytes", "shown"),
    [(999, "999 B"), (1_000, "1.0 kB"), (999_949, "999.9 kB"), (999_950, "1.0 MB"), (10**15, "1,000.0 TB")],
)
def test_the_unit_of_a_size_is_chosen_after_rounding(n_bytes: int, shown: str) -> None:
    assert size(n_bytes) == shown
