"""The manifest of a run: its settings, data, checks and files, as stored in manifest.json; `scores` has the scores.

Defaults of fields are for runs that were written before the field existed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any, Final, Literal

from pydantic import BaseModel, field_validator

from core.config import StoredConfig
from core.runs.scores import Scores

VERSION: Final = 2
"""Version of the run folder. A new field with a default keeps it; a file or field that old folders cannot provide
raises it. Version 2 has a model, which version 1 lacks."""
READABLE_VERSIONS: Final = (1, VERSION)


class CheckCounts(BaseModel, frozen=True):
    """Numbers of checks that passed and failed. Checks that do not apply are not counted."""

    passed: int
    failed: int

    @classmethod
    def from_outcomes(cls, outcomes: Iterable[str]) -> CheckCounts:
        """Count the outcomes "passed" and "failed".

        >>> CheckCounts.from_outcomes(["passed", "failed", "passed", "not_applicable"])
        CheckCounts(passed=2, failed=1)
        """
        counts = Counter(outcomes)
        return cls(passed=counts["passed"], failed=counts["failed"])


class ShiftKind(BaseModel, frozen=True):
    """One way in which the test file differs from the train file.

    Attributes:
        code: cut_off, longer, event_mix, season, other_shop, new_users or other.
    """

    code: str
    finding: str
    advice: str


class Shift(BaseModel, frozen=True):
    """The comparison of the test sessions with the train sessions.

    Attributes:
        outcome: "too_few" if there are too few sessions or users to compare.
        kinds: the differences, the clearest first; empty unless the outcome is "unlike".
        sentence: the findings and advice; empty unless the outcome is "unlike".
        figures: measured values by name.
    """

    outcome: Literal["alike", "unlike", "too_few"]
    kinds: tuple[ShiftKind, ...] = ()
    sentence: str = ""
    figures: dict[str, float] = {}


class TunedLearner(BaseModel, frozen=True):
    """The settings of a learner's final fits, and the search that found them.

    Attributes:
        trials: number of trials; 0 if the settings are the defaults.
        complete: number of trials that ran on all folds; the others were pruned.
        importances: setting -> its share of the score's variation; empty after too few trials.
        space: setting -> its search space: low, high, step and log, or choices.
    """

    settings: dict[str, int | float | str]
    trials: int = 0
    complete: int = 0
    importances: dict[str, float] = {}
    space: dict[str, dict[str, Any]] = {}


class Tuning(BaseModel, frozen=True):
    """The result of tuning.

    Attributes:
        learners: learner -> its settings and search.
        seeds: number of final fits of each learner on each fold.
        choice: factor by which the expected score was multiplied, to correct for the choice of settings on the same
            folds.
    """

    learners: dict[str, TunedLearner]
    seeds: int
    choice: float


class MetaModel(BaseModel, frozen=True):
    """The meta-model. Its prediction is the intercept plus the weighted sum of the learners' predictions.

    Attributes:
        weights: learner -> weight.
        alpha: regularization strength; None unless the combination is the Ridge regression.
        start_weight: weight of the value at recovered prices, from which the learners start.
        combination: how weights and intercept were found; see core.training.combinations.
        start: the feature to which each learner adds its trees; None if they start from 0.
        least: lower bound of predictions, in value units.
    """

    weights: dict[str, float]
    intercept: float
    alpha: float | None
    combination: str = "ridge"
    start_weight: float = 0.0
    start: str | None = None
    least: float = 0.0


class SessionCounts(BaseModel, frozen=True):
    """Numbers of sessions.

    Attributes:
        train: sessions in the train file.
        test: sessions to predict.
        known: sessions of `test` in both files, whose value was copied from the train file.
        composite: sessions of `test` whose id is shared by several users.
        untrained: reason (see core.dataset.UnknownValue) -> train sessions that were not used for training.
        cut: train sessions that were not used for training, because the split by date divides them.
    """

    train: int
    test: int
    known: int
    composite: int
    untrained: dict[str, int] = {}
    cut: int = 0


class Manifest(BaseModel, frozen=True):
    """Description of a run that can be read without opening its tables.

    Attributes:
        version: version of the run folder.
        created: start of the run, ISO 8601 in UTC.
        dataset: fingerprint of the dataset.
        synthetic: whether the data are simulated.
        tuning: None in the first runs, which had no tuning.
        shift: comparison of the test file with the train file; None in the first runs, which did not compare them.
        warnings: codes of what a person must know before using the score ("test_unlike_train") or the values
            ("values_of_open_sessions").
        checks: numbers of submission checks.
        certificate: numbers of checks for leaks.
        timings: step -> seconds.
        threads: number of cores.
        versions: package -> version.
        program: start of the hash of the program's source; empty in the first runs.
        sha256: path inside the folder -> hash, for every file except the manifest and the note.
    """

    version: Literal[1, 2] = VERSION
    run_id: str
    created: str
    seconds: float
    config: StoredConfig
    dataset: str
    dataset_name: str
    synthetic: bool
    scores: Scores
    meta: MetaModel
    tuning: Tuning | None = None
    shift: Shift | None = None
    warnings: tuple[str, ...] = ()
    sessions: SessionCounts
    checks: CheckCounts
    certificate: CheckCounts
    timings: dict[str, float]
    threads: int
    versions: dict[str, str]
    program: str = ""
    sha256: dict[str, str]

    @field_validator("sha256")
    @classmethod
    def _reject_paths_outside(cls, hashes: dict[str, str]) -> dict[str, str]:
        for name in hashes:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
                raise ValueError(f"{name} is a path outside the run folder")
        return hashes
