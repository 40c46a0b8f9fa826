"""The searches of all learners, in parallel threads, within one budget."""

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

from core.base.progress import InterimResult, OnResult, ignore_result
from core.base.text import count, number
from core.metric import Metric
from core.schema import LEARNER_LABELS
from core.training.cross_fitting import FoldMatrices
from core.training.learners import FitContext, Learner, Vector
from core.training.tuning.budget import Budget
from core.training.tuning.learner_search import LearnerSearch, TrialResult
from core.training.tuning.search_folder import SearchFolder

_DECAY = 0.8
"""Weight of a trial's gain relative to the next trial's, when learners are compared."""
_MIN_GAIN = 2e-4
"""Relative gain expected of a learner whose last trials gained nothing, so that each one gets a trial now and then."""
_FIRST_PRIORITY = 1e9
"""Above the priority of any learner that has run its initial trials."""
_IMPORTANCES_INTERVAL = 10
"""Trials of a learner between two reports of its importances."""
_POLL_SECONDS = 0.05
"""Pause of a thread that has no work until another thread ends its trial."""
_FINAL_FIT_FACTOR = 1.15
"""Duration of a final fit relative to a fit of a trial, which holds out rows and stops early."""
AFTER_FITS_SHARE = 0.65
"""Duration of importance, certificate and files, relative to one round of final fits: 10 of 16 seconds on journey."""


@dataclass(frozen=True)
class SearchResult:
    """The result of one learner's search.

    Attributes:
        best: The trial whose settings the final fits use.
        trials: Finished trials, in order.
        importances: Parameter -> share of its effect on the loss; empty after too few trials.
        predictions: Returns the out-of-fold predictions of a complete trial.
        space: See LearnerSearch.space.
    """

    learner: str
    best: TrialResult
    trials: tuple[TrialResult, ...]
    importances: dict[str, float]
    predictions: Callable[[TrialResult], Vector]
    space: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def complete(self) -> tuple[TrialResult, ...]:
        """The trials that were evaluated on all folds."""
        return tuple(trial for trial in self.trials if trial.complete)


