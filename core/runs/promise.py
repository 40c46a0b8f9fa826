"""What people are shown as the expected score of a run: the figure, or that it is not promised and why."""

from __future__ import annotations

from core.base.text import number, typical_error
from core.runs.manifest import Manifest

NOT_PROMISED = "not promised"


def is_promised(manifest: Manifest) -> bool:
    """Whether the expected score may be shown; it is withheld where the test file is unlike train."""
    return not manifest.scores.expected_withheld


def expected_score(manifest: Manifest) -> str:
    """The expected score, or that it is not promised."""
    return number(manifest.scores.judged.expected.value) if is_promised(manifest) else NOT_PROMISED


def expected_interval(manifest: Manifest) -> str:
    """The ends of its 90% interval; a dash where the score is not promised."""
    expected = manifest.scores.judged.expected
    return f"{number(expected.low)} – {number(expected.high)}" if is_promised(manifest) else "–"


def expected_error(manifest: Manifest, run: str) -> str:
    """What the score says of a single session, as a sentence about `run` ("The best run"); Markdown."""
    judged = manifest.scores.judged
    if is_promised(manifest):
        error = typical_error(judged.metric, judged.expected.value)
        return f"{run} is expected to err on the test file by **{error}**"
    error = typical_error(judged.metric, judged.stack)
    return (
        f"{run} errs by **{error}** on train sessions it did not learn from; **no error is promised on the test file**"
    )


def warning_text(manifest: Manifest) -> str:
    """What the test file is like and what that means for the score; empty where test is like train."""
    shift = manifest.shift
    if shift is None or shift.outcome != "unlike":
        return ""
    if is_promised(manifest):
        meaning = "The expected score accounts for this."
    else:
        judged = manifest.scores.judged
        meaning = (
            f"So no test {judged.label} is promised. The cross-validated {judged.label}, {number(judged.stack)}, holds "
            "for sessions like those of train only."
        )
    return f"The test file is unlike train. {shift.sentence} {meaning}"
