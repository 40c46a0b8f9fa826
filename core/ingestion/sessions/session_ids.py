"""Read session ids from event files and sample submissions, and return the sessions to predict in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from core.dataset import SubmissionColumns
from core.errors import ContentError, InputError, SourceError
from core.ingestion.mapping import Mapping
from core.ingestion.mapping.refusals import short
from core.ingestion.rows.id_cells import as_text
from core.ingestion.rows.read_counts import ReadCounts
from core.ingestion.rows.read_rows import parse_source
from core.ingestion.rows.row_parser import RowParser
from core.ingestion.sources.columns import pick, plain
from core.ingestion.sources.content_hash import Content
from core.ingestion.sources.encodings import UTF_8
from core.ingestion.sources.source import open_tables
from core.ingestion.sources.tables import FaultCode
from core.schema import IN_TEST, SESSION, SESSION_VALUE, USER_SESSION

_HELD = 1_000_000
"""Minimum number of new ids in memory before repeated ones are removed."""


@dataclass(frozen=True)
class Sample:
    """A sample submission.

    Attributes:
        name: name of the file.
        ids: its session ids in file order; null where the cell is empty. They may be repeated.
        columns: its columns.
    """

    name: str
    ids: pl.Series
    columns: SubmissionColumns


def read_ids(file: Path, mapping: Mapping | None = None) -> pl.Series:
    """Return the distinct session ids of a sample submission, in file order; see `event_ids` for event files.

    Raises:
        InputError: the file is missing, is not a table, has a broken line, or has no column of session ids.
    """
    return read_sample(file, mapping or Mapping()).ids.drop_nulls().unique(maintain_order=True)


def event_ids(file: Path, mapping: Mapping | None = None) -> tuple[pl.Series, pl.Series]:
    """Return the distinct session ids of the usable rows of a test file, and those with quarantined rows only.

    Both are in file order.

    Raises:
        InputError: ingestion refuses the file.
    """
    mapping = mapping or Mapping()
    if mapping.session_gap_minutes is not None:  # such a log has no session ids
        return read_ids(file, mapping), pl.Series(USER_SESSION, [], dtype=pl.String)
    distinct = pl.Series(USER_SESSION, [], dtype=pl.String)
    new: list[pl.Series] = []
    counts = ReadCounts()
    for block, _ in parse_source(file, RowParser(mapping, with_value=False), counts):
        ids = block.rows.get_column(USER_SESSION).unique(maintain_order=True)
        # A copy, because a text taken from a block keeps all texts of the block in memory.
        new.append(pl.Series(USER_SESSION, ids.to_arrow(compat_level=pl.CompatLevel.oldest()), dtype=pl.String))
        if sum(map(len, new)) > max(_HELD, len(distinct)):  # memory grows with the distinct ids, not with the rows
            distinct = pl.concat([distinct, *new]).unique(maintain_order=True)
            new = []
    usable = pl.concat([distinct, *new]).unique(maintain_order=True)
    quarantined = counts.quarantined_sessions
    return usable, quarantined.filter(~quarantined.is_in(usable.implode()))


def test_sessions_by_id(sessions: Path, quarantined: pl.Series, seed: int) -> pl.DataFrame:
    """Return the sessions of a test file, sorted by id: user_session and session (code).

    Args:
        sessions: path of the dataset's dictionary of sessions.
        quarantined: ids of quarantined test rows. Sessions that have no other row are included.
    """
    usable = _test_sessions(sessions).collect()
    others = _with_codes(quarantined, seed).join(usable, on=SESSION, how="anti")
    return pl.concat([usable, others]).sort(USER_SESSION)


def submission_order(
    sample: Sample, sessions: Path, quarantined: pl.Series, mapping: Mapping, *, seed: int
) -> pl.DataFrame:
    """Return the sessions of a sample submission in its order: user_session and session (code).

    Some may have no usable event; see `require_test_sessions`.

    Args:
        sessions: path of the dataset's dictionary of sessions.
        quarantined: ids of quarantined test rows.

    Raises:
        InputError: the sample submission has a session twice, a row without id, or too many unknown sessions.
    """
    ids = sample.ids
    if n_empty := ids.null_count():
        raise ContentError.empty_session_ids(sample.name, n_empty)
    # A join by code is faster. The texts are compared below, in case two ids have one code.
    coded = _with_codes(ids, seed)
    if coded.get_column(SESSION).n_unique() < coded.height:
        repeated = ids.filter(ids.is_duplicated()).unique().sort()
        if len(repeated):
            raise ContentError.repeated_sessions(sample.name, [short(text) for text in repeated])
    in_test = _test_sessions(sessions).collect()
    order = coded.join(in_test, on=SESSION, how="left", maintain_order="left", suffix="_in_test")
    missing = order.filter(pl.col(USER_SESSION).ne_missing(pl.col(f"{USER_SESSION}_in_test"))).get_column(USER_SESSION)
    require_test_sessions(sample.name, missing, order.height, quarantined, mapping)
    return order.select(USER_SESSION, SESSION)


def require_test_sessions(name: str, missing: pl.Series, total: int, quarantined: pl.Series, mapping: Mapping) -> None:
    """Check that a sample submission belongs to a test file.

    A few sessions without events are accepted, and so are all that have quarantined rows.

    Args:
        name: name of the sample submission.
        missing: its sessions without a usable event.
        total: number of its sessions.
        quarantined: ids of quarantined test rows.

    Raises:
        InputError: the share of the other sessions is below `least_usable`.
    """
    unknown = missing.filter(~missing.is_in(quarantined.implode()))
    if total - len(unknown) < mapping.least_usable * total:
        raise ContentError.sessions_without_events(
            name,
            [short(text) for text in unknown],
            total,
            min_share=mapping.least_usable,
            by_timeout=mapping.session_gap_minutes is not None,
        )


def _with_codes(ids: pl.Series, seed: int) -> pl.DataFrame:
    return ids.to_frame(USER_SESSION).with_columns(
        pl.col(USER_SESSION).hash(seed).reinterpret(signed=True).alias(SESSION)
    )


def _test_sessions(sessions: Path) -> pl.LazyFrame:
    return pl.scan_parquet(sessions, glob=False).filter(IN_TEST).select(USER_SESSION, SESSION)


def read_sample(sample: Path, mapping: Mapping, content: Content | None = None) -> Sample:
    """Read a sample submission, which may have another format than the log.

    The separator is detected from the header. The text is UTF-8, or else in the mapping's encoding. If that is left
    out, it is detected.

    Args:
        content: receives the hashes of its files.

    Raises:
        InputError: the file is missing, is not a table, has a broken line, or has no column of session ids.
    """
    in_utf_8 = mapping.model_copy(update={"separator": None, "encoding": mapping.encoding and UTF_8})
    try:
        return _sample_as(sample, in_utf_8, content)
    except InputError as error:
        if mapping.encoding == in_utf_8.encoding:
            raise
        try:
            return _sample_as(sample, in_utf_8.model_copy(update={"encoding": mapping.encoding}), content)
        except InputError:
            is_other_encoding = isinstance(error.__cause__, UnicodeError)
            if is_other_encoding:  # then the error under the mapping's encoding is the apt one
                raise
            raise error from None


def _sample_as(sample: Path, mapping: Mapping, content: Content | None) -> Sample:
    """Read a sample submission whose column of session ids has its name in the schema or in the log."""
    parts: list[pl.Series] = []
    columns = SubmissionColumns()
    for table in open_tables(sample, mapping, content):
        try:
            positions = pick(table, Mapping(), [USER_SESSION])
        except InputError:
            if mapping.columns.user_session in {None, USER_SESSION}:
                raise
            positions = pick(table, mapping, [USER_SESSION])
        if not parts:
            columns = _submission_columns([plain(name) for name in table.columns], positions[USER_SESSION])
        for piece in table.pieces(positions):
            block = piece.read()
            if block.broken:
                first, fault = block.broken[0].line, block.broken[0].fault
                cause = UnicodeError(fault.reason) if fault.code is FaultCode.OTHER_ENCODING else None
                raise SourceError.unreadable(table.name, f"line {first:,}: {fault.reason}") from cause
            parts.append(as_text(block.rows.get_column(USER_SESSION)))
    if not any(map(len, parts)):
        raise SourceError.empty(sample.name)
    return Sample(sample.name, pl.concat(parts).replace("", None), columns)


def _submission_columns(header: Sequence[str], position: int) -> SubmissionColumns:
    """Return the columns of a submission, given the header of its sample and the position of the session ids.

    The values are in the column session_value, or else in the only other column. With several other columns, the
    submission gets a column session_value.

    >>> _submission_columns(["session", "value"], 0).header, _submission_columns(["id"], 0).header
    (('session', 'value'), ('id', 'session_value'))
    """
    others = [name for index, name in enumerate(header) if name and index != position]
    named = [name for name in others if name.casefold() == SESSION_VALUE]
    value = named[0] if named else others[0] if len(others) == 1 else SESSION_VALUE
    value_first = value in header[:position]
    return SubmissionColumns(session=header[position], value=value, value_first=value_first)
