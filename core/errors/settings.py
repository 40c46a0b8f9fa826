"""Settings that cannot be what they were told to be."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from core.base.text import listed
from core.errors.base import StudioError


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
    def of_another_version(cls, job_id: str) -> SettingError:
        return cls(f"The settings of job {job_id} are from another version of the program. Start a new run.")

    @classmethod
    def unknown(cls, setting: str, known: Sequence[str]) -> SettingError:
        near = difflib.get_close_matches(setting, known, n=3)
        ordered = [*near, *(name for name in known if name not in near)]
        return cls(f"There is no setting {setting}: allowed are {listed(ordered)}; correct its name and start again.")
