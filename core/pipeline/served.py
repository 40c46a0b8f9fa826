"""Loads the parts of a run that the service and the backtest of rules need."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from core import runs as run_store
from core.base.ids import short_digest
from core.base.stored_files import hash_stored
from core.base.workspace import Workspace
from core.errors import RunError
from core.live import LiveScorer
from core.live.forecast import Spread
from core.live.service import ServedModel
from core.model import MODEL_FILE, is_model_folder, load_model
from core.runs import Run
from core.runs.store import PREFIXES_FILE


def load_served(workspace: Workspace, name: str) -> ServedModel:
    """Load the model of a run, given by its id or its folder, or of a model folder.

    Raises:
        RunError: there is no such run, or its model cannot value open sessions.
    """
    folder = Path(name)
    if is_model_folder(folder):
        model = load_model(folder)
        # a model folder may be copied to any place, so that its name says little
        identity = f"model-{short_digest(hash_stored(folder / MODEL_FILE))}"
        return ServedModel(folder.name, identity, model, LiveScorer(model), spread=None)
    return _served(run_store.find_run(workspace, name))


def load_stored(workspace: Workspace, name: str) -> ServedModel:
    """Load the model of a run of the workspace by its id; no other folder is opened.

    Raises:
        RunError: there is no such run, or its model cannot value open sessions.
    """
    return _served(run_store.find_run(workspace, str(workspace.runs / name)))


def _served(run: Run) -> ServedModel:
    model = load_model(run)
    scorer = LiveScorer(model)
    spread = Spread.observed(prefixes_of(run), model.history)
    return ServedModel(run.folder.name, run.folder.resolve().name, model, scorer, spread)


def prefixes_of(run: Run) -> pl.DataFrame:
    """Return the out-of-fold predictions of the prefixes of a run; see core.training.live.

    Raises:
        RunError: the run is not for open sessions, or the table is damaged.
    """
    if not run.manifest.config.is_live:
        raise RunError.not_live()
    return run.table(PREFIXES_FILE).collect()
