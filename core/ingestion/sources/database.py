"""Reads the answer to a query from an SQL database, in batches, so that no answer is too large."""

from __future__ import annotations

import datetime
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from pathlib import Path

import polars as pl
from sqlalchemy import URL, Connection, CursorResult, Row, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from core.errors import InputError
from core.ingestion.sources.paths import path_of
from core.ingestion.sources.tables import Block, ColumnPositions, OpenTable, Piece, Table
from core.ingestion.sources.typed_rows import decode_bytes, row_as_json

_ROWS = 50_000  # rows fetched at once; some 20 MB as Python objects
_BYTES_A_ROW = 80  # what such a row takes as text; only the share of the work rests on it
_PLAIN = (str, int, float, datetime.datetime, datetime.date)
"""Kinds of cells that can be taken as they are, where a column has one kind only."""
_READ_ONLY = {"postgresql": {"postgresql_readonly": True}}
"""By kind of database the options that forbid to change it; for SQLite see below."""

_PACKAGES = {"MySQLdb": "mysqlclient", "psycopg2": "psycopg2-binary", "cx_Oracle": "cx-Oracle"}
"""Python module -> the package that brings it, where they are called differently."""
_ASKING = {getattr(sqlite3, f"SQLITE_{action}") for action in ("SELECT", "READ", "FUNCTION", "RECURSIVE")}
"""All that an SQLite query may do; ATTACH and VACUUM INTO would make files, whatever query_only says."""
_NO_ANSWER = "the query gives no rows; it must be a SELECT"


@dataclass(frozen=True)
class Query:
    """A question to a database. `url` is SQLAlchemy's form, such as `postgresql+psycopg://user@host/shop`."""

    url: str
    sql: str

    @property
    def name(self) -> str:
        """The database in words, without its password, wherever in the address that stands."""
        try:
            address = make_url(self.url)
        except (ArgumentError, ValueError):
            return "the database"
        host = address.host and address.host.rpartition("@")[2]
        return address.set(query={}, host=host).render_as_string(hide_password=True)


def open_query(query: Query) -> Iterator[Table]:
    """Ask the database; the answer is read row batch by row batch from a cursor on its side.

    Raises:
        InputError: no such database, a wrong password, a query it does not understand, or one that is no SELECT.
    """
    with _as_input_error(query):
        engine = create_engine(_with_driver(_address(query.url)))
        try:
            with engine.connect() as connection:
                yield _answer(query, connection)
        finally:
            engine.dispose()


def _address(url: str) -> URL:
    try:
        address = make_url(url)
    except ValueError as error:  # its text may hold a part of the password
        raise InputError.no_database_url("its port is no number") from error
    if address.host and "@" in address.host:
        raise InputError.no_database_url("an @ in the password must be written as %40")
    if address.get_backend_name() == "sqlite":
        if address.database and address.database.startswith("~"):
            address = address.set(database=str(path_of(address.database)))
        if not _is_there(address.database):
            raise InputError.not_found(Path(address.database or ""))
    return address


def _is_there(database: str | None) -> bool:
    """Whether an SQLite database exists: opening an absent one would make an empty file in its place."""
    return not database or database == ":memory:" or database.startswith("file:") or Path(database).exists()


def _with_driver(address: URL) -> URL:
    """PostgreSQL by its plain name means the driver that comes with the product."""
    return address.set(drivername="postgresql+psycopg") if address.drivername in {"postgresql", "postgres"} else address


@contextmanager
def _as_input_error(query: Query) -> Iterator[None]:
    try:
        yield
    except (ArgumentError, NoSuchModuleError) as error:
        raise InputError.no_database_url(str(error).splitlines()[0][:200]) from error
    except ModuleNotFoundError as error:
        package = _PACKAGES.get(str(error.name), str(error.name))
        raise InputError.no_driver(query.name, package) from error
    except SQLAlchemyError as error:
        found = str(getattr(error, "orig", None) or error).strip().splitlines()[0][:200]
        if found in {"not authorized", "authorization denied"}:  # SQLite, of anything but asking
            found = _NO_ANSWER
        raise InputError.query_failed(query.name, found) from error


def _answer(query: Query, connection: Connection) -> Table:
    """Ask; whatever the query says, nothing in the database is changed."""
    backend = connection.dialect.name
    streamed = connection.execution_options(stream_results=True, yield_per=_ROWS, **_READ_ONLY.get(backend, {}))
    if backend == "sqlite":
        _forbid_all_but_asking(streamed)
    result = streamed.execute(text(query.sql.strip().rstrip(";").replace(":", r"\:")))
    if not result.returns_rows:
        raise InputError.query_failed(query.name, _NO_ANSWER)
    return OpenTable(query.name, list(result.keys()), partial(_pieces, query, result))


def _forbid_all_but_asking(connection: Connection) -> None:
    connection.exec_driver_sql("PRAGMA query_only = ON")
    raw = connection.connection.driver_connection
    if isinstance(raw, sqlite3.Connection):
        raw.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in _ASKING else sqlite3.SQLITE_DENY)


def _pieces(query: Query, result: CursorResult[tuple[object, ...]], picked: ColumnPositions) -> Iterator[Piece]:
    columns = list(result.keys())
    line = 2
    with _as_input_error(query):
        for rows in result.partitions(_ROWS):
            yield Piece(len(rows) * _BYTES_A_ROW, partial(_block, rows, line, columns, picked))
            line += len(rows)


def _block(
    rows: Sequence[Row[tuple[object, ...]]], line: int, columns: Sequence[str], picked: ColumnPositions
) -> Block:
    cells = pl.DataFrame([_series([row[place] for row in rows]).alias(name) for name, place in picked.items()])
    return Block(cells, line, lambda places: [row_as_json(dict(zip(columns, rows[at], strict=True))) for at in places])


def _series(cells: Sequence[object]) -> pl.Series:
    """Numbers, times and texts as they are; all else (amounts of money, UUIDs, columns of several kinds) as text."""
    kinds = {type(cell) for cell in cells if cell is not None}
    if len(kinds) == 1 and kinds.issubset(_PLAIN):
        return pl.Series(cells)
    return pl.Series([_text(cell) for cell in cells], dtype=pl.String)


def _text(cell: object) -> str | None:
    if isinstance(cell, bytes):
        return decode_bytes(cell)
    if isinstance(cell, float) and cell.is_integer():
        return f"{cell:.0f}"
    if isinstance(cell, Decimal) and cell.is_finite():  # a whole NUMERIC is an id like any other
        return f"{cell:.0f}" if cell == cell.to_integral_value() else f"{cell:f}"
    return None if cell is None else str(cell)
