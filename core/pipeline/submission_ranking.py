"""All submission files on a dataset that were checked or used, ranked by their expected score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.base.workspace import Workspace
from core.runs import Run, list_runs
from core.runs.store import SUBMISSION_FILE
from core.submission import log


@dataclass(frozen=True)
class RankedFile:
    """A submission file with its scores and its uses. Scores are in the metric of the runs; lower is better.

    Attributes:
        name: id of the run or blend that wrote the file, or the file name.
        sha256: hash of the bytes of the file.
        made_by: id of that run or blend; empty for a file from elsewhere.
        expected, low, high: expected score and its 90% interval; None if the score cannot be estimated.
        foreseen_by: id of the run whose out-of-fold errors the estimate is based on; empty without an estimate.
        returned: latest score that the host returned; None if there is none.
        time: when the file was last made, checked or used (ISO 8601, UTC).
        failed: codes of the failed blocking checks.
        place: rank among the files without a failed blocking check, from 1; None for the other files.
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

    All files are ranked by the expected score, even those with a returned score: on one test file, the actual scores of
    all files are higher, or lower, than expected together, so a returned score cannot be compared with an expected one.
    Files without an expected score come after the others. Files with a failed blocking check are last and have no rank.

    Raises:
        RunError: the log cannot be read.
    """
    manifest = run.manifest
    label = manifest.scores.metric_scores.label
    entries: dict[str, list[log.Entry]] = {}
    for entry in log.entries(workspace):
        if entry.sha256 and entry.dataset == manifest.dataset and entry.metric == label:
            entries.setdefault(entry.sha256, []).append(entry)
    files: dict[str, RankedFile] = {}
    for file in _files_of_runs(workspace, run):
        files.setdefault(file.sha256, file)  # of runs with equal files, the newest counts as the maker, as on the desk
    files |= {sha256: _with_entries(files.get(sha256), of_file) for sha256, of_file in entries.items()}
    ranked = sorted(files.values(), key=lambda file: (bool(file.failed), file.expected is None, file.expected or 0.0))
    return [file if file.failed else replace(file, place=place) for place, file in enumerate(ranked, start=1)]


def _files_of_runs(workspace: Workspace, run: Run) -> list[RankedFile]:
    """Return the submissions of the runs that can be compared with a run, newest first.

    Each has the expected score of its run.
    """
    files = []
    for other in list_runs(workspace):
        manifest, scores = other.manifest, other.manifest.scores
        is_other_metric = scores.metric_scores.metric != run.manifest.scores.metric_scores.metric
        if manifest.dataset != run.manifest.dataset or manifest.config.is_live or is_other_metric:
            continue
        file = RankedFile(
            name=manifest.run_id,
            sha256=manifest.sha256.get(SUBMISSION_FILE, ""),
            made_by=manifest.run_id,
            time=manifest.created,
        )
        if not scores.expected_withheld:
            ends = scores.metric_scores.expected
            file = replace(file, expected=ends.value, low=ends.low, high=ends.high, foreseen_by=manifest.run_id)
        files.append(file)
    return files


def _with_entries(file: RankedFile | None, entries: Sequence[log.Entry]) -> RankedFile:
    """Add the scores, the failed checks and the time from the log entries of a file.

    Args:
        file: the file as its run describes it; None for a file that no run made.
        entries: log entries of the file, newest first; at least one.
    """
    newest = entries[0]
    file = file or RankedFile(name=newest.made_by or newest.file, sha256=newest.sha256, made_by=newest.made_by)
    foreseen = next((entry for entry in entries if entry.foreseen is not None), None)
    if file.expected is None and foreseen is not None:
        file = replace(file, expected=foreseen.foreseen, low=foreseen.low, high=foreseen.high, foreseen_by=foreseen.run)
    returned = next((entry.returned for entry in entries if entry.returned is not None), None)
    return replace(file, returned=returned, time=max(file.time, newest.time), failed=newest.overridden)
