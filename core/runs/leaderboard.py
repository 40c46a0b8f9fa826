"""The leaderboard: runs on a dataset and their learners by expected score, and the significance of differences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from core.metric import metric_named
from core.runs.best import best_run
from core.runs.paired import NORMAL_QUANTILE, paired_losses
from core.runs.scores import Interval
from core.runs.store import OOF_FILE, Run
from core.schema import STACK

_QUANTILE_90 = 1.645
"""Half the width of a 90% interval, in standard errors."""


@dataclass(frozen=True)
class Entry:
    """A predictor of the leaderboard.

    Attributes:
        predictor: STACK for the predictions of the run, or one of its learners.
        expected: expected score on the test file with its 90% interval; None if it is withheld, or was not computed by
            an earlier version.
        cross_validated: out-of-fold score.
        is_best: whether these are the predictions of the best run.
    """

    run: Run
    predictor: str
    expected: Interval | None
    cross_validated: float
    is_best: bool

    @property
    def score(self) -> float:
        """Sort key of entries: the expected score; for a learner without one, an estimate from that of its run."""
        if self.expected is not None:
            return self.expected.value
        scores = self.run.manifest.scores.metric_scores
        return self.cross_validated * (scores.expected.value / scores.stack if scores.stack else 1.0)


def leaderboard(runs: Sequence[Run], *, learners: bool = True) -> list[Entry]:
    """Return the predictors of runs on one dataset, the lowest score first.

    Runs that minimized a different metric than the best run come last, because their scores cannot be compared. If an
    expected score is withheld, all are sorted by the cross-validated score.

    Args:
        learners: whether the single learners of each run are included.
    """
    best = best_run(runs)
    if best is None:
        return []
    metric = best.manifest.scores.metric_scores.metric
    is_withheld = any(run.manifest.scores.expected_withheld for run in runs)
    entries = [entry for run in runs for entry in _entries(run, is_best=run is best, learners=learners)]

    def rank(entry: Entry) -> tuple[bool, float]:
        scores = entry.run.manifest.scores.metric_scores
        return scores.metric != metric, entry.cross_validated if is_withheld else entry.score

    return sorted(entries, key=rank)


def _entries(run: Run, *, is_best: bool, learners: bool) -> list[Entry]:
    scores, is_withheld = run.manifest.scores.metric_scores, run.manifest.scores.expected_withheld
    entries = [Entry(run, STACK, None if is_withheld else scores.expected, scores.stack, is_best)]
    for name, score in scores.learners.items() if learners else ():
        expected = None if is_withheld else scores.expected_learners.get(name)
        entries.append(Entry(run, name, expected, score, is_best=False))
    return entries


@dataclass(frozen=True)
class Difference:
    """How much higher the score of an entry is than that of the reference; negative if it is lower.

    Attributes:
        basis: "reference" for the reference itself; "paired" if both have out-of-fold predictions of the same sessions;
            "expected" if only the expected scores can be compared, whose errors are taken as independent; "none" if the
            runs have other data or minimized other metrics.
        value, low, high: the difference and its 95% interval, in the unit of the score; None with the basis "none".
    """

    entry: Entry
    basis: Literal["reference", "paired", "expected", "none"]
    value: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def is_clear(self) -> bool:
        """Whether there is an interval, and 0 is not in it."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def differences(entries: Sequence[Entry], users: pl.DataFrame | None) -> list[Difference]:
    """Compare entries with the first one, which is the reference.

    Args:
        entries: the reference and the entries to compare; may be empty.
        users: columns unit and user of the dataset; None counts every session as a user of its own.
    """
    if not entries:
        return []
    reference, *others = entries
    return [Difference(reference, "reference", 0.0, 0.0, 0.0), *(_difference(reference, one, users) for one in others)]


def _difference(reference: Entry, entry: Entry, users: pl.DataFrame | None) -> Difference:
    first, second = reference.run.manifest, entry.run.manifest
    scores = first.scores.metric_scores
    if first.dataset != second.dataset or scores.metric != second.scores.metric_scores.metric:
        return Difference(entry, "none")
    if OOF_FILE in first.sha256 and OOF_FILE in second.sha256:
        predictors = (reference.predictor, entry.predictor)
        paired = paired_losses(reference.run, entry.run, users, predictors=predictors, test=False)
        if paired is not None:
            score = metric_named(scores.metric).score
            ends = (score(max(paired.first + each, 0.0)) for each in (paired.difference, paired.low, paired.high))
            value, low, high = (end - score(paired.first) for end in ends)
            return Difference(entry, "paired", value, low, high)
    if reference.expected is None or entry.expected is None:
        return Difference(entry, "none")
    value = entry.expected.value - reference.expected.value
    halves = [(each.high - each.low) / 2 for each in (reference.expected, entry.expected)]
    margin = NORMAL_QUANTILE / _QUANTILE_90 * math.hypot(*halves)
    return Difference(entry, "expected", value, value - margin, value + margin)


def differing_settings(runs: Sequence[Run]) -> dict[str, list[Any]]:
    """Return setting -> its value in each run, for the settings in which the runs differ."""
    configs = [run.manifest.config.model_dump(mode="json") for run in runs]
    values = {name: [config[name] for config in configs] for name in configs[0]} if configs else {}
    return {name: each for name, each in values.items() if any(value != each[0] for value in each)}
