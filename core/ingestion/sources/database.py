"""Read the result of an SQL query in batches, so that it may be larger than memory."""

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

_ROWS = 50_000  # rows per batch; about 20 MB as Python objects
_BYTES_A_ROW = 80  # estimated text size of a row, for progress only
_PLAIN = (str, int, float, datetime.datetime, datetime.date)
"""Cell types that are kept if all cells of a column have the same one."""
_READ_ONLY = {"postgresql": {"postgresql_readonly": True}}
"""Backend -> options that make the connection read-only; SQLite uses an authorizer instead."""

_PACKAGES = {"MySQLdb": "mysqlclient", "psycopg2": "psycopg2-binary", "cx_Oracle": "cx-Oracle"}
"""Python module -> package to install, if the names differ."""
_READ_ACTIONS = {getattr(sqlite3, f"SQLITE_{action}") for action in ("SELECT", "READ", "FUNCTION", "RECURSIVE")}
"""Actions allowed in SQLite; ATTACH and VACUUM INTO would create files even under query_only."""
_NO_ROWS = "the query gives no rows; it must be a SELECT"


@dataclass(frozen=True)
class Query:
    """An SQL query and the URL of its database, in SQLAlchemy's form: `postgresql+psycopg://user@host/shop`."""

    url: str
    sql: str

    @property
    def name(self) -> str:
        """Return the URL for display, without the password and the URL's options."""
        try:
            address = make_url(self.url)
        except (ArgumentError, ValueError):
            return "the database"
        host = address.host and address.host.rpartition("@")[2]
        return address.set(query={}, host=host).render_as_string(hide_password=True)


def open_query(query: Query) -> Iterator[Table]:
    """Run a query and yield its result as one table, read in batches from a server-side cursor.

    Raises:
        InputError: no such database, a wrong password, an invalid query, or one that is not a SELECT.
    """
    with _as_input_error(query):
        engine = create_engine(_with_driver(_address(query.url)))
        try:
            with engine.connect() as connection:
                yield _run(query, connection)
        finally:
            engine.dispose()


def _address(url: str) -> URL:
    try:
        address = make_url(url)
    except ValueError as error:  # the error text may contain part of the password
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
    """Return whether an SQLite database exists; opening a missing one would create an empty file."""
    return not database or database == ":memory:" or database.startswith("file:") or Path(database).exists()


def _with_driver(address: URL) -> URL:
    """Use the installed driver for a PostgreSQL URL that names none."""
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
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0][:200]
        if reason in {"not authorized", "authorization denied"}:  # from SQLite, for anything but reading
            reason = _NO_ROWS
        raise InputError.query_failed(query.name, reason) from error


def _run(query: Query, connection: Connection) -> Table:
    """Run the query on a read-only connection."""
    backend = connection.dialect.name
    streamed = connection.execution_options(stream_results=True, yield_per=_ROWS, **_READ_ONLY.get(backend, {}))
    if backend == "sqlite":
        _allow_reading_only(streamed)
    result = streamed.execute(text(query.sql.strip().rstrip(";").replace(":", r"\:")))
    if not result.returns_rows:
        raise InputError.query_failed(query.name, _NO_ROWS)
    return OpenTable(query.name, list(result.keys()), partial(_pieces, query, result))


def _allow_reading_only(connection: Connection) -> None:
    connection.exec_driver_sql("PRAGMA query_only = ON")
    raw = connection.connection.driver_connection
    if isinstance(raw, sqlite3.Connection):
        raw.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in _READ_ACTIONS else sqlite3.SQLITE_DENY)


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
    """Return a column; cells that are not all numbers, times or text of one type (Decimal, UUID, mixed) become text."""
    kinds = {type(cell) for cell in cells if cell is not None}
    if len(kinds) == 1 and kinds.issubset(_PLAIN):
        return pl.Series(cells)
    return pl.Series([_text(cell) for cell in cells], dtype=pl.String)


def _text(cell: object) -> str | None:
    if isinstance(cell, bytes):
        return decode_bytes(cell)
    if isinstance(cell, float) and cell.is_integer():
        return f"{cell:.0f}"
    if isinstance(cell, Decimal) and cell.is_finite():  # a whole NUMERIC may be an id
        return f"{cell:.0f}" if cell == cell.to_integral_value() else f"{cell:f}"
    return None if cell is None else str(cell)
