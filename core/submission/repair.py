"""Safe repairs of a submission: its format, its columns and rows, and the values of sessions in both files.

No prediction is changed or made up. Problems that cannot be repaired safely, such as a negative value or a missing
session, stay in the file, and the checks of the repaired file name them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import polars as pl

from core.base.text import verb, whole
from core.check_result import CheckResult
from core.dataset import SubmissionColumns
from core.errors import InputError
from core.ingestion.sources.encodings import UTF_8
from core.schema import LINE
from core.submission.checked_submission import CheckedSubmission
from core.submission.checks import run_checks
from core.submission.file import DECIMALS, write_packed
from core.submission.id_spelling import SPELLING
from core.submission.number_kinds import DECIMAL_COMMA, KIND, NUMBER, PLAIN, SIGN, THOUSANDS_MARK
from core.submission.reference_checks import wrong_known
from core.submission.repair_columns import (
    ColumnChoice,
    below_title,
    find_columns,
    names_below_title,
    with_wanted_columns,
)
from core.submission.table import COMMA, FileForm, SubmissionTable
from core.submission.target import TEXT, VALUE, SubmissionTarget

_MAX_EXAMPLES: Final = 5
_BEFORE, _AFTER, _RIGHT = "before", "after", "right"
_NAME: Final = "the repaired file"


@dataclass(frozen=True)
class Example:
    """A row before and after a change.

    Attributes:
        line: its line in the file; None for a row that is added.
        before, after: the row, its id or its value, before and after the change. Empty if the row does not exist then.
    """

    line: int | None
    before: str
    after: str


@dataclass(frozen=True)
class Change:
    """One kind of change.

    Attributes:
        code: code of the check that found the problem.
        text: what changes, as a sentence.
        rows: number of rows that change; None for the whole file.
        examples: the first of these rows; none if only the bytes of the file change.
    """

    code: str
    text: str
    rows: int | None = None
    examples: tuple[Example, ...] = ()


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

    def checks(self, target: SubmissionTarget) -> list[CheckResult]:
        """Return the results of all checks of the file, the blocking ones first."""
        cells = {self.columns.session: self.rows[TEXT], self.columns.value: self.rows[VALUE]}
        lines = pl.int_range(2, self.rows.height + 2, eager=True)
        columns = [cells[name] for name in self.columns.header]
        table = SubmissionTable.of_columns(_NAME, self.columns.header, lines, columns, FileForm())
        return sorted(run_checks(CheckedSubmission(table, target)), key=lambda result: result.severity != "error")

    def write(self, path: Path) -> None:
        """Write the file, packed if the ending of its name says so."""
        write_packed(path, self.csv().encode())


def repair(case: CheckedSubmission, chosen: ColumnChoice | None = None) -> Repair:
    """Return a repaired submission. Only safe changes are made.

    Args:
        chosen: the columns of ids and values, where a person chose them; the others are found.

    Raises:
        InputError: the file cannot be read, its columns cannot be found for sure, or it has no session to predict.
    """
    if case.read_error is not None:
        raise InputError(
            f"{case.table.name} cannot be repaired, because it cannot be read.",
            "Correct what its checks name, or export it again.",
            code=case.read_error.code,
        )
    chosen = chosen or ColumnChoice()
    table, target = case.table, case.target
    changes = _form_changes(table)
    if (line := names_below_title(table, target)) is not None:
        text = f"The lines above the column names, which are in line {whole(line)}, are left out."
        changes.append(Change("columns", text, examples=(Example(1, COMMA.join(table.written_header), ""),)))
        table = below_title(table, target)
    if table.header != target.columns.header or chosen != ColumnChoice():
        table = _named_columns(table, target, chosen, changes)
    named = replace(case, table=table)
    rows = _right_ids(named, changes)
    rows = _plain_numbers(rows, changes)
    rows = _one_row_each(rows, target, changes)
    rows = _known_values(rows, target, changes)
    rows = _ordered(rows, target, changes)
    return Repair(rows.select(TEXT, VALUE), target.columns, tuple(changes))


def _form_changes(table: SubmissionTable) -> list[Change]:
    """Return the changes that leave each cell as it is."""
    form = table.form
    if form.typed_format:
        return [Change("file_type", f"The file is written as CSV instead of {form.typed_format}.")]
    changes = []
    if form.encoding != UTF_8:
        changes.append(Change("encoding", f"The text is written as UTF-8 instead of {form.encoding}."))
    if form.separator != COMMA:
        examples = _examples(_lines(table.cells, table.rows[LINE], (form.separator, COMMA)))
        changes.append(Change("separator", "The fields are separated by commas.", examples=examples))
    if form.comments:
        comments = pl.DataFrame({LINE: list(form.comments), _BEFORE: list(form.comments.values())})
        rows = comments.with_columns(_no_row(_AFTER))
        changes.append(_change("columns", rows, "comment is", "comments are", "left out, above the header"))
    return changes


def _lines(cells: list[pl.Series], lines: pl.Series, separators: tuple[str, str]) -> pl.DataFrame:
    """Return the first rows with one separator as `before`, and with another one as `after`."""
    rows = pl.DataFrame([column.head(_MAX_EXAMPLES).alias(str(index)) for index, column in enumerate(cells)])
    before, after = (pl.concat_str(pl.all(), separator=separator) for separator in separators)
    return rows.select(before.alias(_BEFORE), after.alias(_AFTER)).with_columns(lines.head(_MAX_EXAMPLES).alias(LINE))


def _named_columns(
    table: SubmissionTable, target: SubmissionTarget, chosen: ColumnChoice, changes: list[Change]
) -> SubmissionTable:
    """Return a table that only has the columns of ids and values, under the names that the submission needs."""
    named = with_wanted_columns(table, target, *find_columns(table, target, chosen))
    separator, header = table.form.separator, ",".join(target.columns.header)
    before = _lines(table.cells, table.rows[LINE], (separator, COMMA)).select(LINE, _BEFORE)
    after = _lines(named.cells, named.rows[LINE], (COMMA, COMMA)).select(LINE, _AFTER)
    is_added = named.rows.height > table.rows.height  # the header was a row
    written = separator.join(table.written_header)
    first = Example(None, "", header) if is_added else Example(table.form.header_line, written, header)
    rows = before.join(after, on=LINE, maintain_order="left").filter(pl.col(_BEFORE) != pl.col(_AFTER))
    text = f"The columns are {' and '.join(target.columns.header)}, in this order, and no others."
    examples = (first, *_examples(rows)) if first.before != first.after else _examples(rows)
    changes.append(Change("columns", text, examples=examples))
    return named


def _right_ids(case: CheckedSubmission, changes: list[Change]) -> pl.DataFrame:
    """Return `line`, `text`, and the columns of the values of each row, with ids spelled as in the test file."""
    rows = case.values.rename({TEXT: VALUE}).with_columns(case.ids[TEXT])
    respelled = case.respelled.select(LINE, SPELLING, pl.col(TEXT).alias(_BEFORE), pl.col(SPELLING).alias(_AFTER))
    if respelled.is_empty():
        return rows
    changes.append(_change("id_spelling", respelled, "id is", "ids are", "spelled as in the test file"))
    rows = rows.join(respelled.select(LINE, SPELLING), on=LINE, how="left", maintain_order="left")
    return rows.with_columns(pl.coalesce(SPELLING, TEXT).alias(TEXT)).drop(SPELLING)


def _plain_numbers(rows: pl.DataFrame, changes: list[Change]) -> pl.DataFrame:
    texts = rows.select(LINE, KIND, pl.col(VALUE).alias(_BEFORE), pl.col(PLAIN).alias(_AFTER))
    for code, kind, description in (
        ("decimal_mark", DECIMAL_COMMA, "written with a point before decimals"),
        ("thousands_mark", THOUSANDS_MARK, "written without a mark between thousands"),
        ("value_signs", SIGN, "written as a number only"),
    ):
        if (changed := texts.filter(pl.col(KIND) == kind)).height:
            changes.append(_change(code, changed, "value is", "values are", description))
    return rows.with_columns(pl.col(PLAIN).alias(VALUE)).drop(PLAIN)


_NUMBER_TEXT = "number_text"
"""Column of a row's number as text, by which rows of one session are compared; null for a known session."""


