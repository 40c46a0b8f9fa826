"""A file whose hash is computed from the bytes that were delivered to its reader."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import sys
from itertools import count
from pathlib import Path

from core.errors import InputError, SourceError

OTHER_CONTENT = "it has other content now"
_BLOCK = 1 << 20  # bytes read and hashed at once; few, so that a read after a seek is cheap


class HashedFile(io.RawIOBase):
    """A file opened for reading, with a hash that covers every delivered byte.

    Blocks read in order (CSV, CSV.GZ) are hashed as they are delivered. Blocks read out of order (ZIP, Parquet) are
    hashed one by one, and `finish` reads the whole file again to compare them. Modification times are not used, so even
    a change within the clock's resolution is detected.

    Raises:
        InputError: the file cannot be opened; or later, its bytes or size differ from an earlier read.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        try:
            self._file = path.open("rb", buffering=0)
        except OSError as error:
            raise SourceError.cannot_open(path, error.strerror or str(error)) from error
        self._name = path.name
        self._position = 0
        self._in_order = hashlib.sha256()
        self._blocks = 0
        """Number of leading blocks that `_in_order` covers."""
        self._reached_end = False
        """Whether `_in_order` covers the whole file."""
        self._out_of_order: dict[int, bytes] = {}
        """Block number -> hash of a block that was read out of order."""
        self._size: int | None = None
        """Size that the reader has seen; None until it has reached the end."""
        self._first: bytes | None = None  # cached, because readers look at the head several times
        self._latest = -1, b""

    def stat(self) -> os.stat_result:
        """Return the state of the open file, even if its path now names another one."""
        return os.fstat(self._file.fileno())

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        if whence == os.SEEK_CUR:
            offset += self._position
        elif whence == os.SEEK_END:
            size = self.stat().st_size
            self._note_size(size)
            offset += size
        if offset < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))  # like ordinary files; the ZIP reader relies on it
        self._position = offset
        return offset

    def read(self, size: int | None = -1, /) -> bytes:
        """Return `size` bytes, fewer only at the end of the file; all remaining bytes if `size` is negative."""
        left = sys.maxsize if size is None or size < 0 else size
        parts: list[bytes] = []
        while left:
            number, begin = divmod(self._position, _BLOCK)
            block = self._block(number)
            part = block[begin : begin + left]
            parts.append(part)
            self._position += len(part)
            left -= len(part)
            if begin + len(part) == len(block) < _BLOCK or not part:
                break
        return b"".join(parts)

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override] # typeshed has no public name for it
        """See `io.RawIOBase.readinto`, which `io.BufferedReader` calls."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()

    def finish(self) -> str:
        """Read the rest of the file and return the SHA-256 of the whole, checked against what was delivered."""
        if not self._out_of_order:
            while not self._reached_end:
                self._block(self._blocks)
            return self._in_order.hexdigest()
        whole = hashlib.sha256()  # of a second pass, in which each block is compared with what was delivered
        for number in count():
            block = self._fetch(number)
            whole.update(block)
            if number + 1 == self._blocks and whole.digest() != self._in_order.digest():
                raise self._changed()
            if self._out_of_order.pop(number, None) not in {None, hashlib.sha256(block).digest()}:
                raise self._changed()
            if len(block) < _BLOCK:
                self._note_size(number * _BLOCK + len(block))
                break
        # Reads beyond the end were empty, so any other block that is left over has been cut off.
        if number + 1 < self._blocks or set(self._out_of_order.values()) - {hashlib.sha256().digest()}:
            raise self._changed()
        return whole.hexdigest()

    def _block(self, number: int) -> bytes:
        """Return a block; empty beyond the end of the file."""
        if number == 0 and self._first is not None:
            return self._first
        if number == self._latest[0]:
            return self._latest[1]
        block = self._fetch(number)
        if number == self._blocks and not self._reached_end:
            self._in_order.update(block)
            self._blocks += bool(block)
            if len(block) < _BLOCK:
                self._reached_end = True
                self._note_size(number * _BLOCK + len(block))
        else:
            digest = hashlib.sha256(block).digest()
            if self._out_of_order.setdefault(number, digest) != digest:
                raise self._changed()
        if number == 0:
            self._first = block
        self._latest = number, block
        return block

    def _fetch(self, number: int) -> bytes:
        self._file.seek(number * _BLOCK)
        block = self._file.read(_BLOCK)
        while len(block) < _BLOCK and (more := self._file.read(_BLOCK - len(block))):  # network drives may return less
            block += more
        return block

    def _note_size(self, size: int) -> None:
        if self._size not in {None, size}:
            raise self._changed()
        self._size = size

    def _changed(self) -> InputError:
        return SourceError.changed_while_read(self._name, OTHER_CONTENT)
