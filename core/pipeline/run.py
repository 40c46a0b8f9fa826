"""The arrows of the pipeline, in order: files, dataset, features, training, importance, submission, run folder.

Each step is one function of its own room; this module only hands things on and writes the run.
"""

from __future__ import annotations

import secrets
from functools import partial
from pathlib import Path

import polars as pl

from core.base.checkpoint import Checkpoints, LoadOrCompute, always_compute, work_name
from core.base.files import atomic_folder, reporting_full_disk
from core.base.progress import Progress, Report
from core.base.workspace import Workspace
from core.checks import CheckResult
from core.config import RunConfig
from core.dataset import Dataset
from core.errors import Cancelled, InputError
from core.features import FeatureTable, build_features, changed_by_later_sessions, session_events
from core.importance import importance_frame, price_table
from core.ingestion import InputFiles, event_ids, ingest, read_ids
from core.ingestion.mapping import Mapping
from core.ingestion.sources.paths import files_of
from core.pipeline.preflight import must_be_free
from core.pipeline.record import (
    Clock,
    load_certificate,
    save_certificate,
    write_checks,
    write_manifest,
    write_tables,
)
from core.pipeline.steps import steps
from core.runs import Run
from core.runs.store import SUBMISSION_FILE, versions
from core.schema import ROLE, SESSION, SESSION_VALUE, STACK, TRAIN_ROLE, UNIT, USER_SESSION, VALUE
from core.submission import run_checks, write_submission
from core.training import (
    Prepared,
    Training,
    certify_training,
    prediction_frame,
    prepare,
    train,
    training_set,
    tune,
)
from core.training.shift import find_shift
from core.training.tuning import SearchFolder

_SOURCE = "source"
_TABLE_FILE = "table.parquet"


def run(
    files: InputFiles | Dataset,
    config: RunConfig,
    workspace: Workspace,
    *,
    out: Path | None = None,
    progress: Progress | None = None,
) -> Run:
    """From two event files (or a dataset already read) to a run folder with its checked submission.

    `out` is the folder for the run, by default runs/<run id> in the workspace. A run that was broken off is gone on
    with when the same run is asked for: what it had done is not done again.

    Raises:
        StudioError: one sentence; no half of a run is left behind then.
        Cancelled: nothing is left behind.
    """
    if out is not None:
        must_be_free(out)
    clock = Clock(progress or Progress(steps(config)))
    with reporting_full_disk(workspace.root):
        with clock.step("ingest") as report:
            dataset = files if isinstance(files, Dataset) else ingest(files, workspace, report)
        unfinished = Checkpoints.claim(workspace.unfinished / _work_name(dataset, config.digest))
        records = SearchFolder.claim(workspace.searches / _work_name(dataset, config.search_digest))
        clock.go_on_with(unfinished)
        try:
            run = _run(dataset, config, workspace, out, clock=clock, unfinished=unfinished, records=records)
        except Cancelled:
            unfinished.delete()
            records.delete()
            raise
        unfinished.delete()
        records.delete()
    return run


def _run(
    dataset: Dataset,
    config: RunConfig,
    workspace: Workspace,
    out: Path | None,
    *,
    clock: Clock,
    unfinished: Checkpoints,
    records: SearchFolder,
) -> Run:
    """The arrows from the dataset to the run folder."""
    kept = unfinished.load_or_compute
    with clock.step("features") as report:
        table = feature_table(dataset, config, report, kept)
    with clock.step("prepare") as report:
        prepared = prepared_rows(dataset, table, config, report, kept)
        shift = find_shift(prepared.data, use_known_values=config.use_known_values)
    budget = clock.budget(config)
    searched = {}
    if config.tunes:
        with clock.step("tune") as report:
            searched = tune(prepared, records, budget, report, clock.tell)
    with clock.step("train") as report:
        training = train(
            prepared,
            known_share=_known_share(dataset, config),
            search_results=searched,
            budget=budget,
            report=report,
            on_result=clock.tell,
            load_or_compute=kept,
        )
    with clock.step("importance") as report:
        importance = kept("importance", partial(importance_frame, training, report), _save_table, _load_table)
    with clock.step("certificate") as report:
        certificate = kept(
            "certificate",
            lambda: [*_certified(training, report), certify_history(dataset, table, config)],
            save_certificate,
            load_certificate,
        )
    answers = session_predictions(dataset, table, training, config)

    run_id = f"{clock.created:%Y%m%d-%H%M%S}-{config.digest[:4]}{dataset.fingerprint[:4]}{secrets.token_hex(1)}"
    folder = out or workspace.runs / run_id
    with atomic_folder(folder) as building:
        with clock.step("write") as report:
            report(0, 1, "")
            submission = building / SUBMISSION_FILE
            write_submission(answers, dataset.order(), submission)
            checks = check_submission(submission, dataset)
            write_tables(building, training, answers, importance, recovered_prices(dataset, training))
            write_checks(building, certificate, checks)
        manifest = write_manifest(
            building,
            run_id,
            clock,
            config=config,
            dataset=dataset,
            training=training,
            shift=shift,
            certificate=certificate,
            checks=checks,
        )
    report(1, 1, "")
    return Run(folder, manifest)


def feature_table(
    dataset: Dataset,
    config: RunConfig,
    report: Report = lambda part, parts, text: None,
    kept: LoadOrCompute = always_compute,
) -> FeatureTable:
    """The features of all units of both files."""
    return kept("features", partial(build_features, dataset, config, report), FeatureTable.save, FeatureTable.load)