def _one_row_each(rows: pl.DataFrame, target: SubmissionTarget, changes: list[Change]) -> pl.DataFrame:
    """Leave out rows of other sessions, and rows that repeat another one.

    Of the rows of a known session only the first is kept, because it gets the known value in any case.
    """
    of_target = rows.join(target.sessions.to_frame(), on=TEXT, how="semi", maintain_order="left")
    if of_target.height < rows.height:
        _leave_out(rows, of_target, changes, "extra_sessions", "left out, because the session is not to be predicted")
    if of_target.is_empty():
        problem = "it has no rows" if rows.is_empty() else "no row belongs to a session to predict"
        raise InputError(
            f"The file cannot be repaired: {problem}.",
            "Choose the run or the test file that belongs to this submission.",
            code="extra_sessions",
        )
    has_number = pl.col(NUMBER).is_not_null()
    unrepeated = of_target.filter(has_number | ~has_number.any().over(TEXT))
    is_known = pl.col(TEXT).is_in(target.known[TEXT].implode())
    same_number = pl.when(~is_known).then(pl.col(NUMBER).cast(pl.String).fill_null(pl.col(VALUE)))
    unrepeated = unrepeated.with_columns(same_number.alias(_NUMBER_TEXT))
    unrepeated = unrepeated.unique([TEXT, _NUMBER_TEXT], keep="first", maintain_order=True)
    if unrepeated.height < of_target.height:
        description = "left out, because another one has the same session and value"
        _leave_out(of_target, unrepeated, changes, "duplicate_sessions", description)
    return unrepeated


