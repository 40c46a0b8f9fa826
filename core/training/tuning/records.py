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
from numpy.typing import NDArray
from optuna.storages.journal import JournalFileBackend

from core.base.checkpoint import available_folder, take_ownership
from core.base.files import atomic_file
from core.training.learners import Vector

_JOURNAL = "search.journal"


class SearchFolder:
    """The folder of one search; made when it is first written to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def claimed(cls, folder: Path) -> SearchFolder:
        """The folder; or, while another living process searches in it, one beside it."""
        return cls(available_folder(folder))

    def storage(self) -> optuna.storages.BaseStorage:
        """A journal that one process at a time writes to."""
        take_ownership(self._folder)
        journal = self._folder / _JOURNAL
        # the lock of a process that was killed, which nobody else would wait for in vain: the folder is ours
        journal.with_name(f"{journal.name}.lock").unlink(missing_ok=True)
        _cut_to_whole_lines(journal)
        return optuna.storages.JournalStorage(JournalFileBackend(str(journal)))

    def keep(self, learner: str, number: int, oof: Vector) -> None:
        """Out-of-fold predictions of a trial, written before the trial counts as finished: whole or not at all."""
        with atomic_file(self._path(learner, number)) as building, building.open("wb") as file:
            np.save(file, oof.astype(np.float32))

    def predictions(self, learner: str, number: int) -> NDArray[np.float32]:
        """What `keep` was given, in single precision."""
        found: NDArray[np.float32] = np.load(self._path(learner, number), allow_pickle=False)
        return found

    def delete(self) -> None:
        """The search is over and its results stand elsewhere."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, learner: str, number: int) -> Path:
        return self._folder / f"{learner}-{number}.npy"


def _cut_to_whole_lines(journal: Path) -> None:
    """Take off what a full disk or a kill left of a last line: whatever is written behind it could not be read."""
    if not journal.is_file():
        return
    content = journal.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        os.truncate(journal, whole)
