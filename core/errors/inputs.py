"""Errors about event files, databases and sample submissions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.base.text import count, joined, listed, noun_form, verb
from core.errors.base import StudioError


class InputError(StudioError):
    """An input that cannot be used as it is."""

    code = "input_error"

    # --- files and folders --------------------------------------------------------------------------------------------

    @classmethod
    def not_found(cls, path: Path) -> InputError:
        return cls(
            f"There is no file at {path}.",
            "Check the path, or choose another file.",
            code="file_not_found",
            found=path,
        )

    @classmethod
    def cannot_open(cls, path: Path, reason: str) -> InputError:
        return cls(
            f"{path.name} cannot be opened ({reason}).",
            "Check the path and its permissions, or choose another file.",
            code="cannot_open_file",
            found=reason,
        )

    @classmethod
    def not_named(cls, option: str) -> InputError:
        return cls(f"{option} is empty.", "Name an event file and try again.", code="no_file_named", found=option)

    @classmethod
    def same_file(cls, name: str) -> InputError:
        return cls(
            f"{name} is both the train file and the test file. The test file must have the sessions to predict.",
            "Choose another file for one of them.",
            code="same_file_twice",
            found=name,
        )

    @classmethod
    def changed_while_read(cls, name: str, reason: str) -> InputError:
        return cls(
            f"{name} changed while it was being read ({reason}).",
            "Wait until it is completely written, then try again.",
            code="file_changed",
            found=reason,
        )

    @classmethod
    def empty(cls, name: str) -> InputError:
        return cls(
            f"{name} is empty. An event file needs a header line and at least one event.",
            "Export it again.",
            code="empty_file",
            found=name,
        )

    @classmethod
    def unreadable(cls, name: str, reason: str) -> InputError:
        return cls(
            f"{name} cannot be read as a table ({reason}).",
            "Save it as CSV, CSV.GZ, ZIP or Parquet, then try again.",
            code="not_a_table",
            found=reason,
            allowed=["CSV", "CSV.GZ", "ZIP", "Parquet"],
        )

    @classmethod
    def empty_archive(cls, name: str) -> InputError:
        return cls(
            f"{name} has no files. A ZIP archive needs at least one event file.",
            "Create the archive again.",
            code="empty_archive",
            found=name,
        )

    @classmethod
    def empty_folder(cls, path: Path, endings: Sequence[str]) -> InputError:
        return cls(
            f"{path} has no event file ({listed(endings)}).",
            "Name a folder that has one, or a file.",
            code="no_event_files",
            found=path,
            allowed=list(endings),
        )

    @classmethod
    def files_deeper(cls, folder: Path, example: Path) -> InputError:
        return cls(
            f"{folder} has no event file of its own, only files in subfolders, such as {example}.",
            f"To read all of them, use the pattern {folder / '**' / f'*{example.suffix}'}.",
            code="files_in_subfolders",
            found=example,
        )

    # --- databases ----------------------------------------------------------------------------------------------------

    @classmethod
    def not_fetched(cls, address: str) -> InputError:
        return cls(
            f"{address} is a web address. Event files are read from this machine only.",
            "Download the file and name its path. A database has an address such as sqlite:///shop.db.",
            code="web_address",
            found=address,
        )

    @classmethod
    def no_database_url(cls, reason: str) -> InputError:
        return cls(
            f"The database address cannot be parsed ({reason}).",
            "Write it like sqlite:///shop.db or postgresql://user:password@host/shop.",
            code="invalid_database_address",
            found=reason,
        )

    @classmethod
    def no_driver(cls, name: str, package: str) -> InputError:
        return cls(
            f"{name} needs the package {package}, which is not installed. Only SQLite and PostgreSQL work without "
            "another package.",
            f"Run `pip install {package}`, then try again.",
            code="database_driver_not_installed",
            found=package,
        )

    @classmethod
    def query_failed(cls, name: str, reason: str) -> InputError:
        return cls(
            f"The query on {name} failed ({reason}).",
            "Check the address, the password and the query.",
            code="query_failed",
            found=reason,
        )

    @classmethod
    def no_answer(cls, name: str) -> InputError:
        return cls(
            f"The query on {name} returned no rows. At least one event is needed.",
            "Check its conditions and try again.",
            code="empty_query_result",
            found=name,
        )

    # --- columns and text ---------------------------------------------------------------------------------------------

    @classmethod
    def missing_columns(cls, name: str, missing: Sequence[str], columns: Sequence[str]) -> InputError:
        noun = noun_form(len(missing), "column")
        return cls(
            f"{name} has no {noun} {listed(missing)}. Its columns are {listed(columns)}.",
            f"Add or rename the missing {noun}, or use a mapping that says what they are called in this log.",
            code="missing_columns",
            found=list(columns),
            allowed=list(missing),
        )

    @classmethod
    def column_twice(cls, name: str, column: str) -> InputError:
        return cls(
            f"{name} has more than one column {column}.",
            "Rename one of them, or name another column in a mapping.",
            code="duplicate_column",
            found=column,
        )

    @classmethod
    def other_separator(cls, name: str, separator: str) -> InputError:
        return cls(
            f"The columns of {name} are separated by {separator}, but the mapping has another separator.",
            "Remove the separator from the mapping; it is then detected from the header.",
            code="other_separator",
            found=separator,
        )

    @classmethod
    def other_encoding(cls, name: str, expected: str = "") -> InputError:
        """`expected` is the encoding that was tried, and what contradicts it."""
        encoding = f"not {expected}" if expected else "not in the expected encoding"
        return cls(
            f"The text of {name} is {encoding}.",
            'Name its encoding in a mapping, such as encoding = "cp1252" or "latin-1", or save the file as UTF-8.',
            code="other_encoding",
            found=expected,
        )

    # --- rows and values ----------------------------------------------------------------------------------------------

    @classmethod
    def too_few_rows(
        cls, name: str, kept: int, total: int, reasons: str, *, at_least: float, setting: str = ""
    ) -> InputError:
        """Too many rows are invalid.

        Args:
            name: of the file.
            kept: valid rows, out of `total`.
            total: rows of the file.
            reasons: why the others are invalid, with their numbers.
            at_least: the share of rows that must be valid.
            setting: a line for the mapping that may help, if there is one.
        """
        least = f"At least {at_least * 100:g}% must be valid." if at_least else "At least one must be valid."
        return cls(
            f"Only {kept:,} of {count(total, 'row')} in {name} {verb(kept, 'is', 'are')} valid ({reasons}). {least}",
            f"Put {setting} into a mapping, or correct the file." if setting else "Correct the file and try again.",
            code="too_few_valid_rows",
            found=kept,
            allowed=at_least,
        )

    @classmethod
    def too_few_purchases(
        cls, name: str, usable: int, total: int, reasons: str, *, at_least: float, setting: str = ""
    ) -> InputError:
        """Too many purchases are invalid; see `too_few_rows`."""
        mapping_or_file = f"Put {setting} into a mapping, or correct the file."
        return cls(
            f"Only {usable:,} of {count(total, 'purchase')} in {name} {verb(usable, 'is', 'are')} valid ({reasons}). "
            f"At least {at_least * 100:g}% must be valid, because session values are computed from them.",
            mapping_or_file if setting else "Correct the file or the mapping.",
            code="too_few_valid_purchases",
            found=usable,
            allowed=at_least,
        )

    @classmethod
    def values_unknown(cls, name: str, unknown: int, total: int, reasons: str, *, at_least: float) -> InputError:
        return cls(
            f"The value of {unknown:,} of {count(total, 'session')} in {name} is unknown ({reasons}). "
            f"At least {at_least * 100:g}% must be known.",
            "Correct the export or the mapping, or set a lower least_usable in the mapping.",
            code="too_few_known_values",
            found=unknown,
            allowed=at_least,
        )

    @classmethod
    def purchases_repeated(cls, name: str, repeated: int, total: int) -> InputError:
        return cls(
            f"{repeated:,} of {count(total, 'purchase row')} in {name} {verb(repeated, 'repeats', 'repeat')} another "
            "one in every column that is read, as if an export had been joined twice.",
            'In a mapping, set duplicates = "remove" to count each once, or duplicates = "keep" if all are purchases.',
            code="repeated_purchases",
            found=repeated,
            allowed=["remove", "keep"],
        )

    @classmethod
    def either_decimal_mark(
        cls, name: str, column: str, cell: str, *, others: tuple[str | None, str | None] = (None, None)
    ) -> InputError:
        """`others` are a cell that needs a decimal point and one that needs a comma, if the column has such cells."""
        cells = [other for other in others if other]
        evidence = f"The column also has {joined(cells)}." if cells else "No other number in the column decides."
        return cls(
            f"{cell} in column {column} of {name} has two readings: with a decimal point and with a decimal comma. "
            f"{evidence}",
            'Set decimal = "." or decimal = "," in a mapping and try again.',
            code="ambiguous_decimal_mark",
            found=cell,
            allowed=[".", ","],
        )

    @classmethod
    def several_currencies(cls, name: str, currencies: Sequence[str], column: str | None) -> InputError:
        where = f"Column {column}" if column else "The price column"
        settings = "currency and currency_rates" if column else "columns.currency, currency and currency_rates"
        return cls(
            f"{where} of {name} has several currencies ({listed(currencies)}), which cannot be added up.",
            f"Set {settings} in a mapping, or convert the prices, and try again.",
            code="several_currencies",
            found=list(currencies),
        )

    # --- sample submissions -------------------------------------------------------------------------------------------

    @classmethod
    def sessions_without_events(cls, name: str, missing: Sequence[str], total: int) -> InputError:
        return cls(
            f"{len(missing):,} of {count(total, 'session')} in {name} {verb(len(missing), 'has', 'have')} no event in "
            f"the test file ({listed(missing, 3)}). Every session to predict needs at least one.",
            "Use the test file that belongs to this sample submission.",
            code="sessions_without_events",
            found=list(missing),
        )

    @classmethod
    def not_unique(cls, name: str, repeated: Sequence[str]) -> InputError:
        return cls(
            f"{name} has {count(len(repeated), 'session')} more than once ({listed(repeated, 3)}).",
            "Remove the repeated lines and try again.",
            code="repeated_sessions",
            found=list(repeated),
        )

    # --- training -----------------------------------------------------------------------------------------------------

    @classmethod
    def nothing_to_learn(cls, users: int, at_least: int) -> InputError:
        return cls(
            f"The train file has {count(users, 'user')} with a session value. Training and scoring by user need at "
            f"least {at_least:,}.",
            "Use a longer log.",
            code="too_few_users",
            found=users,
            allowed=at_least,
        )

    @classmethod
    def nothing_to_learn_forward(cls, users: int, at_least: int) -> InputError:
        return cls(
            f"With folds forward in time, one fold has {count(users, 'user')} to learn from, because users who return "
            f"in the validated period are left out. At least {at_least:,} are needed.",
            "Use fewer folds, or folds by user.",
            code="too_few_users_per_period",
            found=users,
            allowed=at_least,
        )

    @classmethod
    def empty_stretch(cls, folds: int) -> InputError:
        return cls(
            f"Folds forward in time divide the log into {folds + 1:,} periods, and one has no session. The log is "
            "short, or many sessions begin in the same second.",
            "Use fewer folds, or folds by user.",
            code="empty_period",
            found=folds,
        )
