"""Errors about settings, options of the command line and the workspace."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from core.base.text import listed
from core.errors.base import StudioError


class SettingError(StudioError):
    """A setting or option that is unknown, missing or not allowed."""

    code = "setting_error"

    def in_file(self, name: str) -> SettingError:
        """Return a copy of the error whose message begins with the name of the file."""
        return SettingError(
            f"{name}: {self.problem}", self.remedy, code=self.code, actual=self.actual, allowed=self.allowed
        )

    @classmethod
    def unknown(cls, setting: str, names: Sequence[str]) -> SettingError:
        similar = difflib.get_close_matches(setting, names, n=3)
        ordered = [*similar, *(name for name in names if name not in similar)]
        problem = f"There is no setting {setting}. Allowed: {listed(ordered)}."
        remedy = "Correct its name and try again."
        return cls(problem, remedy, code="unknown_setting", actual=setting, allowed=ordered)

    @classmethod
    def missing(cls, setting: str, expected: str) -> SettingError:
        problem = f"{setting} is missing. It takes {expected}."
        remedy = "Add it and try again."
        return cls(problem, remedy, code="missing_setting", allowed=expected)

    @classmethod
    def not_allowed(cls, setting: str, value: object, allowed: str) -> SettingError:
        problem = f"{setting} is {value!r}. Allowed: {allowed}."
        remedy = "Change it and try again."
        return cls(problem, remedy, code="setting_not_allowed", actual=value, allowed=allowed)

    @classmethod
    def nothing_to_tune(cls) -> SettingError:
        problem = "The settings minutes and trials limit the tuning, and the preset quick does not tune."
        remedy = "Leave them out, or choose the preset standard or thorough."
        return cls(problem, remedy, code="nothing_to_tune", actual="quick", allowed=["standard", "thorough"])

    @classmethod
    def unknown_feature(cls, setting: str, name: str, features: Sequence[str]) -> SettingError:
        similar = difflib.get_close_matches(name, features, n=3)
        examples = f"Similar features: {listed(similar)}." if similar else f"Features include {listed(features[:3])}."
        problem = f"{setting} contains {name}, which is not a feature. {examples}"
        remedy = "To see all features, run `python -m core features`."
        return cls(problem, remedy, code="unknown_feature", actual=name, allowed=list(features))

    @classmethod
    def same_feature(cls, column: str, other: str, feature: str) -> SettingError:
        problem = f"Features of the extra columns {column} and {other} would have the same name, {feature}."
        remedy = "Rename one of the columns in the mapping."
        return cls(problem, remedy, code="same_feature", actual=column)

    @classmethod
    def device_unavailable(cls, device: str, reason: str) -> SettingError:
        problem = f"The device {device} cannot be used here ({reason})."
        remedy = (
            "Leave the setting out to train on the CPU, or install builds of the libraries that support the device."
        )
        return cls(problem, remedy, code="device_unavailable", actual=device, allowed="cpu")

    @classmethod
    def other_version(cls, job_id: str) -> SettingError:
        problem = f"The settings of job {job_id} are from another version of the program."
        remedy = "Start a new run."
        return cls(problem, remedy, code="other_settings_version", actual=job_id)

    @classmethod
    def usage(cls, reason: str, command: str) -> SettingError:
        problem = f"The command is not valid ({reason})."
        remedy = f"To see its options, run `{command} --help`."
        return cls(problem, remedy, code="invalid_command", actual=reason)

    @classmethod
    def conflicting(cls, option: str, other: str, explanation: str) -> SettingError:
        problem = f"{option} and {other} cannot be combined. {explanation}"
        remedy = "Leave out one of the two."
        return cls(problem, remedy, code="conflicting_options", actual=[option, other])

    @classmethod
    def query_on_file(cls, option: str, path: str) -> SettingError:
        problem = f"{option} needs a database, but {path} is a file."
        remedy = "Leave the query out, or name a database with an address such as sqlite:///shop.db."
        return cls(problem, remedy, code="query_on_file", actual=path)

    @classmethod
    def no_token(cls, host: str, variable: str) -> SettingError:
        problem = f"Other machines can reach the service at {host}, and it has no token."
        remedy = f"Set the environment variable {variable} to a secret text, or listen at 127.0.0.1."
        return cls(problem, remedy, code="no_token", actual=host, allowed=variable)

    @classmethod
    def no_dashboard(cls, folder: Path) -> SettingError:
        problem = (
            f"There is no dashboard in {folder}: the file app.py is missing. A package installed without the project "
            "folder has the command line only."
        )
        remedy = "Run the command in an environment where the project is installed with `pip install -e`."
        return cls(problem, remedy, code="no_dashboard", actual=folder, allowed="app.py")

    @classmethod
    def workspace_unusable(cls, root: Path, reason: str) -> SettingError:
        problem = f"The workspace {root} cannot be used ({reason}). It must be a writable folder."
        remedy = "Set the environment variable SVS_HOME to another folder."
        return cls(problem, remedy, code="workspace_unusable", actual=reason)

    @classmethod
    def workspace_full(cls, root: Path) -> SettingError:
        problem = f"The disk of the workspace {root} is full. The new dataset was not stored."
        remedy = "Free some space, or set the environment variable SVS_HOME to another folder, then try again."
        return cls(problem, remedy, code="workspace_full", actual=root)

    @classmethod
    def temporary_folder_full(cls, folder: Path) -> SettingError:
        problem = f"The disk of the temporary folder {folder} is full. No values were predicted."
        remedy = "Free some space, or set the environment variable TMPDIR to another folder, then try again."
        return cls(problem, remedy, code="temporary_folder_full", actual=folder)
