"""The few errors a person can cause, each one sentence: the rule, what was found, what is allowed, the next step.

Everything here is shown as it stands, on the command line and in the browser, so a message never holds a traceback,
a memory address or a word of our code. Anything that is not a `StudioError` is a defect of ours.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType


def listed(names: Iterable[object], most: int = 8) -> str:
    """Name things for a sentence: `a, b and 3 more`."""
    items = [str(name) for name in names]
    shown = ", ".join(items[:most])
    return shown if len(items) <= most else f"{shown} and {len(items) - most:,} more"


class StudioError(Exception):
    """Base of all errors that a person can mend. `exit_code` is what the command line returns."""

    exit_code = 2


class InputError(StudioError):
    """A file that cannot be used as it is."""

    @classmethod
    def not_found(cls, path: Path) -> InputError:
        return cls(f"There is no file at {path}: check the path, or pick another file.")

    @classmethod
    def cannot_open(cls, path: Path, found: str) -> InputError:
        return cls(f"{path.name} cannot be opened ({found}): check the path and its permissions, or pick another file.")

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
            f"Folds forward in time leave a stretch {found:,} users to learn from, as nobody is learned from who comes "
            f"back in the stretch that is told: at least {at_least:,} are needed; take fewer folds, or folds by user."
        )

    @classmethod
    def nothing_to_learn(cls, users: int, at_least: int) -> InputError:
        return cls(
            f"The train file has {users:,} users with a session value: at least {at_least:,} are needed "
            "to train and to score by user; bring a longer log."
        )


class SettingError(StudioError):
    """A setting outside what is allowed."""

    @classmethod
    def not_allowed(cls, setting: str, found: object, allowed: str) -> SettingError:
        return cls(f"{setting} is {found!r}: allowed is {allowed}; change it and start again.")

    @classmethod
    def usage(cls, found: str, command: str) -> SettingError:
        return cls(f"The command cannot be understood ({found}): see `{command} --help`.")

    @classmethod
    def no_out_in_background(cls) -> SettingError:
        return cls(
            "--out and --background do not go together: a run in the background stands in the workspace; "
            "leave one of them out."
        )

    @classmethod
    def beside_dataset(cls, option: str) -> SettingError:
        return cls(
            f"--dataset and {option} do not go together: a dataset was read from its files; leave one of them out."
        )

    @classmethod
    def beside_run(cls, option: str) -> SettingError:
        return cls(
            f"--run and {option} do not go together: a run knows the sessions that it was made for; "
            "leave one of them out."
        )

    @classmethod
    def missing(cls, setting: str, takes: str) -> SettingError:
        return cls(f"{setting} is missing: it takes {takes}; add it and start again.")

    @classmethod
    def nothing_to_tune(cls) -> SettingError:
        return cls(
            "The preset quick tunes nothing, so it takes no minutes and no trials: leave them out, or choose the "
            "preset standard or thorough."
        )

    @classmethod
    def unknown_feature(cls, setting: str, name: str, known: Sequence[str]) -> SettingError:
        near = difflib.get_close_matches(name, known, n=3) or known[:3]
        return cls(
            f"{setting} names {name}, which is no feature: allowed are the names that `python -m core features` lists, "
            f"such as {listed(near)}; correct it and start again."
        )

    @classmethod
    def no_such_device(cls, device: str, found: str) -> SettingError:
        return cls(
            f"The device {device} cannot be used here ({found}): leave the setting out to train on the CPU, or install "
            "the libraries' builds for it."
        )

    @classmethod
    def query_beside_file(cls, option: str, path: str) -> SettingError:
        return cls(
            f"{option} stands beside the file {path}: a query goes to a database only, named by an address like "
            "sqlite:///shop.db; leave it out, or name the database."
        )

    @classmethod
    def no_workspace(cls, root: Path, found: str) -> SettingError:
        return cls(
            f"The workspace {root} cannot be used ({found}): it must be a folder that can be written to; "
            "name another one in the environment variable SVS_HOME."
        )

    @classmethod
    def no_room(cls, root: Path) -> SettingError:
        return cls(
            f"There is no room left on the disk of the workspace {root}: nothing of the new dataset is kept; "
            "make room, or name another workspace in the environment variable SVS_HOME, and try again."
        )

    @classmethod
    def unknown(cls, setting: str, known: Sequence[str]) -> SettingError:
        near = difflib.get_close_matches(setting, known, n=3)
        ordered = [*near, *(name for name in known if name not in near)]
        return cls(f"There is no setting {setting}: allowed are {listed(ordered)}; correct its name and start again.")


class RunError(StudioError):
    """A run folder, job or dataset that is absent or not whole."""

    @classmethod
    def unknown(cls, kind: str, name: str, known: Sequence[str]) -> RunError:
        have = f"known are {listed(known, 5)}" if known else f"there is no {kind} yet"
        return cls(f"There is no {kind} named {name}: {have}; see `python -m core {kind}s list`.")

    @classmethod
    def folder_in_use(cls, path: Path) -> RunError:
        return cls(f"{path} already exists and is not empty: name a new folder for this run with --out.")

    @classmethod
    def file_exists(cls, path: Path) -> RunError:
        return cls(f"{path} already exists: nothing is written over; name another place with --out.")

    @classmethod
    def not_writable(cls, path: Path, found: str) -> RunError:
        return cls(f"{path} cannot be written ({found}): name a folder that you may write to with --out.")

    @classmethod
    def no_database(cls, path: Path, found: str) -> RunError:
        return cls(
            f"The jobs database {path} cannot be used ({found}): it must be a file that can be written to; "
            "move it away, and a new one is made."
        )

    @classmethod
    def no_room(cls, path: Path) -> RunError:
        return cls(
            f"There is no room left on the disk of {path}: make some and start the same run again, or resume it; "
            "what it had done is kept."
        )

    @classmethod
    def ended_already(cls, job: str, state: str) -> RunError:
        return cls(
            f"Job {job} is {state} already: only one that waits or works can be stopped or cancelled; see "
            "`python -m core jobs list`."
        )

    @classmethod
    def not_at_work(cls, job: str, state: str) -> RunError:
        return cls(
            f"Job {job} is {state}: only one that is running can be told to finish with the best it has found so far; "
            "see `python -m core jobs list`."
        )

    @classmethod
    def not_waiting(cls, job: str, state: str) -> RunError:
        return cls(
            f"Job {job} is {state}: only one that waits has a place in the queue; see `python -m core jobs list`."
        )

    @classmethod
    def busy(cls, job: str, *, same: bool) -> RunError:
        if same:
            return cls(
                f"This very run is at work already as job {job}, and the same work is not done twice at a time: see "
                "`python -m core jobs list`, and wait for it."
            )
        return cls(
            f"Another run is at work (job {job}), and a workspace does one at a time: wait for it, or add "
            "--background, and yours waits in the queue."
        )

    @classmethod
    def not_resumable(cls, job: str, state: str) -> RunError:
        return cls(
            f"Job {job} is {state}: only one that failed, was cancelled or was lost can be resumed; "
            "see `python -m core jobs list`."
        )

    @classmethod
    def other_version(cls, path: Path, found: object, known: int) -> RunError:
        return cls(
            f"The run in {path} is of version {found}, this program reads version {known}: open it with the program "
            "that wrote it, or start the run again."
        )

    @classmethod
    def not_sure(cls, run: str, path: Path) -> RunError:
        return cls(f"Run {run} in {path} would be deleted for good: ask again with --yes, if that is what you want.")

    @classmethod
    def no_run(cls, path: Path) -> RunError:
        return cls(
            f"{path} is not the folder of a run (its manifest.json tells of none): outside the workspace only a folder "
            "that a run was written to can be named; see `python -m core runs list`."
        )

    @classmethod
    def note_too_long(cls, found: str) -> RunError:
        return cls(
            f"The note cannot be kept ({found}): a name has up to 80 characters, a text up to 4,000; shorten it."
        )

    @classmethod
    def not_deletable(cls, path: Path, found: str) -> RunError:
        return cls(f"The run in {path} cannot be deleted ({found}): see who may write to its folder.")

    @classmethod
    def not_whole(cls, path: Path, what: str) -> RunError:
        return cls(f"The run in {path} is not whole ({what}): start the run again, or pick another one.")


class MissingPart(StudioError):
    """An optional package that this machine does not have."""

    @classmethod
    def package(cls, package: str, purpose: str) -> MissingPart:
        return cls(
            f"{purpose} needs the package {package}, which is not installed: "
            f"run `pip install {package}`, then try again."
        )

    @classmethod
    def java(cls, purpose: str) -> MissingPart:
        return cls(
            f"{purpose} needs Java 17 or later, which is not found: install a Java runtime, or name its folder in "
            "JAVA_HOME, then try again."
        )


class Cancelled(StudioError):
    """A person asked the work to stop; nothing is wrong."""

    exit_code = 130


def import_part(module: str, purpose: str) -> ModuleType:
    """Import an optional package when it is needed.

    Raises:
        MissingPart: it is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise MissingPart.package(module.split(".", maxsplit=1)[0], purpose) from error
