"""Checkpoints: results of a run that are stored while it works, so that an interrupted run can resume.

Each piece of work has one folder, named by everything its results depend on. It is deleted when the run is written or
cancelled. A checkpoint is a folder with the result's files and their hashes. One that is damaged is computed again.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

import psutil

from core.base.files import atomic_folder, hash_file
from core.base.processes import find_process, start_time

T = TypeVar("T")

SOURCE_DIGEST_LENGTH = 12
"""Characters of `source_digest` that a run's manifest stores."""
_SOURCE = Path(__file__).resolve().parents[1]
_OWNER_FILE = "owner"
"""Id and start time of the process that works in the folder; written when it begins."""
_EARLIER_FILE = "seconds"
"""Duration of all earlier attempts."""
_ALIVE_FILE = "alive"
"""Touched during the work, so that the duration of an attempt is known even if its process was killed."""
_TIMINGS_FILE = "timings.json"
_HASHES_FILE = "sha256.json"
_TOUCH_SECONDS = 1.0
_MAX_AGE_SECONDS = 30 * 86_400.0
"""Checkpoints that are not resumed are deleted after a month; those of five million events take gigabytes."""


class LoadOrCompute(Protocol):
    """Returns the result of a part of the work: the stored one if there is one, else a new one, which it stores."""

    def __call__(
        self, name: str, compute: Callable[[], T], save: Callable[[T, Path], None], load: Callable[[Path], T]
    ) -> T:
        """Return the result called `name`; see `Checkpoints.load_or_compute`."""


def always_compute(
    name: str, compute: Callable[[], T], save: Callable[[T, Path], None], load: Callable[[Path], T]
) -> T:
    """Compute the result without storing it, for work that is too short for checkpoints."""
    return compute()


class Checkpoints:
    """The folder with the checkpoints of one piece of work.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as parent:
    ...     checkpoints = Checkpoints.claim(Path(parent) / "work")
    ...     save = lambda text, folder: (folder / "text").write_text(text)
    ...     load = lambda folder: (folder / "text").read_text()
    ...     [checkpoints.load_or_compute("part", compute, save, load) for compute in (lambda: "new", lambda: "other")]
    ['new', 'new']
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._touched = 0.0

    @classmethod
    def claim(cls, folder: Path) -> Checkpoints:
        """Take over the folder and its checkpoints, or a new folder next to it if another process works there."""
        checkpoints = cls(available_folder(folder))
        checkpoints._start_attempt()
        return checkpoints

    @property
    def earlier_seconds(self) -> float:
        """Duration of all earlier attempts at this work."""
        try:
            return float((self._folder / _EARLIER_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0.0

    @property
    def timings(self) -> dict[str, float]:
        """Step -> seconds, for the steps that earlier attempts finished."""
        try:
            stored = json.loads((self._folder / _TIMINGS_FILE).read_bytes())
            return {str(name): float(seconds) for name, seconds in stored.items()}
        except (OSError, ValueError):
            return {}

    def save_timings(self, timings: Mapping[str, float]) -> None:
        """Store step -> seconds for all steps that are finished."""
        with contextlib.suppress(OSError):  # a full disk must not end the run because of this
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
        """Return a stored result, or compute and store it.

        Args:
            name: identifies the result in this work; may contain slashes.
            compute: makes the result.
            save: writes the result as files into an empty folder.
            load: reads what `save` wrote.

        Returns:
            The result. If the disk is full, it is returned but not stored.
        """
        folder = self._folder / name
        if folder.is_dir():
            try:
                if json.loads((folder / _HASHES_FILE).read_text(encoding="utf-8")) == _hash_files(folder):
                    return load(folder)
            except Exception:  # noqa: BLE001, S110 (whatever is wrong with a checkpoint, it can be computed again)
                pass
            shutil.rmtree(folder, ignore_errors=True)
        result = compute()
        with contextlib.suppress(OSError), atomic_folder(folder, shared=True, synced=False) as temporary:
            save(result, temporary)
            (temporary / _HASHES_FILE).write_text(json.dumps(_hash_files(temporary)), encoding="utf-8")
        return result

    def delete(self) -> None:
        """Delete all checkpoints of this work."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start_attempt(self) -> None:
        """Add the duration of the previous attempt to the earlier ones, and become the owner."""
        try:
            previous = (self._folder / _ALIVE_FILE).stat().st_mtime - (self._folder / _OWNER_FILE).stat().st_mtime
        except OSError:
            previous = 0.0
        earlier = self.earlier_seconds + max(previous, 0.0)
        take_ownership(self._folder)
        (self._folder / _ALIVE_FILE).unlink(missing_ok=True)
        (self._folder / _EARLIER_FILE).write_text(str(earlier), encoding="utf-8")


def available_folder(folder: Path) -> Path:
    """Return the folder, or the name of another one next to it if another running process works in it.

    Also deletes abandoned folders next to it.
    """
    with contextlib.suppress(OSError):
        for other in folder.parent.iterdir():
            if other != folder and _is_abandoned(other):
                shutil.rmtree(other, ignore_errors=True)
    return folder.with_name(f"{folder.name}-{os.getpid()}") if _is_in_use(folder) else folder


def take_ownership(folder: Path) -> None:
    """Create the folder and record that this process works in it."""
    folder.mkdir(parents=True, exist_ok=True)
    process = psutil.Process()
    (folder / _OWNER_FILE).write_text(f"{process.pid} {start_time(process)}", encoding="utf-8")


def delete_checkpoints(parent: Path, prefix: str) -> None:
    """Delete the folders in `parent` whose names start with `prefix`, except those that a running process works in."""
    for folder in parent.glob(f"{prefix}*"):
        if not _is_in_use(folder):
            shutil.rmtree(folder, ignore_errors=True)


def work_name(dataset: str, settings: str, others: Iterable[str] = ()) -> str:
    """Return the name of the folder of a piece of work.

    Args:
        dataset: fingerprint of the dataset.
        settings: digest of the settings.
        others: anything else that the results depend on, such as versions of libraries.
    """
    digest = hashlib.sha256("\n".join([source_digest(), *others]).encode()).hexdigest()[:12]
    return f"{work_prefix(dataset, settings)}{digest}"


def work_prefix(dataset: str, settings: str) -> str:
    """Return the start of the names of all work on a dataset with these settings, by any version of the program."""
    return f"{dataset[:12]}-{settings}-"


@functools.cache
def source_digest() -> str:
    """Return the SHA-256 of the source of `core`. Another version must not resume from our checkpoints."""
    digest = hashlib.sha256()
    for path in sorted(_SOURCE.rglob("*.py")):
        digest.update(f"{path.relative_to(_SOURCE).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _is_in_use(folder: Path) -> bool:
    """Whether another running process works in the folder."""
    try:
        pid, started = (float(part) for part in (folder / _OWNER_FILE).read_text(encoding="utf-8").split())
    except (OSError, ValueError):
        return False
    return int(pid) != os.getpid() and find_process(int(pid), started) is not None


def _is_abandoned(folder: Path) -> bool:
    """Whether no process works in the folder, nor did within the maximum age."""
    files = (folder / _OWNER_FILE, folder / _ALIVE_FILE)
    last_used = max((file.stat().st_mtime for file in files if file.is_file()), default=time.time())
    return time.time() - last_used > _MAX_AGE_SECONDS and not _is_in_use(folder)


def _hash_files(folder: Path) -> dict[str, str]:
    """File name -> SHA-256."""
    return {path.name: hash_file(path) for path in sorted(folder.iterdir()) if path.name != _HASHES_FILE}
