"""Writes arrays of numbers, times and ids as lines of CSV. Lines are assembled from constants and columns of text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from core.demo.calibration import SHOP
from core.demo.log_chunk import Shop
from core.schema import SECONDS_PER_DAY

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
    """Return non-negative numbers, zero-padded to `width`, as columns of at most three digits."""
    columns = []
    remaining = numbers
    while width > 0:
        size = min(width, _DIGITS_PER_LOOKUP)
        remaining, last = np.divmod(remaining, 10**size)
        columns.append(_zero_padded(size)[last])
        width -= size
    return columns[::-1]


def cents(values: npt.NDArray[np.int64]) -> list[bytes | Text]:
    """Return hundredths as decimals, as parts of a line: 4220 becomes 42.20."""
    units, hundredths = np.divmod(values, 100)
    text = units.astype(f"S{len(str(int(units.max(initial=0))))}")
    return [text, b".", *digits(hundredths, 2)]


def times(seconds: npt.NDArray[np.int64]) -> list[bytes | Text]:
    """Return seconds since the start of the month as parts of a line, such as `2025-06-19 10:23:07+00:00`."""
    day, second = np.divmod(seconds, SECONDS_PER_DAY)
    return [_days()[day], b" ", _clock()[second], b"+00:00"]


@dataclass(frozen=True)
class IdFormat:
    """Format of an id: a prefix and a zero-padded number."""

    prefix: bytes
    width: int

    @classmethod
    def for_numbers(cls, prefix: bytes, min_width: int, highest: int) -> IdFormat:
        """Return a format that is wide enough for the highest number, and at least as wide as in the real files."""
        return cls(prefix, max(min_width, len(str(highest))))

    def parts(self, numbers: npt.NDArray[np.integer]) -> list[bytes | Text]:
        """Return the ids of the numbers as parts of a line; see `join_lines`."""
        return [self.prefix, *digits(numbers, self.width)]

    def id_of(self, number: int) -> str:
        """Return the id of a number.

        >>> IdFormat(b"USER_", 6).id_of(42)
        'USER_000042'
        """
        return f"{self.prefix.decode()}{number:0{self.width}d}"


@dataclass(frozen=True)
class IdFormats:
    """Formats of all ids of a demo. Large shops have wider ids."""

    product: IdFormat
    category: IdFormat
    user: IdFormat
    session: IdFormat

    @classmethod
    def for_shop(cls, shop: Shop) -> IdFormats:
        """Return formats for all numbers of the shop."""
        return cls(
            product=IdFormat.for_numbers(b"PROD_", 6, len(shop.catalogue) - 1),
            category=IdFormat.for_numbers(b"CAT_", 5, int(shop.catalogue.categories.max())),
            user=IdFormat.for_numbers(b"USER_", 6, shop.crowd.size),
            session=IdFormat.for_numbers(b"SESSION_", 6, shop.highest_session_number),
        )


@cache
def _zero_padded(width: int) -> Text:
    return np.array([f"{number:0{width}d}" for number in range(10**width)], dtype=f"S{width}")


@cache
def _days() -> Text:
    return (np.datetime64(SHOP.first_day, "D") + np.arange(SHOP.days)).astype("S10")


@cache
def _clock() -> Text:
    clock = [f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}" for second in range(SECONDS_PER_DAY)]
    return np.array(clock, dtype="S8")
