"""The content of the files behind a source, hashed from the very bytes that are read.

A file can be copied, rotated or written while it is read. A hash of a second look at it would then name other rows than
those that were stored. So the reader's own bytes are hashed, and a file that changed meanwhile is refused.
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
    """What a file system says of a file. It stays the same unless a process writes to the file or replaces it."""

    device: int
    inode: int
    size: int
    modified: int
    status_changed: int
    """Unlike the time of modification, no program can set it back."""

    @classmethod
    def of(cls, found: os.stat_result) -> _State:
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


@dataclass
class Content:
    """What was read of the files behind a path: which files, in which state, and their hashes."""

    source: Path
    _files: list[Path] = field(default_factory=list)
    _states: dict[Path, _State] = field(default_factory=dict)
    _hashes: dict[Path, str] = field(default_factory=dict)

    def begin(self) -> list[Path]:
        """The files to read, in order; what was read before is forgotten.

        Raises:
            InputError: there is none.
        """
        self._files = files_of(self.source)
        self._states, self._hashes = {}, {}
        return self._files

    @contextmanager
    def opened(self, file: Path) -> Iterator[IO[bytes]]:
        """One of the files, to be read by the caller; where the block ends well, its hash is known."""
        with HashedFile(file) as stream:
            self._states[file] = _State.of(stream.stat())
            yield cast("IO[bytes]", stream)
            self._hashes[file] = stream.finish()

    def digest(self) -> str:
        """SHA-256 of the content of all files, in their order; names do not count."""
        hashes = [self._hashes[file] for file in self._files]
        return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()

    def read(self) -> str:
        """Read all files for their hash only; gives `digest`.

        Raises:
            InputError: there is no file, or one that cannot be opened.
        """
        for file in self.begin():
            with self.opened(file):
                pass
        return self.digest()

    def require_unchanged(self) -> None:
        """Refuse files that are other ones now than when they were opened.

        A file in another state, but of the same size, is hashed again: one that was only touched, or replaced by a copy
        of itself, is fine. One that grew may be on its way still, also where all that has arrived was read.

        Raises:
            InputError: a file was written to, replaced, deleted or added.
        """
        if not self._files:
            return
        self._require_same_files()
        for file, state in self._states.items():
            try:
                now = _State.of(file.stat())
                same = now == state or (now.size == state.size and self._hashes.get(file) == content_hash(file))
            except (OSError, InputError) as error:
                raise InputError.changed_while_read(file.name, "it cannot be found any more") from error
            if not same:
                sizes = f"it had {state.size:,} bytes, now it has {now.size:,}"
                found = OTHER_CONTENT if now.size == state.size else sizes
                raise InputError.changed_while_read(file.name, found)

    def _require_same_files(self) -> None:
        try:
            now = files_of(self.source)
        except InputError as error:
            raise InputError.changed_while_read(self.source.name, "it cannot be found any more") from error
        for files, others, found in ((now, self._files, "was added"), (self._files, now, "was removed")):
            if odd := sorted(set(files) - set(others)):
                raise InputError.changed_while_read(self.source.name, f"{odd[0].name} {found}")


def content_hash(path: Path) -> str:
    """SHA-256 of the bytes of the files behind a path, in their order; names do not count.

    Raises:
        InputError: no such file, or one that cannot be opened.
    """
    return Content(path).read()


def require_unchanged(contents: Iterable[Content]) -> None:
    """See `Content.require_unchanged`."""
    for content in contents:
        content.require_unchanged()
