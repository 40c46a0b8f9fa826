"""Verbs that use the model of a run: score, importance and report."""

from __future__ import annotations

import argparse
from pathlib import Path

import polars as pl

from core import runs as run_store
from core.base.amounts import value_unit
from core.base.files import atomic_file
from core.base.text import fixed, size
from core.base.workspace import Workspace
from core.cli.inputs import tables_of
from core.cli.output import Outcome
from core.cli.output_files import refuse_existing, require_new_file, writing_to
from core.cli.progress_bars import step_progress
from core.cli.stored import dataset_named, run_named
from core.errors import RunError, SettingError
from core.ingestion import source_of
from core.model import SessionValueModel, is_model_folder, load_model
from core.pipeline.explain import explain_further
from core.pipeline.report import report_page
from core.pipeline.score import importance_of_events, importance_of_run, write_values
from core.pipeline.score import score as score_events
from core.runs.store import MANIFEST_FILE
from core.schema import SESSION_VALUE, STACK, USER_SESSION

_N_HIGHEST = 5
"""Sessions that `score` shows if it writes no file."""
_N_FEATURES = 12
"""Features that `importance` shows."""
_EFFECT = "mean_abs_shap"
_SUFFIXES = (".csv", ".parquet")


def score(options: argparse.Namespace) -> Outcome:
    """Predict the value of every session of an event file with the model of a run."""
    _check_targets(options)
    source = source_of(options.events, options.events_query, "--events-query")
    with step_progress("Scoring", options) as report:
        report(0, 1, "loading the model")
        model = _model(Workspace.from_environment(), options.run)
        with writing_to(options.advance_to or Path()):
            scores = score_events(
                model,
                source,
                tables=tables_of(options),
                advance_to=options.advance_to,
                engine=options.engine,
                report=report,
            )
    lines = scores.lines()
    content = scores.summary()
    if warning := run_store.open_session_warning(model.spec.config):
        lines.append(f"WARNING: {warning}")
    if options.quarantine is not None:
        with writing_to(options.quarantine):
            write_values(scores.quarantine, options.quarantine)
        content["quarantine"] = str(options.quarantine)
    if options.out is not None:
        with writing_to(options.out):
            write_values(scores.values, options.out)
        content["out"] = str(options.out)
        lines.insert(0, str(options.out))
    else:
        highest = scores.highest(_N_HIGHEST).select(SESSION_VALUE, USER_SESSION)
        lines += [f"{value:12,.2f}  {session}" for value, session in highest.iter_rows()]
        lines.append("The highest values are shown. To write all to a file, add --out FILE.")
    if options.advance_to is not None:
        content["model"] = str(options.advance_to)
        lines.append(f"{options.advance_to} has the model with these events in its history, for `--run`.")
    return Outcome(content, "\n".join(lines))


def _check_targets(options: argparse.Namespace) -> None:
    """Check the files and the folder to write, before anything is computed."""
    targets = {"--out": options.out, "--quarantine": options.quarantine, "--advance-to": options.advance_to}
    used: dict[Path, str] = {}
    for option, path in targets.items():
        if path is None:
            continue
        if option != "--advance-to":
            _check_table_name(option, path)
        with writing_to(path):
            refuse_existing(path)
            place = path.resolve()
            if not place.parent.is_dir():
                raise RunError.not_writable(path, f"{path.parent} is not a folder")
        if place in used:
            raise SettingError.not_allowed(option, str(path), f"another path than that of {used[place]}")
        used[place] = option
    folder = options.advance_to
    if folder is not None and any((parent / MANIFEST_FILE).exists() for parent in folder.resolve().parents):
        raise SettingError.not_allowed("--advance-to", str(folder), "a folder that is not inside a run")


def _check_table_name(option: str, path: Path) -> None:
    if path.suffix not in _SUFFIXES:
        raise SettingError.not_allowed(option, str(path), f"a name that ends in {' or '.join(_SUFFIXES)}")


def importance(options: argparse.Namespace) -> Outcome:
    """Compute the importance of the features, in the train sessions of a run or in the sessions of an event file."""
    if options.out is not None:
        _check_table_name("--out", options.out)
        require_new_file(options.out)
    if options.all_methods and options.events is not None:
        raise SettingError.conflicting("--all-methods", "--events", "All methods explain the training of a run.")
    if options.events is None and options.events_query:
        raise SettingError.missing("--events", "the database that --events-query is for")
    table = _importance_table(options)
    stacked = table.filter(pl.col("learner") == STACK).sort(_EFFECT, descending=True)
    lines = [
        f"{fixed(effect, 3):>10}  {label:48} {meaning}"
        for label, meaning, effect in stacked.select("label", "meaning", _EFFECT).head(_N_FEATURES).iter_rows()
    ]
    lines.insert(0, f"Average absolute effect on the value of a session, in {value_unit()}: the {len(lines)} largest.")
    content: dict[str, object] = {"features": stacked.select("feature", "label", "group", _EFFECT).to_dicts()}
    if options.out is not None:
        with writing_to(options.out):
            write_values(table, options.out)
        content["out"] = str(options.out)
        lines.insert(0, str(options.out))
    return Outcome(content, "\n".join(lines))


def _importance_table(options: argparse.Namespace) -> pl.DataFrame:
    """Return one row per learner and feature; see `core.importance`. With --all-methods, also store those methods."""
    workspace = Workspace.from_environment()
    with step_progress("Importance", options) as report:
        if options.events is not None:
            source = source_of(options.events, options.events_query, "--events-query")
            return importance_of_events(_model(workspace, options.run), source, report)
        run = run_named(workspace, options.run)
        if options.all_methods:
            explain_further(run, report)
        return importance_of_run(run, report)


def report(options: argparse.Namespace) -> Outcome:
    """Write the report of a run for stakeholders."""
    if options.out.suffix != ".html":
        raise SettingError.not_allowed("--out", str(options.out), "a name that ends in .html")
    require_new_file(options.out)
    workspace = Workspace.from_environment()
    run = run_named(workspace, options.run)
    page = report_page(run, dataset_named(workspace, run.manifest.dataset))
    with writing_to(options.out), atomic_file(options.out) as draft:
        draft.write_bytes(page)
    return Outcome({"out": str(options.out), "bytes": len(page)}, f"{options.out} has the report ({size(len(page))}).")


def _model(workspace: Workspace, name: str) -> SessionValueModel:
    """Load the model of a run in the workspace, or from the folder of a run or model."""
    folder = Path(name)
    return load_model(folder if is_model_folder(folder) else run_named(workspace, name))
