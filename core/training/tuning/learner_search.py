"""The search for one learner's settings: Optuna's TPE sampler proposes trials, which are evaluated fold by fold.

A trial that is significantly worse than the best one is pruned after a fold (core.training.tuning.groups).

Source: Bergstra et al. (2011), Algorithms for hyper-parameter optimization; Akiba et al. (2019), Optuna.
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
from optuna.distributions import distribution_to_json
from optuna.trial import FrozenTrial, TrialState

from core.training.fitting import FittedLearner, fit_learner
from core.training.learners import Binned, Learner, Settings, Vector
from core.training.prepared_folds import PreparedFolds
from core.training.targets import Target, targets_to_try
from core.training.tuning.groups import HELD_OUT_EVERY, UserGroups, is_significantly_worse
from core.training.tuning.search_folder import SearchFolder

_OPTUNA_LOCK = threading.Lock()
"""Warning filters belong to the whole process, so two searches must not change them at the same time."""
_DEFAULT_VARIANCE_POWER = 1.2
"""Power of the Tweedie loss in the trial that combines it with the default settings (docs/decisions/0009)."""
_MAX_ROUNDS = 1500
"""Upper bound of boosting rounds. Fits stop earlier, when the loss of the held-out rows no longer improves."""
_MIN_TRIALS_FOR_IMPORTANCES = 10
"""With fewer trials, the importances of the settings are mostly noise."""
_TARGET = "target"
"""Name of the parameter that chooses objective and transform."""


@dataclass(frozen=True)
class TrialResult:
    """A finished trial.

    Attributes:
        number: position among the learner's finished trials, from 0.
        settings: settings of the fits. `rounds` is the mean of the rounds that the fits stopped at, scaled up because
            final fits hold out no rows.
        loss: mean loss of the validated rows; an estimate for all rows if the trial was stopped early.
        complete, folds: whether the trial was evaluated on all folds, and on how many.
    """

    number: int
    settings: Settings
    loss: float
    complete: bool
    folds: int
    seconds: float
    params: dict[str, Any]

    def record(self, learner: str) -> dict[str, Any]:
        """Return the trial as a row of a table: learner, trial (from 1), loss, complete, folds and seconds."""
        return {
            "learner": learner,
            "trial": self.number + 1,
            "loss": self.loss,
            "complete": self.complete,
            "folds": self.folds,
            "seconds": self.seconds,
        }


class LearnerSearch:
    """The study of one learner, which resumes from its storage. Not thread-safe.

    `trials` holds the finished trials, in order.
    """

    def __init__(
        self,
        learner: Learner,
        prepared: PreparedFolds,
        folder: SearchFolder,
        storage: optuna.storages.BaseStorage,
    ) -> None:
        self.learner, self._folder = learner, folder
        self._matrices, self._context, self._metric = prepared.matrices, prepared.context, prepared.metric
        self._groups = UserGroups(self._matrices.folds.users, self._context.seed)
        self._targets = {
            target.name: target
            for target in targets_to_try(self._metric, self._matrices.y, learner)
            if not target.is_log_link or self._every_fit_has_values()
        }
        self._initial_params = self._choose_initial_params()
        self._binned: dict[int, Binned] = {}
        with _quiet_optuna():
            self._study = optuna.create_study(
                study_name=learner.name, storage=storage, direction="minimize", load_if_exists=True
            )
        stored = self._study.get_trials(deepcopy=False)
        for trial in stored:
            if trial.state == TrialState.RUNNING:  # interrupted; its settings are proposed again
                self._study.tell(trial.number, state=TrialState.FAIL)
        finished = [trial for trial in stored if trial.state == TrialState.COMPLETE]
        self.trials = [_restore(trial, number) for number, trial in enumerate(finished)]
        self._best_losses = self._losses_of_best()

    @property
    def n_initial_trials(self) -> int:
        """Number of trials with fixed settings, before the sampler proposes any."""
        return len(self._initial_params)

    @property
    def space(self) -> dict[str, dict[str, Any]]:
        """Parameter -> its distribution in the trials so far: `low`, `high`, `step` and `log`, or `choices`."""
        trials = self._study.get_trials(deepcopy=False)
        distributions = dict(item for trial in trials for item in trial.distributions.items())
        return {name: json.loads(distribution_to_json(each))["attributes"] for name, each in distributions.items()}

    @property
    def best(self) -> TrialResult | None:
        """The complete trial with the lowest loss; None before the first."""
        return min((trial for trial in self.trials if trial.complete), key=lambda trial: trial.loss, default=None)

    def predictions(self, trial: TrialResult) -> Vector:
        """Return the out-of-fold predictions of a complete trial."""
        return self._folder.load_predictions(self.learner.name, trial.number)

    def importances(self) -> dict[str, float]:
        """Parameter -> share of its effect on the loss; empty if there are too few trials or all losses are equal."""
        if len(self.trials) < _MIN_TRIALS_FOR_IMPORTANCES:
            return {}
        try:
            importances = optuna.importance.get_param_importances(
                self._study, evaluator=optuna.importance.PedAnovaImportanceEvaluator(evaluate_on_local=True)
            )
        except (RuntimeError, ValueError):  # Optuna raises these if all losses are equal
            return {}
        return {name: float(share) for name, share in importances.items()}

    def run_trial(self, should_stop: Callable[[], bool] = lambda: False) -> TrialResult | None:
        """Propose settings, evaluate them fold by fold, and return the finished trial.

        `should_stop` is called before each fold. If it ends the trial before it could be compared with the best one,
        None is returned, and the next call proposes the same settings.
        """
        started = time.monotonic()
        trial = self._propose()
        target = self._targets[str(trial.suggest_categorical(_TARGET, list(self._targets)))]
        settings: Settings = {"objective": target.objective, "transform": target.transform, "rounds": _MAX_ROUNDS}
        settings |= self.learner.suggest(trial, target.objective)
        try:
            outcome = self._evaluate(settings, should_stop)
        except BaseException:  # an interruption, too, must not leave the trial running
            with contextlib.suppress(Exception):  # the error may have come from the storage
                self._study.tell(trial, state=TrialState.FAIL)
            raise
        if outcome is None:
            self._study.tell(trial, state=TrialState.FAIL)
            return None
        oof, rounds = outcome
        settings["rounds"] = max(1, round(float(np.mean(rounds)) * HELD_OUT_EVERY / (HELD_OUT_EVERY - 1)))
        return self._finish(trial, settings, oof, n_folds=len(rounds), seconds=time.monotonic() - started)

    def _every_fit_has_values(self) -> bool:
        """Whether each fit has a training value above 0; otherwise the logarithm of their mean is undefined."""
        train_rows = (rows[~self._groups.held_out(rows)] for rows, _ in self._matrices.folds.splits())
        return all((self._matrices.y[rows] > 0).any() for rows in train_rows)

    def _choose_initial_params(self) -> list[dict[str, Any]]:
        """Return proven settings, then the default settings with each target.

        TPE starts from these. Random initial trials cost a quarter of a short search and were rarely among the best.
        """
        proven = [{_TARGET: Target.of(settings).name, **settings} for settings in self.learner.proven_settings()]
        defaults = {**self.learner.defaults(), "tweedie_variance_power": _DEFAULT_VARIANCE_POWER}
        return [
            *(params for params in proven if params[_TARGET] in self._targets),
            *({_TARGET: target, **defaults} for target in self._targets),
        ]

    def _propose(self) -> optuna.Trial:
        """Ask for the next trial, which depends on the finished trials alone, however often a search is interrupted."""
        number = len(self.trials)
        seed = int(np.random.SeedSequence([self._context.seed, number]).generate_state(1)[0])
        with _quiet_optuna():
            self._study.sampler = optuna.samplers.TPESampler(
                n_startup_trials=self.n_initial_trials, multivariate=True, group=True, seed=seed
            )
        # a waiting trial is this one: its process was killed between enqueue_trial and ask
        if number < self.n_initial_trials and not self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            self._study.enqueue_trial(self._initial_params[number])
        return self._study.ask()

    def _evaluate(self, settings: Settings, should_stop: Callable[[], bool]) -> tuple[Vector, list[int]] | None:
        """Return out-of-fold predictions (NaN for skipped folds) and the rounds of each fit.

        None if the trial was stopped before it could be compared with the best one.
        """
        y, n_folds = self._matrices.y, self._matrices.folds.count
        oof = np.full(len(y), np.nan)
        rounds: list[int] = []
        loss_differences: list[float] = []
        for place in range(n_folds):
            if should_stop():
                return None if place == 0 or self._best_losses is None else (oof, rounds)
            fold = (len(self.trials) + place) % n_folds  # each trial begins with another fold
            _, validated = self._matrices.folds.split(fold)
            model = self._fit(fold, settings)
            X = self._matrices.train_rows(fold, validated)
            oof[validated] = model.predict(X, self._matrices.start(X))
            rounds.append(model.model.rounds)
            if self._best_losses is not None:
                losses = self._metric.losses(oof[validated], y[validated])
                loss_differences += self._groups.chunk_means(losses - self._best_losses[validated], validated)
                if is_significantly_worse(loss_differences):
                    break
        return oof, rounds

    def _fit(self, fold: int, settings: Settings) -> FittedLearner:
        matrices = self._matrices
        train, _ = matrices.folds.split(fold)
        if fold not in self._binned:
            self._binned[fold] = self.learner.bin(
                lambda: matrices.train_rows(fold, train), self._context, held_out=self._groups.held_out(train)
            )
        return fit_learner(
            self._binned[fold],
            settings,
            self._context,
            y=matrices.y[train],
            start=matrices.train_start(fold, train),
            metric=self._metric,
            matrix=lambda: matrices.train_rows(fold, train),
            weights=matrices.normalized_weights(train),
        )

    def _finish(
        self, trial: optuna.Trial, settings: Settings, oof: Vector, *, n_folds: int, seconds: float
    ) -> TrialResult:
        """Store the trial. Its predictions come first, so that a trial stored as complete always has them."""
        losses = self._metric.losses(oof, self._matrices.y)
        complete = n_folds == self._matrices.folds.count
        loss = float(np.nanmean(losses)) if complete else self._estimate_loss(losses)
        result = TrialResult(len(self.trials), settings, loss, complete, n_folds, seconds, dict(trial.params))
        if complete:
            self._folder.save_predictions(self.learner.name, result.number, oof)
        for name in ("settings", "folds", "seconds", "complete"):  # Optuna stores the others
            trial.set_user_attr(name, getattr(result, name))
        self._study.tell(trial, loss)
        self.trials.append(result)
        if result is self.best:
            self._best_losses = self._losses_of_best()
        return result

    def _losses_of_best(self) -> Vector | None:
        """Return the loss of each row in the best trial, from stored predictions: a resumed search has no others."""
        return None if self.best is None else self._metric.losses(self.predictions(self.best), self._matrices.y)

    def _estimate_loss(self, losses: Vector) -> float:
        """Estimate the loss of an incomplete trial: the best loss times the ratio of both on the evaluated rows.

        The estimate is never below the best loss, because only complete trials may be the best.
        """
        assert self._best_losses is not None and self.best is not None  # noqa: S101 (_evaluate stops no trial without)
        evaluated = ~np.isnan(losses)
        best = float(self._best_losses[evaluated].mean())
        return self.best.loss * max(float(losses[evaluated].mean()) / best, 1.0) if best > 0 else self.best.loss


@contextlib.contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Suppress Optuna's message about a new study and its warning that `group` is experimental."""
    with _OPTUNA_LOCK, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Argument ``group`` is", optuna.exceptions.ExperimentalWarning)
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        try:
            yield
        finally:
            optuna.logging.set_verbosity(verbosity)


def _restore(trial: FrozenTrial, number: int) -> TrialResult:
    """Return the trial that `LearnerSearch._finish` stored."""
    assert trial.value is not None  # noqa: S101 (complete trials have one)
    return TrialResult(number=number, loss=trial.value, params=dict(trial.params), **trial.user_attrs)
