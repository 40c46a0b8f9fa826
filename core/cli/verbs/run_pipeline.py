"""Verbs that run the pipeline: run and backtest, in this process or as a job, and worker, which runs jobs."""

from __future__ import annotations

import argparse
import time
from functools import partial
from pathlib import Path

from core import jobs
from core import runs as run_store
from core.base.ids import short_digest
from core.base.progress import Progress, ProgressUpdate
from core.base.text import count, time_text, verb
from core.base.workspace import Workspace
from core.cli.inputs import LOG_OPTIONS, input_files, log_file
from core.cli.output import EXIT_CHECK_FAILED, EXIT_DONE, Outcome
from core.cli.progress_bars import run_progress, step_progress
from core.cli.run_options import refuse_combination, require, run_config
from core.cli.stored import dataset_named
from core.config import RunConfig
from core.dataset import Dataset, untrained_lines, without_events_line
from core.errors import Cancelled
from core.ingestion import InputFiles, ingest
from core.metric import score_text
from core.pipeline import backtest as backtests
from core.pipeline import run as pipeline
from core.pipeline.actual_values import Comparison, compare_with_actual
from core.pipeline.preflight import check_output_folder, check_settings
from core.pipeline.steps import steps
from core.pipeline.time_estimate import learn_pace
from core.runs.manifest import Manifest

_POLL_SECONDS = 1.0


def run(options: argparse.Namespace) -> Outcome:
    """Run the pipeline, in this process or in the background."""
    workspace = Workspace.from_environment()
    config = run_config(options)
    check_settings(config)
    source = _source(workspace, options)
    if options.background:
        return _run_in_background(source, config, workspace, options)
    if options.out is not None:
        check_output_folder(options.out)
    if isinstance(source, Dataset):
        dataset = source
    else:
        with step_progress("Reading", options) as report:
            dataset = ingest(source, workspace, report)
    return _outcome(run_in_foreground(workspace, dataset, config, options, out=options.out), dataset)


def backtest(options: argparse.Namespace) -> Outcome:
    """Split one log at several dates, run the pipeline on each split, and compare expected with actual scores."""
    workspace = Workspace.from_environment()
    config = run_config(options)
    check_settings(config)
    require(options.test_days, "--test-days", "the length of each test file in days")
    splits = backtests.splits(options.test_days, options.backtests)
    datasets = []
    for split in splits:  # all are read first, so that a wrong number of days is reported before the first run
        with step_progress("Reading", options) as report:
            datasets.append(ingest(log_file(options, split.windows_back), workspace, report))
    cuts = []
    for dataset in datasets:
        done = backtests.finished_run(dataset, run_store.list_runs(workspace), config)
        cuts.append(backtests.Cut.of(dataset, done or run_in_foreground(workspace, dataset, config, options)))
    lines = [*_cut_lines(cuts), backtests.coverage_sentence(cuts)]
    content = {"cuts": [cut.record() for cut in cuts], "summary": lines[-1]}
    return Outcome(content, "\n".join(lines))


def _cut_lines(cuts: list[backtests.Cut]) -> list[str]:
    """Return a table with one line per split, below its header."""
    label = next((cut.comparison.label for cut in cuts if cut.comparison is not None), "score")
    names = (f"expected {label}", "low", "high", "actual")
    lines = [f"{'split':23}  {'train':>9}  {'test':>9}  " + "  ".join(f"{name:>13}" for name in names) + "  inside 90%"]
    for cut in cuts:
        *scores, is_inside = _comparison_cells(cut.comparison)
        numbers = "  ".join(f"{cell:>13}" for cell in scores)
        sessions = f"{cut.card.train.sessions:>9,}  {cut.card.test.sessions:>9,}"
        lines.append(f"{time_text(cut.start)}  {sessions}  {numbers}  {is_inside}")
    return lines


def _comparison_cells(comparison: Comparison | None) -> tuple[str, str, str, str, str]:
    """Return the expected score, the ends of its interval, the actual score, and whether this is inside."""
    if comparison is None:
        return "-", "-", "-", "-", "-"
    show = partial(score_text, comparison.metric)
    actual = show(comparison.actual)
    if comparison.is_withheld:
        return run_store.WITHHELD, "-", "-", actual, "-"
    is_inside = "yes" if comparison.is_inside else "no"
    return show(comparison.expected), show(comparison.low), show(comparison.high), actual, is_inside


def run_in_foreground(
    workspace: Workspace, dataset: Dataset, config: RunConfig, options: argparse.Namespace, out: Path | None = None
) -> run_store.Run:
    """Run the pipeline in this process, as a job that other processes see, and show its progress."""
    with (
        run_progress(options) as show,
        jobs.foreground_job(workspace, dataset, config, out) as (job, callbacks),
    ):

        def on_progress(progress: ProgressUpdate) -> None:
            show(progress)
            callbacks.on_progress(progress)

        return _run_pipeline(workspace, job, jobs.JobCallbacks(on_progress, callbacks.on_result))


