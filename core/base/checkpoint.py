"""Checkpoints: intermediate results that a run stores, so that it can resume after an interruption.

Each run has one folder, whose name contains a hash of everything that its results depend on. The folder is deleted when
the run is written or cancelled. A checkpoint is a subfolder with the files of one result and their hashes. If it is
damaged, the result is computed again.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

import psutil

from core.base.files import atomic_folder, remove
from core.base.ids import short_digest
from core.base.processes import find_process, start_time
from core.base.stored_files import UnusableFileError, hash_folder, read_stored_json, read_stored_text, require_regular

T = TypeVar("T")

SOURCE_DIGEST_LENGTH = 12
"""Characters of `source_digest` that a run's manifest stores."""
_SOURCE = Path(__file__).resolve().parents[1]
_OWNER_FILE = "owner"
"""Id and start time of the process that works in the folder; written when the process begins."""
_EARLIER_FILE = "seconds"
"""Duration of all earlier attempts in seconds."""
_ALIVE_FILE = "alive"
"""Touched during the work, so that the duration of an attempt is known even if its process was killed."""
_TIMINGS_FILE = "timings.json"
_HASHES_FILE = "sha256.json"
_TOUCH_SECONDS = 1.0
_MAX_AGE_SECONDS = 30 * 86_400.0
"""Folders that are not resumed are deleted after a month; with five million events, they take gigabytes."""


class LoadOrCompute(Protocol):
    """Function with the arguments and the result of `Checkpoints.load_or_compute`."""

    def __call__(
        self, name: str, compute: Callable[[], T], save: Callable[[T, Path], None], load: Callable[[Path], T]
    ) -> T: ...


def always_compute(
    name: str, compute: Callable[[], T], save: Callable[[T, Path], None], load: Callable[[Path], T]
) -> T:
    """Compute the result without storing it: the default where a function takes a `LoadOrCompute`."""
    return compute()


