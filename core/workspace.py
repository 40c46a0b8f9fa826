"""The one folder that holds what the product keeps, and how a thing gets into it: whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.errors import RunError, SettingError

_PROJECT = Path(__file__).resolve().parent.parent
DEMO_FOLDER = _PROJECT / "data" / "demo"
"""The small synthetic files that ship with the product."""

_NO_ROOM = ("no space left on device", "disk quota exceeded", "database or disk is full", "os error 28")


@dataclass(frozen=True)
class Workspace:
    """Where datasets, runs, jobs and uploads live. Folders are made when first needed."""

    root: Path

    @classmethod
    def from_environment(cls) -> Workspace:
        """`SVS_HOME`, or data/workspace in the project."""
        return cls(Path(os.environ.get("SVS_HOME") or _PROJECT / "data" / "workspace").resolve())

    def _folder(self, name: str) -> Path:
        folder = self.root / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingError.no_workspace(self.root, error.strerror or str(error)) from error
        return folder

    @property
    def datasets(self) -> Path:
        return self._folder("datasets")

    @property
    def runs(self) -> Path:
        return self._folder("runs")

    @property
    def uploads(self) -> Path:
        return self._folder("uploads")

    @property
    def mappings(self) -> Path:
        return self._folder("mappings")

    @property
    def logs(self) -> Path:
        return self._folder("logs")

    @property
    def searches(self) -> Path:
        """Searches of settings whose run is not written yet."""
        return self._folder("studies")

    @property
    def unfinished(self) -> Path:
        """What runs have done that are not written yet."""
        return self._folder("unfinished")

    @property
    def jobs_database(self) -> Path:
        return self._folder(".") / "jobs.sqlite"


def is_full_disk(error: BaseException) -> bool:
    """Whether there was no room to write: the libraries tell it in several ways."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    return any(words in str(error).lower() for words in _NO_ROOM)


@contextmanager
def room_on(path: Path) -> Iterator[None]:
    """Say in one sentence that the disk of `path` is full, whoever found out, and however it was said.

    Raises:
        RunError: there was no room.
    """
    try:
        yield
    except Exception as error:
        if is_full_disk(error):
            raise RunError.no_room(path) from error
        raise


def sync(path: Path) -> None:
    """Ask the operating system to put a file or folder on disk now (folders cannot be synced on Windows)."""
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def building_folder(final: Path, *, shared: bool = False) -> Iterator[Path]:
    """Give a temporary folder that becomes `final` when the block ends well, and vanishes when it does not.

    A reader therefore never sees half a folder. If another process finished the same folder in the meantime, the
    finished one stays: with `shared` (datasets and uploads are named by their content) ours is dropped without a word.

    Raises:
        RunError: the folder was finished by somebody else, and it is not shared.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{final.name}.", dir=final.parent))
    try:
        yield temporary
        for path in sorted(temporary.rglob("*")):
            sync(path)
        sync(temporary)
        temporary.chmod(0o755)  # mkdtemp makes private folders; a finished one is as readable as its parent allows
        if final.is_dir() and not any(final.iterdir()):
            final.rmdir()
        try:
            temporary.rename(final)
        except OSError:
            if not final.is_dir():
                raise
            if not shared:
                raise RunError.folder_in_use(final) from None
        sync(final.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def building_file(final: Path) -> Iterator[Path]:
    """The same for one file; its folder is there."""
    descriptor, name = tempfile.mkstemp(prefix=f".{final.name}.", dir=final.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        sync(temporary)
        temporary.chmod(0o644)
        temporary.replace(final)
    finally:
        temporary.unlink(missing_ok=True)
