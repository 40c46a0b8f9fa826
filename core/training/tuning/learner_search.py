"""One learner's search: settings proposed by TPE, tried fold by fold, given up as soon as they are plainly worse.

Source: Bergstra et al. (2011), Algorithms for hyper-parameter optimization (TPE); Akiba et al. (2019), Optuna. Trials
are given up by a signed-rank test against the best trial (core.training.tuning.groups).
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.trial import FrozenTrial, TrialState

from core.metric import Metric
from core.training.cross_fitting import FoldMatrices
from core.training.fitting import fit_learner
from core.training.learners import Binned, FitContext, Learner, Settings, Vector
from core.training.targets import Target, targets_to_try
from core.training.tuning.groups import HELD_OUT, Groups, plainly_worse
from core.training.tuning.records import SearchFolder

_OPTUNA_LOCK = threading.Lock()
"""Warning filters belong to the whole process, so two searches must not change them at the same time."""
_FIRST_POWER = 1.2
"""Of the Tweedie loss where the defaults are tried on it: decision 0009."""
_MOST_ROUNDS = 1500
"""Bound of a trial's boosting rounds; fits stop earlier, when rows held out gain no more."""
_FEWEST_TO_TELL = 10
"""Trials without which nothing is said of what matters."""
_TARGET = "target"


@dataclass(frozen=True)
class TriedSettings:
    """A finished trial.

    Attributes:
        number: in its learner's search, from 0; trials that were broken off do not count.
        settings: to fit with; `rounds` is what the fits stopped at, scaled to all rows.
        loss: mean over validated rows; for a trial given up, the estimate from the folds it went through.
        complete: it went through all folds.
        folds: how many it went through.
        seconds: that it took.
        params: what was proposed, by the names of the search space.
    """

    number: int
    settings: Settings
    loss: float
    complete: bool
    folds: int
    seconds: float
    params: dict[str, Any]


