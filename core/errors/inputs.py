"""Errors about input: files, databases, columns, rows, sample submissions, and too little data to train on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from core.base.text import count, listed, noun_form, time_text, verb
from core.errors.base import StudioError

RowKind = Literal["row", "purchase"]


class InputError(StudioError):
    """A file, a folder or a query that cannot be used as it is."""

    code = "input_error"

    # --- files and archives -------------------------------------------------------------------------------------------

    @classmethod
    def no_file_named(cls, option: str) -> InputError:
        return cls(f"{option} is empty.", "Name an event file and try again.", code="no_file_named", actual=option)

    @classmethod
    def not_found(cls, path: Path) -> InputError:
        problem = f"There is no file at {path}."
        remedy = "Check the path, or choose another file."
        return cls(problem, remedy, code="file_not_found", actual=path)

    @classmethod
    def cannot_open(cls, path: Path, reason: str) -> InputError:
        problem = f"{path.name} cannot be opened ({reason})."
        remedy = "Check the path and its permissions, or choose another file."
        return cls(problem, remedy, code="cannot_open_file", actual=reason)

    @classmethod
    def web_address(cls, address: str) -> InputError:
        problem = f"{address} is a web address. Event files are read from this machine only."
        remedy = "Download the file and name its path. A database has an address such as sqlite:///shop.db."
        return cls(problem, remedy, code="web_address", actual=address)

    @classmethod
    def same_file(cls, name: str) -> InputError:
        problem = f"{name} is both the train file and the test file. The test file must have the sessions to predict."
        remedy = "Choose another file for one of them."
        return cls(problem, remedy, code="same_file_twice", actual=name)

    @classmethod
    def swapped_files(cls, train: str, test: str, column: str) -> InputError:
        problem = (
            f"The train file {train} has no column {column}, but the test file {test} has. They seem to be swapped."
        )
        remedy = f"Use {test} as the train file and {train} as the test file."
        return cls(problem, remedy, code="swapped_files", actual=[train, test])

    @classmethod
    def changed_while_read(cls, name: str, reason: str) -> InputError:
        problem = f"{name} changed while it was being read ({reason})."
        remedy = "Wait until it is completely written, then try again."
        return cls(problem, remedy, code="file_changed", actual=reason)

    @classmethod
    def empty(cls, name: str) -> InputError:
        problem = f"{name} is empty. An event file needs a header line and at least one event."
        remedy = "Export it again."
        return cls(problem, remedy, code="empty_file", actual=name)

    @classmethod
    def unreadable(cls, name: str, reason: str, remedy: str = "") -> InputError:
        problem = f"{name} cannot be read as a table ({reason})."
        remedy = remedy or "Save it as CSV, CSV.GZ, ZIP, Parquet or JSON Lines, then try again."
        allowed = ["CSV", "CSV.GZ", "ZIP", "Parquet", "JSON Lines"]
        return cls(problem, remedy, code="not_a_table", actual=reason, allowed=allowed)

    @classmethod
    def other_encoding(cls, name: str, expected: str = "in the expected encoding") -> InputError:
        problem = f"The text of {name} is not {expected}."
        remedy = 'Name its encoding in a mapping, such as encoding = "cp1252" or "latin-1", or save the file as UTF-8.'
        return cls(problem, remedy, code="other_encoding", actual=expected)

    @classmethod
    def expands_too_much(
        cls, name: str, unpacked: int, packed: int, *, max_ratio: int, limit: int, variable: str
    ) -> InputError:
        ratio = unpacked // max(packed, 1)
        problem = (
            f"{name} has {packed:,} bytes, but unpacks to {unpacked:,} bytes or more, {max(ratio, 1):,} times as many. "
            f"Allowed are {limit:,}, which is {max_ratio:,} times its size or 64 MiB."
        )
        remedy = (
            f"If the file is right, unpack it first, or set the environment variable {variable} to a number above "
            f"{max(ratio, max_ratio):,}."
        )
        return cls(problem, remedy, code="expands_too_much", actual=unpacked, allowed=limit)

    @classmethod
    def empty_archive(cls, name: str) -> InputError:
        problem = f"{name} has no files. A ZIP archive needs at least one event file."
        remedy = "Create the archive again."
        return cls(problem, remedy, code="empty_archive", actual=name)

    @classmethod
    def too_many_members(cls, name: str, members: int, max_members: int) -> InputError:
        problem = f"{name} is an archive of {members:,} files. At most {max_members:,} are read from one archive."
        remedy = "Unpack it and name the folder, or join the files, then try again."
        return cls(problem, remedy, code="too_many_members", actual=members, allowed=max_members)

    @classmethod
    def empty_folder(cls, path: Path, endings: Sequence[str]) -> InputError:
        problem = f"{path} has no event file ({', '.join(endings)})."
        remedy = "Name a folder that has one, or a file."
        return cls(problem, remedy, code="no_event_files", actual=path, allowed=list(endings))

    @classmethod
    def files_in_subfolders(cls, folder: Path, example: Path) -> InputError:
        problem = f"{folder} has no event file of its own, only files in subfolders, such as {example}."
        remedy = f"To read all of them, use the pattern {folder / '**' / f'*{example.suffix}'}."
        return cls(problem, remedy, code="files_in_subfolders", actual=example)

    # --- databases ----------------------------------------------------------------------------------------------------

    @classmethod
    def invalid_database_address(cls, reason: str) -> InputError:
        problem = f"The database address cannot be parsed ({reason})."
        remedy = "Write it like sqlite:///shop.db or postgresql://user:password@host/shop."
        return cls(problem, remedy, code="invalid_database_address", actual=reason)

    @classmethod
    def no_driver(cls, name: str, package: str) -> InputError:
        problem = (
            f"{name} needs the package {package}, which is not installed. Only SQLite and PostgreSQL work without "
            "another package."
        )
        remedy = f"Run `pip install {package}`, then try again."
        return cls(problem, remedy, code="database_driver_not_installed", actual=package)

    @classmethod
    def query_failed(cls, name: str, reason: str) -> InputError:
        problem = f"The query on {name} failed ({reason})."
        remedy = "Check the address, the password and the query."
        return cls(problem, remedy, code="query_failed", actual=reason)

    @classmethod
    def empty_query_result(cls, name: str) -> InputError:
        problem = f"The query on {name} returned no rows. At least one event is needed."
        remedy = "Check its conditions and try again."
        return cls(problem, remedy, code="empty_query_result", actual=name)

    # --- columns ------------------------------------------------------------------------------------------------------

    @classmethod
    def no_header(cls, name: str, cells: Sequence[str]) -> InputError:
        problem = f"The first line of {name} is not a header with column names, but a row of data ({listed(cells)})."
        remedy = "Add a first line with the column names, then try again."
        return cls(problem, remedy, code="no_header", actual=list(cells))

    @classmethod
    def missing_columns(
        cls, name: str, missing: Sequence[str], columns: Sequence[str], nested: Sequence[str] = ()
    ) -> InputError:
        remedy = "Add or rename columns, or use a mapping that names the columns of this log."
        if nested:
            has = f"{noun_form(len(nested), 'column')} {listed(nested)} {verb(len(nested), 'has', 'have')}"
            remedy = (
                f"The {has} nested values, whose parts are not columns. Flatten the file, so that each line is one "
                "event, or use a mapping that names the columns of this log."
            )
        problem = (
            f"{name} has no {noun_form(len(missing), 'column')} {listed(missing)}. Its columns are {listed(columns)}."
        )
        return cls(problem, remedy, code="missing_columns", actual=list(columns), allowed=list(missing))

    @classmethod
    def duplicate_column(cls, name: str, column: str) -> InputError:
        problem = f"{name} has more than one column {column}."
        remedy = "Rename one of them, or choose a different column in a mapping."
        return cls(problem, remedy, code="duplicate_column", actual=column)

    @classmethod
    def too_many_columns(cls, name: str, columns: int, max_columns: int) -> InputError:
        problem = f"{name} has {columns:,} columns. At most {max_columns:,} are read."
        remedy = "Remove the columns that are not needed, then try again."
        return cls(problem, remedy, code="too_many_columns", actual=columns, allowed=max_columns)

    @classmethod
    def other_separator(cls, name: str, separator: str) -> InputError:
        problem = f"The columns of {name} are separated by {separator}, but the mapping has another separator."
        remedy = "Remove the separator from the mapping, so that it is detected from the header."
        return cls(problem, remedy, code="other_separator", actual=separator)

    # --- tables of products and users ---------------------------------------------------------------------------------

    @classmethod
    def table_needed(cls, table: str, columns: Sequence[str]) -> InputError:
        names = f"{noun_form(len(columns), 'column')} {listed(columns)}"
        problem = f"The mapping takes the {names} from a table of {table}, but no such table was given."
        remedy = (
            f"Name its file with --{table} (on the Data page: the table of {table}), or remove these columns from the "
            "mapping."
        )
        return cls(problem, remedy, code="table_needed", actual=list(columns), allowed=table)

    @classmethod
    def no_table_key(cls, name: str, table: str, expected: str, columns: Sequence[str]) -> InputError:
        problem = (
            f"{name} has no column {expected}, by which the {table} of the log could be looked up. Its columns are "
            f"{listed(columns)}."
        )
        remedy = (
            f"Set key under [tables.{table}] in a mapping to the column with the ids of the {table}, or choose another "
            "file."
        )
        return cls(problem, remedy, code="no_table_key", actual=list(columns), allowed=expected)

    @classmethod
    def missing_table_columns(cls, name: str, table: str, missing: Sequence[str], columns: Sequence[str]) -> InputError:
        problem = (
            f"{name} has no {noun_form(len(missing), 'column')} {listed(missing)}, which the mapping takes from the "
            f"table of {table}. Its columns are {listed(columns)}."
        )
        remedy = f"Choose a table of {table} with these columns."
        return cls(problem, remedy, code="missing_table_columns", actual=list(columns), allowed=list(missing))

    @classmethod
    def no_known_ids(cls, name: str, table: str, column: str, examples: tuple[str, str]) -> InputError:
        in_table, in_log = examples
        problem = (
            f"Column {column} of {name} has none of the ids of the {table} in the log: {in_table} is in the table, and "
            f"{in_log} in the log."
        )
        remedy = (
            f"Choose another file, or set key under [tables.{table}] in a mapping to the column with the ids as the "
            "log writes them."
        )
        return cls(problem, remedy, code="no_known_ids", actual=list(examples), allowed=column)

    @classmethod
    def too_few_ids(cls, name: str, column: str, valid: int, total: int) -> InputError:
        problem = (
            f"Only {valid:,} of {count(total, 'row')} in {name} can be read and {verb(valid, 'has', 'have')} an id in "
            f"column {column}."
        )
        remedy = "Correct the file, or choose another one."
        return cls(problem, remedy, code="too_few_ids", actual=valid, allowed=column)

    @classmethod
    def repeated_ids(cls, name: str, table: str, column: str, ids: int, rows: int) -> InputError:
        problem = (
            f"Column {column} of {name} has only {count(ids, 'different id')} in {count(rows, 'row')}. A table of "
            f"{table} has one row for each of them."
        )
        remedy = f"Choose another file, or set key under [tables.{table}] in a mapping to the column with the ids."
        return cls(problem, remedy, code="repeated_ids", actual=ids, allowed=rows)

    @classmethod
    def table_too_large(cls, name: str, max_rows: int, max_gigabytes: int) -> InputError:
        problem = (
            f"{name} is too large for a table of products or users. At most {max_rows:,} rows and {max_gigabytes} GB "
            "of used columns are allowed."
        )
        remedy = "Leave out the rows that the log does not need, or use fewer columns."
        return cls(problem, remedy, code="table_too_large", actual=name, allowed=max_rows)

    # --- rows and values ----------------------------------------------------------------------------------------------

    @classmethod
    def too_few_valid(
        cls,
        kind: RowKind,
        name: str,
        valid: int,
        total: int,
        reasons: str,
        *,
        min_share: float,
        mapping_line: str = "",
        remedy: str = "",
    ) -> InputError:
        """`mapping_line`: the setting that may help. `remedy`: what to do instead of correcting file or mapping."""
        least = f"{min_share * 100:g}%" if min_share else "one"
        why = ", because session values are computed from them" if kind == "purchase" else ""
        fix_in_mapping = f", or set {mapping_line} in a mapping" if mapping_line else " or the mapping"
        lower = math.floor(100 * valid / max(total, 1)) / 100
        accept = f" To accept the file as it is, set least_usable = {lower:g} in a mapping." if lower else ""
        problem = (
            f"Only {valid:,} of {count(total, kind)} in {name} {verb(valid, 'is', 'are')} valid ({reasons}). "
            f"At least {least} must be valid{why}."
        )
        remedy = remedy or f"Correct the file{fix_in_mapping}.{accept}"
        return cls(problem, remedy, code=f"too_few_valid_{kind}s", actual=valid, allowed=min_share)

    @classmethod
    def too_few_known_values(cls, name: str, unknown: int, total: int, reasons: str, *, min_share: float) -> InputError:
        problem = (
            f"The value of {unknown:,} of {count(total, 'session')} in {name} is unknown ({reasons}). "
            f"At least {min_share * 100:g}% must be known."
        )
        remedy = "Correct the export or the mapping, or set a lower least_usable in the mapping."
        return cls(problem, remedy, code="too_few_known_values", actual=unknown, allowed=min_share)

    @classmethod
    def repeated_purchases(cls, name: str, repeated: int, total: int) -> InputError:
        problem = (
            f"{repeated:,} of {count(total, 'purchase row')} in {name} {verb(repeated, 'repeats', 'repeat')} another "
            "one in every column that is read, as if an export had been joined twice."
        )
        remedy = (
            'In a mapping, set duplicates = "remove" to count each once, or duplicates = "keep" if all are purchases.'
        )
        return cls(problem, remedy, code="repeated_purchases", actual=repeated, allowed=["remove", "keep"])

    @classmethod
    def ambiguous_decimal_mark(cls, name: str, column: str, cell: str, others: Iterable[str | None] = ()) -> InputError:
        cells = listed(other for other in others if other)
        evidence = f"The column also has {cells}." if cells else "No other number in the column shows which is right."
        problem = f"{cell} in column {column} of {name} has two readings: with a decimal point or comma. {evidence}"
        remedy = 'Set decimal = "." or decimal = "," in a mapping and try again.'
        return cls(problem, remedy, code="ambiguous_decimal_mark", actual=cell, allowed=[".", ","])

    @classmethod
    def several_currencies(cls, name: str, currencies: Sequence[str], column: str | None) -> InputError:
        where = f"Column {column}" if column else "The price column"
        settings = "currency and currency_rates" if column else "columns.currency, currency and currency_rates"
        problem = f"{where} of {name} has several currencies ({listed(currencies)}), which cannot be added up."
        remedy = f"Set {settings} in a mapping, or convert the prices, and try again."
        return cls(problem, remedy, code="several_currencies", actual=list(currencies))

    # --- sample submissions -------------------------------------------------------------------------------------------

    @classmethod
    def sessions_without_events(
        cls, name: str, missing: Sequence[str], total: int, *, min_share: float, by_timeout: bool = False
    ) -> InputError:
        """`by_timeout`: whether sessions are made by a session timeout, so that their ids are not in the log."""
        remedy = "Use the test file that belongs to this sample submission, or set a lower least_usable in a mapping."
        if by_timeout:
            remedy = (
                "The mapping makes sessions by session_gap_minutes, with ids such as U17@2025-06-02T12:00:00Z. If the "
                "log has session ids, set columns.user_session to their column instead."
            )
        problem = (
            f"{len(missing):,} of {count(total, 'session')} in {name} {verb(len(missing), 'is', 'are')} not in the "
            f"test file ({listed(missing, 3)}). At least {min_share * 100:g}% must be in it."
        )
        return cls(problem, remedy, code="sessions_without_events", actual=list(missing), allowed=min_share)

    @classmethod
    def empty_session_ids(cls, name: str, rows: int) -> InputError:
        problem = f"{name} has {count(rows, 'row')} without a session id."
        remedy = f"Remove {verb(rows, 'this row', 'these rows')} and try again."
        return cls(problem, remedy, code="empty_session_ids", actual=rows)

    @classmethod
    def repeated_sessions(cls, name: str, repeated: Sequence[str]) -> InputError:
        problem = f"{name} lists {count(len(repeated), 'session')} more than once ({listed(repeated, 3)})."
        remedy = "Remove the repeated lines and try again."
        return cls(problem, remedy, code="repeated_sessions", actual=list(repeated))

    # --- too little data ----------------------------------------------------------------------------------------------

    @classmethod
    def split_too_small(
        cls,
        name: str,
        cut: int,
        *,
        sessions: tuple[int, int],
        min_sessions: int,
        days: float,
        allowed: tuple[float, float] | None,
        windows_back: int = 0,
    ) -> InputError:
        """Return the error for a split by date that leaves too few sessions in a part.

        Args:
            cut: start of the test part, in epoch seconds.
            sessions: numbers of train and test sessions.
            allowed: lowest and highest number of days; None if the log is too short for any.
            windows_back: number of windows between the test part and the end of the log.
        """
        train, test = sessions
        back = f", {count(windows_back, 'window')} back from its end" if windows_back else ""
        remedy = "Use a longer log, or a train file and a test file."
        if allowed is not None and windows_back:
            remedy = f"Use fewer windows, or another number of days, at most {allowed[1]:g}."
        elif allowed is not None:
            remedy = f"Use from {allowed[0]:g} to {allowed[1]:g} days."
        problem = (
            f"A split of {name} with {days:g} test days{back} puts {train:,} complete {noun_form(train, 'session')} "
            f"before {time_text(cut)} and {test:,} after it. Each part needs at least {min_sessions}."
        )
        return cls(problem, remedy, code="split_too_small", actual=days, allowed=allowed)

    @classmethod
    def too_few_users(cls, users: int, min_users: int) -> InputError:
        problem = (
            f"The train file has {count(users, 'user')} with a session value. Training and scoring by user need at "
            f"least {min_users:,} users."
        )
        remedy = "Use a longer log."
        return cls(problem, remedy, code="too_few_users", actual=users, allowed=min_users)

    @classmethod
    def too_few_users_per_period(cls, users: int, min_users: int) -> InputError:
        problem = (
            f"With folds forward in time, one fold has {count(users, 'user')} to learn from, because users who return "
            f"in the validated period are left out. At least {min_users:,} are needed."
        )
        remedy = "Use fewer folds, or folds by user."
        return cls(problem, remedy, code="too_few_users_per_period", actual=users, allowed=min_users)

    @classmethod
    def empty_period(cls, folds: int) -> InputError:
        problem = (
            f"Folds forward in time divide the log into {folds + 1:,} periods, and one has no session. The log is "
            "short, or many sessions begin in the same second."
        )
        remedy = "Use fewer folds, or folds by user."
        return cls(problem, remedy, code="empty_period", actual=folds)
