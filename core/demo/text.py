"""Writes arrays of numbers as lines of CSV. Lines are assembled from constants and columns of digits."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from core.demo.calibration import SHOP
from core.demo.clock import DAY

Text = npt.NDArray[np.bytes_]

_DIGITS_PER_LOOKUP = 3
"""A table of 1,000 entries fits into the processor's first-level cache."""


def join_lines(parts: Sequence[bytes | Text]) -> bytes:
    r"""Return lines of text from constants and columns of equal length. Zero bytes are padding and left out.

    >>> join_lines([b"USER_", *digits(np.array([7, 42]), 6), b"\n"])
    b'USER_000007\nUSER_000042\n'
    """
    columns = [part for part in parts if isinstance(part, np.ndarray)]
    widths = [part.dtype.itemsize if isinstance(part, np.ndarray) else len(part) for part in parts]
    lines = np.empty(len(columns[0]), dtype=[(f"part{number}", f"S{width}") for number, width in enumerate(widths)])
    for number, part in enumerate(parts):
        lines[f"part{number}"] = part
    flat = lines.view(np.uint8)
    text: bytes = flat[flat != 0].tobytes()
    return text


def digits(numbers: npt.NDArray[np.integer], width: int) -> list[Text]:
    """Return non-negative numbers with leading zeros up to `width`, as columns of at most three digits."""
    columns = []
    remaining = numbers
    while width > 0:
        size = min(width, _DIGITS_PER_LOOKUP)
        remaining, last = np.divmod(remaining, 10**size)
        columns.append(_zero_padded(size)[last])
        width -= size
    return columns[::-1]


def cents(values: npt.NDArray[np.int64]) -> list[bytes | Text]:
    """Return hundredths as decimals, as parts of a line: 4220 is 42.20."""
    units, hundredths = np.divmod(values, 100)
    text = units.astype(f"S{len(str(int(units.max(initial=0))))}")
    return [text, b".", *digits(hundredths, 2)]


def times(seconds: npt.NDArray[np.int64]) -> list[bytes | Text]:
    """Return seconds of the month as parts of a line: `2025-06-19 10:23:07+00:00`."""
    day, second = np.divmod(seconds, DAY)
    return [_days()[day], b" ", _clock()[second], b"+00:00"]


@cache
def _zero_padded(width: int) -> Text:
    return np.array([f"{number:0{width}d}" for number in range(10**width)], dtype=f"S{width}")


@cache
def _days() -> Text:
    return (np.datetime64(SHOP.first_day, "D") + np.arange(SHOP.days)).astype("S10")


@cache
def _clock() -> Text:
    clock = [f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}" for second in range(DAY)]
    return np.array(clock, dtype="S8")
