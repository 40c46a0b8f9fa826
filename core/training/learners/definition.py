"""The interface of a learner, and the code that all learners share.

To add a learner, write a module with subclasses of `Model` and `Binned` and a `Learner`, and list it in
`core.training.learners`. `core.training.targets` defines what the trees predict and how session values follow from it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
"""Shape (rows, features); NaN where a feature is not defined."""
Vector = NDArray[np.float64]
Parts = tuple[NDArray[np.int64], NDArray[np.int64]] | None
"""Numbers of the rows to learn from and of the rows held out for early stopping; None if no row is held out."""
Settings = dict[str, int | float | str]
"""`objective` and `transform` (see core.training.targets), `rounds`, and the library's own settings by its names."""

MAX_BIN = 127
"""Bins per feature. Not tuned, because all fits on a fold share the bins."""
PATIENCE = 40
"""A fit stops after this many rounds without improvement on the held-out rows."""


@dataclass(frozen=True)
class FitContext:
    """Parameters of a fit that are the same for every learner.

    Attributes:
        names: name of each column of the matrix.
        threads: number of threads of the library.
        seed: seed of its random numbers.
        effort: share of the usual number of rounds, above 0. The test fits of the certificate use less than 1.
        device: "cpu" or "gpu".
        monotone_increasing: names of the features with a monotone increasing constraint.
    """

    names: Sequence[str]
    threads: int
    seed: int
    effort: float = 1.0
    device: str = "cpu"
    monotone_increasing: Sequence[str] = ()

    def rounds(self, usual: int) -> int:
        """Return the number of boosting rounds to fit, at least 1."""
        return max(1, round(usual * self.effort))


@dataclass(frozen=True)
class Task:
    """Labels and loss of one fit; see core.training.targets.

    Attributes:
        objective: name of the loss, one of core.training.targets.OBJECTIVES.
        labels: (rows,) what the model predicts.
        margins: offset of each row's prediction, on the scale of the trees; None for the library's own start.
        weights: weight of each row's loss; None for equal weights.
        delta: error at which the Huber loss turns from quadratic to linear, in units of the labels.
    """

    objective: str
    labels: Vector
    margins: Vector | None = None
    weights: Vector | None = None
    delta: float = 1.0

    def part(self, rows: NDArray[np.int64]) -> Task:
        """Return the task on some of the rows."""
        margins, weights = (None if each is None else each[rows] for each in (self.margins, self.weights))
        return replace(self, labels=self.labels[rows], margins=margins, weights=weights)

    def split(self, parts: Parts) -> list[Task]:
        """Return the task of each part; the task itself if no row is held out."""
        return [self] if parts is None else [self.part(rows) for rows in parts]


