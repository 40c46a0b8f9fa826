"""Hash the content of a source from the bytes that are read, and refuse files that change meanwhile.

A file may be copied, rotated or written while it is read. A hash computed in a second pass could then describe other
rows than those that were stored.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import Path
from typing import IO, cast

from core.errors import InputError, SourceError
from core.ingestion.sources.hashed_file import OTHER_CONTENT, HashedFile
from core.ingestion.sources.paths import files_of

_state = attrgetter("st_dev", "st_ino", "st_size", "st_mtime_ns", "st_ctime_ns")
"""File system metadata that changes if a process writes to a file or replaces it. Programs can set the modification
time, but not the time of the last status change."""


@dataclass
class Content:
    """The files behind a path, with their states and hashes as of when they were read."""

    source: Path
    _files: list[Path] = field(default_factory=list)
    _stats: dict[Path, os.stat_result] = field(default_factory=dict)
    _hashes: dict[Path, str] = field(default_factory=dict)

    def begin(self) -> list[Path]:
        """Forget earlier reads and return the files to read, in order."""
        self._files = files_of(self.source)
        self._stats, self._hashes = {}, {}
        return self._files

    @contextmanager
    def opened(self, file: Path) -> Iterator[IO[bytes]]:
        """Open one of the files. Its hash is stored when the block ends without an exception."""
        with HashedFile(file) as stream:
            self._stats[file] = stream.stat()
            yield cast("IO[bytes]", stream)
            self._hashes[file] = stream.finish()

    def digest(self) -> str:
        """Return the SHA-256 of the content of all files, in order; names are not part of it."""
        hashes = [self._hashes[file] for file in self._files]
        return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()

    def read(self) -> str:
        """Read all files and return `digest`."""
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
        for file, stat in self._stats.items():
            try:
                now = file.stat()
                same_size = now.st_size == stat.st_size
                if _state(now) == _state(stat) or (same_size and self._hashes.get(file) == content_hash(file)):
                    continue
            except (OSError, InputError) as error:
                raise SourceError.changed_while_read(file.name, "it can no longer be found") from error
            sizes = f"it had {stat.st_size:,} bytes, but now it has {now.st_size:,}"
            raise SourceError.changed_while_read(file.name, OTHER_CONTENT if same_size else sizes)

    def _require_same_files(self) -> None:
        try:
            now = files_of(self.source)
        except InputError as error:
            raise SourceError.changed_while_read(self.source.name, "it can no longer be found") from error
        for files, others, change in ((now, self._files, "was added"), (self._files, now, "was removed")):
            if odd := sorted(set(files) - set(others)):
                raise SourceError.changed_while_read(self.source.name, f"{odd[0].name} {change}")


def content_hash(path: Path) -> str:
    """Return the SHA-256 of the content of the files behind a path; see `Content.digest`."""
    return Content(path).read()


def require_unchanged(contents: Iterable[Content]) -> None:
    """Refuse files that have changed since they were opened; see `Content.require_unchanged`."""
    for content in contents:
        content.require_unchanged()
