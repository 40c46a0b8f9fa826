"""Comparison of two runs: settings, features, timings, scores by fold, and a paired test of their losses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

from core.runs.manifest import Manifest
from core.runs.paired import Paired, paired_losses
from core.runs.store import FEATURES_FILE, Run

_FOLD_SETTINGS = ("folds", "fold_kind", "seed", "split_composite_sessions")
"""Settings that decide which sessions are in which fold."""


@dataclass(frozen=True)
class Comparison:
    """Comparison of two runs. In each pair, the first value belongs to the first run, the second to the second run.

    Attributes:
        same_dataset: whether both used the same dataset. If not, their scores cannot be compared.
        settings: name -> values, for settings that differ.
        folds: learner or stack -> MSE by fold; empty if the datasets or the folds differ.
        paired: out-of-fold losses on the sessions that both predicted; None without such sessions or on other datasets.
        features: display names of the features that the other run does not have.
        timings: step -> seconds; None if a run had no such step.
        versions: package -> versions, for packages whose versions differ.
    """

    same_dataset: bool
    settings: dict[str, tuple[Any, Any]]
    folds: dict[str, tuple[list[float], list[float]]]
    paired: Paired | None
    features: tuple[list[str], list[str]]
    timings: dict[str, tuple[float | None, float | None]]
    versions: dict[str, tuple[str | None, str | None]]


def compare_runs(first: Run, second: Run, users: pl.DataFrame | None) -> Comparison:
    """Compare two runs: settings, features, timings, scores by fold and out-of-fold losses.

    Args:
        users: columns unit and user of their dataset; None counts every session as a user of its own.
    """
    one, other = first.manifest, second.manifest
    same_dataset = one.dataset == other.dataset
    return Comparison(
        same_dataset=same_dataset,
        settings=_differences(one.config.model_dump(mode="json"), other.config.model_dump(mode="json")),
        folds=_fold_scores(one, other) if same_dataset else {},
        paired=paired_losses(first, second, users) if same_dataset else None,
        features=_feature_differences(first, second),
        timings=_pairs(one.timings, other.timings),
        versions=_differences(one.versions, other.versions),
    )


def _pairs(first: dict[str, Any], second: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return name -> its values in both; None where one has no such name."""
    return {name: (first.get(name), second.get(name)) for name in dict.fromkeys((*first, *second))}


def _differences(first: dict[str, Any], second: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {name: (one, other) for name, (one, other) in _pairs(first, second).items() if one != other}


def _fold_scores(first: Manifest, second: Manifest) -> dict[str, tuple[list[float], list[float]]]:
    """Return the scores by fold; empty if the folds do not have the same sessions."""
    if any(getattr(first.config, name) != getattr(second.config, name) for name in _FOLD_SETTINGS):
        return {}
    pairs = _pairs(first.scores.fold_mse, second.scores.fold_mse)
    return {name: pair for name, pair in pairs.items() if None not in pair}


def _feature_differences(first: Run, second: Run) -> tuple[list[str], list[str]]:
    labels, other_labels = _feature_labels(first), _feature_labels(second)
    return (
        [label for name, label in labels.items() if name not in other_labels],
        [label for name, label in other_labels.items() if name not in labels],
    )


def _feature_labels(run: Run) -> dict[str, str]:
    """Return name of a feature -> its display name, which the first runs did not store."""
    return {feature["name"]: feature.get("label", feature["name"]) for feature in run.records(FEATURES_FILE)}
