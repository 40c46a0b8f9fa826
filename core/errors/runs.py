"""Errors about runs, jobs and their folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from core.base.text import count, display, listed
from core.errors.base import StudioError

IdKind = Literal["run", "job", "dataset", "upload", "submission"]
StoredKind = Literal["Run", "Dataset", "Upload"]
JobAction = Literal["cancel", "stop", "move", "resume"]
_JOB_RULES: dict[JobAction, tuple[str, str, list[str]]] = {
    "cancel": ("job_ended", "a queued or running job can be cancelled", ["queued", "running"]),
    "stop": ("job_not_running", "a running job can finish early with its best settings so far", ["running"]),
    "move": ("job_not_queued", "a queued job has a place in the queue", ["queued"]),
    "resume": ("job_not_resumable", "a failed, cancelled or lost job can be resumed", ["failed", "cancelled", "lost"]),
}
"""Action -> error code, clause that follows "Only", states in which the action is possible."""
_LIST_JOBS = "To see all jobs, run `python -m core jobs list`."


class RunError(StudioError):
    """A run, job or dataset that does not exist, is damaged or cannot do what was requested."""

    code = "run_error"

    @classmethod
    def unknown(cls, kind: IdKind, name: str, names: Sequence[str]) -> RunError:
        existing = f"Existing {kind}s: {listed(names, 5)}." if names else f"There is no {kind} yet."
        problem = f"There is no {kind} named {name}. {existing}"
        remedy = f"To see all, run `python -m core {kind}s list`."
        return cls(problem, remedy, code=f"unknown_{kind}", actual=name, allowed=list(names))

    @classmethod
    def ambiguous(cls, kind: str, name: str, names: Sequence[str]) -> RunError:
        problem = f"{name} is the beginning of more than one {kind} id: {listed(names, 5)}."
        remedy = "Type more characters of the id."
        return cls(problem, remedy, code="ambiguous_id", actual=name, allowed=list(names))

    @classmethod
    def copied_run(cls, run_id: str, folders: Sequence[Path]) -> RunError:
        problem = f"Several folders have the run {run_id}: {listed((folder.name for folder in folders), 5)}."
        return cls(problem, "Name one of the folders.", code="copied_run", actual=run_id, allowed=list(folders))

    @classmethod
    def changed_file(cls, name: str) -> RunError:
        problem = f"{name} has changed since it was checked."
        remedy = "Load the page again to check the file that is there now."
        return cls(problem, remedy, code="changed_file", actual=name)

    @classmethod
    def damaged_log(cls, path: Path, reason: str) -> RunError:
        problem = f"The log of submissions {path} cannot be read ({reason})."
        remedy = "Move it away to begin a new one."
        return cls(problem, remedy, code="damaged_log", actual=reason)

    @classmethod
    def folder_in_use(cls, path: Path) -> RunError:
        problem = f"The folder {path} already exists and is not empty."
        remedy = "Choose a new folder for this run with --out."
        return cls(problem, remedy, code="folder_in_use", actual=path)

    @classmethod
    def file_exists(cls, path: Path) -> RunError:
        problem = f"{path} already exists, and existing files are not overwritten."
        remedy = "Choose another path."
        return cls(problem, remedy, code="file_exists", actual=path)

    @classmethod
    def not_writable(cls, path: Path, reason: str) -> RunError:
        problem = f"{path} cannot be written ({reason})."
        remedy = "Choose a folder that you can write to."
        return cls(problem, remedy, code="not_writable", actual=reason)

    @classmethod
    def jobs_database_unusable(cls, path: Path, reason: str) -> RunError:
        problem = f"The jobs database {path} cannot be used ({reason})."
        remedy = "Make the file writable, or move it away so that a new one is created."
        return cls(problem, remedy, code="jobs_database_unusable", actual=reason)

    @classmethod
    def disk_full(cls, path: Path) -> RunError:
        problem = f"The disk of {path} is full. The results so far are kept."
        remedy = "Free some space, then start the same run again or resume it."
        return cls(problem, remedy, code="disk_full", actual=path)

    @classmethod
    def wrong_job_state(cls, job: str, state: str, action: JobAction) -> RunError:
        code, rule, states = _JOB_RULES[action]
        return cls(f"Job {job} is {state}. Only {rule}.", _LIST_JOBS, code=code, actual=state, allowed=states)

    @classmethod
    def busy(cls, job: str, *, is_same_run: bool) -> RunError:
        if is_same_run:
            problem = f"The same run is already in progress as job {job}."
            remedy = "Wait for it to finish. To see its progress, run `python -m core jobs list`."
            return cls(problem, remedy, code="same_run_in_progress", actual=job)
        problem = f"Another run is in progress (job {job}), and a workspace does one run at a time."
        remedy = "Wait for it to finish, or add --background to put yours into the queue."
        return cls(problem, remedy, code="workspace_busy", actual=job)

    @classmethod
    def other_version(cls, path: Path, version: object, supported: int) -> RunError:
        problem = f"The run in {path} has version {version}, but this program reads versions up to {supported}."
        remedy = "Open it with the program that wrote it, or start the run again."
        return cls(problem, remedy, code="other_run_version", actual=version, allowed=supported)

    @classmethod
    def spark_failed(cls, master: str, reason: str) -> RunError:
        problem = f"Spark at {master} ended with an error ({reason})."
        remedy = (
            "Check the address in SPARK_MASTER, the log of Spark, and that all workers can read the folder in TMPDIR."
        )
        return cls(problem, remedy, code="spark_failed", actual=reason)

    @classmethod
    def folder_not_shared(cls, folder: Path, written: int, found: int) -> RunError:
        problem = f"The workers of Spark wrote {count(written, 'row')}, but {folder} has {found:,} of them."
        remedy = "Set TMPDIR to a folder that this machine and all workers mount at the same path, then try again."
        return cls(problem, remedy, code="folder_not_shared", actual=found, allowed=written)

    @classmethod
    def not_confirmed(cls, kind: StoredKind, name: str, path: Path, also: str = "") -> RunError:
        """`also` says in complete sentences what else changes."""
        problem = f"{kind} {name} in {path} would be deleted permanently. {also}".strip()
        remedy = "To confirm, add --yes."
        return cls(problem, remedy, code="deletion_not_confirmed", actual=path)

    @classmethod
    def not_a_run(cls, path: Path) -> RunError:
        problem = f"{path} is not the folder of a run: its manifest.json belongs to something else."
        remedy = "Name a run of the workspace or the folder of a run. To see all runs, run `python -m core runs list`."
        return cls(problem, remedy, code="not_a_run", actual=path)

    @classmethod
    def note_too_long(cls, reason: str, *, max_name: int, max_text: int) -> RunError:
        problem = (
            f"The note is too long ({reason}). A name has up to {max_name:,} characters, a text up to {max_text:,}."
        )
        remedy = "Shorten it and try again."
        return cls(problem, remedy, code="note_too_long", actual=reason, allowed={"name": max_name, "text": max_text})

    @classmethod
    def not_deletable(cls, path: Path, reason: str) -> RunError:
        problem = f"{path} cannot be deleted ({reason})."
        remedy = "Check the permissions of its folder."
        return cls(problem, remedy, code="not_deletable", actual=reason)

    @classmethod
    def damaged(cls, path: Path, reason: str) -> RunError:
        problem = f"The run in {path} is damaged ({reason})."
        remedy = "Start the run again, or choose another one."
        return cls(problem, remedy, code="damaged_run", actual=reason)

    @classmethod
    def damaged_model(cls, path: Path, reason: str) -> RunError:
        problem = f"The model in {path} is damaged ({reason})."
        remedy = "Use another copy of it, or start its run again."
        return cls(problem, remedy, code="damaged_model", actual=reason)

    @classmethod
    def other_model_version(cls, path: Path) -> RunError:
        problem = f"The model in {path} was made by another version of this program, which uses other features."
        remedy = "Use that version, or start the run of the model again."
        return cls(problem, remedy, code="other_model_version", actual=path)

    @classmethod
    def unusable_state(cls, path: Path, reason: str) -> RunError:
        problem = f"The file {path} cannot store the events of open sessions ({reason})."
        remedy = "Name another file with --state."
        return cls(problem, remedy, code="unusable_state", actual=reason)

    @classmethod
    def state_of_other_run(cls, path: Path, stored: str, run: str) -> RunError:
        problem = f"The file {path} has the events of a service with the run {stored}, not with {run}."
        remedy = "Name another file with --state."
        return cls(problem, remedy, code="state_of_other_run", actual=stored, allowed=run)

    @classmethod
    def not_live(cls) -> RunError:
        problem = "The model of this run predicts finished sessions. It cannot predict open sessions."
        remedy = "Start a run for open sessions with `python -m core run --purpose live`."
        return cls(problem, remedy, code="not_live", actual="sessions", allowed="live")

    @classmethod
    def no_model(cls, path: Path) -> RunError:
        problem = (
            f"{path} has no model. It is neither a model folder nor a run of this version; earlier versions stored no "
            "model."
        )
        remedy = "Name the folder of a newer run or model, or train again with the same settings."
        return cls(problem, remedy, code="no_model", actual=path)

    @classmethod
    def unknown_product(cls, product_id: str, examples: Sequence[str]) -> RunError:
        problem = f"No event of the log is on a product {display(product_id)}, so its category is unknown."
        remedy = f"Name a product of the log, such as {listed(examples, conjunction='or')}."
        return cls(problem, remedy, code="unknown_product", actual=product_id)

    @classmethod
    def not_explained(cls, run_id: str) -> RunError:
        problem = (
            f"The run {run_id} was made by an earlier version and is not explained yet, so there is nothing to report."
        )
        remedy = f"Explain it with `python -m core importance --run {run_id} --all-methods`, or on the Importance page."
        return cls(problem, remedy, code="not_explained", actual=run_id)

    @classmethod
    def damaged_dataset(cls, path: Path, reason: str) -> RunError:
        problem = f"The dataset in {path} is damaged ({reason})."
        remedy = "Read its files again, which replaces it, or delete it with `python -m core datasets delete`."
        return cls(problem, remedy, code="damaged_dataset", actual=reason)

    @classmethod
    def damaged_job(cls, job: str, reason: str) -> RunError:
        problem = f"The row of job {job} in the jobs database is damaged ({reason})."
        remedy = f"The job cannot be shown or resumed. Start the run again. {_LIST_JOBS}"
        return cls(problem, remedy, code="damaged_job", actual=reason)

    @classmethod
    def dataset_in_use(cls, dataset: str, jobs: Sequence[str]) -> RunError:
        problem = f"Dataset {dataset} cannot be deleted, because jobs use it: {listed(jobs, 5)}."
        remedy = "Wait for them to end, or cancel them with `python -m core jobs cancel`."
        return cls(problem, remedy, code="dataset_in_use", actual=list(jobs))
