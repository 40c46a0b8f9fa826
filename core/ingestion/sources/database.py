"""Read the result of an SQL query in batches, so that it may be larger than memory."""

from __future__ import annotations

import datetime
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

import polars as pl
from sqlalchemy import URL, Connection, CursorResult, Row, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from core.base.files import is_file, path_of
from core.errors import SourceError
from core.ingestion.sources.query import Query
from core.ingestion.sources.tables import Block, ColumnPositions, Piece, Table
from core.ingestion.sources.typed_rows import decode_bytes, row_as_json

_ROWS = 50_000  # rows per batch; about 20 MB as Python objects
_BYTES_PER_ROW = 80  # estimated text size of a row, for progress only
_KEPT_TYPES = {str, int, float, datetime.datetime, datetime.date}
"""Cell types that are kept if all cells of a column have the same type."""
_READ_ONLY = {"postgresql": {"postgresql_readonly": True}}
"""Backend -> options that make the connection read-only; SQLite uses an authorizer instead."""
_PACKAGES = {"MySQLdb": "mysqlclient", "psycopg2": "psycopg2-binary", "cx_Oracle": "cx-Oracle"}
"""Python module -> package to install, if the names differ."""
_READ_ACTIONS = {getattr(sqlite3, f"SQLITE_{action}") for action in ("SELECT", "READ", "FUNCTION", "RECURSIVE")}
"""Actions allowed in SQLite; ATTACH and VACUUM INTO would create files even under query_only."""
_MAX_REASON = 200  # characters of a database's error in a message
_NO_SELECT = "the query must be a SELECT statement"


def open_query(query: Query) -> Iterator[Table]:
    """Run a query and yield its result as one table, read in batches from a server-side cursor.

    Raises:
        InputError: the database cannot be opened, or the query is invalid or not a SELECT.
    """
    with _as_input_error(query):
        engine = create_engine(_address(query.url))
        try:
            with engine.connect() as connection, closing(_run(query, connection)) as result:
                yield Table(query.name, list(result.keys()), partial(_pieces, query, result))
        finally:
            engine.dispose()


def _address(url: str) -> URL:
    """Parse a URL. An SQLite database must exist and is opened read-only, so that no URL creates a file."""
    try:
        address = make_url(url)
    except ValueError as error:  # the error text may contain part of the password
        raise SourceError.invalid_database_address("its port is not a number") from error
    if address.host and "@" in address.host:
        raise SourceError.invalid_database_address("an @ in the password must be written as %40")
    if address.get_backend_name() == "sqlite":
        address = _read_only(address)
    if address.drivername in {"postgresql", "postgres"}:  # the URL names no driver
        address = address.set(drivername="postgresql+psycopg")
    return address


def _read_only(address: URL) -> URL:
    """Return the address of an existing SQLite database as a URI that can only be read.

    Raises:
        InputError: there is no such file.
    """
    database = address.database or ":memory:"
    if database == ":memory:":
        return address
    is_uri = database.startswith("file:")
    path = Path(unquote(urlsplit(database).path)) if is_uri else path_of(database)
    if not is_file(path):
        raise SourceError.not_found(path)
    options = {name: value for name, value in address.query.items() if name not in {"mode", "vfs"}}
    uri = f"file:{quote(str(path.absolute()))}"
    return address.set(database=uri, query=options | {"mode": "ro", "uri": "true"})


@contextmanager
def _as_input_error(query: Query) -> Iterator[None]:
    try:
        yield
    except (ArgumentError, NoSuchModuleError) as error:
        raise SourceError.invalid_database_address(str(error).splitlines()[0][:_MAX_REASON]) from error
    except ModuleNotFoundError as error:
        package = _PACKAGES.get(str(error.name), str(error.name))
        raise SourceError.no_driver(query.name, package) from error
    except SQLAlchemyError as error:
        reason = _reason(error, query)
        if reason in {"not authorized", "authorization denied"}:  # SQLite's answer to anything but reading
            reason = _NO_SELECT
        raise SourceError.query_failed(query.name, reason) from error


def _reason(error: SQLAlchemyError, query: Query) -> str:
    """Return the first line of a database's error, without passwords of the URL."""
    first, *others = str(getattr(error, "orig", None) or error).strip().splitlines() or [type(error).__name__]
    if others and first.startswith("Multiple connection attempts failed"):  # one line per address of the host follows
        first = others[-1].lstrip("- ")
    address = make_url(query.url)
    for secret in (address.password, *_texts(address.query.get("password")), *_texts(address.query.get("sslpassword"))):
        if secret:
            first = first.replace(str(secret), "***")
    return first[:_MAX_REASON]


def _texts(option: str | tuple[str, ...] | None) -> tuple[str, ...]:
    return (option,) if isinstance(option, str) else option or ()


def _run(query: Query, connection: Connection) -> CursorResult[tuple[object, ...]]:
    """Run the query on a read-only connection."""
    backend = connection.dialect.name
    streamed = connection.execution_options(stream_results=True, yield_per=_ROWS, **_READ_ONLY.get(backend, {}))
    if backend == "sqlite":
        streamed.exec_driver_sql("PRAGMA query_only = ON")
        raw = streamed.connection.driver_connection
        if isinstance(raw, sqlite3.Connection):
            raw.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in _READ_ACTIONS else sqlite3.SQLITE_DENY)
    result = streamed.execute(text(query.sql.strip().rstrip(";").replace(":", r"\:")))
    if not result.returns_rows:
        raise SourceError.query_failed(query.name, _NO_SELECT)
    return result


def _pieces(query: Query, result: CursorResult[tuple[object, ...]], picked: ColumnPositions) -> Iterator[Piece]:
    columns = list(result.keys())
    line = 2
    with _as_input_error(query):
        for rows in result.partitions(_ROWS):
            yield Piece(len(rows) * _BYTES_PER_ROW, partial(_block, rows, line, columns, picked))
            line += len(rows)


def _block(
    rows: Sequence[Row[tuple[object, ...]]], line: int, columns: Sequence[str], picked: ColumnPositions
) -> Block:
    def text_of(positions: Sequence[int]) -> list[str]:
        return [row_as_json(dict(zip(columns, rows[position], strict=True))) for position in positions]

    cells = pl.DataFrame([_series([row[position] for row in rows]).alias(name) for name, position in picked.items()])
    return Block(cells, line, text_of)


def _series(cells: Sequence[object]) -> pl.Series:
    """Return a column. Cells become text unless all are numbers, texts or times of one type."""
    types = {type(cell) for cell in cells if cell is not None}
    if len(types) == 1 and types <= _KEPT_TYPES:
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
