"""The verb `runs`, which lists, shows, compares, verifies and deletes finished runs."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Final

import polars as pl

from core import runs as run_store
from core.base.text import listed, noun_form, number
from core.base.workspace import Workspace
from core.cli.notes import NOTE_ACTIONS, change_note
from core.cli.output import EXIT_CHECK_FAILED, EXIT_DONE, Outcome, check_line
from core.cli.progress_bars import step_progress
from core.cli.run_options import refuse_unused, require
from core.cli.stored import run_named
from core.dataset import Dataset, list_datasets
from core.errors import RunError
from core.runs.store import find_damage
from core.schema import UNIT, USER

_USED: Final[dict[str, tuple[str, ...]]] = {
    "list": (),
    "show": ("RUN",),
    "compare": ("RUN", "OTHER"),
    "verify": ("RUN",),
    "note": ("RUN", "--name", "--text"),
    "pin": ("RUN",),
    "unpin": ("RUN",),
    "delete": ("RUN", "--yes"),
}
"""Action -> the arguments that it uses."""


def runs(options: argparse.Namespace) -> Outcome:
    """List the finished runs, or act on one."""
    refuse_unused(options, _USED)
    workspace = Workspace.from_environment()
    if options.action == "list":
        readable, unreadable = run_store.open_runs(workspace)
        lines = [_run_line(run) for run in readable] + [str(error) for _, error in unreadable]
        content = {
            "runs": [run.summary() for run in readable],
            "unreadable": [{"run_dir": str(folder), "error": str(error)} for folder, error in unreadable],
        }
        return Outcome(content, "\n".join(lines) or "There is no run yet.")
    require(options.run, "RUN", "the id or folder of a run (see `runs list`)")
    if options.action == "delete":
        return _delete(run_store.run_folder(workspace, options.run), options)
    run = run_named(workspace, options.run)
    if options.action == "show":
        lines = [*_damage_lines(run), run_store.describe_run(run), *_actual_lines(workspace, run)]
        return Outcome(run.manifest.model_dump(), "\n".join(lines))
    if options.action in NOTE_ACTIONS:
        return change_note(run.folder, {"run_id": run.manifest.run_id}, options)
    if options.action == "compare":
        return _compare(run, workspace, options)
    return _verify(run, options)


def _run_line(run: run_store.Run) -> str:
    manifest = run.manifest
    is_withheld = manifest.scores.expected_withheld
    expected = run_store.WITHHELD if is_withheld else f"{manifest.scores.expected_test_mse.value:,.1f}"
    return f"{manifest.run_id}  {manifest.dataset_name:16}  expected MSE {expected:>12}  {run.note.name or run.folder}"


def _damage_lines(*runs: run_store.Run) -> list[str]:
    """Return one message for each run with files that were changed, deleted or added."""
    damages = ((run.folder, find_damage(run).descriptions()) for run in runs)
    return [str(RunError.damaged(folder, listed(clauses, 3))) for folder, clauses in damages if clauses]


def _actual_lines(workspace: Workspace, run: run_store.Run) -> list[str]:
    """Return a line on the actual score of a run on a log that was split by date."""
    dataset = _dataset(workspace, run)
    if dataset is None or dataset.card().split is None:
        return []
    from core.pipeline.actual_values import compare_with_actual  # noqa: PLC0415 (the verb is fast without it)

    comparison = compare_with_actual(run, dataset)
    return [] if comparison is None else [f"Backtest    {comparison.sentence}"]


def _compare(run: run_store.Run, workspace: Workspace, options: argparse.Namespace) -> Outcome:
    require(options.other, "OTHER", "the id or folder of the run to compare it with (see `runs list`)")
    other = run_named(workspace, options.other)
    users = _users(workspace, run)
    comparison = run_store.compare_runs(run, other, users)
    settings = [f"{name}: {first} | {second}" for name, (first, second) in comparison.settings.items()]
    lines = _damage_lines(run, other) + (settings or ["The settings are the same."])
    if not comparison.same_dataset:
        lines.append("The datasets differ, so the scores cannot be compared.")
    elif not comparison.folds:
        lines.append("The folds differ, so scores by fold cannot be compared.")
    for name, scores in comparison.folds.items():
        first, second = (", ".join(map(number, by_fold)) for by_fold in scores)
        lines.append(f"{name}: MSE by fold {first} | {second}")
    if comparison.paired is not None:
        if users is None:
            lines.append("The dataset cannot be read, so each session counts as a user of its own.")
        lines.append(comparison.paired.describe())
    for name, seconds in comparison.timings.items():
        lines.append(f"{name}: {' | '.join(f'{number(value)} s' for value in seconds)}")
    for which, names in zip(("first", "second"), comparison.features, strict=True):
        if names:
            lines.append(f"Only the {which} run has the {noun_form(len(names), 'feature')} {listed(names, 5)}.")
    return Outcome(asdict(comparison), "\n".join(lines))


def _users(workspace: Workspace, run: run_store.Run) -> pl.DataFrame | None:
    """Return the user of each unit; None if the dataset is no longer in the workspace."""
    dataset = _dataset(workspace, run)
    return None if dataset is None else dataset.units().select(UNIT, USER).collect()


def _dataset(workspace: Workspace, run: run_store.Run) -> Dataset | None:
    return next((dataset for dataset in list_datasets(workspace) if dataset.fingerprint == run.manifest.dataset), None)


def _verify(run: run_store.Run, options: argparse.Namespace) -> Outcome:
    from core.pipeline.verify import verify_run  # noqa: PLC0415 (it imports the learners; the other actions are fast)

    with step_progress("Verify", options) as report:
        results = verify_run(run, report)
    lines = [check_line(result) for result in results]
    failed = any(result.outcome == "failed" for result in results)
    content = {"run_id": run.manifest.run_id, "whole": not failed, "checks": [result.record() for result in results]}
    return Outcome(content, "\n".join(lines), EXIT_CHECK_FAILED if failed else EXIT_DONE)


def _delete(folder: Path, options: argparse.Namespace) -> Outcome:
    if not options.yes:
        raise RunError.not_confirmed("Run", folder.name, folder)
    target = folder.resolve() if folder.is_symlink() else None
    run_store.delete_run(folder)
    kept = "" if target is None else f" It was a link to {target}, which was kept."
    return Outcome({"deleted": folder.name}, f"{folder} was deleted.{kept}")
