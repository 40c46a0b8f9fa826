"""Errors about the files, folders, archives and databases that events are read from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.errors.base import InputError


class SourceError(InputError):
    """A file, a folder or a query that cannot be opened or read."""

    # --- files and archives -------------------------------------------------------------------------------------------

    @classmethod
    def no_file_named(cls, option: str) -> SourceError:
        return cls(f"{option} is empty.", "Name an event file and try again.", code="no_file_named", actual=option)

    @classmethod
    def not_found(cls, path: Path) -> SourceError:
        problem = f"There is no file at {path}."
        remedy = "Check the path, or choose another file."
        return cls(problem, remedy, code="file_not_found", actual=path)

    @classmethod
    def cannot_open(cls, path: Path, reason: str) -> SourceError:
        problem = f"{path.name} cannot be opened ({reason})."
        remedy = "Check the path and its permissions, or choose another file."
        return cls(problem, remedy, code="cannot_open_file", actual=reason)

    @classmethod
    def web_address(cls, address: str) -> SourceError:
        problem = f"{address} is a web address. Event files are read from this machine only."
        remedy = "Download the file and name its path. A database has an address such as sqlite:///shop.db."
        return cls(problem, remedy, code="web_address", actual=address)

    @classmethod
    def same_file(cls, name: str) -> SourceError:
        problem = f"{name} is both the train file and the test file. The test file must have the sessions to predict."
        remedy = "Choose another file for one of them."
        return cls(problem, remedy, code="same_file_twice", actual=name)

    @classmethod
    def swapped_files(cls, train: str, test: str, column: str) -> SourceError:
        problem = (
            f"The train file {train} has no column {column}, but the test file {test} has. They seem to be swapped."
        )
        remedy = f"Use {test} as the train file and {train} as the test file."
        return cls(problem, remedy, code="swapped_files", actual=[train, test])

    @classmethod
    def changed_while_read(cls, name: str, reason: str) -> SourceError:
        problem = f"{name} changed while it was being read ({reason})."
        remedy = "Wait until it is completely written, then try again."
        return cls(problem, remedy, code="file_changed", actual=reason)

    @classmethod
    def empty(cls, name: str) -> SourceError:
        problem = f"{name} is empty. An event file needs a header line and at least one event."
        remedy = "Export it again."
        return cls(problem, remedy, code="empty_file", actual=name)

    @classmethod
    def unreadable(cls, name: str, reason: str, remedy: str = "") -> SourceError:
        problem = f"{name} cannot be read as a table ({reason})."
        remedy = remedy or "Save it as CSV, CSV.GZ, ZIP, Parquet or JSON Lines, then try again."
        allowed = ["CSV", "CSV.GZ", "ZIP", "Parquet", "JSON Lines"]
        return cls(problem, remedy, code="not_a_table", actual=reason, allowed=allowed)

    @classmethod
    def other_encoding(cls, name: str, expected: str = "in the expected encoding") -> SourceError:
        problem = f"The text of {name} is not {expected}."
        remedy = 'Name its encoding in a mapping, such as encoding = "cp1252" or "latin-1", or save the file as UTF-8.'
        return cls(problem, remedy, code="other_encoding", actual=expected)

    @classmethod
    def expands_too_much(
        cls, name: str, unpacked: int, packed: int, *, max_ratio: int, limit: int, variable: str
    ) -> SourceError:
        ratio = unpacked // max(packed, 1)
        problem = (
            f"{name} has {packed:,} bytes, but unpacks to {unpacked:,} bytes or more, {max(ratio, 1):,} times as many. "
            f"At most {limit:,} are read: {max_ratio:,} times its size, or 64 MiB if that is more."
        )
        remedy = (
            f"If the file is right, unpack it first, or set the environment variable {variable} to a number above "
            f"{max(ratio, max_ratio):,}."
        )
        return cls(problem, remedy, code="expands_too_much", actual=unpacked, allowed=limit)

    @classmethod
    def empty_archive(cls, name: str) -> SourceError:
        problem = f"{name} has no files. A ZIP archive needs at least one event file."
        remedy = "Create the archive again."
        return cls(problem, remedy, code="empty_archive", actual=name)

    @classmethod
    def too_many_members(cls, name: str, members: int, max_members: int) -> SourceError:
        problem = f"{name} is an archive of {members:,} files. At most {max_members:,} are read from one archive."
        remedy = "Unpack it and name the folder, or join the files, then try again."
        return cls(problem, remedy, code="too_many_members", actual=members, allowed=max_members)

    @classmethod
    def empty_folder(cls, path: Path, endings: Sequence[str]) -> SourceError:
        problem = f"{path} has no event file ({', '.join(endings)})."
        remedy = "Name a folder that has one, or a file."
        return cls(problem, remedy, code="no_event_files", actual=path, allowed=list(endings))

    @classmethod
    def files_in_subfolders(cls, folder: Path, example: Path) -> SourceError:
        problem = f"{folder} has no event file of its own, only files in subfolders, such as {example}."
        remedy = f"To read all of them, use the pattern {folder / '**' / f'*{example.suffix}'}."
        return cls(problem, remedy, code="files_in_subfolders", actual=example)

    # --- databases ----------------------------------------------------------------------------------------------------

    @classmethod
    def invalid_database_address(cls, reason: str) -> SourceError:
        problem = f"The database address cannot be parsed ({reason})."
        remedy = "Write it like sqlite:///shop.db or postgresql://user:password@host/shop."
        return cls(problem, remedy, code="invalid_database_address", actual=reason)

    @classmethod
    def no_driver(cls, name: str, package: str) -> SourceError:
        problem = (
            f"{name} needs the package {package}, which is not installed. Only SQLite and PostgreSQL work without "
            "another package."
        )
        remedy = f"Run `pip install {package}`, then try again."
        return cls(problem, remedy, code="database_driver_not_installed", actual=package)

    @classmethod
    def query_failed(cls, name: str, reason: str) -> SourceError:
        problem = f"The query on {name} failed ({reason})."
        remedy = "Check the address, the password and the query."
        return cls(problem, remedy, code="query_failed", actual=reason)

    @classmethod
    def empty_query_result(cls, name: str) -> SourceError:
        problem = f"The query on {name} returned no rows. At least one event is needed."
        remedy = "Check its conditions and try again."
        return cls(problem, remedy, code="empty_query_result", actual=name)