def worker(options: argparse.Namespace) -> Outcome:
    """Run queued jobs one after the other until interrupted, or with --once until the queue is empty."""
    workspace = Workspace.from_environment()
    if options.job:
        return _run_job(workspace, options.job)
    queue, n_started = jobs.Jobs(workspace), 0
    try:
        while True:
            n_started += jobs.start_next_job(workspace) is not None
            if options.once and not any(job.open for job in queue.all()):
                text = f"The queue is empty. {count(n_started, 'job')} {verb(n_started, 'was', 'were')} started."
                return Outcome({"started": n_started}, text)
            time.sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        raise Cancelled(
            "No more jobs will be started. A running job continues. To see it, run `python -m core jobs list`."
        ) from None


def _run_job(workspace: Workspace, job_id: str) -> Outcome:
    """Run the pipeline as the worker process of a job. Its dataset, settings and folder are in the jobs database."""
    with jobs.job_worker(workspace, job_id) as callbacks:  # an error in here ends the job as failed, with its message
        job = jobs.Jobs(workspace).get(job_id)
        finished_run = _run_pipeline(workspace, job, callbacks)
    return _outcome(finished_run, dataset_named(workspace, job.dataset))


def _run_pipeline(workspace: Workspace, job: jobs.Job, callbacks: jobs.JobCallbacks) -> run_store.Run:
    config = job.run_config()
    dataset = dataset_named(workspace, job.dataset)
    check_settings(config)
    should_finish = jobs.should_finish_callback(workspace, job.id)
    n_sessions = dataset.card().train.sessions + dataset.submission_order().height
    pace = learn_pace(config, n_sessions, run_store.list_runs(workspace))
    progress = Progress(
        steps(config, n_sessions, pace.of_steps),
        callbacks.on_progress,
        should_finish,
        callbacks.on_result,
        in_seconds=True,
        trust=pace.trust,
        budget=None if config.budget_minutes is None else 60 * config.budget_minutes,
    )
    finished_run = pipeline.run(dataset, config, workspace, out=job.out_folder, progress=progress)
    jobs.Jobs(workspace).end(job.id, "done", run_id=finished_run.manifest.run_id)
    return finished_run


def _source(workspace: Workspace, options: argparse.Namespace) -> InputFiles | Dataset:
    """Return the stored dataset or the event files that the options name, but not both."""
    if not options.dataset:
        return input_files(options)
    file_options = (
        *("train", "test", "sample_submission", "train_query", "test_query", "mapping", "products", "users"),
        *LOG_OPTIONS,
    )
    refuse_combination(options, "--dataset", file_options, "A stored dataset has already been read from its files.")
    return dataset_named(workspace, options.dataset)


def _run_in_background(
    source: InputFiles | Dataset, config: RunConfig, workspace: Workspace, options: argparse.Namespace
) -> Outcome:
    refuse_combination(options, "--background", ["out"], "A background run is written to the workspace.")
    dataset = source if isinstance(source, Dataset) else ingest(source, workspace)
    job, is_new = jobs.start_run(workspace, dataset, config, nice=options.nice)
    note = "" if is_new else " (this run was already requested)"
    return Outcome(
        job.record(), f"Job {job.id}: {job.state}{note}. To see its progress, run `python -m core jobs list`."
    )


def _outcome(finished_run: run_store.Run, dataset: Dataset) -> Outcome:
    manifest = finished_run.manifest
    checks, certificate = manifest.checks, manifest.certificate
    comparison = compare_with_actual(finished_run, dataset)
    lines = [
        str(finished_run.submission),
        _score_line(manifest),
        *([] if comparison is None else [comparison.sentence]),
        f"{checks.failed} of {checks.failed + checks.passed} submission checks and "
        f"{certificate.failed} of {certificate.failed + certificate.passed} leakage checks failed; "
        f"{manifest.seconds:.0f} s",
    ]
    warnings = (run_store.shift_warning(manifest), run_store.open_session_warning(manifest.config))
    lines += [f"WARNING: {warning}" for warning in warnings if warning]
    card = dataset.card()
    lines += [
        f"{file.name}: {file.quarantined - file.ignored:,} of {file.rows:,} rows quarantined; "
        f"`quarantine {short_digest(card.fingerprint)}` shows them"
        for file in (card.train, card.test)
        if file.quarantined > file.ignored
    ]
    lines += [*card.mapping_notes, *untrained_lines(card)]
    if line := without_events_line(card):
        lines.append(line)
    exit_code = EXIT_CHECK_FAILED if checks.failed + certificate.failed else EXIT_DONE
    content = finished_run.summary() | ({} if comparison is None else {"backtest": comparison.record()})
    return Outcome(content, "\n".join(lines), exit_code)


def _score_line(manifest: Manifest) -> str:
    scores = manifest.scores.metric_scores
    show = partial(score_text, scores.metric)
    interval = ""
    if not manifest.scores.expected_withheld:
        interval = f" (90%: {show(scores.expected.low)} to {show(scores.expected.high)})"
    return (
        f"expected test {scores.label} {run_store.expected_score(manifest)}{interval}, "
        f"cross-validated {show(scores.stack)}, baseline {show(scores.baseline)}"
    )
