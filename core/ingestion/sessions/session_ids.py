"""Read session ids from event files and sample submissions, and return the sessions to predict in order."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from core.errors import InputError
from core.ingestion.mapping import Mapping
from core.ingestion.mapping.refusals import short
from core.ingestion.rows.id_cells import as_text
from core.ingestion.rows.read_counts import ReadCounts
from core.ingestion.rows.read_rows import parse_source
from core.ingestion.rows.row_parser import RowParser
from core.ingestion.sources.columns import pick
from core.ingestion.sources.content_hash import Content
from core.ingestion.sources.encodings import UTF_8
from core.ingestion.sources.source import open_tables
from core.ingestion.sources.tables import FaultCode
from core.schema import IN_TEST, SESSION, USER_SESSION

_HELD = 1_000_000
"""Minimum number of new ids in memory before repeated ones are removed."""


def read_ids(file: Path, mapping: Mapping | None = None) -> pl.Series:
    """Return the distinct session ids of a sample submission, in file order; see `event_ids` for event files.

    Raises:
        InputError: the file is missing, is not a table, has a broken line, or has no column of session ids.
    """
    ids = _all_ids(file, mapping or Mapping())
    return ids.filter(ids.is_not_null() & (ids != "")).unique(maintain_order=True)


def event_ids(file: Path, mapping: Mapping | None = None) -> pl.Series:
    """Return the distinct session ids of the usable rows of a test file, in file order.

    A session whose rows are all quarantined is left out, as it is in a dataset.

    Raises:
        InputError: ingestion refuses the file.
    """
    mapping = mapping or Mapping()
    if mapping.session_gap_minutes is not None:  # such a log has no session ids
        return read_ids(file, mapping)
    distinct, new, n_new = pl.Series(USER_SESSION, [], dtype=pl.String), [], 0
    for block, _ in parse_source(file, RowParser(mapping, with_value=False), ReadCounts()):
        ids = block.rows.get_column(USER_SESSION).unique(maintain_order=True)
        # A copy, because a text taken from a block keeps all texts of the block in memory.
        new.append(pl.Series(USER_SESSION, ids.to_arrow(compat_level=pl.CompatLevel.oldest()), dtype=pl.String))
        n_new += len(ids)
        if n_new > max(_HELD, len(distinct)):  # memory grows with the distinct ids, not with the rows
            distinct, new, n_new = pl.concat([distinct, *new]).unique(maintain_order=True), [], 0
    return pl.concat([distinct, *new]).unique(maintain_order=True)


def test_sessions_by_id(sessions: Path) -> pl.DataFrame:
    """Return the test sessions of a dictionary, sorted by id: user_session and session (code)."""
    return _test_sessions(sessions).sort(USER_SESSION).collect()


def sample_session_ids(sample: Path, mapping: Mapping, content: Content | None = None) -> pl.Series:
    """Return the session ids of a sample submission in file order, including repeated and empty ones.

    `content` receives the hashes of its files. See `read_ids` for exceptions.
    """
    return _all_ids(sample, mapping, content).replace("", None).fill_null("an empty id")  # its name in messages


def submission_order(name: str, ids: pl.Series, sessions: Path, seed: int) -> pl.DataFrame:
    """Return the sessions of a sample submission in its order: user_session and session (code).

    Args:
        name: name of the sample submission, for messages.
        ids: its session ids.
        sessions: path of the dataset's dictionary of sessions.

    Raises:
        InputError: the sample submission has a session twice, or one without an event in the test file.
    """
    # A join by code is faster. The texts are compared below, in case two ids have one code.
    coded = ids.to_frame().with_columns(pl.col(USER_SESSION).hash(seed).reinterpret(signed=True).alias(SESSION))
    if coded.get_column(SESSION).n_unique() < coded.height:
        repeated = ids.filter(ids.is_duplicated()).unique().sort()
        if len(repeated):
            raise InputError.repeated_sessions(name, [short(text) for text in repeated])
    in_test = _test_sessions(sessions).collect()
    order = coded.join(in_test, on=SESSION, how="left", maintain_order="left", suffix="_in_test")
    missing = order.filter(pl.col(USER_SESSION).ne_missing(pl.col(f"{USER_SESSION}_in_test"))).get_column(USER_SESSION)
    if len(missing):
        raise InputError.sessions_without_events(name, [short(text) for text in missing], order.height)
    return order.select(USER_SESSION, SESSION)


def _test_sessions(sessions: Path) -> pl.LazyFrame:
    return pl.scan_parquet(sessions, glob=False).filter(IN_TEST).select(USER_SESSION, SESSION)


def _all_ids(sample: Path, mapping: Mapping, content: Content | None = None) -> pl.Series:
    """Return the session id column of a sample submission, which may have another format than the log.

    The separator is detected from the header. The text is UTF-8, or else in the mapping's encoding. If that is left
    out, it is detected.
    """
    in_utf_8 = mapping.model_copy(update={"separator": None, "encoding": mapping.encoding and UTF_8})
    try:
        return _ids_as(sample, in_utf_8, content)
    except InputError as error:
        if mapping.encoding == in_utf_8.encoding:
            raise
        try:
            return _ids_as(sample, in_utf_8.model_copy(update={"encoding": mapping.encoding}), content)
        except InputError:
            if isinstance(error.__cause__, UnicodeError):  # not UTF-8, so the error under the mapping's encoding is apt
                raise
            raise error from None


def _ids_as(sample: Path, mapping: Mapping, content: Content | None) -> pl.Series:
    """Return the session id column, which has its name in the schema or in the log."""
    parts: list[pl.Series] = []
    for table in open_tables(sample, mapping, content):
        try:
            picked = pick(table, Mapping(), [USER_SESSION])
        except InputError:
            if mapping.columns.user_session in {None, USER_SESSION}:
                raise
            picked = pick(table, mapping, [USER_SESSION])
        for piece in table.pieces(picked):
            block = piece.read()
            if block.broken:
                first, fault = block.broken[0].line, block.broken[0].fault
                cause = UnicodeError(fault.reason) if fault.code is FaultCode.OTHER_ENCODING else None
                raise InputError.unreadable(table.name, f"line {first:,}: {fault.reason}") from cause
            parts.append(as_text(block.rows.get_column(USER_SESSION)))
    if not any(map(len, parts)):
        raise InputError.empty(sample.name)
    return pl.concat(parts)
