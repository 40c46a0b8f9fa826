"""The verbs of the command line: each takes the parsed options and gives exit code, JSON object and words."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl
from tqdm import tqdm

from core import audit as auditing
from core import ingestion, pipeline
from core import runs as run_store
from core.config import RunConfig
from core.dataset import Dataset, list_datasets
from core.errors import RunError, SettingError, listed
from core.features import feature_catalogue, feature_page
from core.ingestion.demo import write_demo
from core.ingestion.journey import write_journey
from core.ingestion.mapping import Mapping, load_mapping, mapping_text, shipped_names
from core.ingestion.preview import counts_of, peek, understood
from core.progress import Moment, Progress
from core.schema import ROLE, ROLES
from core.workspace import Workspace

EXIT_DONE, EXIT_CHECK_FAILED = 0, 1
Outcome = tuple[int, dict[str, Any], str]
"""Exit code, the JSON object, and the same in words."""
_BAR = "{desc:32} {percentage:3.0f} % |{bar}| {elapsed}, {remaining} left"


def demo(options: argparse.Namespace) -> Outcome:
    """Write synthetic event files."""
    with _bar("Simulating a shop", shown=not options.json) as advance, _writing_to(options.out):
        made = write_demo(options.out, sessions=options.sessions, seed=options.seed, progress=advance)
    ingestion.remember(Workspace.from_environment(), options.out / "train.csv")
    words = f"Synthetic event files are in {options.out}: train.csv, test.csv, sample_submission.csv, truth.csv."
    return EXIT_DONE, asdict(made) | {"out": str(options.out)}, words


def journey(options: argparse.Namespace) -> Outcome:
    """Write event files of real baskets."""
    with _writing_to(options.out):
        made = write_journey(options.out, sessions=options.sessions, seed=options.seed, prefix=options.prefix)
    words = f"Real baskets are in {options.out}: train.csv, test.csv, sample_submission.csv, truth.csv."
    return EXIT_DONE, asdict(made) | {"out": str(options.out)}, words


def ingest(options: argparse.Namespace) -> Outcome:
    """Read and store two event files."""
    with _bar("Reading", shown=not options.json) as advance:
        dataset = ingestion.ingest(
            _files(options),
            Workspace.from_environment(),
            lambda part, parts, text: advance(part / parts, text),
        )
    card = dataset.card()
    lines = [f"Dataset {card.fingerprint}"]
    for file in (card.train, card.test):
        lines.append(
            f"  {file.name}: {file.rows:,} rows = {file.kept:,} kept + {file.quarantined:,} quarantined + "
            f"{file.removed:,} duplicates removed; {file.sessions:,} sessions, {file.users:,} users, "
            f"{file.products:,} products"
        )
        if len(file.files) > 1:
            lines += [
                f"    {name}: {rows.rows:,} rows, {rows.quarantined:,} of them quarantined"
                for name, rows in file.files.items()
            ]
        if file.passed_over:
            lines.append(f"    not read, as not named like event files: {listed(file.passed_over)}")
    lines += [f"  quarantined: {rows:,} x {reason}" for reason, rows in card.quarantine_reasons.items()]
    lines.append(f"  {card.to_predict:,} sessions to predict, {card.known_sessions:,} of them known from train")
    return EXIT_DONE, card.model_dump(), "\n".join(lines)


def quarantine(options: argparse.Namespace) -> Outcome:
    """Show the rows of a dataset that were set aside, or write all of them to a file."""
    dataset = _dataset(Workspace.from_environment(), options.dataset)
    rows = dataset.quarantine().with_columns(pl.col(ROLE).replace_strict(dict(enumerate(ROLES))).alias("part"))
    rows = rows.select("part", "file", "line", "reason", "row")
    card = dataset.card()
    reasons = card.quarantine_reasons
    content: dict[str, Any] = {"rows": sum(reasons.values()), "reasons": reasons}
    lines = [f"{amount:>12,} x {reason}" for reason, amount in reasons.items()] or ["Every row can be used."]
    if options.out:
        if options.out.exists():
            raise RunError.file_exists(options.out)
        with _writing_to(options.out):
            rows.sink_csv(options.out)
        return EXIT_DONE, content | {"out": str(options.out)}, "\n".join([*lines, f"All rows are in {options.out}."])
    shown = rows.head(options.rows).collect()
    lines += [f"{file}, line {line}: {reason}\n    {row}" for _, file, line, reason, row in shown.iter_rows()]
    return EXIT_DONE, content | {"shown": shown.to_dicts()}, "\n".join(lines)


def features(options: argparse.Namespace) -> Outcome:
    """List the features that learners are given."""
    described = feature_catalogue()
    content = [{"group": each.group, "looks_at": each.looks_at, **asdict(each.feature)} for each in described]
    if options.markdown:
        return EXIT_DONE, {"features": content}, feature_page()
    lines = [
        f"{each.group:18} {each.feature.name:28} {each.feature.unit:20} {each.feature.meaning}" for each in described
    ]
    return EXIT_DONE, {"features": content}, "\n".join(lines)


def audit(options: argparse.Namespace) -> Outcome:
    """Look for what is odd about a dataset."""
    dataset = _dataset(Workspace.from_environment(), options.dataset)
    with _bar("Looking", shown=not options.json) as advance:
        report = auditing.audit(dataset, lambda part, parts, text: advance(part / parts, text), again=options.again)
    return EXIT_DONE, report.model_dump(), "\n".join(auditing.lines(report))


def mapping(options: argparse.Namespace) -> Outcome:
    """List the mappings that ship with the product, show one, guess one, or show how it has a log understood."""
    if options.action == "list":
        names = [(name, load_mapping(name).name) for name in shipped_names()]
        return EXIT_DONE, {"mappings": dict(names)}, "\n".join(f"{name:18} {title}" for name, title in names)
    _required(options.of, "FILE", "a mapping's name or file (show), or an event file (guess, preview)")
    if options.action == "show":
        text = mapping_text(load_mapping(options.of))
        return EXIT_DONE, {"mapping": text}, text.rstrip()
    if options.action == "guess":
        return _guess(options)
    shown = understood(ingestion.source_of(options.of), _mapping(options), with_value=not options.without_value)
    usable, rows = counts_of(shown)
    with pl.Config(tbl_cols=-1, tbl_hide_dataframe_shape=True, tbl_hide_column_data_types=True, tbl_width_chars=200):
        words = f"{shown}\n{usable} of the first {rows} rows can be used."
    return EXIT_DONE, {"rows": shown.to_dicts(), "usable": usable}, words


def _guess(options: argparse.Namespace) -> Outcome:
    if options.out and options.out.exists():  # nobody means to lose the log, or a mapping that was mended by hand
        raise RunError.file_exists(options.out)
    guess = peek(ingestion.source_of(options.of)).guess(with_value=not options.without_value)
    text = mapping_text(Mapping.checked(**guess.settings))
    if options.out:
        with _writing_to(options.out):
            options.out.write_text(text, encoding="utf-8")
    lines = [] if options.out else [text]
    lines += [f"{role}: {reason}" for role, reason in guess.reasons.items()]
    if guess.missing:
        lines.append(f"Still to be filled in: {listed(guess.missing)}.")
    elif options.out:
        lines.append(f"The mapping is in {options.out}: look at it with `mapping preview`, then use it with --mapping.")
    content = {"mapping": text, "missing": list(guess.missing), "reasons": guess.reasons}
    return EXIT_DONE, content, "\n".join(lines)


def run(options: argparse.Namespace) -> Outcome:
    """Go the whole way from files to a checked submission."""
    workspace = Workspace.from_environment()
    config = RunConfig.checked(
        preset=options.preset,
        seed=options.seed,
        folds=options.folds,
        history=options.history,
        engine=options.engine,
        split_composite_sessions=options.split_composite_sessions,
        use_known_values=options.use_known_values,
    )
    source = _dataset(workspace, options.dataset) if options.dataset else _files(options)
    if options.job:
        with run_store.working_on(workspace, options.job) as watch:
            run = pipeline.run(source, config, workspace, out=options.out, progress=Progress(pipeline.STEPS, watch))
            run_store.Jobs(workspace).end(options.job, "done", run_id=run.manifest.run_id)
    else:
        with _bar("Run", shown=not options.json) as advance:
            progress = Progress(pipeline.STEPS, _watch(advance))
            run = pipeline.run(source, config, workspace, out=options.out, progress=progress)
    manifest = run.manifest
    expected = manifest.scores.expected_test_mse
    words = (
        f"{run.submission}\n"
        f"expected test MSE {expected.value:,.1f} (90%: {expected.low:,.1f} to {expected.high:,.1f}), "
        f"cross-validated {manifest.scores.cv_mse:,.1f}, guessing the mean {manifest.scores.baseline_mse:,.1f}\n"
        f"{manifest.checks.failed} of {manifest.checks.failed + manifest.checks.passed} submission checks and "
        f"{manifest.certificate.failed} of {manifest.certificate.failed + manifest.certificate.passed} leak checks "
        f"failed; {manifest.seconds:.0f} s"
    )
    failed = manifest.checks.failed + manifest.certificate.failed
    return EXIT_CHECK_FAILED if failed else EXIT_DONE, run.summary(), words


def check(options: argparse.Namespace) -> Outcome:
    """Check a submission."""
    workspace = Workspace.from_environment()
    if options.run:
        dataset = _dataset(workspace, run_store.find_run(workspace, options.run).manifest.dataset)
        results = pipeline.check_submission(options.submission, dataset)
    else:
        results = pipeline.check_against_files(
            options.submission, options.test, options.sample_submission, _mapping(options)
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
        _required(options.run, "RUN", "the id or folder of a run (see `runs list`)")
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
        _required(options.job, "JOB", "the id of a job (see `jobs list`)")
    if options.action == "cancel":
        job = run_store.cancel(workspace, options.job)
        return EXIT_DONE, asdict(job), f"Job {job.id}: {job.state}"
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


def datasets(options: argparse.Namespace) -> Outcome:
    """List the datasets of the workspace."""
    cards = [dataset.card() for dataset in list_datasets(Workspace.from_environment())]
    lines = [f"{card.fingerprint[:12]}  {card.name:16}  {card.train.rows + card.test.rows:>12,} rows" for card in cards]
    content = {"datasets": [card.model_dump() for card in cards]}
    return EXIT_DONE, content, "\n".join(lines) or "There is no dataset yet."


# --- what verbs share -------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _writing_to(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError.not_writable(folder, error.strerror or str(error)) from error


def _required(value: object, name: str, allowed: str) -> None:
    if value is None:
        raise SettingError.missing(name, allowed)


def _files(options: argparse.Namespace) -> ingestion.InputFiles:
    for name in ("train", "test"):
        _required(getattr(options, name), f"--{name}", "the path of an event file, or the address of a database")
    return ingestion.InputFiles(
        ingestion.source_of(options.train, options.train_query, "--train-query"),
        ingestion.source_of(options.test, options.test_query, "--test-query"),
        options.sample_submission,
        mapping=_mapping(options),
    )


def _mapping(options: argparse.Namespace) -> Mapping:
    return load_mapping(options.mapping) if options.mapping else Mapping()


def _dataset(workspace: Workspace, name: str) -> Dataset:
    known = list_datasets(workspace)
    matches = [dataset for dataset in known if dataset.fingerprint.startswith(name)]
    if len(matches) != 1:
        raise RunError.unknown("dataset", name, [dataset.fingerprint[:12] for dataset in known])
    return matches[0]


@contextlib.contextmanager
def _bar(title: str, *, shown: bool) -> Iterator[Callable[..., None]]:
    """A progress bar on a terminal, nothing elsewhere; gives the function that takes the fraction done."""
    with tqdm(total=1.0, desc=title, disable=None if shown else True, leave=False, bar_format=_BAR) as bar:

        def advance(fraction: float, text: str | None = None) -> None:
            if text is not None:
                bar.set_description_str(text, refresh=False)
            bar.update(max(fraction - bar.n, 0.0))

        yield advance


def _watch(advance: Callable[[float, str], None]) -> Callable[[Moment], None]:
    def watch(moment: Moment) -> None:
        advance(moment.fraction, moment.detail or moment.label)

    return watch