@dataclass(frozen=True)
class Model(ABC):
    """Fitted trees, with their number of boosting rounds, or a linear model. The output is on the scale of the task."""

    rounds: int

    @abstractmethod
    def raw(self, X: Matrix) -> Vector:
        """Return the output for each row, without the margin."""

    @abstractmethod
    def gain(self) -> Vector:
        """Return how much each feature reduced the training loss: at least 0, in the learner's own unit."""

    @abstractmethod
    def contributions(self, X: Matrix) -> Matrix:
        """Return SHAP values, shape (rows, features + 1).

        The last column is the base value. Each row sums to what `raw` returns.
        """

    @abstractmethod
    def save(self, folder: Path, stem: str) -> Path:
        """Write the model in the library's own format, and return the path: `stem` plus the suffix of the format."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path, stem: str, context: FitContext) -> Model:
        """Load a model that `save` wrote."""


class Binned(ABC):
    """The binned rows of a fold, shared by all fits on them. For `matrix` and `context` see `Learner.bin`."""

    @abstractmethod
    def __init__(self, matrix: Callable[[], Matrix], context: FitContext, parts: Parts) -> None: ...

    @abstractmethod
    def fit(self, task: Task, settings: Settings, context: FitContext) -> Model:
        """Fit a model. The same data, seed and number of threads give the same model.

        If rows are held out, `rounds` is an upper bound: the fit stops when their loss no longer improves.
        """


@dataclass(frozen=True)
class Tunable:
    """A setting that a search samples between `low` and `high`, on a log scale if `log` is set.

    It is a whole number if its default is one. `proven` is the value that every search tries first.
    """

    default: int | float
    low: int | float
    high: int | float
    log: bool = False
    proven: int | float = field(kw_only=True)

    def suggest(self, trial: optuna.Trial, name: str) -> int | float:
        """Sample a value for a trial."""
        if isinstance(self.default, int):
            return trial.suggest_int(name, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(name, self.low, self.high, log=self.log)


@dataclass(frozen=True, eq=False)
class Learner:
    """A boosting library or a linear model, with its default settings and its search space.

    Attributes:
        name: unique name, as in the configuration and the columns of tables.
        binned_class, model_class: its classes of binned rows and of fitted models.
        rounds: default number of boosting rounds; 1 for a linear model.
        objectives: losses that it supports, from core.training.targets.OBJECTIVES.
        settings: name of a setting -> its value, or how it is tuned. Defaults are for squared error.
        transforms: transforms of the values that it is used with, from core.training.targets.
        proven_variance_power: power of the Tweedie loss that every search tries first; None if no settings are proven.
    """

    name: str
    objectives: tuple[str, ...]
    binned_class: type[Binned]
    model_class: type[Model]
    rounds: int
    settings: Mapping[str, int | float | str | Tunable]
    transforms: tuple[str, ...] = ("none", "sqrt", "log1p")
    proven_variance_power: float | None = None

    def defaults(self) -> Settings:
        """Return default settings, without `objective` and `transform`."""
        defaults = {name: each.default if isinstance(each, Tunable) else each for name, each in self.settings.items()}
        return {"rounds": self.rounds} | defaults

    def proven_settings(self) -> tuple[Settings, ...]:
        """Return settings that were among the best of long searches on other data, with `objective` and `transform`.

        benchmarks/known_settings.py finds them (docs/decisions/0009).
        """
        if self.proven_variance_power is None:
            return ()
        proven: Settings = {"objective": "tweedie", "transform": "none"}
        proven["tweedie_variance_power"] = self.proven_variance_power
        return (proven | {name: each.proven for name, each in self.settings.items() if isinstance(each, Tunable)},)

    def suggest(self, trial: optuna.Trial, objective: str) -> Settings:
        """Sample settings from the search space, without `rounds`, `objective` and `transform`."""
        settings: Settings = {
            name: each.suggest(trial, name) if isinstance(each, Tunable) else each
            for name, each in self.settings.items()
        }
        if objective == "tweedie":
            settings["tweedie_variance_power"] = trial.suggest_float("tweedie_variance_power", 1.05, 1.7)
        return settings

    def bin(
        self, matrix: Callable[[], Matrix], context: FitContext, held_out: NDArray[np.bool_] | None = None
    ) -> Binned:
        """Bin a fold's training rows.

        Args:
            matrix: function that builds the rows. A learner may call it several times instead of keeping a copy.
            context: names of the columns, threads and seed.
            held_out: mask of the rows that are held out for early stopping; None for no early stopping.
        """
        parts = None if held_out is None else (np.flatnonzero(~held_out), np.flatnonzero(held_out))
        return self.binned_class(matrix, context, parts)

    def load(self, folder: Path, stem: str, context: FitContext) -> Model:
        """Load a model that `Model.save` wrote. It predicts the same values."""
        return self.model_class.load(folder, stem, context)


@dataclass(frozen=True)
class Library:
    """The parameters of a library that do not depend on the fit.

    Attributes:
        seed: its name for the random seed.
        threads: its name for the number of threads.
        gpu: its parameters for the GPU.
        fixed: its parameters of every fit.
    """

    seed: str
    threads: str
    gpu: Mapping[str, str]
    fixed: Mapping[str, Any]

    def params(self, settings: Settings, context: FitContext) -> dict[str, Any]:
        """Return the library's parameters for a fit, without the objective and the number of rounds."""
        own = {name: value for name, value in settings.items() if name not in ("rounds", "transform", "objective")}
        params: dict[str, Any] = own | {**self.fixed, self.seed: context.seed, self.threads: context.threads}
        if context.device == "gpu":
            params |= self.gpu
        if context.monotone_increasing:
            params["monotone_constraints"] = [int(name in context.monotone_increasing) for name in context.names]
        return params
