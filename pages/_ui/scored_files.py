"""Scored files of all visitors, in the memory of the server, so that a reload of the Score page shows them again."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from functools import cached_property

import streamlit as st

from core.eda.run_charts import scored_values, value_intervals
from core.pipeline.score import Scores
from pages._ui.state import get_param, page_state, set_param
from pages._ui.table import Frame

N_HIGHEST = 20
"""Sessions in the table of the highest values."""
_MAX_ROWS = 3_000_000
"""Sessions and quarantined rows that the memory holds, about 120 bytes each. The latest file is held regardless."""


@dataclass(frozen=True)
class ScoredFile:
    """A file that was scored with a run, and what its page shows of it."""

    run_id: str
    scores: Scores

    @property
    def n_rows(self) -> int:
        """Number of rows of its tables, as a measure of its memory."""
        return self.scores.values.height + self.scores.quarantine.height

    @cached_property
    def distribution(self) -> Frame:
        """The table behind the histogram of values."""
        return scored_values.frame(self.scores.values)

    @cached_property
    def intervals(self) -> Frame:
        """The table behind the chart of intervals."""
        return value_intervals.frame(self.scores.values)

    @cached_property
    def highest(self) -> Frame:
        """The sessions with the highest values."""
        return self.scores.highest(N_HIGHEST)


class _ScoredFiles:
    """The scored files by id. An id cannot be guessed, because visitors must not see the files of others."""

    def __init__(self) -> None:
        self._files: dict[str, ScoredFile] = {}  # the one that was used last is at the end
        self._lock = threading.Lock()

    def add(self, file: ScoredFile) -> str:
        """Hold a file, forget those that were not used for longest if there are too many rows, and return its id."""
        file_id = secrets.token_urlsafe(12)
        with self._lock:
            self._files[file_id] = file
            n_rows = sum(held.n_rows for held in self._files.values())
            for oldest in list(self._files)[:-1]:
                if n_rows <= _MAX_ROWS:
                    break
                n_rows -= self._files.pop(oldest).n_rows
        return file_id

    def get(self, file_id: str) -> ScoredFile | None:
        """Return a file, or None if it was forgotten."""
        with self._lock:
            file = self._files.pop(file_id, None)
            if file is not None:
                self._files[file_id] = file
        return file


@st.cache_resource(show_spinner=False)
def _scored_files() -> _ScoredFiles:
    """Return the scored files, which all visitors' pages share."""
    return _ScoredFiles()


def remember(run_id: str, scores: Scores) -> None:
    """Show the scores on the page of the run, now and after a look at another page or a reload."""
    page_state().score_ids[run_id] = file_id = _scored_files().add(ScoredFile(run_id, scores))
    set_param("scores", file_id)


def last_scored(run_id: str) -> ScoredFile | None:
    """Return the file that was last scored with a run in this tab, or that the URL names; None if there is none.

    If the server no longer holds it, a warning says so.
    """
    ids = page_state().score_ids
    file_id = ids.pop(run_id, "") or get_param("scores")
    file = _scored_files().get(file_id)
    if file is None or file.run_id != run_id:
        set_param("scores", "")
        if file_id and file is None:
            st.warning("The values in the link are no longer stored. Score the file again.", icon=":material/link_off:")
        return None
    ids[run_id] = file_id
    set_param("scores", file_id)
    return file