def _leave_out(rows: pl.DataFrame, kept: pl.DataFrame, changes: list[Change], code: str, description: str) -> None:
    """Add a change that removes all rows that are not in `kept`."""
    left_out = rows.join(kept, on=LINE, how="anti", maintain_order="left")
    changes.append(
        _change(code, left_out.select(LINE, _row(VALUE, _BEFORE), _no_row(_AFTER)), "row is", "rows are", description)
    )


def _known_values(rows: pl.DataFrame, target: SubmissionTarget, changes: list[Change]) -> pl.DataFrame:
    """Set sessions in both files to their value in the train file, and add a row for them if they have none."""
    known_values = target.known.with_columns(pl.col(VALUE).round(DECIMALS).cast(pl.String).alias(_RIGHT))
    missing = known_values.join(rows, on=TEXT, how="anti", maintain_order="left")
    wrong = wrong_known(known_values.join(rows.select(TEXT, NUMBER), on=TEXT, maintain_order="left"))
    unusable = known_values.join(rows.filter(pl.col(NUMBER).is_null()), on=TEXT, how="semi")
    corrections = pl.concat([wrong.select(TEXT, _RIGHT), unusable.select(TEXT, _RIGHT)]).unique(TEXT)
    if corrections.height:
        changed = rows.join(corrections, on=TEXT, maintain_order="left").unique(TEXT, keep="first", maintain_order=True)
        texts = changed.select(LINE, _row(VALUE, _BEFORE), _row(_RIGHT, _AFTER))
        description = "the value from the train file"
        changes.append(_change("known_values", texts, "session gets", "sessions get", description))
    if missing.height:
        texts = missing.select(pl.lit(None, pl.Int64).alias(LINE), _no_row(_BEFORE), _row(_RIGHT, _AFTER))
        description = "added, with the value from the train file"
        changes.append(_change("missing_sessions", texts, "row is", "rows are", description))
    rows = rows.select(LINE, TEXT, VALUE).join(corrections, on=TEXT, how="left", maintain_order="left")
    rows = rows.select(LINE, TEXT, pl.coalesce(_RIGHT, VALUE).alias(VALUE))
    added = missing.select(pl.lit(None, rows.schema[LINE]).alias(LINE), TEXT, pl.col(_RIGHT).alias(VALUE))
    return pl.concat([rows, added])


def _ordered(rows: pl.DataFrame, target: SubmissionTarget, changes: list[Change]) -> pl.DataFrame:
    position = pl.DataFrame({TEXT: target.order, "position": pl.int_range(target.order.len(), eager=True)})
    positioned = rows.join(position.unique(TEXT, keep="first"), on=TEXT, how="left", maintain_order="left")
    ordered = positioned.sort("position", maintain_order=True)
    if target.sample is not None and not positioned["position"].is_sorted():
        pairs = pl.DataFrame(
            {_BEFORE: rows.select(_row(VALUE, TEXT))[TEXT], _AFTER: ordered.select(_row(VALUE, TEXT))[TEXT]}
        )
        moved = pairs.with_row_index(LINE, offset=2).filter(pl.col(_BEFORE) != pl.col(_AFTER))
        description = "place, into the order of the sample submission"
        changes.append(_change("order", moved, "row changes", "rows change", description))
    return ordered


def _row(value: str, name: str) -> pl.Expr:
    """Return an expression for rows as CSV lines "id,value".

    Args:
        value: column with the values as text.
        name: name of the result.
    """
    return pl.concat_str(TEXT, value, separator=COMMA).alias(name)


def _no_row(name: str) -> pl.Expr:
    return pl.lit("").alias(name)


def _change(code: str, rows: pl.DataFrame, singular: str, plural: str, description: str) -> Change:
    """Return the change of some rows: `line`, `before` and `after`."""
    text = f"{whole(rows.height)} {verb(rows.height, singular, plural)} {description}."
    return Change(code, text, rows.height, _examples(rows))


def _examples(rows: pl.DataFrame) -> tuple[Example, ...]:
    return tuple(Example(*row) for row in rows.select(LINE, _BEFORE, _AFTER).head(_MAX_EXAMPLES).iter_rows())
