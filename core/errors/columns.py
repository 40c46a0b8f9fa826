"""Errors about the columns of event files, and about tables of products and users."""

from __future__ import annotations

from collections.abc import Sequence

from core.base.text import count, listed, noun_form, verb
from core.errors.base import InputError


class ColumnError(InputError):
    """A file whose columns cannot be read, or a table of products or users that does not fit the log.

    In all constructors, `name` is the name of the file, and `table` is `products` or `users`.

    >>> print(ColumnError.too_few_ids("items.csv", "sku", n_valid=2, n_rows=40))
    Only 2 of 40 rows in items.csv can be read and have an id in column sku. Correct the file, or choose another one.
    """

    # --- columns ------------------------------------------------------------------------------------------------------

    @classmethod
    def no_header(cls, name: str, cells: Sequence[str]) -> ColumnError:
        problem = f"The first line of {name} is not a header with column names, but a row of data ({listed(cells)})."
        remedy = "Add a first line with the column names, then try again."
        return cls(problem, remedy, code="no_header", actual=list(cells))

    @classmethod
    def missing_columns(
        cls, name: str, missing: Sequence[str], columns: Sequence[str], nested: Sequence[str] = ()
    ) -> ColumnError:
        problem = f"{name} has no {_columns(missing)}. Its columns are {listed(columns)}."
        remedy = "Add or rename columns"
        if nested:
            remedy = (
                f"The {_columns(nested)} {verb(len(nested), 'has', 'have')} nested values, whose parts are not "
                "columns. Flatten the file, so that each line is one event"
            )
        remedy += ", or use a mapping that names the columns of this log."
        return cls(problem, remedy, code="missing_columns", actual=list(columns), allowed=list(missing))

    @classmethod
    def duplicate_column(cls, name: str, column: str) -> ColumnError:
        problem = f"{name} has more than one column {column}."
        remedy = "Rename one of them, or choose a different column in a mapping."
        return cls(problem, remedy, code="duplicate_column", actual=column)

    @classmethod
    def too_many_columns(cls, name: str, n_columns: int, *, max_columns: int) -> ColumnError:
        problem = f"{name} has {n_columns:,} columns. At most {max_columns:,} are read."
        remedy = "Remove the columns that are not needed, then try again."
        return cls(problem, remedy, code="too_many_columns", actual=n_columns, allowed=max_columns)

    @classmethod
    def other_separator(cls, name: str, separator: str) -> ColumnError:
        problem = f"The columns of {name} are separated by {separator}, but the mapping has another separator."
        remedy = "Remove the separator from the mapping, so that it is detected from the header."
        return cls(problem, remedy, code="other_separator", actual=separator)

    # --- tables of products and users ---------------------------------------------------------------------------------

    @classmethod
    def table_needed(cls, table: str, columns: Sequence[str]) -> ColumnError:
        problem = f"The mapping takes the {_columns(columns)} from a table of {table}, but no such table was given."
        remedy = (
            f"Name its file with --{table} (on the Data page: the table of {table}), or remove these columns from the "
            "mapping."
        )
        return cls(problem, remedy, code="table_needed", actual=list(columns))

    @classmethod
    def no_table_key(cls, name: str, table: str, expected: str, columns: Sequence[str]) -> ColumnError:
        problem = (
            f"{name} has no column {expected} with the ids of the {table} in the log. Its columns are "
            f"{listed(columns)}."
        )
        remedy = (
            f"Under [tables.{table}] in the mapping file, set key to the column of this file with the "
            f"{table.removesuffix('s')} ids. Or choose another file."
        )
        return cls(problem, remedy, code="no_table_key", actual=list(columns), allowed=expected)

    @classmethod
    def missing_table_columns(
        cls, name: str, table: str, missing: Sequence[str], columns: Sequence[str]
    ) -> ColumnError:
        problem = (
            f"{name} has no {_columns(missing)}, which the mapping takes from the table of {table}. Its columns are "
            f"{listed(columns)}."
        )
        remedy = f"Choose a table of {table} that has the {_columns(missing)}."
        return cls(problem, remedy, code="missing_table_columns", actual=list(columns), allowed=list(missing))

    @classmethod
    def no_known_ids(cls, name: str, table: str, column: str, *, id_in_table: str, id_in_log: str) -> ColumnError:
        problem = (
            f"Column {column} of {name} has none of the ids of the {table} in the log: {id_in_table} is in the table, "
            f"and {id_in_log} in the log."
        )
        remedy = (
            f"Choose another file. Or set key under [tables.{table}] in the mapping file to the column whose "
            f"{table.removesuffix('s')} ids are written as in the log."
        )
        return cls(problem, remedy, code="no_known_ids", actual=id_in_table)

    @classmethod
    def too_few_ids(cls, name: str, column: str, *, n_valid: int, n_rows: int) -> ColumnError:
        problem = (
            f"Only {n_valid:,} of {count(n_rows, 'row')} in {name} can be read and {verb(n_valid, 'has', 'have')} an "
            f"id in column {column}."
        )
        remedy = "Correct the file, or choose another one."
        return cls(problem, remedy, code="too_few_ids", actual=n_valid)

    @classmethod
    def repeated_ids(cls, name: str, table: str, column: str, *, n_ids: int, n_rows: int) -> ColumnError:
        problem = (
            f"Column {column} of {name} has only {count(n_ids, 'different id')} in {count(n_rows, 'row')}, so its "
            f"ids repeat. A table of {table} needs one row per id."
        )
        remedy = (
            f"Choose another file. Or set key under [tables.{table}] in the mapping file to the column with the "
            f"{table.removesuffix('s')} ids."
        )
        return cls(problem, remedy, code="repeated_ids", actual=n_ids)

    @classmethod
    def table_too_large(cls, name: str, *, max_rows: int, max_gigabytes: int) -> ColumnError:
        problem = (
            f"{name} is too large for a table of products or users. At most {max_rows:,} rows and {max_gigabytes} GB "
            "of used columns are allowed."
        )
        remedy = "Leave out the rows that the log does not need, or use fewer columns."
        return cls(problem, remedy, code="table_too_large", allowed=max_rows)


def _columns(names: Sequence[str]) -> str:
    """Return "column a" or "columns a and b"."""
    return f"{noun_form(len(names), 'column')} {listed(names)}"
