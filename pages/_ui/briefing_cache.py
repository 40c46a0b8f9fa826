"""Cached findings for Home. Datasets and runs do not change, so results do not expire."""

from __future__ import annotations

from pathlib import Path

from core.audit import stored_audit
from core.base.text import count, listed
from core.dataset import Dataset
from core.pipeline.briefing import BriefFinding, brief
from core.runs import load_run
from pages._ui.number_format import cache_texts

_ENTRIES = 16


@cache_texts(max_entries=_ENTRIES, show_spinner="Looking for what stands out")
def findings(dataset_folder: str, run_folder: str | None) -> list[BriefFinding]:
    """Return the most surprising findings of a dataset and a run on it; see `core.pipeline.briefing`."""
    run = None if run_folder is None else load_run(Path(run_folder))
    return brief(Dataset(Path(dataset_folder)), run)


def audit_line(dataset_folder: str) -> str:
    """Say how many serious findings and warnings the audit has; empty without any, or before the audit."""
    report = stored_audit(Dataset(Path(dataset_folder)))
    if report is None:
        return ""
    counts = report.count_by_severity()
    numbers = ((counts["serious"], "serious finding"), (counts["warning"], "warning"))
    parts = [count(number, noun) for number, noun in numbers if number]
    return f"The audit of the data has {listed(parts)}." if parts else ""
