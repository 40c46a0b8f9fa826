"""How runs are named in lists."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Mapping

from core.runs import Run, expected_score

BEST_MARK = "★"
"""Marks the best run in lists of runs."""


def run_name(run: Run) -> str:
    """Return the name that a person gave a run, or else its preset and the start of the run in UTC."""
    created = datetime.datetime.fromisoformat(run.manifest.created)
    return run.note.name or f"{run.manifest.config.preset.capitalize()}, {created:%d %b %H:%M}"


def run_label(run: Run) -> str:
    """Return the name of a run with its expected score."""
    return f"{run_name(run)} · {run.manifest.scores.metric_scores.label} {expected_score(run.manifest)}"


def distinct_names(names: Mapping[str, str]) -> dict[str, str]:
    """Return distinct names. Names that occur more than once get the last part of the id appended.

    If two names are still equal, every name gets its whole id.

    >>> distinct_names({"1-a": "x", "1-b": "x", "1-c": "y"})
    {'1-a': 'x (a)', '1-b': 'x (b)', '1-c': 'y'}
    """
    times = Counter(names.values())
    short = {key: f"{name} ({key.rpartition('-')[2]})" if times[name] > 1 else name for key, name in names.items()}
    return short if len(set(short.values())) == len(short) else {key: f"{name} ({key})" for key, name in names.items()}
