"""Every learner fitted with one seed after the other, and their mean: as many as the time allows."""

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
    """Each learner's fits with one seed after the other, as one, and how many seeds they are of: one at least, then as
    many as the preset says while the time reaches, and more where there is still time.
    """
    least, most = prepared.config.seeds
    if budget is None or budget.deadline is None:
        most = least
    settings = {name: found.best.settings for name, found in searched.items()}
    folds = prepared.matrices.folds
    rounds: list[tuple[CrossFit, ...]] = []
    # as the trials have it; rounds that an earlier sitting had done take no time and so tell nothing
    workers = min(prepared.context.threads, len(prepared.learners))
    slowest = round_seconds([found.best for found in searched.values()], folds.fit_count, workers)
    while len(rounds) < most:
        if rounds and _is_enough(len(rounds), least, slowest, budget):
            break
        began = time.monotonic()
        number = len(rounds)
        rounds.append(
            cross_fit(
                prepared.learners,
                prepared.matrices,
                context=replace(prepared.context, seed=prepared.config.seed + number),
                metric=prepared.metric,
                settings=settings,
                load_or_compute=kept,
                on_result=lambda news, number=number: tell(  # type: ignore[misc]
                    InterimResult(news.kind, news.content | {"seed": number})
                ),
                report=lambda part, parts, text, number=number: report(  # type: ignore[misc]
                    number * parts + part, max(least, number + 1) * parts, text
                ),
            )
        )
        slowest = max(slowest, time.monotonic() - began)
    return tuple(mean_of_seeds(fits, prepared.data.y, folds) for fits in zip(*rounds, strict=True)), len(rounds)


def _is_enough(seeds: int, least: int, slowest: float, budget: Budget | None) -> bool:
    """Whether another seed is one too many: the time does not reach, or all that were promised are there."""
    if budget is None:
        return seeds >= least
    if budget.seconds_left() < slowest * (1.0 + AFTER_FITS_SHARE):
        return True
    return seeds >= least and budget.should_finish()
