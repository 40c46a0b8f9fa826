"""What a run leaves on disk while it works, so that one that was broken off goes on where it was.

One folder a piece of work, named by what the work depends on; gone when its run is written or given up. A part is kept
whole or not at all: it is made under another name, its files' hashes beside them, and renamed. What cannot be read
again, or was cut short by a power failure, is made anew, as if it had never been kept.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

import psutil

from core.base.files import is_full_disk
from core.base.processes import began, living

T = TypeVar("T")

PROGRAM_LENGTH = 12
"""Letters of the program's hash that a run keeps."""
_PROGRAM = Path(__file__).resolve().parent
_OWNER = "owner"
"""Number and start of the process that works in the folder; written when it begins."""
_SPENT = "seconds"
"""Seconds that earlier sittings took."""
_ALIVE = "alive"
"""Touched while somebody works: how long a sitting took is known also of one that was killed."""
_TIMINGS = "timings.json"
_HASHES = "sha256.json"
_TOUCH_SECONDS = 1.0
_SECONDS_KEPT = 30 * 86_400.0
"""Work that nobody goes on with is kept this long: at five million events it is some gigabytes."""


class Kept(Protocol):
    """Gives a part of the work: as it was kept, or else made now and kept."""

    def __call__(
        self, name: str, make: Callable[[], T], save: Callable[[T, Path], None], load: Callable[[Path], T]
    ) -> T:
        """`name` may have slashes; `save` writes files into an empty folder, `load` reads them again."""


def nothing_kept(
    name: str,
    make: Callable[[], T],
    save: Callable[[T, Path], None],
    load: Callable[[Path], T],
) -> T:
    """For work that is over too soon to be worth it."""
    return make()


class Unfinished:
    """The folder of one piece of work."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._touched = 0.0

    @classmethod
    def claimed(cls, folder: Path) -> Unfinished:
        """The folder with what is in it; or, while another living process works there, one of our own beside it."""
        unfinished = cls(claimed_folder(folder))
        unfinished._spend()
        return unfinished

    @property
    def seconds(self) -> float:
        """That earlier sittings of this work took."""
        try:
            return float((self._folder / _SPENT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0.0

    @property
    def timings(self) -> dict[str, float]:
        """Seconds by step, of the steps that earlier sittings finished."""
        try:
            return {str(name): float(each) for name, each in json.loads((self._folder / _TIMINGS).read_bytes()).items()}
        except (OSError, ValueError):
            return {}

    def note_timings(self, timings: Mapping[str, float]) -> None:
        """Seconds by step, of all steps that are finished by now."""
        with contextlib.suppress(OSError):  # not worth an end, should there be no room
            (self._folder / _TIMINGS).write_text(json.dumps(dict(timings)), encoding="utf-8")

    def _spend(self) -> None:
        """Count the sitting before this one, if it ended without a word."""
        try:
            sat = (self._folder / _ALIVE).stat().st_mtime - (self._folder / _OWNER).stat().st_mtime
        except OSError:
            sat = 0.0
        spent = self.seconds + max(sat, 0.0)
        own_folder(self._folder)
        (self._folder / _ALIVE).unlink(missing_ok=True)
        (self._folder / _SPENT).write_text(str(spent), encoding="utf-8")

    def alive(self) -> None:
        """Say that the work goes on."""
        now = time.monotonic()
        if now - self._touched >= _TOUCH_SECONDS:
            self._touched = now
            with contextlib.suppress(OSError):
                (self._folder / _ALIVE).touch()

    def kept(self, name: str, make: Callable[[], T], save: Callable[[T, Path], None], load: Callable[[Path], T]) -> T:
        """See Kept. Where there is no room on the disk the part is given all the same, but not kept."""
        place = self._folder / name
        if place.is_dir():
            try:
                if json.loads((place / _HASHES).read_text(encoding="utf-8")) == _hashes(place):
                    return load(place)
            except Exception:  # noqa: BLE001, S110 (whatever is wrong with it: it can be made again)
                pass
            shutil.rmtree(place, ignore_errors=True)
        made = make()
        temporary: str | None = None
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            temporary = tempfile.mkdtemp(prefix=f".{place.name}.", dir=place.parent)
            save(made, Path(temporary))
            (Path(temporary) / _HASHES).write_text(json.dumps(_hashes(Path(temporary))), encoding="utf-8")
            Path(temporary).rename(place)
        except Exception as error:
            # the libraries say in their own ways that there is no room; anything else is a defect
            if not isinstance(error, OSError) and not is_full_disk(error, place.parent):
                raise
        finally:
            if temporary is not None:
                shutil.rmtree(temporary, ignore_errors=True)
        return made

    def forget(self) -> None:
        """The work is done, or given up."""
        shutil.rmtree(self._folder, ignore_errors=True)


def claimed_folder(folder: Path) -> Path:
    """The folder; or, while another living process works in it, one of our own beside it.

    Work beside it that nobody went on with for a long time is deleted.
    """
    with contextlib.suppress(OSError):
        for other in folder.parent.iterdir():
            if other != folder and _is_forgotten(other):
                shutil.rmtree(other, ignore_errors=True)
    return folder.with_name(f"{folder.name}-{os.getpid()}") if _is_taken(folder) else folder


def forget_work(place: Path, prefix: str) -> None:
    """Delete the work whose names begin so, but for what a living process works in."""
    for folder in place.glob(f"{prefix}*"):
        if not _is_taken(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_taken(folder: Path) -> bool:
    """Whether another living process works in it."""
    try:
        pid, started = (float(part) for part in (folder / _OWNER).read_text(encoding="utf-8").split())
    except (OSError, ValueError):
        return False
    return int(pid) != os.getpid() and living(int(pid), started) is not None


def _is_forgotten(folder: Path) -> bool:
    """Whether nobody works in it, or did lately."""
    owner, alive = folder / _OWNER, folder / _ALIVE
    last = max((each.stat().st_mtime for each in (owner, alive) if each.is_file()), default=time.time())
    return time.time() - last > _SECONDS_KEPT and not _is_taken(folder)


def own_folder(folder: Path) -> None:
    """Make the folder and write our name at its door."""
    folder.mkdir(parents=True, exist_ok=True)
    mine = psutil.Process()
    (folder / _OWNER).write_text(f"{mine.pid} {began(mine)}", encoding="utf-8")


def work_name(dataset: str, settings: str, others: Iterable[str] = ()) -> str:
    """The name of a folder: what it begins with says the dataset (its fingerprint) and the settings (their digest),
    what it ends with the program, and whatever else the work depends on.
    """
    told = hashlib.sha256("\n".join([program_digest(), *others]).encode()).hexdigest()[:12]
    return f"{work_prefix(dataset, settings)}{told}"


def work_prefix(dataset: str, settings: str) -> str:
    """What the names of all work on a dataset with these settings begin with, whatever program did it."""
    return f"{dataset[:12]}-{settings}-"


@functools.cache
def program_digest() -> str:
    """Hash of this package's source: another version may compute otherwise, and goes on with nothing of ours."""
    digest = hashlib.sha256()
    for path in sorted(_PROGRAM.rglob("*.py")):
        digest.update(f"{path.relative_to(_PROGRAM).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of the files, by name."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.name != _HASHES:
            with path.open("rb") as file:
                found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found
