"""Read session ids from event files and sample submissions, and order the sessions to predict."""

from __future__ import annotations

from collections.abc import Iterable
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
from core.ingestion.sources.source import open_tables
from core.ingestion.sources.tables import FaultCode
from core.schema import IN_TEST, SESSION, USER_SESSION

_HELD = 1_000_000
"""Ids held, including repeated ones, before they are reduced to distinct ones."""


def read_ids(file: Path, mapping: Mapping | None = None) -> pl.Series:
    """Return the distinct session ids of a sample submission, in file order; see `event_ids` for event files.

    Raises:
        InputError: no such file, not a table, a broken line, or no column of session ids.
    """
    ids = _all_ids(file, mapping or Mapping())
    return ids.filter(ids.is_not_null() & (ids != "")).unique(maintain_order=True)


def event_ids(file: Path, mapping: Mapping | None = None) -> pl.Series:
    """Return the distinct session ids of the usable rows of a test file, in file order.

    A session whose rows are all quarantined is left out, as in a dataset.

    Raises:
        InputError: ingestion refuses the file.
    """
    mapping = mapping or Mapping()
    if mapping.session_gap_minutes is not None:  # such a log has no session ids
        return read_ids(file, mapping)
    blocks = parse_source(file, RowParser(mapping, with_value=False), ReadCounts())
    return _each_once(block.rows.get_column(USER_SESSION) for block, _ in blocks)


def _each_once(parts: Iterable[pl.Series]) -> pl.Series:
    """Return the distinct ids of all parts, in order of first appearance; memory grows with them, not with the rows."""
    once, new, waiting = pl.Series(USER_SESSION, [], dtype=pl.String), [], 0
    for part in parts:
        ids = part.unique(maintain_order=True)
        # A copy, because a text taken from a block keeps all texts of the block in memory.
        new.append(pl.Series(USER_SESSION, ids.to_arrow(compat_level=pl.CompatLevel.oldest()), dtype=pl.String))
        waiting += len(ids)
        if waiting > max(_HELD, len(once)):
            once, new, waiting = pl.concat([once, *new]).unique(maintain_order=True), [], 0
    return pl.concat([once, *new]).unique(maintain_order=True)


def test_sessions_by_id(sessions: Path) -> pl.DataFrame:
    """Return the test sessions of a dictionary, sorted by id: user_session and session (code)."""
    return _test_sessions(sessions).sort(USER_SESSION).collect()


def sample_session_ids(sample: Path, mapping: Mapping, content: Content | None = None) -> pl.Series:
    """Return the session ids of a sample submission in file order, including repeated and empty ones.

    `content` receives the hashes of its files.

    Raises:
        InputError: no such file, not a table, or no column of session ids.
    """
    return _all_ids(sample, mapping, content).replace("", None).fill_null("an empty id")  # its name in messages


def submission_order(name: str, wanted: pl.Series, sessions: Path, seed: int) -> pl.DataFrame:
    """Return the sessions of a sample submission in its order: user_session and session (code).

    Args:
        sessions: the dataset's dictionary of sessions.

    Raises:
        InputError: the sample names a session twice, or one without an event in the test file.
    """
    # joined by code, which is faster; texts are compared below in case two ids share a code
    coded = wanted.to_frame().with_columns(pl.col(USER_SESSION).hash(seed).reinterpret(signed=True).alias(SESSION))
    if coded.get_column(SESSION).n_unique() < coded.height:
        repeated = wanted.filter(wanted.is_duplicated()).unique().sort()
        if len(repeated):
            raise InputError.not_unique(name, [short(text) for text in repeated])
    there = _test_sessions(sessions).collect()
    order = coded.join(there, on=SESSION, how="left", maintain_order="left", suffix="_there")
    missing = order.filter(pl.col(USER_SESSION).ne_missing(pl.col(f"{USER_SESSION}_there"))).get_column(USER_SESSION)
    if len(missing):
        raise InputError.sessions_without_events(name, [short(text) for text in missing], order.height)
    return order.select(USER_SESSION, SESSION)


def _test_sessions(sessions: Path) -> pl.LazyFrame:
    return pl.scan_parquet(sessions, glob=False).filter(IN_TEST).select(USER_SESSION, SESSION)


def _all_ids(sample: Path, mapping: Mapping, content: Content | None = None) -> pl.Series:
    """Return the session id column of a sample submission, which may be formatted unlike the log.

    The separator is taken from the header. The text is UTF-8, or else in the mapping's encoding.
    """
    plain = mapping.model_copy(update={"separator": None, "encoding": "utf-8"})
    try:
        return _ids_as(sample, plain, content)
    except InputError as error:
        if mapping.encoding == plain.encoding:
            raise
        try:
            return _ids_as(sample, plain.model_copy(update={"encoding": mapping.encoding}), content)
        except InputError:
            if isinstance(error.__cause__, UnicodeError):  # it is not UTF-8, so the mapping's encoding says more
                raise
            raise error from None


def _ids_as(sample: Path, mapping: Mapping, content: Content | None) -> pl.Series:
    """Return the session id column, named as in the schema or as in the log."""
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
                first = block.broken[0]
                cause = UnicodeError(first.fault.reason) if first.fault.code is FaultCode.OTHER_ENCODING else None
                raise InputError.unreadable(table.name, f"line {first.line:,}: {first.fault.reason}") from cause
            parts.append(as_text(block.rows.get_column(USER_SESSION)))
    if not any(map(len, parts)):
        raise InputError.empty(sample.name)
    return pl.concat(parts)
