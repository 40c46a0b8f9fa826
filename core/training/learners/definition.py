"""The interface of a learner and of a fitted model.

A learner bins the rows of a fold once, fits on the binned rows with given settings, and suggests settings to a search.
core.training.targets defines what the trees of a fit predict and how a session's value is computed from their output.
`Library`, `RowSplit` and `suggest_variance_power` hold what all learners share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
"""Shape (rows, features); NaN where a feature is not defined."""
Vector = NDArray[np.float64]
Settings = dict[str, int | float | str]
"""`objective` and `transform` (see core.training.targets), `rounds`, and the library's own settings by its names."""

MAX_BIN = 127
"""Bins per feature. Not tuned, because all fits on a fold share the bins."""
PATIENCE = 40
"""A fit stops after this many rounds without improvement on the held-out rows."""


@dataclass(frozen=True)
class FitContext:
    """The parameters of a fit that do not depend on the learner.

    Attributes:
        names: Name of each column of the matrix.
        threads: Number of threads.
        seed: Random seed of the learner.
        effort: Share of the usual number of rounds, above 0. The certificate's trial fits use less than 1.
        device: "cpu" or "gpu".
        rising: Features with a monotone increasing constraint.
    """

    names: Sequence[str]
    threads: int
    seed: int
    effort: float = 1.0
    device: str = "cpu"
    rising: Sequence[str] = ()

    def rounds(self, usual: int) -> int:
        """Return the number of boosting rounds to fit, at least 1."""
        return max(1, round(usual * self.effort))


@dataclass(frozen=True)
class Task:
    """What the trees of one fit learn; see core.training.targets.

    Attributes:
        objective: The loss, one of core.training.targets.OBJECTIVES.
        labels: Label of each binned row.
        margins: Offset of each row's prediction, on the scale of the trees; None for the library's own start.
        weights: Weight of each row's loss; None for equal weights.
        delta: Error at which the Huber loss turns from quadratic to linear, in units of the labels.
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


class Model(Protocol):
    """Fitted trees. Their output is on the scale of the task and not yet a session's value."""

    @property
    def rounds(self) -> int:
        """Number of boosting rounds in the model."""

    def raw(self, X: Matrix) -> Vector:
        """Return the output of the trees for each row, without the margin."""

    def gain(self) -> Vector:
        """Return how much each feature reduced the training loss: at least 0, in the library's own unit."""

    def contributions(self, X: Matrix) -> Matrix:
        """Return tree SHAP values, shape (rows, features + 1).

        The last column is the base value. Each row sums to what `raw` returns.
        """

    def save(self, folder: Path, stem: str) -> Path:
        """Write the model in the library's own format, as `stem` plus the file suffix."""


class Binned(Protocol):
    """The binned rows of a fold, shared by all fits on them."""

    def fit(self, task: Task, settings: Settings, context: FitContext) -> Model:
        """Fit trees. The same data, seed and number of threads give the same model.

        If rows are held out, `rounds` is an upper bound: the fit stops when their loss no longer improves.
        """


class Suggest(Protocol):
    """The methods of an Optuna trial that a search space uses."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float: ...

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int: ...

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any: ...  # noqa: ANN401


class Learner(Protocol):
    """A boosting library with its default settings and its search space."""

    @property
    def name(self) -> str:
        """Unique name, as in the configuration and the columns of tables."""

    @property
    def objectives(self) -> tuple[str, ...]:
        """Objectives that the library supports, from core.training.targets.OBJECTIVES."""

    def defaults(self) -> Settings:
        """Return default settings for squared error, without `objective` and `transform`."""

    def proven_settings(self) -> tuple[Settings, ...]:
        """Return settings that won long searches on other data, with `objective` and `transform`.

        Every search tries them first. benchmarks/known_settings.py finds them.
        """

    def suggest(self, trial: Suggest, objective: str) -> Settings:
        """Sample settings from the search space, without `objective` and `transform`."""

    def bin(self, matrix: Callable[[], Matrix], context: FitContext, held: NDArray[np.bool_] | None = None) -> Binned:
        """Bin a fold's training rows.

        Args:
            matrix: Builds the rows. A learner may call it several times instead of keeping a copy.
            context: Names of the columns, threads and seed.
            held: Mask of rows that are held out for early stopping; None for no early stopping.
        """

    def load(self, folder: Path, stem: str, context: FitContext) -> Model:
        """Load a model that `save` wrote. It predicts the same values."""


@dataclass(frozen=True)
class Library:
    """How a boosting library names the parameters that all learners share.

    Attributes:
        seed: Name of the random seed.
        threads: Name of the number of threads.
        gpu: Parameters that select the GPU.
        fixed: Parameters that are the same in every fit.
    """

    seed: str
    threads: str
    gpu: Mapping[str, str]
    fixed: Mapping[str, Any]

    def params(self, settings: Settings, context: FitContext) -> dict[str, Any]:
        """Return the library's parameters for a fit, without the objective and the number of rounds."""
        params: dict[str, Any] = {
            name: value for name, value in settings.items() if name not in ("rounds", "transform", "objective")
        }
        params |= self.fixed
        params |= {self.seed: context.seed, self.threads: context.threads}
        if context.device == "gpu":
            params |= self.gpu
        if context.rising:
            params["monotone_constraints"] = [int(name in context.rising) for name in context.names]
        return params


class RowSplit:
    """The rows that trees learn from and, if some are held out, the rows that stop a fit early."""

    def __init__(self, held: NDArray[np.bool_] | None) -> None:
        self.parts = None if held is None else (np.flatnonzero(~held), np.flatnonzero(held))

    def tasks(self, task: Task) -> list[Task]:
        """Return the task of each part; the task itself if no row is held out."""
        return [task] if self.parts is None else [task.part(rows) for rows in self.parts]


def suggest_variance_power(trial: Suggest, objective: str) -> Settings:
    """Suggest the power of the Tweedie loss; return no setting for other objectives."""
    if objective != "tweedie":
        return {}
    return {"tweedie_variance_power": trial.suggest_float("tweedie_variance_power", 1.05, 1.7)}
