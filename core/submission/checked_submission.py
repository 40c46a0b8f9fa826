"""The subject of the checks: a submission, and the sessions to predict."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import polars as pl

from core.base.number_format import Marks
from core.base.text import shorten
from core.errors import InputError
from core.schema import LINE
from core.submission.id_spelling import respelled_ids
from core.submission.number_kinds import KIND, NUMBER, classified
from core.submission.reading import read_submission
from core.submission.table import SubmissionTable
from core.submission.target import IS_SUM, PREDICTED, TEXT, SubmissionTarget
from core.submission.unreadable import unreadable

_NOT_FOUND = "file_not_found"
"""Code of `SourceError.not_found`."""


@dataclass(frozen=True, eq=False)
class CheckedSubmission:
    """A submission and the sessions to predict. Ids are compared character by character.

    Attributes:
        table: the submission; without a header if it could not be read.
        target: the sessions to predict, and what is known of them.
        read_error: why the file could not be read as a table; None if it was read. Its code is that of the check that
            fails.
        marks: number format of the values, by example, if a person chose it; None to detect it.
    """

    table: SubmissionTable
    target: SubmissionTarget
    read_error: InputError | None = None
    marks: Marks | None = None

    @classmethod
    def open(cls, path: Path, target: SubmissionTarget, marks: Marks | None = None) -> CheckedSubmission:
        """Read a file, with any content.

        Args:
            path: path of the file.
            target: see the attribute.
            marks: see the attribute.

        Raises:
            InputError: the file does not exist.
        """
        try:
            table = read_submission(path)
            _require_single_cells(table, target)
            return cls(table, target, marks=marks)
        except InputError as error:
            if error.code == _NOT_FOUND:
                raise
            return cls(SubmissionTable(path.name), target, error)

    @cached_property
    def ids(self) -> pl.DataFrame:
        """One row per row of the file: `line` and `text` of the id column. No rows if the column is missing."""
        return self._cells(self.target.columns.session)

    @cached_property
    def values(self) -> pl.DataFrame:
        """One row per row of the file: `line`, `text`, `number`, `kind` and `plain` of the values; see `classified`.

        No rows if the column is missing.
        """
        return classified(self._cells(self.target.columns.value), self.marks)

    @cached_property
    def numbers(self) -> pl.Series:
        """The finite values, in file order."""
        return self.values[NUMBER].drop_nulls()

    @cached_property
    def same_sessions_as_sample(self) -> bool:
        """Whether the file and the sample have the same ids, each equally often, in any order."""
        ids, sample = self.ids[TEXT], self.target.sample
        if sample is None or ids.len() != sample.len():
            return False
        return bool((ids == sample).all()) or ids.sort().equals(sample.sort())

    @cached_property
    def has_target_order(self) -> bool:
        """Whether the ids are exactly the sessions to predict, each once, in order, so that costly joins are not
        needed.
        """
        ids = self.ids[TEXT]
        return ids.len() == self.target.sessions.len() and bool((ids == self.target.sessions).all())

    @cached_property
    def missing(self) -> pl.Series:
        """The sessions to predict that have no row, in their order."""
        if self.has_target_order:
            return self.target.sessions.clear()
        return self.target.sessions.to_frame().join(self.ids, on=TEXT, how="anti", maintain_order="left")[TEXT]

    @cached_property
    def extra(self) -> pl.DataFrame:
        """The rows of `ids` that are no session to predict."""
        if self.has_target_order:
            return self.ids.clear()
        return self.ids.join(self.target.sessions.to_frame(), on=TEXT, how="anti", maintain_order="left")

    @cached_property
    def respelled(self) -> pl.DataFrame:
        """The rows of `extra` whose id is that of a session in another spelling; see `respelled_ids`."""
        return respelled_ids(self.extra, self.target.sessions)

    @cached_property
    def rows(self) -> pl.DataFrame:
        """The first number of each session, in file order: `text` and `number`. No rows if a column is missing."""
        if self.has_target_order and self.values.height == self.ids.height:
            return self.values.select(self.ids[TEXT], NUMBER)
        if not {self.target.columns.session, self.target.columns.value} <= set(self.table.header):
            return pl.DataFrame(schema={TEXT: pl.String, NUMBER: pl.Float64})
        rows = self.values.select(self.ids[TEXT], NUMBER).drop_nulls()
        return rows.unique(TEXT, keep="first", maintain_order=True)

    @cached_property
    def predictions(self) -> pl.Series:
        """The number of each session to predict, in their order; null for a session without one."""
        if self.has_target_order and self.values.height == self.ids.height:
            return self.values[NUMBER]
        return self.target.sessions.to_frame().join(self.rows, on=TEXT, how="left", maintain_order="left")[NUMBER]

    @cached_property
    def known(self) -> pl.DataFrame:
        """The sessions with a number whose value is known from train: `text`, `value` and `number`."""
        return self.target.known.join(self.rows.drop_nulls(), on=TEXT, maintain_order="left")

    @cached_property
    def with_reference(self) -> pl.DataFrame:
        """The sessions with a number and a prediction of the run, in file order: `text`, `number` and those of it.

        Sessions whose value is known from train are left out. No rows without a run.
        """
        reference = self.target.reference
        if reference is None:
            return pl.DataFrame(schema={TEXT: pl.String, NUMBER: pl.Float64, PREDICTED: pl.Float64, IS_SUM: pl.Boolean})
        rows = self.rows
        if rows[TEXT].len() == reference.height and (rows[TEXT] == reference[TEXT]).all():  # saves a costly join
            rows = rows.hstack(reference.drop(TEXT))
        else:
            rows = rows.join(reference, on=TEXT, maintain_order="left")
        return rows.drop_nulls().join(self.target.known, on=TEXT, how="anti", maintain_order="left")

    def of_kind(self, kind: str) -> pl.DataFrame:
        """Return the rows of `values` of this kind."""
        return self.values.filter(pl.col(KIND) == kind)

    def _cells(self, column: str) -> pl.DataFrame:
        if column not in self.table.header:
            return pl.DataFrame(schema={LINE: pl.Int64, TEXT: pl.String})
        return pl.DataFrame({LINE: self.table.rows[LINE], TEXT: self.table.column(column)})


def _require_single_cells(table: SubmissionTable, target: SubmissionTarget) -> None:
    """Refuse a table whose ids or values are lists, records or durations.

    Raises:
        InputError: they are; as for a file that cannot be read.
    """
    for column, what in ((target.columns.session, "ids"), (target.columns.value, "numbers")):
        if dtype := table.form.unread_types.get(column):
            raise unreadable(table.name, f"its column {column} has the type {shorten(dtype)} instead of {what}")
