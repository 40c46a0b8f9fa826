"""Write the submission file, completely or not at all: plain, gzipped or in a ZIP archive, as its name says."""

from __future__ import annotations

import gzip
import io
import zipfile
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
GZIP_ENDING, ZIP_ENDING = ".gz", ".zip"
ENDINGS: Final = ("", ".csv", ".txt", GZIP_ENDING, ZIP_ENDING)
"""Of the names of files that can be written; others promise another format."""
_OLDEST_DATE: Final = (1980, 1, 1, 0, 0, 0)
"""Of a member of a ZIP archive, so that the same content gives the same bytes."""


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


def packed(name: str, content: bytes) -> bytes:
    """Return the text of a submission as the ending of a file name says: plain, gzipped, or in a ZIP archive."""
    path = Path(name)
    if path.suffix.lower() == GZIP_ENDING:
        return gzip.compress(content, mtime=0)
    if path.suffix.lower() == ZIP_ENDING:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as members:
            member = zipfile.ZipInfo(f"{path.stem.removesuffix('.csv')}.csv", _OLDEST_DATE)
            member.compress_type = zipfile.ZIP_DEFLATED
            members.writestr(member, content)
        return archive.getvalue()
    return content


def write_packed(path: Path, content: bytes) -> None:
    """Write the text of a submission as the ending of the path says; see `packed`.

    Raises:
        OSError: the file cannot be written.
    """
    with atomic_file(path) as building:
        building.write_bytes(packed(path.name, content))
