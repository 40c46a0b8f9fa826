"""Verbs that train, check submissions, and tell of runs and jobs."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from core import pipeline
from core import runs as run_store
from core.config import RunConfig
from core.progress import Progress
from core.verbs.given import dataset_named, input_files, mapping_of, required
from core.verbs.outcome import EXIT_CHECK_FAILED, EXIT_DONE, Outcome, bar, watching
from core.wording import number
from core.workspace import Workspace


def run(options: argparse.Namespace) -> Outcome:
    """Go the whole way from files to a checked submission."""
    workspace = Workspace.from_environment()
    config = _config(options)
    source = dataset_named(workspace, options.dataset) if options.dataset else input_files(options)
    if options.job:
        with run_store.working_on(workspace, options.job) as watch:
            wish = run_store.finish_wish(workspace, options.job)
            progress = Progress(pipeline.steps(config), watch, wish)
            run = pipeline.run(source, config, workspace, out=options.out, progress=progress)
            run_store.Jobs(workspace).end(options.job, "done", run_id=run.manifest.run_id)
    else:
        with bar("Run", shown=not options.json) as advance:
            progress = Progress(pipeline.steps(config), watching(advance))
            run = pipeline.run(source, config, workspace, out=options.out, progress=progress)
    manifest = run.manifest
    judged = manifest.scores.judged
    low, high = number(judged.expected.low), number(judged.expected.high)
    words = (
        f"{run.submission}\n"
        f"expected test {judged.label} {number(judged.expected.value)} (90%: {low} to {high}), "
        f"cross-validated {number(judged.stack)}, guessing a constant {number(judged.baseline)}\n"
        f"{manifest.checks.failed} of {manifest.checks.failed + manifest.checks.passed} submission checks and "
        f"{manifest.certificate.failed} of {manifest.certificate.failed + manifest.certificate.passed} leak checks "
        f"failed; {manifest.seconds:.0f} s"
    )
    failed = manifest.checks.failed + manifest.certificate.failed
    return EXIT_CHECK_FAILED if failed else EXIT_DONE, run.summary(), words


def _config(options: argparse.Namespace) -> RunConfig:
    """The settings of the command line; without a preset, a budget says that there is to be tuning."""
    settings = {name: getattr(options, name) for name in RunConfig.model_fields if hasattr(options, name)}
    settings["rising"] = tuple(options.rising)
    if settings["preset"] is None:
        settings["preset"] = "standard" if options.minutes or options.trials else "quick"
    return RunConfig.checked(**settings)


def check(options: argparse.Namespace) -> Outcome:
    """Check a submission."""
    workspace = Workspace.from_environment()
    if options.run:
        dataset = dataset_named(workspace, run_store.find_run(workspace, options.run).manifest.dataset)
        results = pipeline.check_submission(options.submission, dataset)
    else:
        results = pipeline.check_against_files(
            options.submission, options.test, options.sample_submission, mapping_of(options)
        )
    failed = [result for result in results if result.outcome == "failed"]
    errors = [result for result in failed if result.severity == "error"]
    marks = {"passed": "passed", "failed": "FAILED", "not_applicable": "-"}
    lines = [f"{marks[result.outcome]:7} {result.title}  {result.explanation}".rstrip() for result in results]
    content = {
        "submission": str(options.submission),
        "passed": sum(result.outcome == "passed" for result in results),
        "failed": len(errors),
        "warnings": len(failed) - len(errors),
        "checks": [asdict(result) for result in results],
    }
    return EXIT_CHECK_FAILED if errors else EXIT_DONE, content, "\n".join(lines)


def runs(options: argparse.Namespace) -> Outcome:
    """List the finished runs, or show one."""
    workspace = Workspace.from_environment()
    if options.action == "show":
        required(options.run, "RUN", "the id or folder of a run (see `runs list`)")
        run = run_store.find_run(workspace, options.run)
        return EXIT_DONE, run.manifest.model_dump(), run.manifest.model_dump_json(indent=1)
    found = run_store.list_runs(workspace)
    lines = [
        f"{run.manifest.run_id}  {run.manifest.dataset_name:16}  "
        f"expected MSE {run.manifest.scores.expected_test_mse.value:>10,.1f}  {run.folder}"
        for run in found
    ]
    return EXIT_DONE, {"runs": [run.summary() for run in found]}, "\n".join(lines) or "There is no run yet."


def jobs(options: argparse.Namespace) -> Outcome:
    """List the background jobs, show one or cancel one."""
    workspace = Workspace.from_environment()
    if options.action != "list":
        required(options.job, "JOB", "the id of a job (see `jobs list`)")
    if options.action == "cancel":
        job = run_store.cancel(workspace, options.job)
        return EXIT_DONE, asdict(job), f"Job {job.id}: {job.state}"
    if options.action == "stop":
        job = run_store.finish_early(workspace, options.job)
        return EXIT_DONE, asdict(job), f"Job {job.id}: {job.state}, to finish with the best found so far"
    if options.action == "show":
        job = run_store.Jobs(workspace).get(options.job)
        log = run_store.log_file(workspace, job.id)
        text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
        return EXIT_DONE, asdict(job), f"Job {job.id}: {job.state}\n{text}".rstrip()
    found = run_store.Jobs(workspace).all()
    lines = []
    for job in found:
        done = f"{job.moment.fraction:4.0%} {job.moment.label} {job.moment.detail}" if job.moment else ""
        lines.append(f"{job.id}  {job.state:9}  {job.dataset_name:16}  {job.seconds():6.0f} s  {done}".rstrip())
    return EXIT_DONE, {"jobs": [asdict(job) for job in found]}, "\n".join(lines) or "There is no job yet."
