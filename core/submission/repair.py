"""Repair a submission where that is safe: how it is written, its columns and rows, and values that are known.

No prediction is changed or made up. What is not safe to repair, such as a negative value or a missing session, stays as
it is, and the checks of the repaired file name it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl

from core.base.files import write_text_atomically
from core.base.text import count, verb
from core.dataset import SubmissionColumns
from core.errors import InputError
from core.ingestion.sources.encodings import UTF_8
from core.schema import LINE
from core.submission.checked_submission import DECIMAL_COMMA, KIND, NUMBER, SPELLING, CheckedSubmission
from core.submission.file import DECIMALS
from core.submission.reference_checks import wrong_known
from core.submission.table import COMMA, FileForm, SubmissionTable
from core.submission.target import TEXT, VALUE, SubmissionTarget

_IN_TARGET: Final = 0.5
"""Share of the cells of a column that are sessions to predict, from which it is taken for the column of ids."""
_MAX_CELLS: Final = 1_000
"""Cells of a column that are looked at to find out what it holds."""


@dataclass(frozen=True)
class Change:
    """One kind of change.

    Attributes:
        code: that of the check that found the fault.
        text: what was changed, as a sentence.
        rows: number of rows; None for the whole file.
    """

    code: str
    text: str
    rows: int | None = None


@dataclass(frozen=True)
class Repair:
    """A repaired submission.

    Attributes:
        rows: `text` (id) and `value` (text of the value) in the order of the file.
        columns: names of the columns of the file.
        changes: what was changed; empty if there was nothing to repair.
    """

    rows: pl.DataFrame
    columns: SubmissionColumns
    changes: tuple[Change, ...]

    def csv(self) -> str:
        """Return the text of the file."""
        renamed = self.rows.rename({TEXT: self.columns.session, VALUE: self.columns.value})
        return renamed.select(self.columns.header).write_csv(line_terminator="\n")

    def write(self, path: Path) -> None:
        """Write the file."""
        write_text_atomically(path, self.csv())


def repair(case: CheckedSubmission) -> Repair:
    """Repair what is safe to repair.

    Raises:
        InputError: the file cannot be read, or its columns of ids and values cannot be told.
    """
    if case.read_error is not None:
        raise InputError(
            f"{case.table.name} cannot be repaired, because it cannot be read. {case.read_error}",
            code=case.read_error.code,
        )
    changes = [*_form_changes(case.table.form)]
    table = _named_columns(case.table, case.target, changes)
    named = CheckedSubmission(table, case.target)
    rows = _right_ids(named, changes)
    rows = _plain_numbers(rows, named, changes)
    rows = _one_row_each(rows, case.target, changes)
    rows = _known_values(rows, case.target, changes)
    rows = _ordered(rows, case.target, changes)
    return Repair(rows.select(TEXT, VALUE), case.target.columns, tuple(changes))


def _form_changes(form: FileForm) -> list[Change]:
    changes = []
    if form.encoding != UTF_8:
        changes.append(Change("encoding", f"The text is written as UTF-8 instead of {form.encoding}."))
    if form.separator != COMMA:
        changes.append(Change("separator", "The fields are separated by commas."))
    return changes


def _named_columns(table: SubmissionTable, target: SubmissionTarget, changes: list[Change]) -> SubmissionTable:
    """Return a table with the columns of ids and values under their names, and no others."""
    header = target.columns.header
    if table.header == header:
        return table
    cells = [table.rows[name] for name in table.rows.columns if name != LINE]
    id_index = _id_column(cells, table, target)
    in_header = bool((target.sessions == table.header[id_index]).any())
    value_index = _value_column(cells, table, target, id_index)
    lines = table.rows[LINE]
    columns = [cells[id_index], cells[value_index]]
    if in_header:
        first = [pl.Series([table.header[index]]) for index in (id_index, value_index)]
        columns = [pl.concat([top, rest.alias("")]) for top, rest in zip(first, columns, strict=True)]
        lines = pl.concat([pl.Series([1], dtype=lines.dtype), lines.alias("")])
    changes.append(Change("columns", f"The columns are {header[0]} and {header[1]}, in this order, and no others."))
    names = (target.columns.session, target.columns.value)
    return SubmissionTable.of_columns(table.name, names, lines, columns, table.form)


def _id_column(cells: list[pl.Series], table: SubmissionTable, target: SubmissionTarget) -> int:
    """Return the index of the column with the most sessions to predict."""
    sessions = target.sessions
    shares = [float(column.head(_MAX_CELLS).is_in(sessions.implode()).mean() or 0.0) for column in cells]  # type: ignore[arg-type]
    best = max(range(len(cells)), key=lambda index: shares[index])
    if shares[best] < _IN_TARGET:
        raise _untold(table, f"no column has the sessions to predict in at least {_IN_TARGET:.0%} of its rows")
    return best


def _value_column(cells: list[pl.Series], table: SubmissionTable, target: SubmissionTarget, id_index: int) -> int:
    """Return the index of the column with the name of the values, or else of the only other column of numbers."""
    folded = [name.strip().casefold() for name in table.header]
    if folded.count(target.columns.value.casefold()) == 1:
        named = folded.index(target.columns.value.casefold())
        if named != id_index:  # the header may be in another order than the cells
            return named
    numeric = [
        index
        for index, column in enumerate(cells)
        if index != id_index
        and column.head(_MAX_CELLS).str.contains(r"^\s*[+-]?[\d.,]+(?:[eE][+-]?\d+)?\s*$").all()
        and not _is_row_number(column)
    ]
    if len(numeric) != 1:
        raise _untold(table, f"{count(len(numeric), 'column')} may have the values")
    return numeric[0]


def _is_row_number(column: pl.Series) -> bool:
    head = column.head(_MAX_CELLS).cast(pl.Int64, strict=False)
    return head.null_count() == 0 and head.len() > 1 and bool((head.diff().drop_nulls() == 1).all())


def _untold(table: SubmissionTable, problem: str) -> InputError:
    return InputError(
        f"{table.name} cannot be repaired: {problem}. Name the columns in the first line like those of the sample "
        "submission, then try again.",
        code="columns",
    )


def _right_ids(case: CheckedSubmission, changes: list[Change]) -> pl.DataFrame:
    """Return `text`, `value` (text) and the classified value of each row, with ids spelled as in the test file."""
    rows = case.values.rename({TEXT: VALUE}).with_columns(case.ids[TEXT])
    if case.respelled.is_empty():
        return rows
    changes.append(_change("id_spelling", case.respelled.height, "id is", "ids are", "spelled as in the test file"))
    right = case.respelled.select(LINE, SPELLING)
    rows = rows.join(right, on=LINE, how="left", maintain_order="left")
    return rows.with_columns(pl.coalesce(SPELLING, TEXT).alias(TEXT)).drop(SPELLING)


def _plain_numbers(rows: pl.DataFrame, case: CheckedSubmission, changes: list[Change]) -> pl.DataFrame:
    with_comma = case.of_kind(DECIMAL_COMMA).height
    if with_comma:
        changes.append(
            _change("decimal_mark", with_comma, "value is", "values are", "written with a point before decimals")
        )
    plain = pl.col(VALUE).str.strip_chars()
    of_comma = plain.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    return rows.with_columns(pl.when(pl.col(KIND) == DECIMAL_COMMA).then(of_comma).otherwise(plain).alias(VALUE))


def _one_row_each(rows: pl.DataFrame, target: SubmissionTarget, changes: list[Change]) -> pl.DataFrame:
    """Leave out rows of other sessions, and rows that repeat another one."""
    wanted = rows.join(target.sessions.to_frame(), on=TEXT, how="semi", maintain_order="left")
    if others := rows.height - wanted.height:
        changes.append(_change("extra_sessions", others, "row is", "rows are", "left out, of no session to predict"))
    if wanted.is_empty():
        raise InputError(
            "The file cannot be repaired: none of its rows is of a session to predict.",
            "Choose the run or the test file that belongs to this submission.",
            code="extra_sessions",
        )
    has_number = pl.col(NUMBER).is_not_null()
    single = wanted.filter(has_number | ~has_number.any().over(TEXT))
    same_number = pl.col(NUMBER).cast(pl.String).fill_null(pl.col(VALUE))
    single = single.with_columns(same_number.alias("same")).unique([TEXT, "same"], keep="first", maintain_order=True)
    if repeats := wanted.height - single.height:
        changes.append(
            _change("duplicate_sessions", repeats, "row is", "rows are", "left out, the same as another one")
        )
    return single


def _known_values(rows: pl.DataFrame, target: SubmissionTarget, changes: list[Change]) -> pl.DataFrame:
    """Give sessions their value from train, whether or not they have a row."""
    known = target.known.with_columns(pl.col(VALUE).round(DECIMALS).cast(pl.String).alias("right"))
    missing = known.join(rows, on=TEXT, how="anti", maintain_order="left")
    wrong = wrong_known(known.join(rows.select(TEXT, NUMBER), on=TEXT, maintain_order="left"))
    unreadable = known.join(rows.filter(pl.col(NUMBER).is_null()), on=TEXT, how="semi")
    changed = pl.concat([wrong.select(TEXT, "right"), unreadable.select(TEXT, "right")]).unique(TEXT)
    if changed.height:
        changes.append(
            _change("known_values", changed.height, "session gets", "sessions get", "the value known from train")
        )
    if missing.height:
        changes.append(
            _change("missing_sessions", missing.height, "row is", "rows are", "added, with the value known from train")
        )
    rows = rows.select(TEXT, VALUE).join(changed, on=TEXT, how="left", maintain_order="left")
    rows = rows.select(TEXT, pl.coalesce("right", VALUE).alias(VALUE))
    return pl.concat([rows, missing.select(TEXT, pl.col("right").alias(VALUE))])


def _ordered(rows: pl.DataFrame, target: SubmissionTarget, changes: list[Change]) -> pl.DataFrame:
    position = pl.DataFrame({TEXT: target.order, "position": pl.int_range(target.order.len(), eager=True)})
    ordered = rows.join(position.unique(TEXT, keep="first"), on=TEXT, how="left", maintain_order="left")
    if target.sample is not None and not ordered["position"].is_sorted():
        changes.append(Change("order", "The rows are in the order of the sample submission."))
    return ordered.sort("position", maintain_order=True)


def _change(code: str, rows: int, singular: str, plural: str, what: str) -> Change:
    noun = verb(rows, singular, plural)
    return Change(code, f"{rows:,} {noun} {what}.", rows)
