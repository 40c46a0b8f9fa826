"""What a job told while it worked, put in order: a job that was resumed tells again what it had done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from core.schema import LEARNER_LABELS

_TRIALS = {
    "learner": pl.String,
    "trial": pl.Int64,
    "loss": pl.Float64,
    "complete": pl.Boolean,
    "folds": pl.Int64,
    "seconds": pl.Float64,
    "settings": pl.Object,
}
News = Iterable[Mapping[str, Any]]


def trials_told(news: News) -> pl.DataFrame:
    """One row a finished trial, in the order they came: learner, trial (from 1), loss, complete, folds, seconds,
    settings (a mapping).
    """
    found = {(each["learner"], each["trial"]): each for each in news if each["kind"] == "trial"}
    rows = [{name: each[name] for name in _TRIALS} for each in found.values()]
    return pl.DataFrame(rows, schema=_TRIALS)


def fits_by_learner(news: News) -> dict[str, list[float]]:
    """Mean squared error by fold of the learners fitted so far, as far as folds are fitted in order; with several seeds
    those of the first.
    """
    found = {
        (each["learner"], each["fold"]): each["mse"]
        for each in news
        if each["kind"] == "fit" and each["seed"] == 0 and each["mse"] is not None
    }
    told: dict[str, list[float]] = {}
    for name in LEARNER_LABELS:
        scores: list[float] = []
        while (name, len(scores)) in found:
            scores.append(found[name, len(scores)])
        if scores:
            told[name] = scores
    return told


def importances_told(news: News) -> dict[str, dict[str, float]]:
    """How much each setting moved the loss, by learner; the last that was told."""
    return {each["learner"]: each["shares"] for each in news if each["kind"] == "importances" and each["shares"]}
