"""What a check looks at: one submission, the sessions it must answer, and what else is known. Computed once, shared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import polars as pl

from core.schema import SESSION_VALUE, USER_SESSION
from core.submission.file import LINE, SubmissionTable

TEXT: Final = "text"
NUMBER: Final = "number"
KIND: Final = "kind"
FINITE: Final = "finite"
EMPTY: Final = "empty"
INFINITE: Final = "infinite"
WORDS: Final = "words"

EMPTY_SPELLINGS: Final = ("", "na", "n/a", "#n/a", "<na>", "null", "none")
"""How R, spreadsheets, pandas, SQL and Python spell a value that is not there, in lower case; NaN comes on top."""


@dataclass(frozen=True, eq=False)
class Case:
    """A submission and what it is held against. Ids are compared character by character.

    `unreadable` is the sentence saying why the file is no table; `table` then has no header. `test` holds each session
    to predict once. `sample` holds the ids in the wanted order, None when there is no sample. `train` holds the finite
    session values of train, one a session, None when there are none.
    """

    table: SubmissionTable
    test: pl.Series
    sample: pl.Series | None = None
    train: pl.Series | None = None
    unreadable: str | None = None

    @cached_property
    def ids(self) -> pl.DataFrame:
        """`line` and `text` of the id column, in file order; no rows when there is no such column."""
        return self._texts(USER_SESSION)

    @cached_property
    def values(self) -> pl.DataFrame:
        """`line`, `text`, `number` (Float64) and `kind` of the value column, in file order; no rows without it.

        A finite number is what most CSV readers take for one: 3, +3.50, .5, 1e5, blanks and tabs around it allowed. The
        other kinds are empty (NaN too), infinite (too large for a double too) and words; their number says nothing.
        """
        stripped = pl.col(TEXT).str.strip_chars(" \t")
        number = stripped.cast(pl.Float64, strict=False)
        kind = (
            pl.when(stripped.str.to_lowercase().is_in(EMPTY_SPELLINGS) | number.is_nan())
            .then(pl.lit(EMPTY))
            .when(number.is_null())
            .then(pl.lit(WORDS))
            .when(number.is_infinite())
            .then(pl.lit(INFINITE))
            .otherwise(pl.lit(FINITE))
        )
        return self._texts(SESSION_VALUE).with_columns(number.alias(NUMBER), kind.alias(KIND))

    @cached_property
    def numbers(self) -> pl.Series:
        """The finite values, in file order."""
        return self.of_kind(FINITE)[NUMBER]

    @cached_property
    def same_sessions_as_sample(self) -> bool:
        """Whether file and sample hold the same ids equally often, in whatever order."""
        ids = self.ids[TEXT]
        if self.sample is None or ids.len() != self.sample.len():
            return False
        return bool((ids == self.sample).all()) or ids.sort().equals(self.sample.sort())

    def of_kind(self, kind: str) -> pl.DataFrame:
        """The rows of `values` of that kind."""
        return self.values.filter(pl.col(KIND) == kind)

    def _texts(self, column: str) -> pl.DataFrame:
        if not self.table.has(column):
            return pl.DataFrame(schema={LINE: pl.Int64, TEXT: pl.String})
        return pl.DataFrame({LINE: self.table.rows[LINE], TEXT: self.table.column(column)})
