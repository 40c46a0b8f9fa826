"""Verbs that use the model of a run: score and importance."""

from __future__ import annotations

import argparse
from pathlib import Path

import polars as pl

from core import runs as run_store
from core.base.workspace import Workspace
from core.cli.output import Outcome, refuse_existing, step_progress, writing_to
from core.cli.run_options import require
from core.ingestion import source_of
from core.model import MODEL_FILE, SessionValueModel, load_model
from core.pipeline.score import importance_of_events, importance_of_run, write_values
from core.pipeline.score import score as score_events
from core.schema import SESSION_VALUE, STACK, USER_SESSION, VALUE_UNIT

_SHOWN, _TOP = 5, 12
_EFFECT = "mean_abs_shap"


def score(options: argparse.Namespace) -> Outcome:
    """Predict the value of every session of an event file with the model of a run."""
    targets = [path for path in (options.out, options.advance_to, options.quarantine) if path is not None]
    refuse_existing(*targets)
    source = source_of(options.events, options.events_query, "--events-query")
    with step_progress("Scoring", options) as report:
        report(0, 1, "loading the model")
        model = _model(Workspace.from_environment(), options.run)
        scores = score_events(model, source, advance_to=options.advance_to, engine=options.engine, report=report)
    lines, content = scores.lines(), scores.summary()
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
        highest = scores.values.sort(SESSION_VALUE, descending=True).head(_SHOWN)
        lines += [f"{value:12,.2f}  {session}" for session, value in highest[[USER_SESSION, SESSION_VALUE]].iter_rows()]
        lines.append(f"These are the {highest.height} highest values. To write all to a file, add --out FILE.")
    if options.advance_to is not None:
        content["model"] = str(options.advance_to)
        lines.append(f"{options.advance_to} has the model with these events in its history, for `--run`.")
    return Outcome(content, "\n".join(lines))


def importance(options: argparse.Namespace) -> Outcome:
    """Compute the importance of the features, in the training sessions of a run or in the sessions of an event file."""
    if options.out is not None:
        refuse_existing(options.out)
    workspace = Workspace.from_environment()
    with step_progress("Importance", options) as report:
        if options.events is None:
            require(not options.events_query, "--events", "the database that --events-query is for")
            run = run_store.find_run(workspace, options.run)
            table = importance_of_run(run, report)
        else:
            source = source_of(options.events, options.events_query, "--events-query")
            table = importance_of_events(_model(workspace, options.run), source, report)
    stacked = table.filter(pl.col("learner") == STACK).sort(_EFFECT, descending=True)
    lines = [
        f"{effect:10,.3f}  {feature:28} {meaning}"
        for feature, meaning, effect in stacked.select("feature", "meaning", _EFFECT).head(_TOP).iter_rows()
    ]
    lines.insert(0, f"Average effect on the value of a session, in {VALUE_UNIT}: the first {len(lines)} features.")
    content: dict[str, object] = {"features": stacked.select("feature", "group", _EFFECT).to_dicts()}
    if options.out is not None:
        with writing_to(options.out):
            write_values(table, options.out)
        content["out"] = str(options.out)
        lines.insert(0, str(options.out))
    return Outcome(content, "\n".join(lines))


def _model(workspace: Workspace, name: str) -> SessionValueModel:
    """Load the model of a run in the workspace, or from the folder of a run or model."""
    folder = Path(name)
    if (folder / MODEL_FILE).is_file():
        return load_model(folder)
    return load_model(run_store.find_run(workspace, name))