def search(
    learners: Sequence[Learner],
    matrices: FoldMatrices,
    *,
    context: FitContext,
    metric: Metric,
    budget: Budget,
    folder: SearchFolder,
    seeds: int,
    report: Callable[[float, str], None] = lambda share, text: None,
    on_result: OnResult = ignore_result,
) -> dict[str, SearchResult]:
    """Search the settings of all learners until the budget is spent. Each learner completes at least one trial.

    The learners share the threads of `context`. Trials are stored in `folder`, from which an interrupted search
    resumes. Time is reserved for final fits with `seeds` seeds. `report` receives the spent share of the budget and a
    text about the last trial; `on_result` receives each trial and, from time to time, the importances of parameters.
    """
    workers = min(context.threads, len(learners))
    single = replace(context, threads=max(1, context.threads // workers))
    storage = folder.storage()
    searches = [
        LearnerSearch(learner, matrices, context=single, metric=metric, folder=folder, storage=storage)
        for learner in learners
    ]
    for each in searches:
        for trial in each.trials:
            on_result(_interim_result(each, trial))

    def reserved_seconds(best: Sequence[TrialResult]) -> float:
        return round_seconds(best, matrices.folds.fit_count, workers) * (seeds + AFTER_FITS_SHARE)

    scheduler = _Scheduler(searches, budget, reserved_seconds, report, on_result)
    with ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(scheduler.work) for _ in range(workers)]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            scheduler.stop.set()  # after an error or an interruption, each thread ends with its current fit
    for future in futures:
        future.result()
    return {each.learner.name: _result(each) for each in searches}


def fit_seconds(trial: TrialResult) -> float:
    """Estimate the seconds of one final fit from a trial."""
    return trial.seconds / max(trial.folds, 1) * _FINAL_FIT_FACTOR


def round_seconds(best: Sequence[TrialResult], fits: int, workers: int) -> float:
    """Estimate the seconds of `fits` final fits per learner, `workers` at a time, from the best trials."""
    return sum(fit_seconds(trial) for trial in best) * fits / workers


class _Scheduler:
    """Assigns trials to learners: the initial ones first, then to the learner that gains most per second.

    Setting `stop` ends all work after the current fits.
    """

    def __init__(
        self,
        searches: Sequence[LearnerSearch],
        budget: Budget,
        reserved_seconds: Callable[[Sequence[TrialResult]], float],
        report: Callable[[float, str], None],
        on_result: OnResult,
    ) -> None:
        self._searches, self._budget, self._reserve = searches, budget, reserved_seconds
        self._report, self._on_result = report, on_result
        self._lock = threading.Lock()
        self._busy: set[str] = set()
        self._started = time.monotonic()
        self.stop = threading.Event()

    def work(self) -> None:
        """Run trials until every learner is done. Several threads call this at once."""
        while True:
            with self._lock:
                search = self._next()
                if search is not None:
                    self._busy.add(search.learner.name)
                elif self.stop.is_set() or not self._may_get_work():
                    return
            if search is None:
                time.sleep(_POLL_SECONDS)
                continue
            try:
                trial = search.run_trial(partial(self._is_done, search))
                if trial is not None:
                    with self._lock:
                        self._publish(search, trial)
            finally:
                with self._lock:
                    self._busy.discard(search.learner.name)

    def _publish(self, search: LearnerSearch, trial: TrialResult) -> None:
        self._on_result(_interim_result(search, trial))
        if len(search.trials) % _IMPORTANCES_INTERVAL == 0:
            content = {"learner": search.learner.name, "shares": search.importances()}
            self._on_result(InterimResult("importances", content))
        self._report(self._spent_share(), _progress_text(search, trial))

    def _next(self) -> LearnerSearch | None:
        free = [each for each in self._searches if each.learner.name not in self._busy and not self._is_done(each)]
        return max(free, key=_priority, default=None)

    def _may_get_work(self) -> bool:
        """Whether a busy learner may need another trial, because a learner still has no complete one."""
        return bool(self._busy) and any(each.best is None for each in self._searches)

    def _is_done(self, search: LearnerSearch) -> bool:
        if self.stop.is_set():
            return True
        if search.best is None:  # the final fits need the settings of one complete trial
            return False
        if self._budget.should_finish():
            return True
        if self._budget.trials is not None and len(search.trials) >= self._budget.trials:
            return True
        return self._budget.seconds_left() <= self._reserved_seconds() + fit_seconds(search.best)

    def _reserved_seconds(self) -> float:
        """Seconds for final fits and later steps; 0 while a learner has no complete trial."""
        best = [each.best for each in self._searches if each.best is not None]
        return self._reserve(best) if len(best) == len(self._searches) else 0.0

    def _spent_share(self) -> float:
        share = 0.0
        if self._budget.trials:
            finished = sum(min(len(each.trials), self._budget.trials) for each in self._searches)
            share = finished / (self._budget.trials * len(self._searches))
        if self._budget.deadline is None:
            return share
        spent = time.monotonic() - self._started
        left = max(self._budget.seconds_left() - self._reserved_seconds(), 0.0)
        return max(share, spent / max(spent + left, 1e-9))


def _priority(search: LearnerSearch) -> float:
    """Return the relative gain per second to expect of a learner's next trial, from the gains of its last trials.

    Learners with initial trials left come first, those with the fewest trials before the others.
    """
    if len(search.trials) < search.n_initial_trials:
        return _FIRST_PRIORITY / (1 + len(search.trials))
    if search.best is None:
        return _FIRST_PRIORITY
    gain, seconds, weight = 0.0, 0.0, 1.0
    for trial, best_before in reversed(list(zip(search.trials[1:], _running_best(search.trials), strict=False))):
        if trial.complete and trial.loss < best_before < np.inf:
            gain += weight * (best_before - trial.loss)
        seconds += weight * trial.seconds
        weight *= _DECAY
    mean_seconds = sum(trial.seconds for trial in search.trials) / max(len(search.trials), 1)
    scale = abs(search.best.loss) or 1.0
    return gain / scale / max(seconds, 1e-9) + _MIN_GAIN / max(mean_seconds, 1e-9)


def _running_best(trials: Sequence[TrialResult]) -> Iterator[float]:
    """Yield the lowest loss of a complete trial up to and including each trial; infinite before the first."""
    return accumulate((trial.loss if trial.complete else np.inf for trial in trials), min)


def _result(search: LearnerSearch) -> SearchResult:
    assert search.best is not None  # noqa: S101 (_is_done requires a complete trial)
    return SearchResult(
        search.learner.name,
        search.best,
        tuple(search.trials),
        search.importances(),
        search.predictions,
        search.space,
    )


def _interim_result(search: LearnerSearch, trial: TrialResult) -> InterimResult:
    content = {
        "learner": search.learner.name,
        "trial": trial.number + 1,
        "loss": trial.loss,
        "complete": trial.complete,
        "folds": trial.folds,
        "seconds": trial.seconds,
        "settings": trial.params,
    }
    return InterimResult("trial", content)


def _progress_text(search: LearnerSearch, trial: TrialResult) -> str:
    text = f"{LEARNER_LABELS[search.learner.name]}, trial {trial.number + 1}: loss {number(trial.loss)}"
    if not trial.complete:
        text += f", stopped after {count(trial.folds, 'fold')}"
    return f"{text}; best {number(search.best.loss)}" if search.best else text
