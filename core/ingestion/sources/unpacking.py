"""Unpack compressed files within bounds, so that a small file cannot fill the memory or the disk.

Logs of clicks unpack to about 20 to 50 times their size. A file that unpacks to much more is malicious, or not an event
file.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import IO, cast

from core.errors import SettingError, SourceError
from core.ingestion.sources.kinds import HEAD_BYTES, is_read_out_of_order

EXPANSION_VARIABLE = "SVS_MAX_EXPANSION"
"""Environment variable: highest ratio of unpacked to packed bytes."""
MAX_EXPANSION = 200
"""Default of the environment variable."""
ALWAYS_ALLOWED = 64 << 20
"""Bytes that any file may unpack to. A small file may repeat itself, and this much does no harm."""
MAX_DEPTH = 3
"""Highest number of packages within packages, such as a gzip in a ZIP in a ZIP."""
MAX_MEMBERS = 1_000
"""Highest number of files in an archive. Each takes about 25 ms, so more belong in a folder, which has no limit."""
_CHUNK = 1 << 20


@dataclass
class _Count:
    unpacked: int = 0


@dataclass(frozen=True)
class Allowance:
    """How many bytes a file may unpack to, in all its members and at all levels together.

    Attributes:
        name: name of the file, for messages.
        packed: size of the file in bytes.
        depth: number of packages around the current member.
        count: bytes unpacked so far, shared by all levels.
    """

    name: str
    packed: int
    depth: int = 0
    count: _Count = field(default_factory=_Count)

    @property
    def limit(self) -> int:
        """Bytes that the file may unpack to."""
        return max(ALWAYS_ALLOWED, self.packed * max_expansion())

    def add(self, size: int) -> None:
        """Count unpacked bytes.

        Raises:
            InputError: the file unpacks to more than it may.
        """
        self.count.unpacked += size
        self.require(0)

    def require(self, size: int) -> None:
        """Refuse a file that would unpack to more than it may with `size` more bytes."""
        total = self.count.unpacked + size
        if total > self.limit:
            raise SourceError.expands_too_much(
                self.name, total, self.packed, max_ratio=max_expansion(), limit=self.limit, variable=EXPANSION_VARIABLE
            )

    def inside(self) -> Allowance:
        """Return the allowance of the members of a package.

        Raises:
            InputError: too many packages are within each other.
        """
        if self.depth >= MAX_DEPTH:
            raise SourceError.unreadable(
                self.name,
                f"it has archives within archives, more than {MAX_DEPTH} deep",
                "Unpack it and name the folder with the files, then try again.",
            )
        return replace(self, depth=self.depth + 1)


def max_expansion() -> int:
    """Return the highest ratio of unpacked to packed bytes.

    Raises:
        SettingError: the environment variable is not a positive whole number.
    """
    text = os.environ.get(EXPANSION_VARIABLE, "").strip()
    if not text:
        return MAX_EXPANSION
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise SettingError.not_allowed(EXPANSION_VARIABLE, text, "a whole number from 1 up, such as 1000")
    return int(text)


class Unpacked(io.RawIOBase):
    """An unpacked stream whose bytes are counted. It can be read in order, and again from its beginning."""

    def __init__(self, stream: IO[bytes], allowance: Allowance) -> None:
        super().__init__()
        self._stream = stream
        self._allowance = allowance
        self._counted = 0
        self._position = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Return `size` bytes, or all that are left if it is negative; fewer only at the end of the stream."""
        parts: list[bytes] = []
        left = size
        while left and (part := self._stream.read(_CHUNK if left < 0 else min(left, _CHUNK))):
            parts.append(part)
            left -= len(part) if left > 0 else 0
            self._position += len(part)
            self._allowance.add(max(0, self._position - self._counted))
            self._counted = max(self._counted, self._position)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        self._position = self._stream.seek(offset, whence)
        return self._position


@contextmanager
def unpacked(stream: IO[bytes], allowance: Allowance) -> Iterator[IO[bytes]]:
    """Yield an unpacked stream with its bytes counted.

    ZIP and Parquet are read out of order, which is slow in a compressed stream, so these are copied to a temporary
    file.
    """
    counted = cast("IO[bytes]", Unpacked(stream, allowance))
    head = counted.read(HEAD_BYTES)
    counted.seek(0)
    if not is_read_out_of_order(head):
        yield counted
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(counted, copy, _CHUNK)
        copy.seek(0)
        yield copy


class Rejoined(io.RawIOBase):
    """A stream whose beginning has been read already: first those bytes, then the rest."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        super().__init__()
        self._head = memoryview(head)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        """Return `size` bytes, fewer only at the end of the stream."""
        if not self._head:
            return self._rest.read(size)
        part = bytes(self._head[:size] if size >= 0 else self._head)
        self._head = self._head[len(part) :]
        return part + self._rest.read(size - len(part) if size >= 0 else -1)