def prepared_rows(
    dataset: Dataset,
    table: FeatureTable,
    config: RunConfig,
    report: Report = lambda part, parts, text: None,
    kept: LoadOrCompute = always_compute,
) -> Prepared:
    """The rows that train and those to predict, as every fit of the run sees them."""
    chosen = training_set(
        table,
        dataset.order().get_column(SESSION),
        session_events(dataset, config),
        all_rows=config.history == "all_rows",
    )
    return prepare(chosen, config, report, kept)


def _certified(training: Training, report: Report) -> list[CheckResult]:
    report(0, 2, "shuffled target, planted leak")
    found = certify_training(training)
    report(1, 2, "later events")
    return found


def _work_name(dataset: Dataset, settings: str) -> str:
    """Of the folder where work on this dataset with these settings stands while it goes on."""
    return work_name(dataset.fingerprint, settings, (f"{name} {each}" for name, each in sorted(versions().items())))


def _save_table(table: pl.DataFrame, folder: Path) -> None:
    table.write_parquet(folder / _TABLE_FILE)


def _load_table(folder: Path) -> pl.DataFrame:
    return pl.read_parquet(folder / _TABLE_FILE, memory_map=False, glob=False)


def recovered_prices(dataset: Dataset, training: Training) -> pl.DataFrame | None:
    """What an event on each product adds to a session's value, learned from all training sessions; see price_table."""
    if training.columns is None or training.data.baskets is None:
        return None
    return price_table(training.data.baskets, training.columns.prices, dataset, training.columns.prices_without)


def session_predictions(dataset: Dataset, table: FeatureTable, training: Training, config: RunConfig) -> pl.DataFrame:
    """One row a session of the submission: user_session, session_value, source, and the ends of its intervals
    (low_80, high_80, low_95, high_95; null where too few sessions tell).

    The units of a session are summed (source "summed" where there are several); a session known from train gets the
    value it has there (source "known"); all others are "predicted".
    """
    frame = prediction_frame(training)
    ends = [name for name in frame.columns if name.startswith(("low_", "high_"))]
    predicted = (
        frame.join(table.units.select(UNIT, SESSION, "known_value"), on=UNIT, how="left")
        .group_by(SESSION)
        .agg(
            pl.col(STACK).sort_by(UNIT).sum().alias(SESSION_VALUE),
            # of a session of several users the sums, which hold it at least as often as each holds its part
            *(pl.when(pl.col(name).null_count() == 0).then(pl.col(name).sum()).alias(name) for name in ends),
            pl.len().alias("units"),
            pl.col("known_value").first(),
        )
    )
    known = pl.col("known_value").is_not_null() & pl.lit(config.use_known_values)
    answers = predicted.with_columns(
        *(pl.when(known).then("known_value").otherwise(name).alias(name) for name in (SESSION_VALUE, *ends)),
        pl.when(known)
        .then(pl.lit("known"))
        .when(pl.col("units") > 1)
        .then(pl.lit("summed"))
        .otherwise(pl.lit("predicted"))
        .alias(_SOURCE),
    )
    return (
        dataset.order()
        .join(answers, on=SESSION, how="left", maintain_order="left")
        .select(USER_SESSION, SESSION_VALUE, _SOURCE, *ends)
    )


def check_submission(submission: Path, dataset: Dataset) -> list[CheckResult]:
    """Check a submission against the dataset that it answers."""
    ids = dataset.order().get_column(USER_SESSION)
    values = dataset.units().filter(pl.col(ROLE) == TRAIN_ROLE).group_by(SESSION).agg(pl.col(VALUE).first()).collect()
    known = values.select(pl.col(SESSION).cast(pl.String).alias(USER_SESSION), pl.col(VALUE).alias(SESSION_VALUE))
    has_sample = dataset.card().sample_submission is not None
    return run_checks(submission, ids, ids if has_sample else None, known)


def check_against_files(
    submission: Path, test: Path, sample_submission: Path | None, mapping: Mapping | None = None
) -> list[CheckResult]:
    """Check a submission against a test event file and, where there is one, the sample submission.

    As in a dataset, only sessions with a row that can be used are to be predicted.

    Raises:
        InputError: a file is missing or cannot be used, or the sample asks for sessions that test has not.
    """
    if sample_submission is None:
        return run_checks(submission, event_ids(test, mapping))
    ids = read_ids(sample_submission, mapping)
    if mapping is not None and mapping.session_gap_minutes is not None:  # the log has no session ids of its own
        files_of(test)
    elif (missing := ids.filter(~ids.is_in(event_ids(test, mapping).implode()))).len():
        raise InputError.sessions_without_events(sample_submission.name, missing.to_list(), ids.len())
    return run_checks(submission, ids, ids)


def certify_history(dataset: Dataset, table: FeatureTable, config: RunConfig) -> CheckResult:
    """The certificate's line on time: deleting later sessions must change no history feature of an earlier one."""
    code, title = "later_events", "History features use nothing later than the session's start"
    if config.history != "as_of":
        reason = "The run was told to use all rows of both files (history: all_rows)."
        return CheckResult.not_applicable(code, title, reason)
    changed, compared = changed_by_later_sessions(dataset, table, config)
    if compared == 0:
        return CheckResult.not_applicable(
            code,
            title,
            "Nothing is later than the moment by which three of five sessions have begun: there is nothing to delete.",
        )
    return CheckResult.of(
        code,
        title,
        passed=changed == 0,
        explanation=f"With all later sessions deleted, {changed:,} of {compared:,} earlier sessions changed.",
    )


def _known_share(dataset: Dataset, config: RunConfig) -> float:
    """Part of the sessions to predict whose value is taken over from train."""
    if not config.use_known_values:
        return 0.0
    known = dataset.wanted_units().filter(pl.col("known_value").is_not_null()).select(pl.col(SESSION).n_unique())
    return float(known.collect().item()) / dataset.order().height
