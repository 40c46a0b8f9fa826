"""What a search leaves on disk while it runs, so that a killed one goes on where it was.

One Optuna journal for all learners, and beside it the out-of-fold predictions of every trial that went through all
folds.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import optuna
import psutil
from numpy.typing import NDArray
from optuna.storages.journal import JournalFileBackend

from core.training.learners import Vector

_JOURNAL = "search.journal"
_OWNER = "owner"
"""Number and start of the process that searches: no two write to one journal."""


class SearchFolder:
    """The folder of one search; made when it is first written to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def claimed(cls, folder: Path) -> SearchFolder:
        """The folder; or, while another living process searches in it, one beside it."""
        owner = folder / _OWNER
        try:
            pid, started = (float(part) for part in owner.read_text(encoding="utf-8").split())
            taken = int(pid) != os.getpid() and abs(psutil.Process(int(pid)).create_time() - started) < 1.0
        except (OSError, ValueError, psutil.Error):
            taken = False
        return cls(folder.with_name(f"{folder.name}-{os.getpid()}") if taken else folder)

    def storage(self) -> optuna.storages.BaseStorage:
        """A journal that one process at a time writes to."""
        self._folder.mkdir(parents=True, exist_ok=True)
        mine = psutil.Process()
        (self._folder / _OWNER).write_text(f"{mine.pid} {mine.create_time()}", encoding="utf-8")
        backend = JournalFileBackend(str(self._folder / _JOURNAL))
        return optuna.storages.JournalStorage(backend)

    def keep(self, learner: str, number: int, oof: Vector) -> None:
        """Out-of-fold predictions of a trial, written before the trial counts as finished: whole or not at all."""
        path = self._path(learner, number)
        building = path.with_suffix(".part.npy")
        np.save(building, oof.astype(np.float32))
        building.replace(path)

    def predictions(self, learner: str, number: int) -> NDArray[np.float32]:
        """What `keep` was given, in single precision."""
        found: NDArray[np.float32] = np.load(self._path(learner, number), allow_pickle=False)
        return found

    def delete(self) -> None:
        """The search is over and its results stand elsewhere."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, learner: str, number: int) -> Path:
        return self._folder / f"{learner}-{number}.npy"
