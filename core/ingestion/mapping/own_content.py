"""Recognize useless columns by their cells: personal data, addresses, free text, row numbers and codes.

The columns must have at least one non-empty cell.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import Final

from core.ingestion.mapping.log_column import MIN_SHARE, LogColumn

_HALF: Final = 0.5
"""Share of the cells, or of the distinct ones, that must have a form."""
_MIN_LONG: Final = 60
"""Average number of characters of free text. Categories are cut at 100."""
_MIN_WORDS: Final = 4
"""Words in a cell of free text."""
_MANY_VALUES: Final = 20
"""Distinct values that free text and codes have at least."""
_MIN_CODE: Final = 1_000
"""Smallest whole number that may be a code instead of a measure."""
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE: Final = re.compile(r"\+\d[\d\s()/.-]{7,18}")
_IP: Final = re.compile(r"\d{1,3}(\.\d{1,3}){3}|[0-9a-f]{1,4}(:[0-9a-f]{0,4}){3,7}", re.I)
_URL: Final = re.compile(r"[a-z][a-z0-9+.-]*://|www\.|/[\w%.~-]*($|[/?#\w])", re.I)
_WHOLE: Final = re.compile(r"\d{1,18}")


def has_urls(column: LogColumn) -> bool:
    """Return whether most cells are addresses of pages."""
    return sum(_URL.match(value) is not None for value in column.values) > _HALF * len(column.values)


def has_free_text(column: LogColumn) -> bool:
    """Return whether the cells are long, or most are sentences and they are varied."""
    values, n_values = column.values, len(column.values)
    is_long = sum(map(len, values)) / n_values > _MIN_LONG
    is_prose = sum(len(value.split()) >= _MIN_WORDS for value in values) / n_values > _HALF
    return is_long or (is_prose and len(column.distinct_values) > _MANY_VALUES)


def has_personal_data(column: LogColumn) -> bool:
    """Return whether most distinct cells are e-mail addresses, phone numbers or IP addresses."""
    values = column.distinct_values
    return any(
        sum(pattern.fullmatch(value) is not None for value in values) > _HALF * len(values)
        for pattern in (_EMAIL, _PHONE, _IP)
    )


def has_row_numbers(column: LogColumn) -> bool:
    """Return whether each cell is one more than the cell before."""
    if not all(map(_WHOLE.fullmatch, column.cells)):
        return False
    return all(int(second) == int(first) + 1 for first, second in pairwise(column.cells))


def has_codes(column: LogColumn) -> bool:
    """Return whether the cells are whole numbers that look like codes: large, of one length, and many of them."""
    values = column.distinct_values
    if not all(map(_WHOLE.fullmatch, values)):
        return False
    lengths = Counter(map(len, values)).most_common(1)[0][1]
    is_large = min(map(int, values)) >= _MIN_CODE and lengths >= MIN_SHARE * len(values)
    return is_large and len(values) > _MANY_VALUES
