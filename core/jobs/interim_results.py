"""Interim results of a job as tables and mappings. Results that a resumed job reported twice count once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

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
