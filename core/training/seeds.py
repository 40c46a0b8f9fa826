"""Seed averaging: fit every learner with several seeds, as many as the time allows, and average their predictions."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from core.base.checkpoint import LoadOrCompute
from core.base.progress import InterimResult, OnResult, Report
from core.training.cross_fitting import CrossFit, cross_fit, mean_of_seeds
from core.training.prepared_folds import PreparedFolds
from core.training.tuning import Budget, SearchResult
from core.training.tuning.parallel_search import AFTER_FITS_SHARE, round_seconds


def fit_with_seeds(
    prepared: PreparedFolds,
    search_results: Mapping[str, SearchResult],
    budget: Budget | None,
    *,
    report: Report,
    on_result: OnResult,
    load_or_compute: LoadOrCompute,
) -> tuple[tuple[CrossFit, ...], int]:
    """Fit all learners once per seed, and return the average of each learner's fits and the number of seeds.

    The configuration sets the minimum and maximum number of seeds. The first seed is always fitted, and others while
    there is time. Without a time limit, the minimum is fitted.

    Args:
        prepared: the rows, folds and learners.
        search_results: learner -> result of its search; learners without one get default settings.
        budget: the time limit; None without one.
        report, on_result, load_or_compute: as for `cross_fit`; a result also has the number of its seed.
    """
    min_seeds, max_seeds = prepared.config.min_seeds, prepared.config.max_seeds
    if budget is None or budget.deadline is None:
        max_seeds = min_seeds
    settings = {name: result.best.settings for name, result in search_results.items()}
    folds = prepared.matrices.folds

    def fit_seed(index: int) -> tuple[CrossFit, ...]:
        return cross_fit(
            prepared.learners,
            prepared.matrices,
            context=replace(prepared.context, seed=prepared.config.seed + index),
            metric=prepared.metric,
            settings=settings,
            load_or_compute=load_or_compute,
            on_result=lambda result: on_result(InterimResult(result.kind, result.content | {"seed": index})),
            report=lambda part, parts, text: report(index * parts + part, max(min_seeds, index + 1) * parts, text),
        )

    # estimated from the trials, because fits that are loaded from a checkpoint take no time
    workers = min(prepared.context.threads, len(prepared.learners))
    seconds_per_seed = round_seconds([result.best for result in search_results.values()], folds.fit_count, workers)
    fits_by_seed: list[tuple[CrossFit, ...]] = []
    while len(fits_by_seed) < max_seeds:
        if fits_by_seed and budget is not None:
            has_enough = len(fits_by_seed) >= min_seeds
            if _is_short(budget, seconds_per_seed) or (has_enough and budget.should_finish()):
                break
        started = time.monotonic()
        fits_by_seed.append(fit_seed(len(fits_by_seed)))
        seconds_per_seed = max(seconds_per_seed, time.monotonic() - started)
    averages = tuple(mean_of_seeds(fits, prepared.data.y, folds) for fits in zip(*fits_by_seed, strict=True))
    return averages, len(fits_by_seed)


def _is_short(budget: Budget, seconds_per_seed: float) -> bool:
    """Return whether too little time is left for another seed and for what follows the fits."""
    return budget.seconds_left() < seconds_per_seed * (1.0 + AFTER_FITS_SHARE)
