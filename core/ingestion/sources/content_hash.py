"""Hash the content of a source from the bytes that are read, and refuse files that change meanwhile.

A file may be copied, rotated or written while it is read. Hashing it in a second pass could then name other rows than
those that were stored.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

from core.errors import InputError
from core.ingestion.sources.hashed_file import OTHER_CONTENT, HashedFile
from core.ingestion.sources.paths import files_of


@dataclass(frozen=True)
class _State:
    """File system metadata, which changes if a process writes to the file or replaces it."""

    device: int
    inode: int
    size: int
    modified: int
    status_changed: int
    """Unlike the modification time, programs cannot set it."""

    @classmethod
    def from_stat(cls, stat: os.stat_result) -> _State:
        return cls(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)


@dataclass
class Content:
    """The files behind a path, with their states and hashes as of when they were read."""

    source: Path
    _files: list[Path] = field(default_factory=list)
    _states: dict[Path, _State] = field(default_factory=dict)
    _hashes: dict[Path, str] = field(default_factory=dict)

    def begin(self) -> list[Path]:
        """Forget earlier reads and return the files to read, in order.

        Raises:
            InputError: there is no such file.
        """
        self._files = files_of(self.source)
        self._states, self._hashes = {}, {}
        return self._files

    @contextmanager
    def opened(self, file: Path) -> Iterator[IO[bytes]]:
        """Open one of the files. Its hash is stored when the block ends without an exception."""
        with HashedFile(file) as stream:
            self._states[file] = _State.from_stat(stream.stat())
            yield cast("IO[bytes]", stream)
            self._hashes[file] = stream.finish()

    def digest(self) -> str:
        """Return the SHA-256 of the content of all files, in order; names are not part of it."""
        hashes = [self._hashes[file] for file in self._files]
        return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()

    def read(self) -> str:
        """Read all files and return `digest`.

        Raises:
            InputError: there is no file, or one that cannot be opened.
        """
        for file in self.begin():
            with self.opened(file):
                pass
        return self.digest()

    def require_unchanged(self) -> None:
        """Refuse files that have changed since they were opened.

        A file of the same size in another state is hashed again, because it may only have been touched. A file that
        grew is refused, because it may still be growing.

        Raises:
            InputError: a file was written to, replaced, deleted or added.
        """
        if not self._files:
            return
        self._require_same_files()
        for file, state in self._states.items():
            try:
                now = _State.from_stat(file.stat())
                same = now == state or (now.size == state.size and self._hashes.get(file) == content_hash(file))
            except (OSError, InputError) as error:
                raise InputError.changed_while_read(file.name, "it cannot be found any more") from error
            if not same:
                sizes = f"it had {state.size:,} bytes, now it has {now.size:,}"
                change = OTHER_CONTENT if now.size == state.size else sizes
                raise InputError.changed_while_read(file.name, change)

    def _require_same_files(self) -> None:
        try:
            now = files_of(self.source)
        except InputError as error:
            raise InputError.changed_while_read(self.source.name, "it cannot be found any more") from error
        for files, others, change in ((now, self._files, "was added"), (self._files, now, "was removed")):
            if odd := sorted(set(files) - set(others)):
                raise InputError.changed_while_read(self.source.name, f"{odd[0].name} {change}")


def content_hash(path: Path) -> str:
    """Return the SHA-256 of the content of the files behind a path, in order; names are not part of it.

    Raises:
        InputError: no such file, or one that cannot be opened.
    """
    return Content(path).read()


def require_unchanged(contents: Iterable[Content]) -> None:
    """See `Content.require_unchanged`."""
    for content in contents:
        content.require_unchanged()
