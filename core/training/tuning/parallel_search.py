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
from threadpoolctl import threadpool_limits

from core.base.progress import InterimResult, OnResult, Report, ignore_result, no_report
from core.base.text import count, number
from core.schema import LEARNER_LABELS
from core.training.learners import Vector
from core.training.prepared_folds import PreparedFolds
from core.training.tuning.learner_search import LearnerSearch, TrialResult
from core.training.tuning.search_folder import SearchFolder

_DECAY = 0.8
"""Weight of a trial's gain relative to the next trial's, when learners are compared."""
_MIN_GAIN = 2e-4
"""Relative gain expected of a learner whose last trials gained nothing, so that each one gets a trial now and then."""
_FIRST_PRIORITY = 1e9
"""Above the priority of any learner that has run its initial trials."""
_SPACE_INTERVAL = 10
"""Trials of a learner between two reports of its search space: some hyperparameters belong to one target only."""
_PROGRESS_PARTS = 1000
"""Parts in which the progress of a search is reported."""
_POLL_SECONDS = 0.05
"""Pause of a thread that has no work until another thread ends its trial."""
_FINAL_FIT_FACTOR = 1.15
"""Duration of a final fit relative to a fit of a trial, which holds out rows and stops early."""
AFTER_FITS_SHARE = 0.65
"""Duration of importance, certificate and files, relative to one round of final fits: 10 of 16 seconds on journey."""


@dataclass(frozen=True)
class Budget:
    """Limits of a search. The first one that is reached ends it.

    Attributes:
        trials: trials per learner, including those of an interrupted search that is resumed; None for no limit.
        deadline: when the whole run should end, in seconds of time.monotonic(); None for no limit.
        should_finish: returns True once a user asked to finish with the results so far.
    """

    trials: int | None
    deadline: float | None
    should_finish: Callable[[], bool] = lambda: False

    def seconds_left(self) -> float:
        """Return the seconds until the deadline; infinite without one."""
        return float("inf") if self.deadline is None else self.deadline - time.monotonic()


