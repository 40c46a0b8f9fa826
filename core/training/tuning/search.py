"""Searches of all learners side by side: who is to try next, and when it is enough."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import accumulate
from typing import Any

import numpy as np

from core.base.progress import InterimResult, OnResult
from core.base.text import number
from core.metric import Metric
from core.schema import LEARNER_LABELS
from core.training.cross_fitting import FoldMatrices
from core.training.learners import FitContext, Learner, Vector
from core.training.tuning.budget import Budget
from core.training.tuning.learner_search import LearnerSearch, TriedSettings
from core.training.tuning.records import SearchFolder

_FADES = 0.8
"""How much an older trial's gain counts against the next one's, when learners are weighed against each other."""
_HOPE = 2e-4
"""Share of the loss that a trial is hoped to gain where the last ones gained nothing: no learner rests for good."""
_FIRST = 1e9
"""A promise beyond all others."""
_TELL_IMPORTANCES_EVERY = 10
"""Trials of a learner."""
_FINAL_MARGIN = 1.15
"""Final fits take a little longer than the trials that their time is estimated from."""
AFTERWARDS = 0.65
"""Seconds for importance, certificate and files, as a share of one round of final fits: on journey 10 of 16."""


@dataclass(frozen=True)
class Searched:
    """What was found for a learner.

    Attributes:
        best: the settings to go on with.
        tried: every finished trial, in order.
        importances: shares by setting.
        predictions: gives the out-of-fold predictions of a trial that went through all folds.
        space: that was searched; see LearnerSearch.space.
    """

    learner: str
    best: TriedSettings
    tried: tuple[TriedSettings, ...]
    importances: dict[str, float]
    predictions: Callable[[TriedSettings], Vector]
    space: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def complete(self) -> tuple[TriedSettings, ...]:
        """The trials that went through all folds."""
        return tuple(each for each in self.tried if each.complete)


def search(
    learners: Sequence[Learner],
    matrices: FoldMatrices,
    *,
    context: FitContext,
    metric: Metric,
    budget: Budget,
    records: SearchFolder,
    seeds: int,
    report: Callable[[float, str], None] = lambda share, text: None,
    tell: OnResult = lambda news: None,
) -> dict[str, Searched]:
    """Search until the budget is spent; every learner tries at least its first settings on all folds.

    `seeds` final fits of each learner are to follow: their time is kept back. `report` hears of the share of the budget
    that is spent, and of the last trial.
    """
    workers = min(context.threads, len(learners))
    single = replace(context, threads=max(1, context.threads // workers))
    storage = records.storage()
    searches = [
        LearnerSearch(each, matrices, context=single, metric=metric, records=records, storage=storage)
        for each in learners
    ]
    for each in searches:
        for tried in each.tried:
            tell(_news(each, tried))
    turns = _Turns(
        searches,
        budget=budget,
        fits=matrices.folds.fit_count,
        workers=workers,
        seeds=seeds,
        report=report,
        tell=tell,
    )
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(turns.work) for _ in range(workers)]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            turns.over.set()  # an error in one of them, or an interruption here, ends the others after their fit
    for future in futures:
        future.result()  # raises here what went wrong there
    return {each.learner.name: _found(each) for each in searches}


def fit_seconds(tried: TriedSettings) -> float:
    """Seconds of one final fit, estimated from a trial."""
    return tried.seconds / max(tried.folds, 1) * _FINAL_MARGIN


def round_seconds(best: Sequence[TriedSettings], fits: int, workers: int) -> float:
    """Seconds of all learners' final fits with one seed, so many fits each, so many at a time."""
    return sum(fit_seconds(each) for each in best) * fits / workers


def _found(search: LearnerSearch) -> Searched:
    best = search.best
    assert best is not None  # noqa: S101 (work() does not end before)
    return Searched(
        search.learner.name, best, tuple(search.tried), search.importances(), search.predictions, search.space
    )


