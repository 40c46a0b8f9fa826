"""Seed averaging: fit every learner with several seeds, as many as the time allows, and average them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from core.base.checkpoint import LoadOrCompute
from core.base.progress import InterimResult, OnResult, Report
from core.training.cross_fitting import CrossFit, cross_fit, mean_of_seeds
from core.training.prepared import Prepared
from core.training.tuning import Budget, SearchResult
from core.training.tuning.search import AFTER_FITS_SHARE, round_seconds


def fit_with_seeds(
    prepared: Prepared,
    searched: Mapping[str, SearchResult],
    budget: Budget | None,
    *,
    report: Report,
    tell: OnResult,
    kept: LoadOrCompute,
) -> tuple[tuple[CrossFit, ...], int]:
    """Fit all learners once per seed, and return the average of each learner's fits and the number of seeds.

    The configuration sets the minimum and maximum number of seeds. The first seed is always fitted, and others while
    there is time. Without a time limit, the minimum is fitted.
    """
    min_seeds, max_seeds = prepared.config.seeds
    if budget is None or budget.deadline is None:
        max_seeds = min_seeds
    settings = {name: study.best.settings for name, study in searched.items()}
    folds = prepared.matrices.folds
    rounds: list[tuple[CrossFit, ...]] = []
    # estimated from the trials, because rounds that are loaded from a checkpoint take no time
    workers = min(prepared.context.threads, len(prepared.learners))
    slowest = round_seconds([study.best for study in searched.values()], folds.fit_count, workers)
    while len(rounds) < max_seeds:
        if rounds and _is_enough(len(rounds), min_seeds, slowest, budget):
            break
        started = time.monotonic()
        index = len(rounds)
        rounds.append(
            cross_fit(
                prepared.learners,
                prepared.matrices,
                context=replace(prepared.context, seed=prepared.config.seed + index),
                metric=prepared.metric,
                settings=settings,
                load_or_compute=kept,
                on_result=lambda result, index=index: tell(  # type: ignore[misc]
                    InterimResult(result.kind, result.content | {"seed": index})
                ),
                report=lambda part, parts, text, index=index: report(  # type: ignore[misc]
                    index * parts + part, max(min_seeds, index + 1) * parts, text
                ),
            )
        )
        slowest = max(slowest, time.monotonic() - started)
    return tuple(mean_of_seeds(fits, prepared.data.y, folds) for fits in zip(*rounds, strict=True)), len(rounds)


def _is_enough(n_seeds: int, min_seeds: int, seconds_per_seed: float, budget: Budget | None) -> bool:
    """Return whether time is too short for another seed, or the minimum is reached and the budget may finish."""
    if budget is None:
        return n_seeds >= min_seeds
    if budget.seconds_left() < seconds_per_seed * (1.0 + AFTER_FITS_SHARE):
        return True
    return n_seeds >= min_seeds and budget.should_finish()
