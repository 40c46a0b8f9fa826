"""A submission as a table of text, and how its file is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import polars as pl

from core.schema import LINE

COMMA: Final = ","
Unnamed = Literal["", "first", "last"]
_FIELD: Final = "field_"


@dataclass(frozen=True)
class FileForm:
    """How a file is written.

    Attributes:
        encoding: name of the codec of its text, such as utf-8 or cp1252.
        separator: the character between fields.
        split_decimals: whether values have decimal commas without quotation marks in a file with commas between fields,
            so that a value takes two fields.
        unnamed: the column that has no name, if the header has one name fewer than the rows have fields: the first one,
            as R writes row names, or the last one, if each row ends with a separator. Empty if there is none.
        header_line: line of the header, from 1.
        comments: lines above the header that begin with #, by line number.
        typed_format: name of a format with types, such as Parquet, which has no encoding or separator. Empty for text.
        unread_types: name -> type of the columns whose cells are no single numbers or texts.
    """

    encoding: str = "utf-8"
    separator: str = COMMA
    split_decimals: bool = False
    unnamed: Unnamed = ""
    header_line: int = 1
    comments: Mapping[int, str] = field(default_factory=dict)
    typed_format: str = ""
    unread_types: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SubmissionTable:
    """A submission as text: no cell is cast or stripped.

    Attributes:
        name: name of the file.
        header: fields of the first line.
        rows: one row per further line, in file order: `line` (line number in the file, from 1), and one text column for
            each field of the header.
        form: how the file is written.
    """

    name: str
    header: tuple[str, ...] = ()
    rows: pl.DataFrame = field(default_factory=pl.DataFrame)
    form: FileForm = FileForm()

    @classmethod
    def of_columns(
        cls, name: str, header: tuple[str, ...], lines: pl.Series, columns: list[pl.Series], form: FileForm
    ) -> SubmissionTable:
        """Return a table of line numbers and of one text column per field."""
        named = [column.alias(f"{_FIELD}{index}") for index, column in enumerate(columns)]
        return cls(name, header, pl.DataFrame([lines.alias(LINE), *named]), form)

    @property
    def written_header(self) -> tuple[str, ...]:
        """The header as it is in the file, also if it has one name fewer than there are columns."""
        return {"": self.header, "first": self.header[1:], "last": self.header[:-1]}[self.form.unnamed]

    @property
    def cells(self) -> list[pl.Series]:
        """One text column for each field of the header, in the order of the header."""
        return self.rows.drop(LINE).get_columns()

    def column(self, name: str) -> pl.Series:
        """Return the cells of the first column with this name, in file order.

        Raises:
            ValueError: there is no such column.
        """
        return self.rows[f"{_FIELD}{self.header.index(name)}"].alias(name)

    def first_rows(self, amount: int) -> list[dict[str, str]]:
        """Return the first rows as column -> cell; columns with the same name are numbered."""
        names = [
            name if self.header.count(name) == 1 else f"{name} ({i})" for i, name in enumerate(self.header, start=1)
        ]
        return [dict(zip(names, row, strict=True)) for row in self.rows.drop(LINE).head(amount).iter_rows()]
