"""The subject of the checks: a submission, the sessions to predict, and what else it is compared with."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import polars as pl

from core.dataset import SubmissionColumns
from core.schema import LINE
from core.submission.file import SubmissionTable

TEXT: Final = "text"
NUMBER: Final = "number"
KIND: Final = "kind"
FINITE: Final = "finite"
EMPTY: Final = "empty"
INFINITE: Final = "infinite"
NO_NUMBER: Final = "no_number"

EMPTY_SPELLINGS: Final = ("", "na", "n/a", "#n/a", "<na>", "null", "none")
"""How R, spreadsheets, pandas, SQL and Python spell a missing value, in lower case. NaN is parsed as a number."""


@dataclass(frozen=True, eq=False)
class CheckedSubmission:
    """A submission and what it is compared with. Ids are compared character by character.

    Attributes:
        table: the submission; without a header if it could not be read.
        test: the ids of the sessions to predict, as a column `text` without repeats.
        sample: the ids of sample_submission.csv in its order; None if there is no sample.
        train: the finite session values of train, one per session; None unless their sum is above 0.
        columns: names of the columns that the file must have.
        without_events: those of the sessions to predict that have no usable event, as a column `text`.
        read_error: why the file could not be read as a table, as a sentence; None if it was read.
    """

    table: SubmissionTable
    test: pl.Series
    sample: pl.Series | None = None
    train: pl.Series | None = None
    columns: SubmissionColumns = field(default_factory=SubmissionColumns)
    without_events: pl.Series = field(default_factory=lambda: pl.Series(TEXT, [], dtype=pl.String))
    read_error: str | None = None

    @cached_property
    def ids(self) -> pl.DataFrame:
        """One row per row of the file: `line` and `text` of the id column. No rows if the column is missing."""
        return self._cells(self.columns.session)

    @cached_property
    def values(self) -> pl.DataFrame:
        """One row per row of the file: `line`, `text`, `number` and `kind` of the value column. No rows without it.

        - kind finite: text that most CSV readers parse as a number, such as 3, +3.50, .5 or 1e5, with blanks or tabs
          around it. Only these rows have a meaningful `number` (Float64).
        - kind empty: a missing value or NaN.
        - kind infinite: infinity, or a number too large for a double.
        - kind no_number: any other text.
        """
        stripped = pl.col(TEXT).str.strip_chars(" \t")
        number = stripped.cast(pl.Float64, strict=False)
        kind = (
            pl.when(stripped.str.to_lowercase().is_in(EMPTY_SPELLINGS) | number.is_nan())
            .then(pl.lit(EMPTY))
            .when(number.is_null())
            .then(pl.lit(NO_NUMBER))
            .when(number.is_infinite())
            .then(pl.lit(INFINITE))
            .otherwise(pl.lit(FINITE))
        )
        return self._cells(self.columns.value).with_columns(number.alias(NUMBER), kind.alias(KIND))

    @cached_property
    def numbers(self) -> pl.Series:
        """The finite values, in file order."""
        return self.of_kind(FINITE)[NUMBER]

    @cached_property
    def same_sessions_as_sample(self) -> bool:
        """Whether the file and the sample have the same ids, each equally often, in any order."""
        ids = self.ids[TEXT]
        if self.sample is None or ids.len() != self.sample.len():
            return False
        return bool((ids == self.sample).all()) or ids.sort().equals(self.sample.sort())

    def of_kind(self, kind: str) -> pl.DataFrame:
        """Return the rows of `values` of this kind."""
        return self.values.filter(pl.col(KIND) == kind)

    def _cells(self, column: str) -> pl.DataFrame:
        if column not in self.table.header:
            return pl.DataFrame(schema={LINE: pl.Int64, TEXT: pl.String})
        return pl.DataFrame({LINE: self.table.rows[LINE], TEXT: self.table.column(column)})
