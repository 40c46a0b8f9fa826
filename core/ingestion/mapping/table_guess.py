"""Guess how to read a table of products or users: the column with the ids, and the own columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from core.base.text import fold_case
from core.ingestion.mapping import column_names as names
from core.ingestion.mapping.definition import Mapping
from core.ingestion.mapping.guess_builder import GuessBuilder
from core.ingestion.mapping.log_column import normalize, read_columns
from core.ingestion.mapping.name_guess import guess_name
from core.ingestion.mapping.own_guess import OwnGuess, guess_own_columns
from core.ingestion.mapping.settings import MAX_OWN
from core.own_columns import TABLE_LEVEL, TableName
from core.schema import PRODUCT_ID, USER_ID

_ROLE: Final[dict[TableName, str]] = {"products": PRODUCT_ID, "users": USER_ID}
_USUAL_NAMES: Final[dict[TableName, tuple[str, ...]]] = {"products": names.PRODUCT_NAMES, "users": names.USER_NAMES}


def log_key(table: TableName, mapping: Mapping) -> str:
    """Return the log's column with the ids of a table's products or users.

    >>> log_key("products", Mapping())
    'product_id'
    """
    return getattr(mapping.columns, _ROLE[table]) or _ROLE[table]


def find_key(table: TableName, mapping: Mapping, header: Sequence[str]) -> str | None:
    """Return the column of a table with the ids: that of the mapping, or by its name; None if there is none.

    It has the name of the log's column, that of the role, or a usual name for such ids, in any spelling.

    >>> find_key("products", Mapping(), ["name", "Product ID"]), find_key("products", Mapping(), ["name", "brand"])
    ('Product ID', None)
    """
    if table in mapping.tables:
        return mapping.tables[table].key
    spellings = {normalize(name): name for name in reversed(header) if name}
    wanted = (normalize(log_key(table, mapping)), normalize(_ROLE[table]), *_USUAL_NAMES[table])
    return next((spellings[name] for name in wanted if name in spellings), None)


def guess_product_name(key: str, header: Sequence[str], rows: Sequence[Sequence[str | None]]) -> str | None:
    """Return the column of a table of products with their names; None if there is none."""
    columns = read_columns(header, rows)
    keys = next((column for column in columns if fold_case(column.name) == fold_case(key)), None)
    column = None if keys is None else guess_name(PRODUCT_ID, columns, {PRODUCT_ID: keys})
    return None if column is None else column.name


def guess_table(
    table: TableName, mapping: Mapping, key: str, header: Sequence[str], rows: Sequence[Sequence[str | None]]
) -> OwnGuess:
    """Guess the own columns of a table. Columns that the log has under the same name are left out.

    Args:
        mapping: how the log is read.
        key: column of the table with the ids.
        rows: cells of the first rows.
    """
    in_log = set(map(fold_case, [*mapping.columns.named().values(), *(own.column for own in mapping.own.values())]))
    columns = read_columns(header, rows)
    keys = [column for column in columns if fold_case(column.name) == fold_case(key)]
    settings = mapping.model_dump(include={"decimal", "time_format"}, exclude_defaults=True)
    builder = GuessBuilder(
        [column for column in columns if fold_case(column.name) not in {*in_log, fold_case(key)}],
        {_ROLE[table]: keys[0]} if keys else {},
        settings=settings,
    )
    guess = guess_own_columns(builder, TABLE_LEVEL[table], list(mapping.own), MAX_OWN - len(mapping.own))
    own = {name: {**setting, "table": table} for name, setting in guess.own.items()}
    return OwnGuess(own, guess.unused)
