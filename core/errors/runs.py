"""Runs, jobs and their files that cannot be what was asked of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.errors.base import StudioError, listed


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
            f"Job {job} is {state} already: only one that waits or works can be cancelled; see "
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
