"""Errors about runs, jobs and their folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.base.text import listed
from core.errors.base import StudioError

_LIST_JOBS = "To see all jobs, run `python -m core jobs list`."


class RunError(StudioError):
    """A run, job or dataset that does not exist, is damaged or cannot do what was requested."""

    code = "run_error"

    @classmethod
    def unknown(cls, kind: str, name: str, names: Sequence[str]) -> RunError:
        """There is no such `kind` ("run", "job" or "dataset")."""
        existing = f"Existing {kind}s: {listed(names, 5)}." if names else f"There is no {kind} yet."
        return cls(
            f"There is no {kind} named {name}. {existing}",
            f"To see all, run `python -m core {kind}s list`.",
            code=f"unknown_{kind}",
            found=name,
            allowed=list(names),
        )

    @classmethod
    def folder_in_use(cls, path: Path) -> RunError:
        return cls(
            f"The folder {path} already exists and is not empty.",
            "Choose a new folder for this run with --out.",
            code="folder_in_use",
            found=path,
        )

    @classmethod
    def file_exists(cls, path: Path) -> RunError:
        return cls(
            f"{path} already exists, and existing files are not overwritten.",
            "Choose another path with --out.",
            code="file_exists",
            found=path,
        )

    @classmethod
    def not_writable(cls, path: Path, reason: str) -> RunError:
        return cls(
            f"{path} cannot be written ({reason}).",
            "Choose a folder that you can write to with --out.",
            code="not_writable",
            found=reason,
        )

    @classmethod
    def no_database(cls, path: Path, reason: str) -> RunError:
        return cls(
            f"The jobs database {path} cannot be used ({reason}).",
            "Make the file writable, or move it away; a new one is created then.",
            code="jobs_database_unusable",
            found=reason,
        )

    @classmethod
    def no_room(cls, path: Path) -> RunError:
        return cls(
            f"The disk of {path} is full. The results so far are kept.",
            "Free some space, then start the same run again or resume it.",
            code="disk_full",
            found=path,
        )

    @classmethod
    def ended_already(cls, job: str, state: str) -> RunError:
        return cls(
            f"Job {job} is already {state}. Only a queued or running job can be cancelled.",
            _LIST_JOBS,
            code="job_ended",
            found=state,
            allowed=["queued", "running"],
        )

    @classmethod
    def not_at_work(cls, job: str, state: str) -> RunError:
        return cls(
            f"Job {job} is {state}. Only a running job can finish early with its best settings so far.",
            _LIST_JOBS,
            code="job_not_running",
            found=state,
            allowed=["running"],
        )

    @classmethod
    def not_waiting(cls, job: str, state: str) -> RunError:
        return cls(
            f"Job {job} is {state}. Only a queued job has a place in the queue.",
            _LIST_JOBS,
            code="job_not_queued",
            found=state,
            allowed=["queued"],
        )

    @classmethod
    def busy(cls, job: str, *, same: bool) -> RunError:
        """Another run is in progress; `same` means that it has the same data and settings."""
        if same:
            return cls(
                f"The same run is already in progress as job {job}.",
                "Wait for it to finish. To see its progress, run `python -m core jobs list`.",
                code="same_run_in_progress",
                found=job,
            )
        return cls(
            f"Another run is in progress (job {job}), and a workspace does one run at a time.",
            "Wait for it to finish, or add --background to put yours into the queue.",
            code="workspace_busy",
            found=job,
        )

    @classmethod
    def not_resumable(cls, job: str, state: str) -> RunError:
        return cls(
            f"Job {job} is {state}. Only a job that failed, was cancelled or was lost can be resumed.",
            _LIST_JOBS,
            code="job_not_resumable",
            found=state,
            allowed=["failed", "cancelled", "lost"],
        )

    @classmethod
    def other_version(cls, path: Path, version: object, supported: int) -> RunError:
        return cls(
            f"The run in {path} has version {version}, but this program reads version {supported}.",
            "Open it with the program that wrote it, or start the run again.",
            code="other_run_version",
            found=version,
            allowed=supported,
        )

    @classmethod
    def not_confirmed(cls, run: str, path: Path) -> RunError:
        return cls(
            f"Run {run} in {path} would be deleted permanently.",
            "To confirm, add --yes.",
            code="deletion_not_confirmed",
            found=path,
        )

    @classmethod
    def not_a_run(cls, path: Path) -> RunError:
        return cls(
            f"{path} is not the folder of a run: its manifest.json belongs to something else.",
            "Name a run of the workspace or the folder of a run. To see all runs, run `python -m core runs list`.",
            code="not_a_run",
            found=path,
        )

    @classmethod
    def note_too_long(cls, reason: str, *, name: int, text: int) -> RunError:
        """`name` and `text` are the longest lengths in characters."""
        return cls(
            f"The note is too long ({reason}). A name has up to {name:,} characters, a text up to {text:,}.",
            "Shorten it.",
            code="note_too_long",
            found=reason,
            allowed={"name": name, "text": text},
        )

    @classmethod
    def not_deletable(cls, path: Path, reason: str) -> RunError:
        return cls(
            f"The run in {path} cannot be deleted ({reason}).",
            "Check the permissions of its folder.",
            code="not_deletable",
            found=reason,
        )

    @classmethod
    def damaged(cls, path: Path, reason: str) -> RunError:
        """`reason` says which files are damaged, as a clause."""
        return cls(
            f"The run in {path} is damaged ({reason}).",
            "Start the run again, or choose another one.",
            code="damaged_run",
            found=reason,
        )