class LearnerSearch:
    """Asks, tries and tells, one trial at a time; not to be entered by two threads at once."""

    def __init__(
        self,
        learner: Learner,
        matrices: FoldMatrices,
        *,
        context: FitContext,
        metric: Metric,
        records: SearchFolder,
        storage: optuna.storages.BaseStorage,
    ) -> None:
        self.learner = learner
        self._matrices, self._context, self._metric, self._records = matrices, context, metric, records
        self._groups = Groups.of(matrices, context.seed)
        self._targets = {
            each.name: each
            for each in targets_to_try(metric, matrices.y, learner.objectives)
            if not each.is_log_link or self._values_everywhere()
        }
        self._binned: dict[int, Binned] = {}
        self._best_losses: Vector | None = None
        with _quiet_optuna():
            self._study = optuna.create_study(
                study_name=learner.name, storage=storage, direction="minimize", load_if_exists=True
            )
        self.tried: list[TriedSettings] = []
        self._take_up()

    def _values_everywhere(self) -> bool:
        """Whether each fit learns from a value above 0: without one a logarithm has nothing to start from."""
        learned = (rows[~self._groups.held(rows)] for rows, _ in self._matrices.folds.splits())
        return all((self._matrices.y[rows] > 0).any() for rows in learned)

    def _take_up(self) -> None:
        """Go on with what is stored: finished trials stand, what was broken off is proposed anew."""
        trials = self._study.get_trials(deepcopy=False)
        for trial in trials:
            if trial.state == TrialState.RUNNING:
                self._study.tell(trial.number, state=TrialState.FAIL)
        finished = [trial for trial in trials if trial.state == TrialState.COMPLETE]
        self.tried = [_tried(trial, number) for number, trial in enumerate(finished)]
        if self.best is not None:
            self._best_losses = self._metric.losses(self.predictions(self.best), self._matrices.y)

    def _propose(self) -> optuna.Trial:
        """The next settings: those that a search begins with, then TPE's.

        They follow from the finished trials alone: a search that was broken off, however often, makes the same trials
        as one that was not.
        """
        number, beginnings = len(self.tried), self._beginnings()
        seed = int(np.random.SeedSequence([self._context.seed, number]).generate_state(1)[0])
        with _quiet_optuna():
            self._study.sampler = optuna.samplers.TPESampler(
                n_startup_trials=len(beginnings), multivariate=True, group=True, seed=seed
            )
        # one that waits was put there by a process that was killed before it asked, for this very turn
        if number < len(beginnings) and not self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            self._study.enqueue_trial(beginnings[number])
        return self._study.ask()

    def _beginnings(self) -> list[dict[str, Any]]:
        """What is tried before anything is proposed: what is known to be good, and the defaults on each target.

        They are also all that TPE learns from at first: it proposes what is near the best of them, where settings drawn
        at random cost a quarter of a short search and were hardly ever among the good ones.
        """
        known = [{_TARGET: Target.of(each).name, **each} for each in self.learner.known()]
        return [
            *(each for each in known if each[_TARGET] in self._targets),
            *(
                {_TARGET: target, **self.learner.defaults(), "tweedie_variance_power": _FIRST_POWER}
                for target in self._targets
            ),
        ]

    @property
    def beginnings(self) -> int:
        """How many trials there are before the first one proposed: no learner goes without them."""
        return len(self._beginnings())

    @property
    def space(self) -> dict[str, dict[str, Any]]:
        """What was chosen from, by setting, over the trials made: `low`, `high`, `step` and `log`; or `choices`."""
        found: dict[str, BaseDistribution] = {}
        for trial in self._study.get_trials(deepcopy=False):
            found.update(trial.distributions)
        return {name: json.loads(distribution_to_json(each))["attributes"] for name, each in found.items()}

    @property
    def best(self) -> TriedSettings | None:
        """The best trial that went through all folds."""
        return min((each for each in self.tried if each.complete), key=lambda each: each.loss, default=None)

    def predictions(self, trial: TriedSettings) -> Vector:
        """Out-of-fold predictions of a trial that went through all folds."""
        return self._records.predictions(self.learner.name, trial.number).astype(np.float64)

    def step(self, enough: Callable[[], bool] = lambda: False) -> TriedSettings | None:
        """Try one proposal. None if it was `enough` before the trial could be judged; it is made anew then."""
        began, number = time.monotonic(), len(self.tried)
        trial = self._propose()
        target = self._targets[str(trial.suggest_categorical(_TARGET, list(self._targets)))]
        settings: Settings = {"objective": target.objective, "transform": target.transform, "rounds": _MOST_ROUNDS}
        settings |= self.learner.suggest(trial, target.objective)
        try:
            outcome = self._through_folds(number, settings, enough)
        except BaseException:  # an interruption, too, must not leave the trial as running
            with contextlib.suppress(Exception):  # the journal may be what failed
                self._study.tell(trial, state=TrialState.FAIL)
            raise
        if outcome is None:
            self._study.tell(trial, state=TrialState.FAIL)
            return None
        oof, rounds, folds = outcome
        losses = self._metric.losses(oof, self._matrices.y)
        complete = folds == self._matrices.folds.count
        loss = float(np.nanmean(losses)) if complete else self._estimate(losses)
        settings["rounds"] = max(1, round(float(np.mean(rounds)) * HELD_OUT / (HELD_OUT - 1)))
        tried = TriedSettings(number, settings, loss, complete, folds, time.monotonic() - began, dict(trial.params))
        if complete:
            self._records.keep(self.learner.name, number, oof)
        kept = {"settings": settings, "folds": folds, "seconds": tried.seconds, "complete": complete}
        for name, value in kept.items():
            trial.set_user_attr(name, value)
        self._study.tell(trial, loss)
        self.tried.append(tried)
        if tried is self.best:  # as they were kept, not as they were made: a search taken up again has no others
            self._best_losses = self._metric.losses(self.predictions(tried), self._matrices.y)
        return tried

    def importances(self) -> dict[str, float]:
        """How much each setting moved the loss over the trials, as shares; empty where there are too few trials."""
        if len(self.tried) < _FEWEST_TO_TELL:
            return {}
        try:
            found = optuna.importance.get_param_importances(
                self._study, evaluator=optuna.importance.PedAnovaImportanceEvaluator(evaluate_on_local=True)
            )
        except (RuntimeError, ValueError):  # all losses alike
            return {}
        return {name: float(share) for name, share in found.items()}

    def _through_folds(
        self, number: int, settings: Settings, enough: Callable[[], bool]
    ) -> tuple[Vector, list[int], int] | None:
        """Out-of-fold predictions (NaN in folds not gone through), rounds by fold, folds gone through."""
        count = self._matrices.folds.count
        oof = np.full(len(self._matrices.y), np.nan)
        rounds: list[int] = []
        worse_by: list[float] = []
        for place in range(count):
            if enough():
                return None if place == 0 or self._best_losses is None else (oof, rounds, place)
            fold = (number + place) % count  # no fold always comes first
            validated, predicted, stopped_at = self._fit(fold, settings)
            oof[validated] = predicted
            rounds.append(stopped_at)
            if self._best_losses is None or place + 1 == count:
                continue
            losses = self._metric.losses(predicted, self._matrices.y[validated])
            worse_by += self._groups.means_by_chunk(losses - self._best_losses[validated], validated)
            if plainly_worse(worse_by):
                return oof, rounds, place + 1
        return oof, rounds, count

    def _fit(self, fold: int, settings: Settings) -> tuple[NDArray[np.int64], Vector, int]:
        """Rows validated, predictions for them, rounds that the fit stopped at."""
        matrices = self._matrices
        train, validated = np.flatnonzero(matrices.folds.trains(fold)), np.flatnonzero(matrices.folds.fold_of == fold)
        if fold not in self._binned:
            self._binned[fold] = self.learner.bin(
                lambda: matrices.rows(fold, train), self._context, held=self._groups.held(train)
            )
        fitted = fit_learner(
            self._binned[fold],
            settings,
            self._context,
            y=matrices.y[train],
            start=matrices.start_of_rows(fold, train),
            metric=self._metric,
            matrix=lambda: matrices.rows(fold, train),
            weights=matrices.weights_of(train),
        )
        asked = matrices.rows(fold, validated)
        return validated, fitted.predict(asked, matrices.start(asked)), fitted.model.rounds

    def _estimate(self, losses: Vector) -> float:
        """The loss of a trial that was given up: that of the best, times how they compare where both were tried."""
        assert self._best_losses is not None and self.best is not None  # noqa: S101 (else nothing is given up)
        tried = ~np.isnan(losses)
        against = float(self._best_losses[tried].mean())
        # never better than the best, which is what the next trials are measured against
        return self.best.loss * max(float(losses[tried].mean()) / against, 1.0) if against > 0 else self.best.loss


@contextlib.contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Silence Optuna's notice of a new study and its warning that `group` is experimental, then restore both."""
    with _OPTUNA_LOCK, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Argument ``group`` is", optuna.exceptions.ExperimentalWarning)
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            yield
        finally:
            optuna.logging.set_verbosity(verbosity)


def _tried(trial: FrozenTrial, number: int) -> TriedSettings:
    attributes = trial.user_attrs
    assert trial.value is not None  # noqa: S101 (complete trials have one)
    return TriedSettings(
        number,
        attributes["settings"],
        trial.value,
        attributes["complete"],
        attributes["folds"],
        attributes["seconds"],
        dict(trial.params),
    )
