"""Arrays of numbers to lines of CSV, quickly: each line is put together from fixed pieces and columns of digits."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from core.demo.calibration import SHOP
from core.demo.clock import DAY

Text = npt.NDArray[np.bytes_]

_GROUP = 3  # digits looked up at once: a table of 1,000 entries stays in the processor's nearest cache


def join_lines(parts: Sequence[bytes | Text]) -> bytes:
    r"""Lines of text from constants and columns of one length; zero bytes are padding and left out.

    >>> join_lines([b"USER_", *digits(np.array([7, 42]), 6), b"\n"])
    b'USER_000007\nUSER_000042\n'
    """
    columns = [part for part in parts if isinstance(part, np.ndarray)]
    widths = [part.dtype.itemsize if isinstance(part, np.ndarray) else len(part) for part in parts]
    lines = np.empty(len(columns[0]), dtype=[(f"part{at}", f"S{width}") for at, width in enumerate(widths)])
    for at, part in enumerate(parts):
        lines[f"part{at}"] = part
    flat = lines.view(np.uint8)
    written: bytes = flat[flat != 0].tobytes()
    return written


def digits(numbers: npt.NDArray[np.integer], width: int) -> list[Text]:
    """The numbers, not negative, with leading zeros to `width`, as columns of at most three digits."""
    groups = []
    left = numbers
    while width > 0:
        size = min(width, _GROUP)
        left, last = np.divmod(left, 10**size)
        groups.append(_zero_padded(size)[last])
        width -= size
    return groups[::-1]


def cents(values: npt.NDArray[np.int64]) -> list[bytes | Text]:
    """Hundredths as decimals: 4220 is 42.20."""
    whole, rest = np.divmod(values, 100)
    written = whole.astype(f"S{len(str(int(whole.max(initial=0))))}")
    return [written, b".", *digits(rest, 2)]


def times(seconds: npt.NDArray[np.int64]) -> list[bytes | Text]:
    """Seconds of the month as `2025-06-19 10:23:07+00:00`."""
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
    written = [f"{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}" for second in range(DAY)]
    return np.array(written, dtype="S8")
