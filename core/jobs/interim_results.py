"""Interim results of a job, as stored and as tables. Results that a resumed job reported twice count once in tables."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import polars as pl

from core.base.stored_files import UnusableFileError, parse_json
from core.schema import LEARNER_LABELS

Results = Iterable[Mapping[str, Any]]
"""Interim results in order, as `Jobs.results` returns them."""
_TRIAL_COLUMNS = {
    "learner": pl.String,
    "trial": pl.Int64,
    "loss": pl.Float64,
    "complete": pl.Boolean,
    "folds": pl.Int64,
    "seconds": pl.Float64,
    "settings": pl.Object,
}
_MEMBERS: dict[str, Collection[str]] = {
    "trial": _TRIAL_COLUMNS,
    "fit": ("learner", "fold", "seed", "mse"),
    "space": ("learner", "space"),
}
"""Kind of an interim result -> its members. A result without them is damaged."""


def stored_result(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return an interim result from its row in the jobs database: content, `time` (epoch seconds) and `kind`.

    None if the row is damaged.
    """
    try:
        content = parse_json(row["content"])
    except (UnusableFileError, TypeError):
        return None
    if not isinstance(content, dict) or not content.keys() >= set(_MEMBERS.get(row["kind"], ())):
        return None
    return {"time": row["time"], "kind": row["kind"], **content}


def trial_frame(results: Results) -> pl.DataFrame:
    """Return one row per finished trial, in the order in which they finished.

    Columns: learner, trial (from 1), loss, complete (not pruned), folds (evaluated), seconds, settings (a mapping).
    """
    trials = {(result["learner"], result["trial"]): result for result in results if result["kind"] == "trial"}
    return pl.DataFrame(list(trials.values()), schema=_TRIAL_COLUMNS)


def fits_by_learner(results: Results) -> dict[str, list[float]]:
    """Return learner -> mean squared errors of the folds fitted so far, with the first seed.

    Each list begins with fold 0 and ends before the first fold that is not fitted yet.
    """
    errors = {
        (result["learner"], result["fold"]): result["mse"]
        for result in results
        if result["kind"] == "fit" and result["seed"] == 0 and result["mse"] is not None
    }
    by_learner: dict[str, list[float]] = {}
    for name in LEARNER_LABELS:
        while (error := errors.get((name, len(by_learner.get(name, []))))) is not None:
            by_learner.setdefault(name, []).append(error)
    return by_learner


def space_by_learner(results: Results) -> dict[str, dict[str, Any]]:
    """Return learner -> hyperparameter -> its distribution (low, high, step and log, or choices), as last reported."""
    return {
        result["learner"]: result["space"]
        for result in results
        if result["kind"] == "space" and isinstance(result["space"], dict)
    }
