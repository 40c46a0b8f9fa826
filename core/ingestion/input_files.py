"""The input files of a dataset: a train and a test file, or one log that is split by date."""

from __future__ import annotations

from collections import abc
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from core.base.text import count
from core.errors import SettingError
from core.ingestion.mapping import Mapping
from core.ingestion.sources.query import Query
from core.ingestion.sources.source import Source
from core.own_columns import TableName
from core.schema import SECONDS_PER_DAY

MAX_DAYS: Final = 36_500
"""A century. No event log is longer, and times stay within 64 bits."""
_MIN_SECONDS: Final = 1
"""The shortest window, because times are whole seconds."""

Tables = abc.Mapping[TableName, Path]
"""What a table describes -> its file."""


@dataclass(frozen=True)
class DateSplit:
    """How one log is divided: the sessions that begin in a window of `days` days are the test file.

    The window ends with the log, or `windows_back` windows before its end, so that several windows next to each other
    can be made from one log. Only the start of a session decides, so a session is never divided:

    - A session that begins before the window is in the train file, with all its events, even if it ends in the window.
    - A session that begins in the window is in the test file.
    - A session with an event after the window is left out, because its value would not be known at the end of the
      window.
    - A composite session begins with the first event of any of its users, and all its users are in the same file. So no
      session is in both files, and no value of the test file is known from the train file.
    - A user may be in both files, with different sessions.

    Attributes:
        days: length of the window in days of 24 hours; fractions are allowed.
        windows_back: number of windows between the end of this window and the end of the log.

    Raises:
        SettingError: a number is out of range.
    """

    days: float
    windows_back: int = 0

    def __post_init__(self) -> None:
        # also false for a number that is not finite
        if not _MIN_SECONDS <= self.days * SECONDS_PER_DAY <= MAX_DAYS * SECONDS_PER_DAY:
            allowed = f"a number of days from {count(_MIN_SECONDS, 'second')} up to {MAX_DAYS:,}; half a day is 0.5"
            raise SettingError.not_allowed("test-days", self.days, allowed)
        if self.windows_back < 0 or self.days * (self.windows_back + 1) > MAX_DAYS:
            allowed = f"a whole number from 0, with all windows within {MAX_DAYS:,} days"
            raise SettingError.not_allowed("windows-back", self.windows_back, allowed)

    @property
    def key(self) -> str:
        """Text that is the same for equal splits, for the fingerprint of a dataset."""
        return f"split:{float(self.days)!r} days, {self.windows_back} windows back"

    def window(self, last_time: int) -> tuple[int, int]:
        """Return the start and the end of the window in epoch seconds; the end is not part of the window.

        Args:
            last_time: time of the last event of the log, in epoch seconds.

        >>> DateSplit(1).window(86_400), DateSplit(1, windows_back=1).window(86_400)
        ((1, 86401), (-86399, 1))
        """
        length = self.days * SECONDS_PER_DAY
        log_end = last_time + 1
        return log_end - round(length * (self.windows_back + 1)), log_end - round(length * self.windows_back)


@dataclass(frozen=True)
class InputFiles:
    """The inputs of a dataset.

    Attributes:
        train: the train file, or the log to split.
        test: the test file; None if `split` divides the log.
        sample_submission: file with the sessions to predict. None to predict all test sessions, sorted by id.
        name: name of the dataset; empty for the default.
        mapping: how the columns and cells of the files are read.
        mapping_notes: sentences for people on what `ingest` noticed, such as columns that it added to the mapping.
        split: how the log is divided into a train and a test file; None if there is a test file.
        tables: files of products and users, whose columns may be used as own columns.

    Raises:
        ValueError: there is neither a test file nor a split, or both.
        SettingError: a log that is split by date has a sample submission.
    """

    train: Source
    test: Source | None = None
    sample_submission: Path | None = None
    name: str = ""
    mapping: Mapping = field(default_factory=Mapping)
    mapping_notes: tuple[str, ...] = ()
    split: DateSplit | None = None
    tables: Tables = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.test is None) == (self.split is None):
            raise ValueError("InputFiles takes either a test file or a split")
        if self.split is not None and self.sample_submission is not None:
            raise SettingError.conflicting(
                "test-days", "sample-submission", "In a log that is split by date, all test sessions are predicted."
            )

    @property
    def sources(self) -> tuple[Source, ...]:
        """The event files: two, or the log."""
        return (self.train,) if self.test is None else (self.train, self.test)

    @property
    def part_names(self) -> tuple[str, str]:
        """Names of the train and the test file for people."""
        if self.test is None:
            return f"{self.train.name} (train part)", f"{self.train.name} (test part)"
        return self.train.name, self.test.name

    @property
    def display_name(self) -> str:
        """The name; by default that of the train file's folder or database."""
        if self.name:
            return self.name
        return self.train.name if isinstance(self.train, Query) else self.train.resolve().parent.name
