"""Outcomes of verbs, and how texts are printed."""

from __future__ import annotations

from typing import Any, NamedTuple, TextIO

from core.base.text import printable
from core.check_result import CheckResult

EXIT_DONE, EXIT_CHECK_FAILED = 0, 1


class Outcome(NamedTuple):
    """Outcome of a verb. With --json, `content` is printed as a JSON object; without it, `text` is printed."""

    content: dict[str, Any]
    text: str
    exit_code: int = EXIT_DONE


def show(text: str, stream: TextIO | None = None) -> None:
    """Print a text on a stream (default: standard output). Texts from files cannot control the terminal."""
    print(printable(text), file=stream, flush=True)


def check_line(result: CheckResult) -> str:
    """Return the line of a check: its outcome, title and explanation."""
    if result.outcome == "failed":
        mark = "WARNING" if result.severity == "warning" else "FAILED"
    else:
        mark = "passed" if result.outcome == "passed" else "-"
    return f"{mark:7} {result.title}: {result.explanation}".removesuffix(": ")
