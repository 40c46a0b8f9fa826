"""The expected score of a run as text for people: the figure, or "withheld" if the test file is unlike train."""

from __future__ import annotations

from core.base.text import MISSING, number, typical_error
from core.runs.manifest import Manifest

WITHHELD = "withheld"
"""Shown in place of an expected score that must not be relied on."""


def expected_score(manifest: Manifest) -> str:
    """Return the expected test score, or that it is withheld."""
    scores = manifest.scores
    return WITHHELD if scores.expected_withheld else number(scores.judged.expected.value)


def expected_interval(manifest: Manifest) -> str:
    """Return the ends of the 90% interval of the expected score; a dash if the score is withheld."""
    expected = manifest.scores.judged.expected
    return MISSING if manifest.scores.expected_withheld else f"{number(expected.low)} – {number(expected.high)}"


def expected_error(manifest: Manifest, subject: str) -> str:
    """Return a Markdown sentence on the typical error of one session, without its full stop.

    Args:
        manifest: of the run.
        subject: the run's name in the sentence, such as "The best run".
    """
    judged = manifest.scores.judged
    if manifest.scores.expected_withheld:
        error = typical_error(judged.metric, judged.stack)
        return f"{subject} has an out-of-fold error of **{error}** on train; **its test error is withheld**"
    return f"{subject} has an expected test error of **{typical_error(judged.metric, judged.expected.value)}**"


def shift_warning(manifest: Manifest) -> str:
    """Return how the test file differs from train, and what this means for the score; empty if it does not differ."""
    shift = manifest.shift
    if shift is None or shift.outcome != "unlike":
        return ""
    if manifest.scores.expected_withheld:
        judged = manifest.scores.judged
        meaning = (
            f"The expected test {judged.label} is therefore withheld. The cross-validated {judged.label}, "
            f"{number(judged.stack)}, holds only for sessions like those in train."
        )
    else:
        meaning = "The expected score accounts for this."
    return f"The test file is unlike train. {shift.sentence} {meaning}"
