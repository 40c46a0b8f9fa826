"""The next step to suggest for a dataset and its runs, with the page where to do it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.base.text import listed
from core.dataset import Dataset
from core.runs import Run

Place = Literal["Data", "Explore", "Train", "Submission", "Backtest"]


@dataclass(frozen=True)
class NextStep:
    """A suggested step.

    Attributes:
        label: label of its button.
        reason: why it is the next step, as a sentence.
        place: page on which to do it.
        view: view of that page; empty for the first one.
    """

    label: str
    reason: str
    place: Place
    view: str = ""


def next_step(dataset: Dataset | None, run: Run | None, best: Run | None, *, waiting: bool) -> NextStep:
    """Return the next step to suggest on the home page.

    Args:
        run, best: the run that is shown, and the best one on the dataset.
        waiting: whether a run on the dataset is queued or in progress.
    """
    if dataset is None:
        return NextStep("Read event files", "There is no dataset yet. Read your files or the demo data.", "Data")
    if waiting:
        return NextStep("Follow the run", "A run on this dataset is in progress or queued.", "Train", "Now")
    if run is None or best is None:
        return NextStep(
            "Start a quick run", "It shows within minutes how well values can be predicted.", "Train", "Now"
        )
    return _problem(run) or _improvement(best) or _use(dataset)


def _problem(run: Run) -> NextStep | None:
    """Return the step to take after a failed check, or if the test file differs from the train file."""
    manifest = run.manifest
    if manifest.certificate.failed:
        reason = "A leakage check of this run failed, so its score may be too optimistic."
        return NextStep("See the failed checks", reason, "Train", "Result")
    if manifest.checks.failed:
        return NextStep("See the failed checks", "A check of the submission failed.", "Submission")
    if manifest.shift is not None and manifest.shift.outcome == "unlike":
        kinds = listed(kind.code.replace("_", " ") for kind in manifest.shift.kinds)
        return NextStep(
            "See how the files differ", f"The test file differs from the train file ({kinds}).", "Explore", "Drift"
        )
    return None


def _improvement(best: Run) -> NextStep | None:
    if best.manifest.config.tunes:
        return None
    reason = "So far, only default hyperparameters were used. Tuning can lower the error by about 1%."
    return NextStep("Try a tuned run", reason, "Train", "Now")


def _use(dataset: Dataset) -> NextStep:
    if dataset.card().split is not None:
        return NextStep(
            "Compare with the actual values", "The actual values of the test sessions are known.", "Backtest"
        )
    return NextStep("Get the submission", "All checks of this run passed.", "Submission")
