"""A run told in a few lines, for people at a command line."""

from __future__ import annotations

from core.base.text import count, duration, number, percent
from core.dataset import UnknownValue
from core.runs.manifest import Interval, Judged, Manifest
from core.runs.promise import NOT_PROMISED, is_promised, warning_text
from core.runs.store import Run
from core.schema import LEARNER_LABELS

_BLENDS = {"best_learner": "best learner alone", "mean": "plain mean", "non_negative": "non-negative blend"}
_WIDE = 10


def in_words(run: Run) -> str:
    """What it was made of, how good it is, and whether it may be trusted; the manifest's JSON has all of it."""
    manifest = run.manifest
    judged = manifest.scores.judged
    return "\n".join(
        [
            *_what(run),
            "",
            f"{judged.label}, lower is better; out of fold unless it says otherwise",
            *_scores(judged, promised=is_promised(manifest)),
            *_users(manifest),
            "",
            *_warnings(manifest),
            *_search(manifest),
            _verdict(manifest),
            f"Submission  {run.submission}",
        ]
    )


def _what(run: Run) -> list[str]:
    """Names, data and settings."""
    manifest, note = run.manifest, run.note
    sessions = manifest.sessions
    told = f"{count(sessions.train, 'session')} of train, {sessions.test:,} of test"
    known = f", {sessions.known:,} of them known from train" if sessions.known else ""
    untrained = [f"{found:,} because {UnknownValue(code).words}" for code, found in sessions.untrained.items()]
    folds = f"{count(manifest.config.folds, 'fold')} ({manifest.config.fold_kind}), seed {manifest.config.seed}"
    return [
        f"Run         {manifest.run_id}{'  ' + note.name if note.name else ''}",
        *([f"Note        {note.text}"] if note.text else []),
        f"Made        {manifest.created}, in {duration(manifest.seconds)}",
        f"Data        {manifest.dataset_name}{' (simulated)' if manifest.synthetic else ''}: {told}{known}",
        *([f"Not trained {'; '.join(untrained)}"] if untrained else []),
        f"Settings    {manifest.config.preset}, {folds}, {manifest.config.history} history",
    ]


def _scores(judged: Judged, *, promised: bool) -> list[str]:
    """From what is to come to what it is measured by."""
    rows: list[tuple[str, float | None]] = [("meta-model (Ridge)", judged.stack)]
    rows += [(LEARNER_LABELS.get(name, name), score) for name, score in judged.learners.items()]
    rows += [(_BLENDS.get(name, name), score) for name, score in judged.blends.items()]
    rows += [("recovered prices alone", judged.prices), ("linear baseline", judged.linear)]
    lines = [_line(name, score) for name, score in rows if score is not None]
    first = (
        f"{_line('expected on test', judged.expected.value)}  {_interval(judged.expected)}"
        if promised
        else f"  {'expected on test':24}{NOT_PROMISED:>{_WIDE}}"
    )
    last = f"{_line('best constant', judged.baseline)}  of which the meta-model avoids {percent(judged.skill)}"
    return [first, *lines, last]


def _users(manifest: Manifest) -> list[str]:
    """Users who have brought sessions before apart from new ones; always in squared errors."""
    users = manifest.scores.users
    asked = sum(score.test_sessions for score in users.values())
    return [
        f"{_line(f'MSE, {name} users', score.mse)}  {percent(score.test_sessions / max(asked, 1))} of the test sessions"
        for name, score in users.items()
        if score.mse is not None
    ]


def _warnings(manifest: Manifest) -> list[str]:
    """What has to be known before the score is used; nothing where test is like train."""
    if manifest.shift is not None and manifest.shift.outcome == "too_few":
        return ["Test file   has too few sessions or users to be compared with train, or train has"]
    text = warning_text(manifest)
    return [f"WARNING     {text}"] if text else []


def _search(manifest: Manifest) -> list[str]:
    """How the learners' settings came about; nothing where nothing was tried."""
    tuning = manifest.tuning
    if tuning is None or not any(each.trials for each in tuning.learners.values()):
        return []
    told = ", ".join(
        f"{LEARNER_LABELS.get(name, name)} {each.trials} ({each.complete} through all folds)"
        for name, each in tuning.learners.items()
    )
    return [f"Trials      {told}; {count(tuning.seeds, 'seed')} in the end"]


def _verdict(manifest: Manifest) -> str:
    found = [
        f"{each.failed} of {each.failed + each.passed} {name} failed"
        for name, each in (("submission checks", manifest.checks), ("leak checks", manifest.certificate))
    ]
    return f"Checks      {', '.join(found)}"


def _line(name: str, score: float | None) -> str:
    return f"  {name:24}{number(score):>{_WIDE}}"


def _interval(interval: Interval) -> str:
    return f"90%: {number(interval.low)} to {number(interval.high)}"