class Checkpoints:
    """The folder with the checkpoints of one run.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as parent:
    ...     checkpoints = Checkpoints.claim(Path(parent) / "work")
    ...     save = lambda text, folder: (folder / "text").write_text(text)
    ...     load = lambda folder: (folder / "text").read_text()
    ...     [checkpoints.load_or_compute("part", compute, save, load) for compute in (lambda: "new", lambda: "other")]
    ['new', 'new']
    """

    def __init__(self, folder: Path) -> None:
        """Take a folder as it is; use `claim` to work in it."""
        self._folder = folder
        self._touched = 0.0

    @classmethod
    def claim(cls, folder: Path) -> Checkpoints:
        """Take over the folder and its checkpoints, or a new folder next to it if another process works there.

        The duration of the previous attempt is added to that of the earlier ones.
        """
        folder = available_folder(folder)
        checkpoints = cls(folder)
        for name in (_OWNER_FILE, _EARLIER_FILE, _ALIVE_FILE, _TIMINGS_FILE):
            remove_unless_regular(folder / name)
        try:
            previous = (folder / _ALIVE_FILE).stat().st_mtime - (folder / _OWNER_FILE).stat().st_mtime
        except OSError:
            previous = 0.0
        earlier = checkpoints.earlier_seconds + max(previous, 0.0)
        take_ownership(folder)
        (folder / _ALIVE_FILE).unlink(missing_ok=True)
        (folder / _EARLIER_FILE).write_text(str(earlier), encoding="utf-8")
        return checkpoints

    @property
    def earlier_seconds(self) -> float:
        """Duration of all earlier attempts at this run, in seconds; 0 if there were none."""
        try:
            return float(read_stored_text(self._folder / _EARLIER_FILE))
        except (OSError, ValueError):
            return 0.0

    @property
    def timings(self) -> dict[str, float]:
        """Step -> seconds, for the steps that earlier attempts finished."""
        try:
            stored = read_stored_json(self._folder / _TIMINGS_FILE)
            return {str(name): float(seconds) for name, seconds in stored.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def save_timings(self, timings: Mapping[str, float]) -> None:
        """Store step -> seconds for all steps that are finished."""
        with contextlib.suppress(OSError):  # timings are not worth failing a run for, such as on a full disk
            (self._folder / _TIMINGS_FILE).write_text(json.dumps(dict(timings)), encoding="utf-8")

    def touch(self) -> None:
        """Record that the work is still in progress."""
        now = time.monotonic()
        if now - self._touched >= _TOUCH_SECONDS:
            self._touched = now
            with contextlib.suppress(OSError):
                (self._folder / _ALIVE_FILE).touch()

    def load_or_compute(
        self, name: str, compute: Callable[[], T], save: Callable[[T, Path], None], load: Callable[[Path], T]
    ) -> T:
        """Return a stored result, or compute and store it. If the disk is full, it is returned but not stored.

        Args:
            name: identifies the result in this run; may contain slashes.
            compute: computes the result.
            save: writes the result as files into an empty folder.
            load: reads what `save` wrote.
        """
        folder = self._folder / name
        if folder.is_dir() and not folder.is_symlink():
            try:
                if read_stored_json(folder / _HASHES_FILE) == hash_folder(folder, excluded=(_HASHES_FILE,)):
                    return load(folder)
            except Exception:  # noqa: BLE001, S110 (whatever is wrong with a checkpoint, its result can be recomputed)
                pass
        remove(folder)
        result = compute()
        with contextlib.suppress(OSError), atomic_folder(folder, shared=True, synced=False) as temporary:
            save(result, temporary)
            (temporary / _HASHES_FILE).write_text(json.dumps(hash_folder(temporary)), encoding="utf-8")
        return result

    def delete(self) -> None:
        """Delete all checkpoints of this run."""
        remove(self._folder)


def available_folder(folder: Path) -> Path:
    """Return the folder, or the path of a new one if another process works in it. Abandoned folders are deleted."""
    with contextlib.suppress(OSError):
        for other in folder.parent.iterdir():
            if other != folder and _is_abandoned(other):
                remove(other)
    if folder.is_symlink() or not folder.is_dir():
        remove(folder)
    return folder.with_name(f"{folder.name}-{os.getpid()}") if _is_in_use(folder) else folder


def remove_unless_regular(path: Path) -> None:
    """Delete a link, pipe or folder at the path, because writing to it could do harm. A regular file is kept."""
    try:
        require_regular(path)
    except UnusableFileError as error:
        if not error.is_missing:
            remove(path)


def take_ownership(folder: Path) -> None:
    """Create the folder and record that this process works in it."""
    folder.mkdir(parents=True, exist_ok=True)
    remove_unless_regular(folder / _OWNER_FILE)
    process = psutil.Process()
    (folder / _OWNER_FILE).write_text(f"{process.pid} {start_time(process)}", encoding="utf-8")


def delete_checkpoints(parent: Path, prefix: str) -> None:
    """Delete the folders in `parent` whose names start with `prefix`, except those in which another process works."""
    for folder in parent.glob(f"{prefix}*"):
        if not _is_in_use(folder):
            remove(folder)


def work_name(fingerprint: str, settings_digest: str, dependencies: Iterable[str] = ()) -> str:
    """Return the folder name of a run. Its results also depend on `dependencies`, such as the versions of libraries."""
    digest = short_digest(hashlib.sha256("\n".join([source_digest(), *dependencies]).encode()).hexdigest())
    return f"{work_prefix(fingerprint, settings_digest)}{digest}"


def work_prefix(fingerprint: str, settings_digest: str) -> str:
    """Return the prefix that the folders of a dataset and settings have in common in all versions of the program."""
    return f"{short_digest(fingerprint)}-{settings_digest}-"


@functools.cache
def source_digest() -> str:
    """Return the SHA-256 of the source of `core`. A run never resumes from the checkpoints of other source code."""
    digest = hashlib.sha256()
    for path in sorted(_SOURCE.rglob("*.py")):
        digest.update(f"{path.relative_to(_SOURCE).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _is_in_use(folder: Path) -> bool:
    """Whether another running process works in the folder."""
    try:
        pid, started = (float(part) for part in read_stored_text(folder / _OWNER_FILE).split())
        return int(pid) != os.getpid() and find_process(int(pid), started) is not None
    except (OSError, ValueError, OverflowError):
        return False


def _is_abandoned(folder: Path) -> bool:
    """Whether no process has worked in the folder for the maximum age."""
    files = (folder / _OWNER_FILE, folder / _ALIVE_FILE)
    last_used = max((file.stat().st_mtime for file in files if file.is_file()), default=time.time())
    return time.time() - last_used > _MAX_AGE_SECONDS and not _is_in_use(folder)
