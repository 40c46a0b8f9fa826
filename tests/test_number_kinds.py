"""Numbers as tools write them: what each value of a column means, also next to the other values of the column."""

from __future__ import annotations

import polars as pl
import pytest

from core.submission.number_kinds import classified

COLUMNS = [
    (["1.234.567", "3.516", "12"], [1234567, 3516, 12]),
    (["1.234,5", "3.516"], [1234.5, 3516]),
    (["1,234,567", "3,516", "12"], [1234567, 3516, 12]),
    (["1,234.5", "3,516"], [1234.5, 3516]),
    (["3.516", "12"], [3.516, 12]),
    (["3,516", "12"], [None, 12]),
    (["3,516", "12,5"], [3.516, 12.5]),
    (["3.516", "12.5"], [3.516, 12.5]),
    (["3.516", "12,5"], [None, 12.5]),
    (["3,516", "12.5"], [None, 12.5]),
    (["1.234.567", "12.5", "3.516"], [None, 12.5, None]),
    (["1,234,567", "12,5", "3,516"], [None, None, None]),
    (["1.234.567", "0.516"], [None, 0.516]),
    (["12,34,567", "1,234"], [1234567, 1234]),
    (["€ 12.50", "€1,234.50", "7"], [12.5, 1234.5, 7]),
    (["12,50 €", "1.234,50 €"], [12.5, 1234.5]),
    (["€ 1,234", "$ 7"], [None, None]),
    (["1'234.50", "1’234", "1\u202f234"], [1234.5, 1234, 1234]),
    (["−12.5", "–3", "(7)", "-1"], [-12.5, -3, -7, -1]),
    (["1,5e3", "2,25"], [1500, 2.25]),
    (["12%", "1_000", "0x1F", "\u0663", "--5", "1..5", "5 apples"], [None] * 7),
    (["", "NaN", "None", " 7 "], [None, None, None, 7]),
]  # fmt: skip


@pytest.mark.parametrize(("texts", "numbers"), COLUMNS)
def test_a_value_means_what_its_column_shows(texts, numbers):
    rows = classified(pl.DataFrame({"text": texts}))
    assert rows["number"].to_list() == numbers
    plain = [float(text) for text, number in rows.select("plain", "number").rows() if number is not None]
    assert plain == [number for number in numbers if number is not None]


@pytest.mark.parametrize(
    ("marks", "texts", "numbers"),
    [
        ("1,234.5", ["1,234", "3.516"], [1234, 3.516]),
        ("1.234,5", ["1,234", "3.516", "0.5"], [1.234, 3516, None]),
        ("1234,5", ["1,234", "3.516"], [1.234, None]),
        ("1234.5", ["1,234", "3.516"], [None, 3.516]),
        ("1 234,5", ["1 234,5", "1,234", "3.516"], [1234.5, 1.234, None]),
        ("1’234.5", ["1'234", "3.516", "1,234"], [1234, 3.516, None]),
    ],
)
def test_marks_that_are_chosen_decide(marks, texts, numbers):
    assert classified(pl.DataFrame({"text": texts}), marks)["number"].to_list() == numbers
