"""Files that cannot be used as they are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.errors.base import StudioError, listed


def _users(number: int) -> str:
    return f"{number:,} {'user' if number == 1 else 'users'}"


class InputError(StudioError):
    """A file that cannot be used as it is."""

    @classmethod
    def not_found(cls, path: Path) -> InputError:
        return cls(f"There is no file at {path}: check the path, or pick another file.")

    @classmethod
    def cannot_open(cls, path: Path, found: str) -> InputError:
        return cls(f"{path.name} cannot be opened ({found}): check the path and its permissions, or pick another file.")

    @classmethod
    def changed_while_read(cls, name: str, found: str) -> InputError:
        return cls(
            f"{name} changed while it was being read ({found}): a file must stay the same until it has been read; "
            "wait until copying or writing has finished, then try again."
        )

    @classmethod
    def same_file(cls, name: str) -> InputError:
        return cls(
            f"{name} was given as train and as test: the two must be different files, the test file with the sessions "
            "to predict; pick the other one."
        )

    @classmethod
    def empty(cls, name: str) -> InputError:
        return cls(f"{name} is empty: an event file needs a header line and at least one event; export it again.")

    @classmethod
    def unreadable(cls, name: str, found: str) -> InputError:
        return cls(
            f"{name} cannot be read as a table ({found}): "
            "event files are CSV, CSV.GZ, ZIP or Parquet; save it as one of these and try again."
        )

    @classmethod
    def other_encoding(cls, name: str, told: str = "") -> InputError:
        which = f"not {told}" if told else "not in the encoding that was told"
        return cls(
            f"The text of {name} is {which}: any encoding can be read that a mapping names, such as "
            'encoding = "cp1252" or "latin-1"; name it there, or save the file as UTF-8, and try again.'
        )

    @classmethod
    def column_twice(cls, name: str, column: str) -> InputError:
        return cls(
            f"{name} has the column {column} more than once: a column that is read stands there once; "
            "rename one of the two, or name another column in a mapping."
        )

    @classmethod
    def no_answer(cls, name: str) -> InputError:
        return cls(
            f"The query on {name} gives no row: its answer must hold at least one event; "
            "see what its conditions leave, and try again."
        )

    @classmethod
    def not_named(cls, option: str) -> InputError:
        return cls(f"{option} is empty: it takes the path of an event file; name one and try again.")

    @classmethod
    def files_deeper(cls, folder: Path, found: Path) -> InputError:
        return cls(
            f"{folder} has no event file of its own, but its folders have, such as {found}: of a folder only its own "
            f"files are read; name all of them as {folder / '**' / f'*{found.suffix}'}."
        )

    @classmethod
    def empty_folder(cls, path: Path, endings: Sequence[str]) -> InputError:
        return cls(f"{path} has no event file ({listed(endings)}): name a folder that has, or a file.")

    @classmethod
    def empty_archive(cls, name: str) -> InputError:
        return cls(f"{name} has no file in it: a ZIP archive needs at least one event file; pack it again.")

    @classmethod
    def not_fetched(cls, address: str) -> InputError:
        return cls(
            f"{address} is an address of a file: event files are read from this machine, by their path, and "
            "databases by an address like sqlite:///shop.db; bring the file here and name its path."
        )

    @classmethod
    def no_database_url(cls, found: str) -> InputError:
        return cls(
            f"The address of the database cannot be understood ({found}): it is like sqlite:///shop.db or "
            "postgresql://user:password@host/shop; correct it and try again."
        )

    @classmethod
    def no_driver(cls, name: str, package: str) -> InputError:
        return cls(
            f"{name} needs the package {package}, which is not installed: drivers for SQLite and PostgreSQL come with "
            f"the product; run `pip install {package}`, then try again."
        )

    @classmethod
    def query_failed(cls, name: str, found: str) -> InputError:
        return cls(f"{name} does not answer the query ({found}): check the address, the password and the query.")

    @classmethod
    def missing_columns(cls, name: str, missing: Sequence[str], found: Sequence[str]) -> InputError:
        word = "column" if len(missing) == 1 else "columns"
        return cls(
            f"{name} has no {word} {listed(missing)} (found: {listed(found)}): "
            f"rename or add the missing {word}, or say with a mapping what this log calls them."
        )

    @classmethod
    def other_separator(cls, name: str, found: str) -> InputError:
        return cls(
            f"The columns of {name} are separated by {found}, and the mapping names another separator: "
            "take the separator out of the mapping, then the header tells it."
        )

    @classmethod
    def too_few_rows(
        cls, name: str, kept: int, total: int, reasons: str, *, at_least: float, setting: str = ""
    ) -> InputError:
        """`setting` is what in a mapping may help, as it would stand there."""
        least = f"{at_least * 100:g}%" if at_least else "one"
        step = f"mend the file, or say {setting} in a mapping," if setting else "mend the file"
        return cls(
            f"{name}: only {kept:,} of {total:,} rows can be used ({reasons}); "
            f"at least {least} must be, so {step} and try again."
        )

    @classmethod
    def too_few_purchases(
        cls, name: str, usable: int, total: int, reasons: str, *, at_least: float, setting: str = ""
    ) -> InputError:
        """`setting` is what in a mapping may help, as it would be written there."""
        step = f"say {setting} in a mapping, or correct the file," if setting else "correct the file or the mapping"
        return cls(
            f"{name}: only {usable:,} of {total:,} purchases can be used ({reasons}); at least {at_least * 100:g}% "
            f"must be, because what a session is worth depends on them: {step} and try again."
        )

    @classmethod
    def either_decimal_mark(
        cls, name: str, column: str, cell: str, *, others: tuple[str | None, str | None] = (None, None)
    ) -> InputError:
        """`others` are a cell that needs a decimal point and one that needs a comma, if the column has such cells."""
        found = " and ".join(filter(None, others))
        why = f"it also has {found}" if found else "no other number in it decides"
        return cls(
            f"Column {column} of {name} has {cell}, which is another number with a decimal comma than with a decimal "
            f'point, and {why}: say decimal = "." or decimal = "," in a mapping and try again.'
        )

    @classmethod
    def several_currencies(cls, name: str, found: Sequence[str], column: str | None) -> InputError:
        where = f"Column {column}" if column else "The price column"
        column_step = "" if column else "columns.currency, "
        return cls(
            f"{where} of {name} has several currencies ({listed(found)}), which cannot be added up: name {column_step}"
            "currency and currency_rates in a mapping, or convert the prices, and try again."
        )

    @classmethod
    def purchases_repeated(cls, name: str, repeated: int, total: int) -> InputError:
        return cls(
            f"{name}: {repeated:,} of {total:,} purchase rows are equal to another one in every column that is read, "
            'as when an export is joined twice: say duplicates = "remove" in a mapping if each counts once, or '
            'duplicates = "keep" if each is a purchase of its own, and try again.'
        )

    @classmethod
    def values_unknown(cls, name: str, unknown: int, total: int, reasons: str, *, at_least: float) -> InputError:
        return cls(
            f"{name}: the value of {unknown:,} of {total:,} sessions is not known ({reasons}); it must be for at least "
            f"{at_least * 100:g}%: correct the export or the mapping, or set a lower least_usable, and try again."
        )

    @classmethod
    def sessions_without_events(cls, name: str, missing: Sequence[str], total: int) -> InputError:
        have = "has" if len(missing) == 1 else "have"
        return cls(
            f"{len(missing):,} of the {total:,} sessions in {name} {have} no event in the test file "
            f"({listed(missing, 3)}): every session to predict needs at least one event; "
            "use the test file that belongs to this sample submission."
        )

    @classmethod
    def not_unique(cls, name: str, repeated: Sequence[str]) -> InputError:
        word = "session" if len(repeated) == 1 else "sessions"
        return cls(
            f"{name} names {len(repeated):,} {word} more than once ({listed(repeated, 3)}): "
            "each session stands there once; remove the repetitions and try again."
        )

    @classmethod
    def nothing_to_learn_forward(cls, found: int, at_least: int) -> InputError:
        return cls(
            f"Folds forward in time leave a stretch {_users(found)} to learn from, as nobody is learned from "
            f"who comes back in the stretch that is told: at least {at_least:,} are needed; take fewer folds, or folds "
            "by user."
        )

    @classmethod
    def empty_stretch(cls, folds: int) -> InputError:
        return cls(
            f"Folds forward in time cut the log into {folds + 1:,} stretches, and one has no session, as many sessions "
            "begin in the same second or the log is short: take fewer folds, or folds by user."
        )

    @classmethod
    def nothing_to_learn(cls, users: int, at_least: int) -> InputError:
        return cls(
            f"The train file has {_users(users)} with a session value: at least {at_least:,} are needed "
            "to train and to score by user; bring a longer log."
        )
