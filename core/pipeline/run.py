"""The steps of a run in order: ingest, features, folds, tuning, training, importance, certificate, run folder."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from core.base.checkpoint import Checkpoints, LoadOrCompute, always_compute, work_name
from core.base.files import atomic_folder, reporting_full_disk
from core.base.number_format import PLAIN, using_format
from core.base.progress import Progress, Report, no_report
from core.base.text import whole
from core.base.workspace import Workspace
from core.check_result import CheckResult
from core.config import RunConfig
from core.dataset import Dataset
from core.errors import Cancelled
from core.features import (
    FeatureTable,
    Prefixes,
    build_features,
    build_prefixes,
    changed_by_later_sessions,
    session_events,
)
from core.features.learned.price_standard_errors import price_errors
from core.importance import Explanation, explain_training, price_table
from core.ingestion import InputFiles, ingest
from core.model import SessionValueModel, save_model
from core.pipeline.clock import RunClock
from core.pipeline.manifest_writer import write_manifest
from core.pipeline.preflight import check_output_folder
from core.pipeline.record import load_certificate, save_certificate, write_checks, write_live_tables, write_tables
from core.pipeline.session_predictions import count_known, session_predictions
from core.pipeline.steps import steps
from core.pipeline.submission_target import target_of_dataset
from core.runs import Run
from core.runs.store import MODEL_FOLDER, SUBMISSION_FILE, versions
from core.schema import SESSION
from core.submission import check_file, write_submission
from core.training import PreparedFolds, Training, certify_training, prepare, train, training_set, tune
from core.training.live import LiveTraining, train_live, with_prefixes
from core.training.shift import Shift, find_shift
from core.training.tuning import SearchFolder


@using_format(PLAIN)  # the checks of a run are stored with their sentences
def run(
    source: InputFiles | Dataset,
    config: RunConfig,
    workspace: Workspace,
    *,
    out: Path | None = None,
    progress: Progress | None = None,
) -> Run:
    """Run the pipeline from event files or a stored dataset to a run folder with a checked submission.

    If the same run was interrupted before, it is resumed from its checkpoints.

    Args:
        source: event files, or a stored dataset.
        workspace: where the dataset and the checkpoints are stored, and the run unless `out` is given.
        out: folder for the run.
        progress: receives the progress and interim results.

    Raises:
        StudioError: the run is not possible. No run folder is left behind.
        Cancelled: the run was cancelled. Its checkpoints are deleted as well.
    """
    if out is not None:
        check_output_folder(out)
    clock = RunClock(progress or Progress(steps(config)))
    with reporting_full_disk(workspace.root):
        with clock.step("ingest") as report:
            dataset = source if isinstance(source, Dataset) else ingest(source, workspace, report)
        checkpoints = Checkpoints.claim(workspace.unfinished / _work_name(dataset, config.digest))
        study = SearchFolder.claim(workspace.searches / _work_name(dataset, config.search_digest))
        clock.resume(checkpoints)
        try:
            results = _compute(dataset, config, clock=clock, checkpoints=checkpoints, study=study)
            finished = _write(results, workspace, out, clock)
        except Cancelled:
            checkpoints.delete()
            study.delete()
            raise
        checkpoints.delete()
        study.delete()
        return finished


def _work_name(dataset: Dataset, settings: str) -> str:
    """Return the name of the folder for unfinished work on the dataset; `settings` is their digest."""
    return work_name(dataset.fingerprint, settings, (f"{name} {number}" for name, number in sorted(versions().items())))


@dataclass(frozen=True)
class _Results:
    """What a run has computed before its folder is written.

    Attributes:
        training: the training on whole sessions.
        live: the training on prefixes; None unless the run values open sessions.
        certificate: results of the checks for leaks.
    """

    dataset: Dataset
    config: RunConfig
    table: FeatureTable
    training: Training
    live: LiveTraining | None
    shift: Shift
    explanation: Explanation
    certificate: Sequence[CheckResult]


def _compute(
    dataset: Dataset, config: RunConfig, *, clock: RunClock, checkpoints: Checkpoints, study: SearchFolder
) -> _Results:
    """Compute everything that a run folder has, step by step. Steps that an earlier attempt finished are loaded."""
    load_or_compute = checkpoints.load_or_compute
    with clock.step("features") as report:
        table = feature_table(dataset, config, report, load_or_compute)
    with clock.step("prepare") as report:
        prepared = prepared_rows(dataset, table, config, report, load_or_compute)
        shift = find_shift(prepared.data.whole_sessions(), use_known_values=config.use_known_values)
    budget = clock.budget(config)
    search_results = {}
    if config.tunes:
        with clock.step("tune") as report:
            search_results = tune(prepared, study, budget, report, clock.on_result)
    with clock.step("train") as report:
        known_share = count_known(dataset, config) / dataset.submission_order().height
        training = train(
            prepared,
            known_share=known_share,
            search_results=search_results,
            budget=budget,
            report=report,
            on_result=clock.on_result,
            load_or_compute=load_or_compute,
        )
        live = train_live(training, known_share=known_share) if config.is_live else None
        training = training if live is None else live.sessions
    with clock.step("importance") as report:
        explain = partial(explain_training, training, report)
        explanation = load_or_compute("importance", explain, Explanation.save, Explanation.load)
    with clock.step("certificate") as report:
        certify = partial(_certify, dataset, table, training, config, report)
        certificate = load_or_compute("certificate", certify, save_certificate, load_certificate)
    return _Results(dataset, config, table, training, live, shift, explanation, certificate)


def _write(results: _Results, workspace: Workspace, out: Path | None, clock: RunClock) -> Run:
    """Write the run folder. It appears under its name only when it is complete."""
    dataset, config, training = results.dataset, results.config, results.training
    run_id = f"{clock.created:%Y%m%d-%H%M%S}-{config.digest[:4]}{dataset.fingerprint[:4]}{secrets.token_hex(1)}"
    folder = out or workspace.runs / run_id
    with atomic_folder(folder) as temporary:
        with clock.step("write") as report:
            report(0, 1, "")
            checks = _write_files(temporary, results)
        manifest = write_manifest(
            temporary,
            run_id,
            clock,
            config=config,
            dataset=dataset,
            training=training,
            shift=results.shift,
            certificate=results.certificate,
            checks=checks,
        )
    report(1, 1, "")
    return Run(folder, manifest)


def _write_files(folder: Path, results: _Results) -> list[CheckResult]:
    """Write all files of a run but its manifest, and return the checks of its submission."""
    dataset, config, training, live = results.dataset, results.config, results.training, results.live
    sessions = session_predictions(dataset, results.table, training, config)
    submission = folder / SUBMISSION_FILE
    write_submission(sessions, dataset.submission_order(), submission, dataset.card().submission_columns)
    checks = check_file(submission, target_of_dataset(dataset, use_known_values=config.use_known_values))
    write_tables(folder, training, sessions, results.explanation, _recovered_prices(dataset, training))
    if live is not None:
        write_live_tables(folder, live)
    write_checks(folder, results.certificate, checks)
    model_folder = folder / MODEL_FOLDER
    model_folder.mkdir()
    buy = None if live is None else live.buy
    save_model(SessionValueModel.fit(training, dataset, versions(), buy), model_folder)
    return checks


def feature_table(
    dataset: Dataset,
    config: RunConfig,
    report: Report = no_report,
    load_or_compute: LoadOrCompute = always_compute,
) -> FeatureTable:
    """Return the features of all units of both files."""
    compute = partial(build_features, dataset, config, report)
    return load_or_compute("features", compute, FeatureTable.save, FeatureTable.load)


def prepared_rows(
    dataset: Dataset,
    table: FeatureTable,
    config: RunConfig,
    report: Report = no_report,
    load_or_compute: LoadOrCompute = always_compute,
) -> PreparedFolds:
    """Return the rows to train on and to predict, with their folds and the columns learned inside them."""
    events = session_events(dataset, config)
    rows = training_set(
        table,
        dataset.submission_order().get_column(SESSION),
        None if config.is_live else events,
        all_rows=config.history == "all_rows",
        own=dataset.card().used_own,
    )
    if config.is_live:
        units = pl.Series(rows.units)
        compute = partial(build_prefixes, dataset, units, config)
        rows = with_prefixes(rows, load_or_compute("prefixes", compute, Prefixes.save, Prefixes.load), events)
    return prepare(rows, config, report, load_or_compute)


def _certify(
    dataset: Dataset, table: FeatureTable, training: Training, config: RunConfig, report: Report
) -> list[CheckResult]:
    report(0, 2, "shuffled target, planted leak")
    results = certify_training(training)
    report(1, 2, "later events")
    return [*results, certify_history(dataset, table, config)]


def certify_history(dataset: Dataset, table: FeatureTable, config: RunConfig) -> CheckResult:
    """Check that no history feature changes if later sessions are deleted."""
    code, title = "later_events", "History features use nothing later than the session's start"
    if config.history != "as_of":
        reason = "The history features of this run use all rows of both files (history: all_rows)."
        return CheckResult.not_applicable(code, title, reason)
    changed, compared = changed_by_later_sessions(dataset, table, config)
    if compared == 0:
        reason = "No event happened after 60% of the sessions had begun, so there are no later events to delete."
        return CheckResult.not_applicable(code, title, reason)
    explanation = (
        f"After all later sessions were deleted, {whole(changed)} of {whole(compared)} earlier sessions had changed."
    )
    return CheckResult.of(code, title, passed=changed == 0, explanation=explanation)


def _recovered_prices(dataset: Dataset, training: Training) -> pl.DataFrame | None:
    """Return the table of `price_table`; None if no prices were recovered."""
    data, columns = training.data, training.columns
    if columns is None or data.baskets is None:
        return None
    whole = slice(data.n_whole)
    errors = price_errors(data.baskets, data.y[whole], data.users[whole], columns.price_settings)
    return price_table(data.baskets, columns.prices, errors, dataset)