@dataclass(frozen=True)
class SearchResult:
    """The result of one learner's search; see `LearnerSearch`.

    Attributes:
        learner: name of the learner.
        best: the trial whose settings the final fits use.
        trials: all finished trials, in order.
        importances: parameter -> share of its effect on the loss; empty if unknown.
        predictions: function that returns the out-of-fold predictions of a complete trial, in value units.
        space: parameter -> its distribution.
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


def tune(
    prepared: PreparedFolds,
    folder: SearchFolder,
    budget: Budget,
    report: Report = no_report,
    on_result: OnResult = ignore_result,
) -> dict[str, SearchResult]:
    """Search the settings of all learners until the budget is spent. Each learner completes at least one trial.

    Trials are stored in `folder`, from which an interrupted search resumes. `report` receives the spent share of the
    budget and a text about the last trial; `on_result` receives each trial, and the search space at times.
    """
    threads = prepared.context.threads
    workers = min(threads, len(prepared.learners))
    single = replace(prepared, context=replace(prepared.context, threads=max(1, threads // workers)))
    storage = folder.storage()
    searches = [LearnerSearch(learner, single, folder, storage) for learner in prepared.learners]
    for search in searches:
        for trial in search.trials:
            on_result(_interim_result(search, trial))

    def reserved_seconds(best: Sequence[TrialResult]) -> float:
        seconds_per_seed = round_seconds(best, prepared.matrices.folds.fit_count, workers)
        return seconds_per_seed * (prepared.config.min_seeds + AFTER_FITS_SHARE)

    scheduler = _Scheduler(searches, workers, budget, reserved_seconds, report, on_result)
    # the sums of a linear model must not depend on the number of cores
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(workers) as pool:
        futures = [pool.submit(scheduler.work) for _ in range(workers)]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            scheduler.stop.set()  # after an error or an interruption, each thread ends with its current fit
    for future in futures:
        future.result()
    return {search.learner.name: _result(search) for search in searches}


def fit_seconds(trial: TrialResult) -> float:
    """Estimate the seconds of one final fit from a trial."""
    return trial.seconds / max(trial.folds, 1) * _FINAL_FIT_FACTOR


def round_seconds(best: Sequence[TrialResult], fits: int, workers: int) -> float:
    """Estimate the seconds of `fits` final fits per learner, `workers` at a time, from the best trials."""
    return sum(fit_seconds(trial) for trial in best) * fits / workers


@dataclass
class _Scheduler:
    """Assigns trials to learners: the initial trials first, then trials of the learner that gains most per second.

    Attributes:
        searches: the searches of all learners.
        workers: number of threads that call `work`.
        budget: the limits of all searches together.
        reserved_seconds: best trial of each learner -> seconds for final fits and later steps.
        report, on_result: see `tune`.
        stop: once it is set, all work ends after the current fits.
    """

    searches: Sequence[LearnerSearch]
    workers: int
    budget: Budget
    reserved_seconds: Callable[[Sequence[TrialResult]], float]
    report: Report
    on_result: OnResult
    stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _busy: set[str] = field(default_factory=set)
    _started: float = field(default_factory=time.monotonic)

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
        self.on_result(_interim_result(search, trial))
        if len(search.trials) == 1 or len(search.trials) % _SPACE_INTERVAL == 0:
            content = {"learner": search.learner.name, "space": search.space}
            self.on_result(InterimResult("space", content))
        self.report(round(_PROGRESS_PARTS * self._spent_share()), _PROGRESS_PARTS, _progress_text(search, trial))

    def _next(self) -> LearnerSearch | None:
        free = [each for each in self.searches if each.learner.name not in self._busy and not self._is_done(each)]
        return max(free, key=_priority, default=None)

    def _may_get_work(self) -> bool:
        """Return whether a busy learner may need another trial, because a learner still has no complete one."""
        return bool(self._busy) and any(each.best is None for each in self.searches)

    def _is_done(self, search: LearnerSearch) -> bool:
        if self.stop.is_set():
            return True
        if search.best is None:  # the final fits need the settings of one complete trial
            return False
        has_all_trials = self.budget.trials is not None and len(search.trials) >= self.budget.trials
        seconds_needed = self._reserved_seconds() + fit_seconds(search.best)
        return self.budget.should_finish() or has_all_trials or self.budget.seconds_left() <= seconds_needed

    def _reserved_seconds(self) -> float:
        """Return the seconds to reserve; 0 while a learner has no complete trial."""
        best = [each.best for each in self.searches if each.best is not None]
        return self.reserved_seconds(best) if len(best) == len(self.searches) else 0.0

    def _spent_share(self) -> float:
        share = 0.0
        spent = time.monotonic() - self._started
        if self.budget.trials:
            share = self._finished_share(self.budget.trials, spent)
        if self.budget.deadline is None:
            return share
        left = max(self.budget.seconds_left() - self._reserved_seconds(), 0.0)
        return max(share, spent / max(spent + left, 1e-9))

    def _finished_share(self, n_trials: int, spent: float) -> float:
        """Return the share of the expected search time that has passed, if each learner gets `n_trials` trials."""
        timed = [trial.seconds for each in self.searches for trial in each.trials]
        usual = sum(timed) / max(len(timed), 1)
        left = 0.0
        for each in self.searches:
            seconds = [trial.seconds for trial in each.trials]
            mean = sum(seconds) / len(seconds) if seconds else usual
            left += mean * max(n_trials - len(seconds), 0)
        return spent / max(spent + left / self.workers, 1e-9)


def _priority(search: LearnerSearch) -> float:
    """Return the relative gain per second to expect of a learner's next trial, from the gains of its last trials.

    Learners with initial trials left come first, those with the fewest trials before the others.
    """
    if len(search.trials) < search.n_initial_trials:
        return _FIRST_PRIORITY / (1 + len(search.trials))
    if search.best is None:
        return _FIRST_PRIORITY
    gain, seconds, weight = 0.0, 0.0, 1.0
    best_before_next = list(_running_best(search.trials))[:-1]
    for trial, best_before in reversed(list(zip(search.trials[1:], best_before_next, strict=True))):
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
    name, trials = search.learner.name, tuple(search.trials)
    return SearchResult(name, search.best, trials, search.importances(), search.predictions, search.space)


def _interim_result(search: LearnerSearch, trial: TrialResult) -> InterimResult:
    return InterimResult("trial", trial.record(search.learner.name) | {"settings": trial.params})


def _progress_text(search: LearnerSearch, trial: TrialResult) -> str:
    text = f"{LEARNER_LABELS[search.learner.name]}, trial {trial.number + 1}: loss {number(trial.loss)}"
    if not trial.complete:
        text += f", pruned after {count(trial.folds, 'fold')}"
    return f"{text}; best {number(search.best.loss)}" if search.best else text
