"""Reads the answer to a query from an SQL database, in batches, so that no answer is too large."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import polars as pl
from sqlalchemy import Connection, CursorResult, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from core.errors import InputError
from core.ingestion.block import Block, OpenTable, Picked, Piece, Table
from core.ingestion.parquet import row_texts

_ROWS = 50_000  # rows fetched at once; some 20 MB as Python objects
_BYTES_A_ROW = 80  # what such a row takes as text; only the share of the work rests on it


@dataclass(frozen=True)
class Query:
    """A question to a database. `url` is SQLAlchemy's form, such as `postgresql+psycopg://user@host/shop`."""

    url: str
    sql: str

    @property
    def name(self) -> str:
        """The database in words, without its password."""
        try:
            address = make_url(self.url)
        except ArgumentError:
            return "the database"
        return address.render_as_string(hide_password=True)


def open_query(query: Query) -> Iterator[Table]:
    """Ask the database; the answer is read row batch by row batch from a cursor on its side.

    Raises:
        InputError: no such database, a wrong password, a query it does not understand, or an answer without rows.
    """
    with _said_clearly(query):
        engine = create_engine(_with_driver(query.url))
        try:
            with engine.connect() as connection:
                yield _answer(query, connection)
        finally:
            engine.dispose()


def _with_driver(url: str) -> str:
    """PostgreSQL by its plain name means the driver that comes with the product."""
    for plain in ("postgresql://", "postgres://"):
        if url.startswith(plain):
            return "postgresql+psycopg://" + url.removeprefix(plain)
    return url


@contextmanager
def _said_clearly(query: Query) -> Iterator[None]:
    try:
        yield
    except (ArgumentError, NoSuchModuleError) as error:
        raise InputError.no_database_url(str(error).splitlines()[0][:200]) from error
    except ModuleNotFoundError as error:
        raise InputError.no_driver(query.name, str(error.name)) from error
    except SQLAlchemyError as error:
        found = str(getattr(error, "orig", None) or error).strip().splitlines()[0][:200]
        raise InputError.query_failed(query.name, found) from error


def _answer(query: Query, connection: Connection) -> Table:
    streamed = connection.execution_options(stream_results=True, yield_per=_ROWS)
    result = streamed.execute(text(query.sql.strip().rstrip(";").replace(":", r"\:")))
    if not result.returns_rows:
        raise InputError.query_failed(query.name, "the query gives no rows; it must be a SELECT")
    return OpenTable(query.name, list(result.keys()), partial(_pieces, query, result))


def _pieces(query: Query, result: CursorResult[tuple[object, ...]], picked: Picked) -> Iterator[Piece]:
    columns = list(result.keys())
    line = 2
    with _said_clearly(query):
        for rows in result.partitions():
            frame = pl.DataFrame(
                {
                    column: pl.Series(column, [row[place] for row in rows], strict=False)
                    for place, column in enumerate(columns)
                    if place in picked.values()
                }
            )
            yield Piece(
                len(rows) * _BYTES_A_ROW, partial(_block, frame, line, {n: columns[p] for n, p in picked.items()})
            )
            line += len(rows)


def _block(frame: pl.DataFrame, line: int, columns: Mapping[str, str]) -> Block:
    return Block(frame.select(pl.col(column).alias(name) for name, column in columns.items()), line, row_texts(frame))
