"""All files on a dataset that were checked or used, ranked by the score that they can expect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.base.workspace import Workspace
from core.runs import Run, list_runs
from core.runs.store import SUBMISSION_FILE
from core.submission import log


@dataclass(frozen=True)
class RankedFile:
    """A file, with what the runs and the log say about it. Scores are in the metric of the runs; lower is better.

    Attributes:
        name: id of the run or blend that wrote it, or else its name.
        made_by: id of that run or blend; empty for a file from elsewhere.
        expected, low, high: the score that it can expect, and its 90% interval; None if it cannot be foreseen.
        foreseen_by: id of the run whose out-of-fold errors it was foreseen with; empty without one.
        returned: the score that the host returned last; None if there is none.
        time: when it was made, checked or used last (ISO 8601, UTC).
        failed: codes of its failed blocking checks.
        place: among the files that can be handed in, from 1; None for a file with a failed blocking check.
    """

    name: str
    sha256: str
    made_by: str = ""
    expected: float | None = None
    low: float | None = None
    high: float | None = None
    foreseen_by: str = ""
    returned: float | None = None
    time: str = ""
    failed: tuple[str, ...] = ()
    place: int | None = None


def ranked_files(workspace: Workspace, run: Run) -> list[RankedFile]:
    """Return the files on the dataset and in the metric of a run, best first.

    They are ranked by the expected score, also those with a returned one. The actual scores of all files of a test set
    miss together, so a returned score cannot be compared with an expected one. Files that cannot be foreseen come after
    the others, and files that cannot be handed in are last and have no place.

    Raises:
        RunError: the log cannot be read.
    """
    manifest = run.manifest
    label = manifest.scores.metric_scores.label
    entries: dict[str, list[log.Entry]] = {}
    for entry in log.entries(workspace):
        if entry.sha256 and entry.dataset == manifest.dataset and entry.metric == label:
            entries.setdefault(entry.sha256, []).append(entry)
    files = {file.sha256: file for file in _files_of_runs(workspace, run)}
    files |= {sha256: _with_entries(files.get(sha256), of_file) for sha256, of_file in entries.items()}
    ranked = sorted(files.values(), key=lambda file: (bool(file.failed), file.expected is None, file.expected or 0.0))
    return [file if file.failed else replace(file, place=place) for place, file in enumerate(ranked, start=1)]


def _files_of_runs(workspace: Workspace, run: Run) -> list[RankedFile]:
    """Return the files of the runs that can be compared with a run, as each run itself foresees its score."""
    files = []
    for other in list_runs(workspace):
        manifest, scores = other.manifest, other.manifest.scores
        is_other_metric = scores.metric_scores.metric != run.manifest.scores.metric_scores.metric
        if manifest.dataset != run.manifest.dataset or manifest.config.is_live or is_other_metric:
            continue
        file = RankedFile(
            manifest.run_id, manifest.sha256.get(SUBMISSION_FILE, ""), manifest.run_id, time=manifest.created
        )
        if not scores.expected_withheld:
            ends = scores.metric_scores.expected
            file = replace(file, expected=ends.value, low=ends.low, high=ends.high, foreseen_by=manifest.run_id)
        files.append(file)
    return files


def _with_entries(file: RankedFile | None, entries: Sequence[log.Entry]) -> RankedFile:
    """Add what the log says about a file.

    Args:
        file: the file as its run describes it; None for a file that no run made.
        entries: those of the file, newest first; at least one.
    """
    newest = entries[0]
    file = file or RankedFile(newest.made_by or newest.file, newest.sha256, newest.made_by)
    foreseen = next((entry for entry in entries if entry.foreseen is not None), None)
    if file.expected is None and foreseen is not None:
        file = replace(file, expected=foreseen.foreseen, low=foreseen.low, high=foreseen.high, foreseen_by=foreseen.run)
    returned = next((entry.returned for entry in entries if entry.returned is not None), None)
    return replace(file, returned=returned, time=max(file.time, newest.time), failed=newest.overridden)
