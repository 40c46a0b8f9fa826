"""Complete a mapping with the keys and the own columns of tables of products and users."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from core.base.text import display, fold_case, listed, noun_form, verb
from core.errors import ColumnError, SettingError
from core.ingestion.input_files import Tables
from core.ingestion.mapping import Mapping
from core.ingestion.mapping.own_guess import OwnGuess
from core.ingestion.mapping.own_text import Unused
from core.ingestion.mapping.refusals import short
from core.ingestion.mapping.table_guess import find_key, guess_product_name, guess_table, log_key
from core.ingestion.peek import peek
from core.own_columns import TableName


@dataclass(frozen=True)
class Completion:
    """A mapping with the keys and the own columns of tables.

    Attributes:
        mapping: the completed mapping.
        notes: sentences on what was added.
        unused: table -> name of a column -> why it is not suggested as an own column.
    """

    mapping: Mapping
    notes: list[str] = field(default_factory=list)
    unused: dict[TableName, dict[str, Unused]] = field(default_factory=dict)


def complete_with_tables(mapping: Mapping, tables: Tables) -> Completion:
    """Add the keys of tables to a mapping, and useful columns of those tables that the mapping takes no columns from.

    Raises:
        InputError: a table has no column with ids, cannot be read, or is needed but missing.
        SettingError: there is a table of users, but the log has no users.
    """
    completed = Completion(mapping)
    for name, path in sorted(tables.items()):
        completed = _with_table(completed, name, path)
    needed = {
        name: [short(own.column) for own in mapping.own_in_table(name).values()]
        for name in mapping.tables_with_columns()
    }
    if (product_name := mapping.name_in_table("products")) is not None:
        needed.setdefault("products", []).append(short(product_name))
    for name, columns in needed.items():
        if name not in tables:
            raise ColumnError.table_needed(name, columns)
    return completed


def _with_table(completion: Completion, name: TableName, path: Path) -> Completion:
    """Add one table to a completion; for the errors, see `complete_with_tables`."""
    mapping = completion.mapping
    if name == "users" and not mapping.has_users:
        raise SettingError.not_allowed("users", path.name, "no table of users, because the log has no users")
    table = peek(path)
    key = find_key(name, mapping, table.columns)
    if key is None or fold_case(key) not in map(fold_case, table.columns):
        expected = short(key or log_key(name, mapping))
        raise ColumnError.no_table_key(path.name, name, expected, list(map(short, table.columns)))
    guess = guess_table(name, mapping, key, table.columns, table.rows)
    settings = mapping.model_dump(exclude_unset=True)
    settings["tables"] = settings.get("tables", {}) | {name: {"key": key}}
    notes = list(completion.notes)
    if not mapping.own_in_table(name):
        settings["own"] = settings.get("own", {}) | guess.own
        notes.append(_own_note(guess, name, path.name, key))
    unused = guess.unused
    is_open = name == "products" and mapping.names.product is None
    product_name = guess_product_name(key, table.columns, table.rows) if is_open else None
    if product_name is not None:
        settings["names"] = settings.get("names", {}) | {"product": {"column": product_name, "table": "products"}}
        notes.append(f"Column {short(product_name)} of {path.name} has the names of the products.")
        unused = {column: why for column, why in unused.items() if column != product_name}
    return Completion(Mapping.checked(**settings), notes, completion.unused | {name: unused})


def _own_note(guess: OwnGuess, name: TableName, file_name: str, key: str) -> str:
    """Return a sentence on the columns of a table that are used as own columns."""
    columns = [display(own["column"]) for own in guess.own.values()]
    if not columns:
        return (
            f"No column of {file_name} is used, because none seems useful. To use some, name them under [own] in a "
            f'mapping, with table = "{name}".'
        )
    return (
        f"{noun_form(len(columns), 'Column')} {listed(columns)} of {file_name} {verb(len(columns), 'is', 'are')} used "
        f"as extra columns of {name}. Its column {short(key)} has the ids."
    )
