"""Read a JSON document that is one array of objects as JSON Lines, so that both forms give the same cells.

The array is never parsed as a whole. Its brackets, commas and quotation marks show where an element ends, and the
reader of JSON Lines parses and judges each element.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import IO, Final

import numpy as np
from numpy.typing import NDArray

from core.errors import SourceError

_CHUNK_BYTES: Final = 1 << 18
"""Bytes that are looked at together, few enough for the cache of a processor."""
_BLANKS: Final = b" \t\r\n"
_REMEDY: Final = "Export it again as one array of objects, or with one event per line (JSON Lines), then try again."
_STEPS: Final = np.zeros(256, np.int8)
"""Byte -> change of the depth."""
_STEPS[list(b"[{")] = 1
_STEPS[list(b"]}")] = -1
_IS_BLANK: Final = np.isin(np.arange(256), list(_BLANKS))
"""Whether each byte is a blank."""


class ArrayLines(io.RawIOBase):
    """The elements of a JSON array as lines of text, in order, without the blanks between them.

    A line break in an element becomes a blank. In a text, where JSON does not allow it, it becomes a tab, which is not
    allowed there either.
    """

    def __init__(self, name: str, stream: IO[bytes]) -> None:
        """Initialize.

        Args:
            name: display name of the file, for messages.
            stream: UTF-8 text that begins with a square bracket, after blanks and a byte order mark at most.
        """
        super().__init__()
        self._lines = _lines(name, stream)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Return about `size` bytes, or all that are left if it is negative; fewer only at the end.

        Raises:
            InputError: the array does not end, or more text comes after it.
        """
        parts: list[bytes] = []
        n_bytes = 0
        while (size < 0 or n_bytes < size) and (part := next(self._lines, None)) is not None:
            parts.append(part)
            n_bytes += len(part)
        return b"".join(parts)


def _lines(name: str, stream: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines in parts; a part may be empty."""
    chunks = iter(partial(stream.read, _CHUNK_BYTES), b"")
    start = next(chunks, b"").partition(b"[")[2]
    held, in_text, depth = b"", False, 1
    for more in filter(None, chain([start], chunks)):
        chunk = held + more
        masked = re.sub(rb"\\.", b"__", chunk, flags=re.DOTALL) if b"\\" in chunk else chunk
        held = b"\\" if masked.endswith(b"\\") else b""  # the rest of this escape is in the next chunk
        text = np.frombuffer(masked.removesuffix(held), np.uint8)
        if not text.size:
            continue
        is_text = np.logical_xor.accumulate(text == ord('"')) ^ in_text
        depths = depth + np.cumsum(np.where(is_text, 0, _STEPS[text]), dtype=np.int32)
        if (end := int(np.argmax(depths == 0))) or not depths[0]:
            yield _joined(chunk[:end], is_text[:end], depths[:end]) + b"\n"
            if any(rest.strip(_BLANKS) for rest in chain([chunk[end + 1 :]], chunks)):
                raise SourceError.unreadable(name, "more text comes after its JSON array", _REMEDY)
            return
        yield _joined(chunk[: len(text)], is_text, depths)
        in_text, depth = bool(is_text[-1]), int(depths[-1])
    raise SourceError.unreadable(name, "its JSON array does not end, so the file is incomplete", _REMEDY)


def _joined(chunk: bytes, is_text: NDArray[np.bool_], depths: NDArray[np.int32]) -> bytes:
    """Return a part of the array with line ends only between its elements.

    Args:
        chunk: bytes of the part.
        is_text: whether each byte is in a text, including the quotation mark before it.
        depths: number of brackets and braces that are open after each byte, including that of the array.
    """
    original = np.frombuffer(chunk, np.uint8)
    text = original.copy()
    is_line_break = (text == ord("\n")) | (text == ord("\r"))
    is_between = (depths == 1) & ~is_text
    text[is_line_break] = ord(" ")
    text[is_line_break & is_text] = ord("\t")
    text[is_between & (text == ord(","))] = ord("\n")
    return bytes(text[~(is_between & _IS_BLANK[original])])
