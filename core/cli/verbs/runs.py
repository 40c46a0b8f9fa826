"""Verbs that train, check submissions, and tell of runs."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

import polars as pl

from core import jobs as job_queue
from core import runs as run_store
from core.base.progress import Progress, ProgressUpdate
from core.base.text import listed, number
from core.base.workspace import Workspace
from core.checks import CheckResult
from core.cli.arguments import dataset_named, input_files, mapping_of, required
from core.cli.output import EXIT_CHECK_FAILED, EXIT_DONE, Outcome, bar, progress_of
from core.config import RunConfig
from core.dataset import Dataset, list_datasets, untrained_lines
from core.errors import RunError, SettingError
from core.ingestion import InputFiles, ingest
from core.pipeline import run as pipeline
from core.pipeline.preflight import must_be_free, must_be_possible
from core.pipeline.steps import steps
from core.pipeline.verify import verify_run
from core.runs.store import find_damage
from core.schema import LEARNER_LABELS, UNIT, USER


def run(options: argparse.Namespace) -> Outcome:
    """Go the whole way from files to a checked submission."""
    workspace = Workspace.from_environment()
    if options.job:
        with job_queue.working_on(workspace, options.job) as watch:  # what it cannot be done for is said of the job
            named, config = dataset_named(workspace, options.dataset), _config(options)
            run = _worked(named, config, workspace, options, job=options.job, watch=watch)
    else:
        config = _config(options)
        source = _source(workspace, options)
        if options.background:
            return _in_background(source, config, workspace, options)
        if options.out is not None:
            must_be_free(options.out)
        with bar("Reading", shown=not options.json and options.progress == "bar") as advance:
            dataset = (
                source
                if isinstance(source, Dataset)
                else ingest(source, workspace, lambda part, parts, text: advance(part / parts, text))
            )
        with (
            progress_of(options) as show,
            job_queue.working_here(workspace, dataset, config, options.out) as (job, watch),
        ):

            def both(moment: ProgressUpdate) -> None:
                show(moment)
                watch.moment(moment)

            run = _worked(dataset, config, workspace, options, job=job.id, watch=job_queue.Watcher(both, watch.news))
    manifest = run.manifest
    judged = manifest.scores.judged
    promised = not manifest.scores.expected_withheld
    interval = f" (90%: {number(judged.expected.low)} to {number(judged.expected.high)})" if promised else ""
    words = (
        f"{run.submission}\n"
        f"expected test {judged.label} {run_store.expected_score(manifest)}{interval}, "
        f"cross-validated {number(judged.stack)}, guessing a constant {number(judged.baseline)}\n"
        f"{manifest.checks.failed} of {manifest.checks.failed + manifest.checks.passed} submission checks and "
        f"{manifest.certificate.failed} of {manifest.certificate.failed + manifest.certificate.passed} leak checks "
        f"failed; {manifest.seconds:.0f} s"
    )
    if warning := run_store.shift_warning(manifest):
        words += f"\nWARNING: {warning}"
    card = dataset.card()
    for file in (card.train, card.test):
        if file.quarantined > file.ignored:
            words += (
                f"\n{file.name}: {file.quarantined - file.ignored:,} of {file.rows:,} rows could not be used; "
                f"`quarantine {card.fingerprint[:12]}` shows them"
            )
    words = "\n".join([words, *untrained_lines(card)])
    failed = manifest.checks.failed + manifest.certificate.failed
    return EXIT_CHECK_FAILED if failed else EXIT_DONE, run.summary(), words


def _source(workspace: Workspace, options: argparse.Namespace) -> InputFiles | Dataset:
    """A dataset that was read before, or files; not both."""
    if not options.dataset:
        return input_files(options)
    for name in ("train", "test", "sample_submission", "train_query", "test_query", "mapping"):
        if getattr(options, name) is not None:
            raise SettingError.beside_dataset(f"--{name.replace('_', '-')}")
    return dataset_named(workspace, options.dataset)


def _worked(
    source: InputFiles | Dataset,
    config: RunConfig,
    workspace: Workspace,
    options: argparse.Namespace,
    *,
    job: str,
    watch: job_queue.Watcher,
) -> run_store.Run:
    """Do the run of a job."""
    progress = Progress(steps(config), watch.moment, job_queue.finish_wish(workspace, job), watch.news)
    run = pipeline.run(source, config, workspace, out=options.out, progress=progress)
    job_queue.Jobs(workspace).end(job, "done", run_id=run.manifest.run_id)
    return run


def _in_background(
    source: InputFiles | Dataset, config: RunConfig, workspace: Workspace, options: argparse.Namespace
) -> Outcome:
    """Read the files, and leave the rest to a process of its own."""
    if options.out is not None:
        raise SettingError.no_out_in_background()
    dataset = source if isinstance(source, Dataset) else ingest(source, workspace)
    job, fresh = job_queue.start_run(workspace, dataset, config)
    words = f"Job {job.id}: {job.state}" + ("" if fresh else " (the same run was asked for before)")
    return EXIT_DONE, asdict(job), f"{words}; see `python -m core jobs list`."


def _config(options: argparse.Namespace) -> RunConfig:
    """The settings of the command line; without a preset, a budget says that there is to be tuning.

    Raises:
        StudioError: they are not allowed, or ask for what is not here.
    """
    settings = {name: getattr(options, name) for name in RunConfig.model_fields if hasattr(options, name)}
    settings["rising"] = tuple(options.rising)
    settings["learners"] = tuple(options.learners or LEARNER_LABELS)
    if settings["preset"] is None:
        settings["preset"] = "standard" if options.minutes or options.trials else "quick"
    config = RunConfig.checked(**settings)
    must_be_possible(config)
    return config


def check(options: argparse.Namespace) -> Outcome:
    """Check a submission."""
    workspace = Workspace.from_environment()
    if options.run:
        for name in ("sample_submission", "mapping"):
            if getattr(options, name) is not None:
                raise SettingError.beside_run(f"--{name.replace('_', '-')}")
        dataset = dataset_named(workspace, run_store.find_run(workspace, options.run).manifest.dataset)
        results = pipeline.check_submission(options.submission, dataset)
    else:
        results = pipeline.check_against_files(
            options.submission, options.test, options.sample_submission, mapping_of(options)
        )
    failed = [result for result in results if result.outcome == "failed"]
    errors = [result for result in failed if result.severity == "error"]
    lines = [f"{_mark(result):7} {result.title}  {result.explanation}".rstrip() for result in results]
    content = {
        "submission": str(options.submission),
        "passed": sum(result.outcome == "passed" for result in results),
        "failed": len(errors),
        "warnings": len(failed) - len(errors),
        "checks": [result.record() for result in results],
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
