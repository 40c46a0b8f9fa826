"""The files of a search in progress, from which an interrupted search resumes."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import optuna
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from core.base.checkpoint import available_folder, remove_unless_regular, take_ownership
from core.base.files import atomic_file, remove
from core.training.learners import Vector

_JOURNAL = "search.journal"
_ERRORS_OF_THE_SYSTEM = (errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC)
"""These say nothing about the stored trials, which must not be deleted for them."""


class SearchFolder:
    """A folder with one Optuna journal for all learners, and the out-of-fold predictions of every complete trial.

    It is created when it is first written to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def claim(cls, folder: Path) -> SearchFolder:
        """Return the folder, or another one next to it while another running process uses it."""
        return cls(available_folder(folder))

    def storage(self) -> optuna.storages.BaseStorage:
        """Open the journal. Only one process may use it at a time. Stored trials that cannot be read are deleted.

        Raises:
            OSError: the system cannot read or write now, for instance because the disk is full.
        """
        take_ownership(self._folder)
        for path in self._folder.iterdir():
            remove_unless_regular(path)
        try:
            return self._open_journal()
        except Exception as error:  # whatever is wrong with the stored trials, the search can begin again
            if isinstance(error, MemoryError) or getattr(error, "errno", None) in _ERRORS_OF_THE_SYSTEM:
                raise
            self.delete()
            take_ownership(self._folder)
            return self._open_journal()

    def _open_journal(self) -> optuna.storages.BaseStorage:
        """Open the journal and read the predictions of its complete trials."""
        journal = self._folder / _JOURNAL
        # a killed process leaves its lock behind, and Optuna would wait for it
        journal.with_name(f"{journal.name}.lock").unlink(missing_ok=True)
        _remove_partial_line(journal)
        storage = optuna.storages.JournalStorage(JournalFileBackend(str(journal)))
        for name in optuna.get_all_study_names(storage):
            study = optuna.load_study(study_name=name, storage=storage)
            for number, trial in enumerate(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))):
                if trial.user_attrs["complete"]:  # evaluated on all folds, see LearnerSearch
                    self.load_predictions(name, number)
        return storage

    def save_predictions(self, learner: str, trial: int, oof: Vector) -> None:
        """Write the out-of-fold predictions of a trial in single precision, atomically."""
        with atomic_file(self._path(learner, trial)) as temporary, temporary.open("wb") as file:
            np.save(file, oof.astype(np.float32))

    def load_predictions(self, learner: str, trial: int) -> Vector:
        """Return predictions that `save_predictions` wrote."""
        return np.asarray(np.load(self._path(learner, trial), allow_pickle=False), dtype=np.float64)

    def delete(self) -> None:
        """Delete the folder, once the results of the search are stored elsewhere."""
        remove(self._folder)

    def _path(self, learner: str, trial: int) -> Path:
        return self._folder / f"{learner}-{trial}.npy"


def _remove_partial_line(journal: Path) -> None:
    """Remove an incomplete last line, left by a kill or a full disk: Optuna could not read what follows it."""
    if not journal.is_file():
        return
    content = journal.read_bytes()
    end = content.rfind(b"\n") + 1
    if end < len(content):
        os.truncate(journal, end)
