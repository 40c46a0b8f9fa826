"""Find the columns of ids and values in a file whose columns are not those of a submission."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import polars as pl

from core.base.text import count, listed, shorten
from core.errors import InputError
from core.schema import LINE
from core.submission.id_spelling import plain_spelling
from core.submission.number_kinds import are_numbers
from core.submission.table import COMMA, SubmissionTable
from core.submission.target import TEXT, SubmissionTarget
from core.submission.text import quoted

_IN_TARGET: Final = 0.5
"""Share of the cells of a column that are sessions to predict, from which it is taken for the column of ids."""
CHOOSE_COLUMNS: Final = "choose_columns"
"""Code of the error that a person resolves by choosing columns."""
_MAX_TITLE: Final = 5
"""Lines of a title that may be between the first line and the names."""
_MAX_CELLS: Final = 1_000
"""Cells of a column that are looked at to find out what it holds."""


@dataclass(frozen=True)
class ColumnChoice:
    """Positions in the header, from 0, of the columns of ids and values; None where none is chosen."""

    ids: int | None = None
    values: int | None = None


def below_title(table: SubmissionTable, target: SubmissionTarget) -> SubmissionTable:
    """Return a table whose header is the row with the wanted names, if there is one below a title."""
    line = names_below_title(table, target)
    if line is None:
        return table
    rows = table.rows.filter(pl.col(LINE) > line)
    form = replace(table.form, unnamed="", header_line=line)
    return SubmissionTable.of_columns(
        table.name, target.columns.header, rows[LINE], rows.drop(LINE).get_columns(), form
    )


def names_below_title(table: SubmissionTable, target: SubmissionTarget) -> int | None:
    """Return the line that has the wanted names, if the first line has a title instead; None otherwise."""
    header = target.columns.header
    if len(table.header) != len(header) or set(table.header) & set(header):
        return None
    first = table.rows.head(_MAX_TITLE)
    return next((line for line, *cells in first.iter_rows() if tuple(map(str.strip, cells)) == header), None)


def column_position(table: SubmissionTable, text: str) -> int:
    """Return the position of a column from its name, or from its number, which counts from 1.

    Raises:
        InputError: there is no such column, or several have the name.
    """
    if table.header.count(text) == 1:
        return table.header.index(text)
    if text not in table.header and text.isdecimal() and 0 < int(text) <= len(table.header):
        return int(text) - 1
    problem = "several columns are" if text in table.header else "no column is"
    raise _unclear(table, f"{problem} named {text!r}", f"Give the number of a column, from 1 to {len(table.header)}.")


def guess_columns(table: SubmissionTable, target: SubmissionTarget, chosen: ColumnChoice | None = None) -> ColumnChoice:
    """Return the columns of ids and values: those that are chosen, and otherwise those that can be found for sure."""
    chosen = chosen or ColumnChoice()
    ids = _likely_ids(table, target) if chosen.ids is None else chosen.ids
    if chosen.values is not None or ids is None:
        return ColumnChoice(ids, chosen.values)
    candidates = _likely_values(table, target, ids)
    return ColumnChoice(ids, candidates[0] if len(candidates) == 1 else None)


def find_columns(table: SubmissionTable, target: SubmissionTarget, chosen: ColumnChoice) -> tuple[int, int]:
    """Return the positions of the columns of ids and values; see `guess_columns`.

    Raises:
        InputError: one of them cannot be found for sure, or one column is chosen for both.
    """
    if len(table.header) == 1:
        name = table.header[0]
        quotes = ", and no quotation marks around whole lines" if COMMA in name else ""
        remedy = f"Write the ids and the values in two columns, with a comma between them{quotes}."
        raise _unclear(table, f"it has only one column, {shorten(name)!r}", remedy)
    columns = guess_columns(table, target, chosen)
    if _has_bare_decimal_commas(table):
        remedy = "Write decimal points, or a header line and semicolons between the columns."
        raise _unclear(table, "its values seem to have decimal commas that are not quoted", remedy)
    remedy = "Choose the columns of the ids and the values (--id-column, --value-column)."
    with_numbers = "Write one number for each session, or choose the columns (--id-column, --value-column)."
    if columns.ids is None:
        problem = f"no column has the sessions to predict in at least {_IN_TARGET:.0%} of its rows"
        raise _unclear(table, problem, remedy, CHOOSE_COLUMNS)
    if columns.values is None:
        names = [table.header[index] for index in _likely_values(table, target, columns.ids)]
        raise _unclear(table, _value_problem(table, names), remedy if names else with_numbers, CHOOSE_COLUMNS)
    if columns.ids == columns.values:
        raise _unclear(table, "the ids and the values are in one column", "Choose two columns.", CHOOSE_COLUMNS)
    return columns.ids, columns.values


def with_wanted_columns(table: SubmissionTable, target: SubmissionTarget, ids: int, values: int) -> SubmissionTable:
    """Return a table with the two columns under the names of a submission. If the header is a row, it becomes one."""
    columns, lines = [table.cells[ids], table.cells[values]], table.rows[LINE]
    if (target.sessions == table.header[ids]).any():
        first = [pl.Series([table.header[index]]) for index in (ids, values)]
        columns = [pl.concat([top, rest.alias("")]) for top, rest in zip(first, columns, strict=True)]
        lines = pl.concat([pl.Series([table.form.header_line], dtype=lines.dtype), lines.alias("")])
    names = (target.columns.session, target.columns.value)
    return SubmissionTable.of_columns(table.name, names, lines, columns, table.form)


def _likely_ids(table: SubmissionTable, target: SubmissionTarget) -> int | None:
    """Return the column with the most sessions to predict; of equal ones, that with the wanted name.

    Other spellings of the ids only count if no column has enough sessions in their exact spelling.
    """
    cells = [column.head(_MAX_CELLS).alias(TEXT).to_frame() for column in table.cells]
    session_column = target.columns.session
    for spelling in (pl.col(TEXT), plain_spelling(TEXT)):
        sessions = target.sessions.to_frame().select(spelling).to_series().implode()
        shares = [float(column.select(spelling.is_in(sessions).mean()).item() or 0.0) for column in cells]
        ranks = [(share, table.header[index] == session_column) for index, share in enumerate(shares)]
        best = max(range(len(ranks)), key=ranks.__getitem__, default=None)
        if best is not None and shares[best] >= _IN_TARGET:
            return best
    return None


def _likely_values(table: SubmissionTable, target: SubmissionTarget, ids: int) -> list[int]:
    """Return the column with the wanted name, or else all columns of numbers that are not just row numbers.

    If the wanted name of the ids is above another column, the names are not those of the columns below them. A column
    of equal values, such as the zeros of a sample submission, does not win over others by its name.
    """
    folded = [name.strip().casefold() for name in table.header]
    session, value = target.columns.session.casefold(), target.columns.value.casefold()
    is_shifted = session in folded and folded[ids] != session
    cells = [column.head(_MAX_CELLS) for column in table.cells]
    named = folded.index(value) if folded.count(value) == 1 and not is_shifted else ids
    others = [
        index
        for index, column in enumerate(cells)
        if index != ids and are_numbers(column) and not _is_row_number(column)
    ]
    is_placeholder = cells[named].n_unique() == 1 and len(others) > 1
    return others if named == ids or is_placeholder else [named]


def _has_bare_decimal_commas(table: SubmissionTable) -> bool:
    """Return whether a comma separates whole numbers from their decimals: id,505,67 or, with semicolons, id;505,67."""
    cells = [column.head(_MAX_CELLS) for column in table.cells]
    if table.form.separator != "," or len(cells) not in {2, 3} or cells[0].is_empty():
        return False
    *before, decimals = cells
    is_whole = r"^\s*[+-]?\d+$" if len(before) > 1 else r"[;\t|]\s*[+-]?\d+$"
    has_name = any(not name.strip().lstrip("+-").isdigit() for name in table.header[1:])
    are_parts = before[-1].str.contains(is_whole).all() and decimals.str.contains(r"^\d+\s*$").all()
    return bool(are_parts) and not has_name


def _is_row_number(column: pl.Series) -> bool:
    """Return whether the cells are the whole numbers from 0 or 1 up, as pandas and R number rows."""
    numbers = column.cast(pl.Int64, strict=False)
    starts = numbers.len() > 1 and numbers[0] in {0, 1}
    return starts and numbers.null_count() == 0 and bool((numbers.diff().drop_nulls() == 1).all())


def _value_problem(table: SubmissionTable, names: list[str]) -> str:
    if names:
        return f"{count(len(names), 'column')} may have the values ({quoted(names)})"
    types = [f"{name} has the type {shorten(dtype)}" for name, dtype in table.form.unread_types.items()]
    return "no column has only numbers next to the ids" + (f"; {listed(types, 2)}" if types else "")


def _unclear(table: SubmissionTable, problem: str, remedy: str, code: str = "columns") -> InputError:
    return InputError(f"{table.name} cannot be repaired: {problem}.", remedy, code=code)
