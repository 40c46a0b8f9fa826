"""Verbs about finished runs and their submissions: check, runs."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

import polars as pl

from core import runs as run_store
from core.base.text import number
from core.base.workspace import Workspace
from core.checks import CheckResult
from core.cli.arguments import dataset_named, mapping_of, required
from core.cli.output import EXIT_CHECK_FAILED, EXIT_DONE, Outcome, bar
from core.dataset import Dataset, list_datasets
from core.errors import RunError, SettingError, listed
from core.pipeline.answers import check_against_files, check_submission
from core.pipeline.verify import verify_run
from core.runs.store import find_damage
from core.schema import UNIT, USER


def check(options: argparse.Namespace) -> Outcome:
    """Check a submission."""
    workspace = Workspace.from_environment()
    if options.run:
        for name in ("sample_submission", "mapping"):
            if getattr(options, name) is not None:
                option, reason = f"--{name.replace('_', '-')}", "A run knows the sessions that it predicts."
                raise SettingError.conflicting("--run", option, reason)
        dataset = dataset_named(workspace, run_store.find_run(workspace, options.run).manifest.dataset)
        results = check_submission(options.submission, dataset)
    else:
        results = check_against_files(options.submission, options.test, options.sample_submission, mapping_of(options))
    failed = [result for result in results if result.outcome == "failed"]
    errors = [result for result in failed if result.severity == "error"]
    lines = [f"{_mark(result):7} {result.title}  {result.explanation}".rstrip() for result in results]
    content = {
        "submission": str(options.submission),
        "passed": sum(result.outcome == "passed" for result in results),
        "failed": len(errors),
        "warnings": len(failed) - len(errors),
        "checks": [asdict(result) for result in results],
    }
    return EXIT_CHECK_FAILED if errors else EXIT_DONE, content, "\n".join(lines)


def _mark(result: CheckResult) -> str:
    if result.outcome == "failed":
        return "FAILED" if result.severity == "error" else "WARNING"
    return "passed" if result.outcome == "passed" else "-"


def runs(options: argparse.Namespace) -> Outcome:
    """List the finished runs, or do something about one."""
    workspace = Workspace.from_environment()
    if options.action == "list":
        found = run_store.list_runs(workspace)
        refused = run_store.unreadable_runs(workspace)
        lines = [_run_line(run) for run in found] + [str(error) for _, error in refused]
        content = {
            "runs": [run.summary() for run in found],
            "unreadable": [{"run_dir": str(folder), "error": str(error)} for folder, error in refused],
        }
        return EXIT_DONE, content, "\n".join(lines) or "There is no run yet."
    required(options.run, "RUN", "the id or folder of a run (see `runs list`)")
    if options.action == "delete":
        return _delete(run_store.run_folder(workspace, options.run), options)
    run = run_store.find_run(workspace, options.run)
    act = {"show": _show, "compare": _compare, "verify": _verify, "note": _note}[options.action]
    return act(run, workspace, options)


def _run_line(run: run_store.Run) -> str:
    manifest = run.manifest
    expected = f"{manifest.scores.expected_test_mse.value:,.1f}"
    if manifest.scores.expected_withheld:
        expected = run_store.WITHHELD
    return f"{manifest.run_id}  {manifest.dataset_name:16}  expected MSE {expected:>12}  {run.note.name or run.folder}"


def _show(run: run_store.Run, workspace: Workspace, options: argparse.Namespace) -> Outcome:
    return EXIT_DONE, run.manifest.model_dump(), "\n".join([*_not_whole(run), run_store.describe_run(run)])


def _not_whole(*runs: run_store.Run) -> list[str]:
    """A sentence for each run whose files are not those that its manifest tells of."""
    damages = ((run.folder, find_damage(run).descriptions()) for run in runs)
    return [str(RunError.damaged(folder, listed(clauses, 3))) for folder, clauses in damages if clauses]


def _compare(run: run_store.Run, workspace: Workspace, options: argparse.Namespace) -> Outcome:
    required(options.other, "OTHER", "the id or folder of the run to compare it with (see `runs list`)")
    other = run_store.find_run(workspace, options.other)
    found = run_store.compare_runs(run, other, _users(workspace, run))
    lines = [f"{name}: {told[0]} | {told[1]}" for name, told in found.settings.items()] or [
        "The settings are the same."
    ]
    lines = _not_whole(run, other) + lines
    if not found.same_dataset:
        lines.append("The datasets differ, so the scores cannot be compared.")
    elif not found.folds:
        lines.append("The sessions were dealt to other folds, so scores by fold cannot stand side by side.")
    for name, (mine, theirs) in found.folds.items():
        lines.append(f"{name}: MSE by fold {', '.join(map(number, mine))} | {', '.join(map(number, theirs))}")
    if found.paired is not None:
        lines.append(found.paired.words())
    for name, (first, second) in found.timings.items():
        lines.append(f"{name}: {number(first)} s | {number(second)} s")
    for words, names in zip(("Only the first has", "Only the second has"), found.features, strict=True):
        if names:
            lines.append(f"{words} {listed(names, 5)}.")
    return EXIT_DONE, asdict(found), "\n".join(lines)


def _users(workspace: Workspace, run: run_store.Run) -> pl.DataFrame | None:
    """Whose the sessions are; null where the dataset is gone."""
    dataset = _dataset(workspace, run)
    return None if dataset is None else dataset.units().select(UNIT, USER).collect()


def _dataset(workspace: Workspace, run: run_store.Run) -> Dataset | None:
    return next((each for each in list_datasets(workspace) if each.fingerprint == run.manifest.dataset), None)


def _verify(run: run_store.Run, workspace: Workspace, options: argparse.Namespace) -> Outcome:
    dataset = _dataset(workspace, run)
    with bar("Verify", shown=not options.json) as advance:
        found = verify_run(run, dataset, lambda part, parts, text: advance(part / max(parts, 1), text))
    marks = {"passed": "passed", "failed": "FAILED", "not_applicable": "-"}
    lines = [f"{marks[each.outcome]:7} {each.title}: {each.explanation}" for each in found]
    failed = any(each.outcome == "failed" for each in found)
    content = {"run_id": run.manifest.run_id, "whole": not failed, "checks": [each.record() for each in found]}
    return EXIT_CHECK_FAILED if failed else EXIT_DONE, content, "\n".join(lines)


def _note(run: run_store.Run, workspace: Workspace, options: argparse.Namespace) -> Outcome:
    given = {key: value for key in ("name", "text") if (value := getattr(options, key)) is not None}
    if given:
        run.save_note(run_store.Note.checked(**(run.note.model_dump() | given)))
    note = run.note
    return (
        EXIT_DONE,
        {"run_id": run.manifest.run_id, **note.model_dump()},
        f"{note.name}\n{note.text}".strip() or "No note.",
    )


def _delete(folder: Path, options: argparse.Namespace) -> Outcome:
    """Deleted only by asking twice."""
    if not options.yes:
        raise RunError.not_confirmed(folder.name, folder)
    run_store.delete_run(folder)
    return EXIT_DONE, {"deleted": folder.name}, f"{folder} is deleted."
