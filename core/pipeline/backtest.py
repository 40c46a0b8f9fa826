"""Backtest one log: its splits at several dates, and the runs on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from core.base.checkpoint import SOURCE_DIGEST_LENGTH, source_digest
from core.base.text import count, percent, time_text
from core.base.workspace import Workspace
from core.config import RunConfig
from core.dataset import Dataset, DatasetCard, list_datasets
from core.errors import SettingError
from core.ingestion import DateSplit
from core.pipeline.actual_values import Comparison, compare_with_actual
from core.runs import Run
from core.runs.store import versions

MAX_BACKTESTS: Final = 50
Compare = Callable[[Run, Dataset], Comparison | None]


@dataclass(frozen=True)
class Cut:
    """One split of a log, with the run on it.

    Attributes:
        run: None if there is no run on it yet.
        comparison: None without a run, or if no actual value is known.
    """

    dataset: Dataset
    card: DatasetCard
    run: Run | None
    comparison: Comparison | None

    @classmethod
    def of(cls, dataset: Dataset, run: Run | None, compare: Compare = compare_with_actual) -> Cut:
        """Compare the run with the dataset's actual values; `compare` may be a cache of `compare_with_actual`."""
        return cls(dataset, dataset.card(), run, None if run is None else compare(run, dataset))

    @property
    def start(self) -> int:
        """Start of the test file in epoch seconds."""
        return self.card.test.first_time if self.card.split is None else self.card.split.start

    def record(self) -> dict[str, Any]:
        """Return the JSON object of the split."""
        return {
            "cut": time_text(self.start),
            "dataset": self.dataset.fingerprint,
            "run_id": None if self.run is None else self.run.manifest.run_id,
            "train_sessions": self.card.train.sessions,
            "test_sessions": self.card.test.sessions,
            **({} if self.comparison is None else self.comparison.record()),
        }


def splits(test_days: float, backtests: int) -> list[DateSplit]:
    """Return the splits of a backtest, oldest first. Their test windows are next to each other.

    Raises:
        SettingError: a number is out of range.
    """
    if not 1 <= backtests <= MAX_BACKTESTS:
        raise SettingError.not_allowed("backtests", backtests, f"a whole number from 1 to {MAX_BACKTESTS}")
    return [DateSplit(test_days, back) for back in reversed(range(backtests))]


def cuts_of_log(
    workspace: Workspace,
    dataset: Dataset,
    runs: Sequence[Run],
    config: RunConfig,
    compare: Compare = compare_with_actual,
) -> list[Cut]:
    """Return the stored splits of the same log with test windows of the same length, oldest first.

    Args:
        runs: runs of the workspace, newest first. A split gets the newest one with the settings `config`.
        compare: see `Cut.of`.
    """
    split = dataset.card().split
    if split is None:
        return []
    cuts = []
    for other in list_datasets(workspace):
        card = other.card()
        if card.split is not None and (card.split.log, card.split.days) == (split.log, split.days):
            run = next((run for run in runs if run.is_on(other) and run.manifest.config == config), None)
            cuts.append(Cut.of(other, run, compare))
    return sorted(cuts, key=lambda cut: cut.start)


def finished_run(dataset: Dataset, runs: Sequence[Run], config: RunConfig) -> Run | None:
    """Return the newest run on the dataset with the same settings, program and packages; None if there is none."""
    program, packages = source_digest()[:SOURCE_DIGEST_LENGTH], versions()
    for run in runs:
        manifest = run.manifest
        is_same = (manifest.config, manifest.program, manifest.versions) == (config, program, packages)
        if run.is_on(dataset) and is_same:
            return run
    return None


def coverage_sentence(cuts: Sequence[Cut]) -> str:
    """Say for how many splits the actual score is inside the 90% interval of the expected one."""
    compared = [cut.comparison for cut in cuts if cut.comparison is not None]
    shown = [comparison for comparison in compared if not comparison.is_withheld]
    n_withheld = len(compared) - len(shown)
    splits_left = count(n_withheld, "more split" if shown else "split")
    withheld = f" For {splits_left}, the expected score was withheld." if n_withheld else ""
    if not shown:
        return f"No split has both an expected and an actual score.{withheld}"
    n_inside = sum(comparison.is_inside for comparison in shown)
    return (
        f"The actual score is inside the 90% interval for {n_inside} of {count(len(shown), 'split')} "
        f"({percent(n_inside / len(shown))}).{withheld}"
    )
