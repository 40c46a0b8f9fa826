"""The session ids of a file, and the sessions to predict in the order of the submission."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from core.errors import InputError
from core.ingestion.columns import pick
from core.ingestion.mapping import Mapping
from core.ingestion.sources import open_tables
from core.ingestion.understanding import as_text
from core.schema import SESSION, USER_SESSION


def read_ids(file: Path, mapping: Mapping | None = None) -> pl.Series:
    """The session ids of an event file or sample submission, each once, in file order.

    Raises:
        InputError: no such file, no table, or no column of session ids.
    """
    ids = _all_ids(file, mapping or Mapping())
    return ids.filter(ids.is_not_null() & (ids != "")).unique(maintain_order=True)


def all_test_sessions(sessions: Path) -> pl.DataFrame:
    """The sessions of the test file in the order of their ids: user_session and its code, from the dictionary."""
    return _test_sessions(sessions).sort(USER_SESSION).collect()


def wanted_ids(sample: Path, mapping: Mapping) -> pl.Series:
    """The session ids of a sample submission, in its order, repeated and empty ones too.

    Raises:
        InputError: no such file, no table, or no column of session ids.
    """
    return _all_ids(sample, mapping).replace("", None).fill_null("an empty id")  # as a sentence names it


def order_of(name: str, wanted: pl.Series, sessions: Path, seed: int) -> pl.DataFrame:
    """The sessions that a sample submission asks for, in its order: user_session and its code.

    Args:
        name: the sample's file name.
        wanted: its session ids.
        sessions: the dataset's dictionary of sessions.
        seed: the one that the dictionary's codes were made with.

    Raises:
        InputError: the sample names a session twice, or one without an event in the test file.
    """
    # by code, which is faster than by text; an id with the code of another one is none of the test sessions
    coded = wanted.to_frame().with_columns(pl.col(USER_SESSION).hash(seed).reinterpret(signed=True).alias(SESSION))
    if coded.get_column(SESSION).n_unique() < coded.height:
        repeated = wanted.filter(wanted.is_duplicated()).unique().sort()
        if len(repeated):
            raise InputError.not_unique(name, repeated.to_list())
    there = _test_sessions(sessions).collect()
    order = coded.join(there, on=SESSION, how="left", maintain_order="left", suffix="_there")
    missing = order.filter(pl.col(USER_SESSION).ne_missing(pl.col(f"{USER_SESSION}_there"))).get_column(USER_SESSION)
    if len(missing):
        raise InputError.sessions_without_events(name, missing.to_list(), order.height)
    return order.select(USER_SESSION, SESSION)


def _test_sessions(sessions: Path) -> pl.LazyFrame:
    return pl.scan_parquet(sessions).filter("in_test").select(USER_SESSION, SESSION)


def _all_ids(file: Path, mapping: Mapping) -> pl.Series:
    """The column of session ids, by our name for it or by the log's."""
    found: list[pl.Series] = []
    for table in open_tables(file, mapping):
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
                raise InputError.unreadable(table.name, f"line {first.line:,}: {first.reason}")
            found.append(as_text(block.rows.get_column(USER_SESSION)))
    if not any(map(len, found)):
        raise InputError.empty(file.name)
    return pl.concat(found)
