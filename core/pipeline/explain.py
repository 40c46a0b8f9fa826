"""The explanation of a run: the tables that the run stored, and tables that are computed from its model on request."""

from __future__ import annotations

from dataclasses import fields

import polars as pl

from core.base.progress import Report, no_report
from core.importance import Explanation
from core.importance.explanation import explain, run_methods
from core.importance.fold_models import FoldModels, held_out_of_model
from core.model import load_model
from core.runs import Run
from core.runs.on_request import store_tables, stored_tables
from core.runs.store import FOLDS_FILE, IMPORTANCE_FOLDER

_EXPLANATION, _METHODS = "explanation", "methods"
_TABLES = tuple(field.name for field in fields(Explanation))
_PARTS = 100
_ROWS_SHARE = 0.2
"""Share of the time until the sessions have their features; explaining them takes the rest."""


def stored_explanation(run: Run) -> Explanation | None:
    """Return the explanation of a run; None for a run of an older version that was not explained on request.

    Raises:
        RunError: a table of the run is damaged.
    """
    files = {name: f"{IMPORTANCE_FOLDER}/{name}.parquet" for name in _TABLES}
    if all(file in run.manifest.sha256 for file in files.values()):
        return Explanation(**{name: run.table(file).collect() for name, file in files.items()})
    tables = stored_tables(run, _EXPLANATION)
    return None if tables is None or set(tables) != set(_TABLES) else Explanation(**tables)


def stored_methods(run: Run) -> pl.DataFrame | None:
    """Return the rows of the slow methods of `core.importance.methods`; None if they were not computed yet."""
    tables = stored_tables(run, _METHODS)
    return None if tables is None else tables.get(_METHODS)


def explain_further(run: Run, report: Report = no_report) -> pl.DataFrame:
    """Compute and store the rows of the slow methods, and the explanation if the run has none.

    Raises:
        RunError: the run has no model, is damaged, or its folder is not writable.
    """
    report(0, _PARTS, "loading the model")
    model = load_model(run)
    rows = held_out_of_model(model, run.table(FOLDS_FILE).collect())
    models, own = FoldModels.of_model(model), model.spec.own
    if stored_explanation(run) is None:
        report(int(_PARTS * _ROWS_SHARE / 2), _PARTS, "effects")
        store_tables(run, _EXPLANATION, vars(explain(models, rows, own)))

    def report_methods(part: int, parts: int, text: str) -> None:
        share = _ROWS_SHARE + (1 - _ROWS_SHARE) * part / max(parts, 1)
        report(int(_PARTS * share), _PARTS, text.lower())

    table = run_methods(models, rows, own, report_methods)
    store_tables(run, _METHODS, {_METHODS: table})
    return table
