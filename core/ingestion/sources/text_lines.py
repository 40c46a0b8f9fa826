"""Lines of text: cut a stream into pieces at line ends, count lines, and keep the text of lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import IO

import numpy as np

from core.errors import InputError

MAX_LINE_BYTES = 64 << 20
"""Records have a few hundred bytes, so a file with a longer line is not a table."""
MAX_COLUMNS = 10_000
"""Logs have a few hundred columns at most. Each column of a piece takes memory, even without a cell."""
LINE_END = ord("\n")
_CHUNK_BYTES = 1 << 18  # fits into the processor's cache
_MAX_CHARACTERS = 2_000  # of a line that is stored in the quarantine


def pieces_of_lines(name: str, stream: IO[bytes], size: int) -> Iterator[bytes]:
    """Yield the stream in pieces of about `size` bytes that end at line ends.

    Raises:
        InputError: a line is too long.
    """
    rest = b""
    while chunk := stream.read(size):
        last = chunk.rfind(b"\n") + 1
        if last:
            yield b"".join((rest, memoryview(chunk)[:last]))
            rest = chunk[last:]
        else:
            rest += chunk
            require_short_line(name, len(rest))
    if rest:
        yield rest


def require_short_line(name: str, size: int) -> None:
    """Refuse a file with a line of so many bytes, if that is too long."""
    if size > MAX_LINE_BYTES:
        raise InputError.unreadable(name, "it has a line of more than 64 megabytes")


def count_line_ends(data: bytes) -> int:
    """Count line ends, in a quarter of the time of bytes.count and without holding the GIL."""
    view = np.frombuffer(data, np.uint8)
    starts = range(0, len(view), _CHUNK_BYTES)
    return sum(int(np.count_nonzero(view[start : start + _CHUNK_BYTES] == LINE_END)) for start in starts)


def lines_at(data: bytes, positions: Sequence[int]) -> list[str]:
    """Return the text of the lines at the given positions, as the quarantine stores it."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == LINE_END)
    starts = np.concatenate(([-1], ends))[list(positions)] + 1
    bounds = np.append(ends, len(data))[list(positions)]
    return [stored_text(data[start:end]) for start, end in zip(starts.tolist(), bounds.tolist(), strict=True)]


def stored_text(line: bytes) -> str:
    """Return a line as text, cut to the length that the quarantine stores."""
    return line[: 4 * _MAX_CHARACTERS].decode("utf-8", errors="replace").rstrip("\r\n")[:_MAX_CHARACTERS]
