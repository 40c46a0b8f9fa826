"""Write the submission file, completely or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from core.base.files import atomic_file
from core.base.text import listed, verb, whole
from core.dataset import SubmissionColumns
from core.errors import InputError
from core.schema import SESSION_VALUE, SUBMISSION_COLUMNS, USER_SESSION

DECIMALS: Final = 6
"""One millionth of a value unit changes no metric visibly, and the numbers are short enough to read."""


def write_submission(
    predictions: pl.DataFrame, order: pl.Series | pl.DataFrame, path: Path, columns: SubmissionColumns | None = None
) -> None:
    r"""Write one row for each id of `order`, in that order.

    Values have 6 decimals and lines end with a line feed. The file is written under a temporary name and renamed.

    Args:
        predictions: user_session (String) and session_value (Float64) in any row order. Sessions that are not in
            `order` are not written.
        order: ids, or a table with a column user_session.
        path: path of the file. Missing folders are created.
        columns: columns of the file; None for user_session and session_value.

    Raises:
        InputError: a session in `order` has no prediction, or more than one.
    """
    ids = order[USER_SESSION] if isinstance(order, pl.DataFrame) else order
    wanted = ids.cast(pl.String).alias(USER_SESSION).to_frame()
    predicted = predictions.select(SUBMISSION_COLUMNS).join(wanted, on=USER_SESSION, how="semi")
    missing = wanted.join(predicted, on=USER_SESSION, how="anti", maintain_order="left")[USER_SESSION]
    repeated = predicted.filter(pl.col(USER_SESSION).is_duplicated())[USER_SESSION].unique(maintain_order=True)
    for sessions, problem in ((missing, "no prediction"), (repeated, "more than one prediction")):
        if sessions.len():
            raise InputError(
                f"{whole(sessions.len())} of the {whole(wanted.height)} sessions to submit "
                f"{verb(sessions.len(), 'has', 'have')} {problem} ({listed(sessions.fill_null('empty id'), 3)}). Each "
                f"session needs exactly one {SESSION_VALUE}. Predict with the test file that belongs to this sample "
                "submission."
            )
    rows = wanted.join(predicted, on=USER_SESSION, how="left", maintain_order="left")
    columns = columns or SubmissionColumns()
    rows = rows.rename({USER_SESSION: columns.session, SESSION_VALUE: columns.value}).select(columns.header)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as building:
        rows.write_csv(building, float_precision=DECIMALS, line_terminator="\n")
