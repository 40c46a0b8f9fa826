"""A run as a few lines of text for the command line."""

from __future__ import annotations

from core.base.text import count, duration, joined, number, percent
from core.dataset import UnknownValue
from core.runs.expected import WITHHELD, shift_warning
from core.runs.manifest import Interval, Manifest
from core.runs.store import Run
from core.schema import LEARNER_LABELS

_BLEND_LABELS = {"best_learner": "best learner alone", "mean": "plain mean", "non_negative": "non-negative blend"}
_SCORE_WIDTH = 10


def describe_run(run: Run) -> str:
    """Return the run's data, settings, scores, warnings and checks; one topic per line."""
    manifest = run.manifest
    return "\n".join(
        [
            *_identity_lines(run),
            "",
            f"{manifest.scores.judged.label}, lower is better; out of fold unless stated otherwise",
            *_score_lines(manifest),
            *_user_lines(manifest),
            "",
            *_warning_lines(manifest),
            *_tuning_lines(manifest),
            _check_line(manifest),
            f"Submission  {run.submission}",
        ]
    )


def _identity_lines(run: Run) -> list[str]:
    manifest, note, sessions = run.manifest, run.note, run.manifest.sessions
    data = f"{count(sessions.train, 'train session')}, {sessions.test:,} to predict"
    known = f", {sessions.known:,} of them known from train" if sessions.known else ""
    reasons = [f"{amount:,} because {UnknownValue(code).words}" for code, amount in sessions.untrained.items()]
    config = manifest.config
    folds = f"{count(config.folds, 'fold')} ({config.fold_kind})"
    return [
        f"Run         {manifest.run_id}{'  ' + note.name if note.name else ''}",
        *([f"Note        {note.text}"] if note.text else []),
        f"Created     {manifest.created}, in {duration(manifest.seconds)}",
        f"Data        {manifest.dataset_name}{' (simulated)' if manifest.synthetic else ''}: {data}{known}",
        *([f"Not trained {'; '.join(reasons)}"] if reasons else []),
        f"Settings    {config.preset}, {folds}, seed {config.seed}, {config.history} history",
    ]


def _score_lines(manifest: Manifest) -> list[str]:
    """The expected score first, the best constant last."""
    judged = manifest.scores.judged
    expected = f"  {'expected on test':24}{WITHHELD:>{_SCORE_WIDTH}}"
    if not manifest.scores.expected_withheld:
        expected = f"{_score_line('expected on test', judged.expected.value)}  {_interval(judged.expected)}"
    scores: list[tuple[str, float | None]] = [
        ("meta-model (Ridge)", judged.stack),
        *((LEARNER_LABELS.get(name, name), score) for name, score in judged.learners.items()),
        *((_BLEND_LABELS.get(name, name), score) for name, score in judged.blends.items()),
        ("recovered prices alone", judged.prices),
        ("linear baseline", judged.linear),
    ]
    return [
        expected,
        *(_score_line(label, score) for label, score in scores if score is not None),
        f"{_score_line('best constant', judged.baseline)}  the meta-model reduces it by {percent(judged.skill)}",
    ]


def _user_lines(manifest: Manifest) -> list[str]:
    """Mean squared errors of new and returning users, whatever the run's metric."""
    users = manifest.scores.users
    test_sessions = sum(score.test_sessions for score in users.values())
    return [
        f"{_score_line(f'MSE, {name} users', score.mse)}  "
        f"{percent(score.test_sessions / max(test_sessions, 1))} of the test sessions"
        for name, score in users.items()
        if score.mse is not None
    ]


def _warning_lines(manifest: Manifest) -> list[str]:
    if manifest.shift is not None and manifest.shift.outcome == "too_few":
        return ["Test file   not compared with train: there are too few sessions or users"]
    warning = shift_warning(manifest)
    return [f"WARNING     {warning}"] if warning else []


def _tuning_lines(manifest: Manifest) -> list[str]:
    tuning = manifest.tuning
    if tuning is None or not any(tuned.trials for tuned in tuning.learners.values()):
        return []
    trials = ", ".join(
        f"{LEARNER_LABELS.get(name, name)} {tuned.trials} ({tuned.complete} on all folds)"
        for name, tuned in tuning.learners.items()
    )
    return [f"Trials      {trials}; final fits with {count(tuning.seeds, 'seed')}"]


def _check_line(manifest: Manifest) -> str:
    groups = (("submission checks", manifest.checks), ("leak checks", manifest.certificate))
    counts = [f"{group.failed} of {group.failed + group.passed} {name} failed" for name, group in groups]
    return f"Checks      {joined(counts)}"


def _score_line(label: str, score: float | None) -> str:
    return f"  {label:24}{number(score):>{_SCORE_WIDTH}}"


def _interval(interval: Interval) -> str:
    return f"90%: {number(interval.low)} to {number(interval.high)}"