class _Turns:
    """Deals turns to learners: first one each, then to the one that gains most a second."""

    def __init__(
        self,
        searches: Sequence[LearnerSearch],
        *,
        budget: Budget,
        fits: int,
        workers: int,
        seeds: int,
        report: Callable[[float, str], None],
        tell: OnResult,
    ) -> None:
        self._searches, self._budget, self._fits, self._workers = searches, budget, fits, workers
        self._seeds, self._report, self._tell = seeds, report, tell
        self._lock = threading.Lock()
        self._at_work: set[str] = set()
        self._began = time.monotonic()
        self.over = threading.Event()

    def work(self) -> None:
        """Try for whoever is to be next, until nobody is."""
        while True:
            with self._lock:
                chosen = self._next()
                if chosen is None:
                    if self.over.is_set() or not self._waits():
                        return
                else:
                    self._at_work.add(chosen.learner.name)
            if chosen is None:  # others are at work on all that is left to do
                time.sleep(0.05)
                continue
            try:
                tried = chosen.step(partial(self._enough, chosen))
                if tried is not None:
                    with self._lock:
                        self._tell(_news(chosen, tried))
                        if len(chosen.tried) % _TELL_IMPORTANCES_EVERY == 0:
                            shares = chosen.importances()
                            self._tell(InterimResult("importances", {"learner": chosen.learner.name, "shares": shares}))
                        self._report(self._share(), _told(chosen, tried))
            finally:
                with self._lock:
                    self._at_work.discard(chosen.learner.name)

    def _waits(self) -> bool:
        """Somebody at work may yet leave a learner that has to go on."""
        return bool(self._at_work) and any(each.best is None for each in self._searches)

    def _next(self) -> LearnerSearch | None:
        free = [each for each in self._searches if each.learner.name not in self._at_work and not self._enough(each)]
        return max(free, key=self._promise, default=None)

    def _enough(self, search: LearnerSearch) -> bool:
        if self.over.is_set():
            return True
        if search.best is None:  # without one trial through all folds there is nothing to go on with
            return False
        if self._budget.finish():
            return True
        if self._budget.trials is not None and len(search.tried) >= self._budget.trials:
            return True
        return self._budget.seconds_left() <= self._kept_back() + fit_seconds(search.best)

    def _kept_back(self) -> float:
        """Seconds for the final fits and for all that follows them."""
        best = [each.best for each in self._searches if each.best is not None]
        if len(best) < len(self._searches):
            return 0.0
        return round_seconds(best, self._fits, self._workers) * (self._seeds + AFTERWARDS)

    def _promise(self, search: LearnerSearch) -> float:
        """Share of the loss that a further second is worth, from what the last trials gained.

        Whoever is not yet through what every search begins with comes before all others, those with the fewest trials
        first.
        """
        if len(search.tried) < search.beginnings:
            return _FIRST / (1 + len(search.tried))
        if search.best is None:
            return _FIRST
        gained, seconds, weight, best = 0.0, 0.0, 1.0, search.best.loss
        for tried, before in reversed(list(zip(search.tried[1:], _best_before(search.tried), strict=False))):
            if tried.complete and tried.loss < before < np.inf:
                gained += weight * (before - tried.loss)
            seconds += weight * tried.seconds
            weight *= _FADES
        trials = max(len(search.tried), 1)
        usual = sum(each.seconds for each in search.tried) / trials
        scale = abs(best) or 1.0
        return gained / scale / max(seconds, 1e-9) + _HOPE / max(usual, 1e-9)

    def _share(self) -> float:
        """Of the budget that is spent."""
        by_trials = 0.0
        if self._budget.trials:
            done = sum(min(len(each.tried), self._budget.trials) for each in self._searches)
            by_trials = done / (self._budget.trials * len(self._searches))
        if self._budget.ends is None:
            return by_trials
        passed = time.monotonic() - self._began
        return max(by_trials, passed / max(passed + max(self._budget.seconds_left() - self._kept_back(), 0.0), 1e-9))


def _best_before(tried: Sequence[TriedSettings]) -> Iterator[float]:
    """The best loss before the second trial, the third, and so on; infinite while none went through all folds."""
    return accumulate((each.loss if each.complete else np.inf for each in tried), min)


def _news(search: LearnerSearch, tried: TriedSettings) -> InterimResult:
    """A finished trial, as it is told while the search goes on."""
    told = {
        "learner": search.learner.name,
        "trial": tried.number + 1,
        "loss": tried.loss,
        "complete": tried.complete,
        "folds": tried.folds,
        "seconds": tried.seconds,
        "settings": tried.params,
    }
    return InterimResult("trial", told)


def _told(search: LearnerSearch, tried: TriedSettings) -> str:
    best = search.best
    text = f"{LEARNER_LABELS[search.learner.name]}, trial {tried.number + 1}: loss {number(tried.loss)}"
    if not tried.complete:
        text += f", given up after {tried.folds} folds" if tried.folds > 1 else ", given up after 1 fold"
    return f"{text}; best {number(best.loss)}" if best else text
