"""Errors about settings: options of the command line, environment variables and values in mapping files."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from core.base.text import listed
from core.errors.base import StudioError


class SettingError(StudioError):
    """A setting that is missing, unknown, not allowed, or not possible on this machine."""

    @classmethod
    def not_allowed(cls, setting: str, value: object, allowed: str) -> SettingError:
        return cls(
            f"{setting} is {value!r}. Allowed: {allowed}.", "Change it and start again.", found=value, allowed=allowed
        )

    @classmethod
    def missing(cls, setting: str, allowed: str) -> SettingError:
        return cls(f"{setting} is missing: it takes {allowed}.", "Add it and start again.", allowed=allowed)

    @classmethod
    def unknown(cls, setting: str, names: Sequence[str]) -> SettingError:
        near = difflib.get_close_matches(setting, names, n=3)
        ordered = [*near, *(name for name in names if name not in near)]
        return cls(
            f"There is no setting {setting}. Allowed: {listed(ordered)}.",
            "Correct its name and start again.",
            found=setting,
            allowed=ordered,
        )

    @classmethod
    def unknown_feature(cls, setting: str, name: str, features: Sequence[str]) -> SettingError:
        near = difflib.get_close_matches(name, features, n=3) or features[:3]
        return cls(
            f"{setting} names {name}, which is not a feature. Similar names: {listed(near)}.",
            "Correct it and start again. To see all features, run `python -m core features`.",
            found=name,
            allowed=list(near),
        )

    @classmethod
    def usage(cls, reason: str, command: str) -> SettingError:
        return cls(
            f"The command cannot be understood ({reason}).",
            f"To see its options, run `{command} --help`.",
            found=reason,
        )

    # --- settings that exclude each other -----------------------------------------------------------------------------

    @classmethod
    def no_out_in_background(cls) -> SettingError:
        return cls(
            "--out and --background do not go together: a run in the background is stored in the workspace.",
            "Leave one of them out.",
        )

    @classmethod
    def beside_dataset(cls, option: str) -> SettingError:
        return cls(
            f"--dataset and {option} do not go together: the files of a stored dataset have been read.",
            "Leave one of them out.",
            found=option,
        )

    @classmethod
    def beside_run(cls, option: str) -> SettingError:
        return cls(
            f"--run and {option} do not go together: a run has its own list of sessions to predict.",
            "Leave one of them out.",
            found=option,
        )

    @classmethod
    def query_beside_file(cls, option: str, path: str) -> SettingError:
        return cls(
            f"{option} is given together with the file {path}, but a query needs a database.",
            "Leave it out, or give the address of a database, such as sqlite:///shop.db.",
            found=path,
        )

    @classmethod
    def nothing_to_tune(cls) -> SettingError:
        return cls(
            "The preset quick tunes nothing, so it takes no minutes and no trials.",
            "Leave them out, or choose the preset standard or thorough.",
        )

    # --- the machine and the workspace --------------------------------------------------------------------------------

    @classmethod
    def no_such_device(cls, device: str, reason: str) -> SettingError:
        return cls(
            f"The device {device} cannot be used here ({reason}).",
            "Leave the setting out to train on the CPU, or install the libraries' builds for the device.",
            found=reason,
        )

    @classmethod
    def no_workspace(cls, root: Path, reason: str) -> SettingError:
        return cls(
            f"The workspace {root} cannot be used ({reason}). It must be a writable folder.",
            "Name another one in the environment variable SVS_HOME.",
            found=reason,
        )

    @classmethod
    def no_room(cls, root: Path) -> SettingError:
        return cls(
            f"There is no room left on the disk of the workspace {root}. The new dataset was not stored.",
            "Free some space, or name another workspace in the environment variable SVS_HOME, then try again.",
            found=root,
        )

    @classmethod
    def of_another_version(cls, job_id: str) -> SettingError:
        return cls(
            f"The settings of job {job_id} are from another version of the program.", "Start a new run.", found=job_id
        )
