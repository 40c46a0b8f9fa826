"""A run as text: its expected score, the warning about its test file, and a summary for the command line."""

from __future__ import annotations

from functools import partial

from core.base.text import MISSING, count, duration, listed, number, percent, span, verb, whole
from core.config import RunConfig
from core.dataset import UnknownValue
from core.metric import error_text, root_in_words, score_in_words, score_text, typical_error
from core.runs.manifest import Manifest
from core.runs.store import Run
from core.schema import LEARNER_LABELS

WITHHELD = "withheld"
"""Shown in place of an expected score that must not be relied on."""
COMBINATION_LABELS = {
    "ridge": "Ridge meta-model",
    "mean": "plain average",
    "non_negative": "weighted average",
    "best_learner": "best learner alone",
    "prices": "estimated prices alone",
}


def expected_score(manifest: Manifest) -> str:
    """Return the expected test score, or that it is withheld."""
    if manifest.scores.expected_withheld:
        return WITHHELD
    scores = manifest.scores.metric_scores
    return score_text(scores.metric, scores.expected.value)


def expected_interval(manifest: Manifest) -> str:
    """Return the ends of the 90% interval of the expected score; a dash if the score is withheld."""
    if manifest.scores.expected_withheld:
        return MISSING
    scores = manifest.scores.metric_scores
    low, high = (score_text(scores.metric, end) for end in (scores.expected.low, scores.expected.high))
    return f"{low} – {high}"


def expected_error(manifest: Manifest, subject: str) -> str:
    """Return a Markdown sentence without its full stop: the typical error of `subject`, such as "The best run"."""
    scores = manifest.scores.metric_scores
    if manifest.scores.expected_withheld:
        error = typical_error(scores.metric, scores.stack)
        return f"{subject} has an out-of-fold error of **{error}**; **its test error is withheld**"
    return f"{subject} has an expected test error of **{typical_error(scores.metric, scores.expected.value)}**"


def error_sentence(manifest: Manifest, subject: str) -> str:
    """Return a Markdown sentence with the typical error of `subject`, its interval, and the error of the baseline."""
    scores = manifest.scores.metric_scores
    constant = "the median" if scores.metric == "mae" else "the average"
    baseline = f"Predicting {constant} for every session is off by {error_text(scores.metric, scores.baseline)}."
    if manifest.scores.expected_withheld:
        return f"{expected_error(manifest, subject)}. {baseline}"
    low, high = (error_text(scores.metric, end) for end in (scores.expected.low, scores.expected.high))
    error = typical_error(scores.metric, scores.expected.value)
    return f"{subject} is expected to be off by **{error}** per session (90% interval: {span(low, high)}). {baseline}"


def shift_warning(manifest: Manifest) -> str:
    """Return how the test file differs from the train file, and what that means for the score; empty if it does not."""
    shift, scores = manifest.shift, manifest.scores.metric_scores
    if shift is None or shift.outcome != "unlike":
        return ""
    meaning = "The expected score accounts for this."
    if manifest.scores.expected_withheld:
        meaning = (
            f"The expected test {scores.label} is therefore withheld. The cross-validated {scores.label}, "
            f"{score_in_words(scores.metric, scores.stack)}, holds only for sessions like those in the train file."
        )
    return f"The test file differs from the train file. {shift.sentence} {meaning}"


def open_session_warning(config: RunConfig) -> str:
    """Return what the predictions of a model for open sessions mean for finished sessions; empty for other models.

    >>> open_session_warning(RunConfig())
    ''
    """
    if not config.is_live:
        return ""
    return (
        "The model treats every session as open, so its predictions for finished sessions are too high. For finished "
        "sessions, use a run with the purpose sessions."
    )


def describe_settings(config: RunConfig) -> str:
    """Return the settings of a run in one line: its preset, its seed, and what differs from the defaults.

    >>> describe_settings(RunConfig(preset="standard", minutes=3, learners=("lightgbm", "catboost"), folds=4))
    'standard, 3 minutes, seed 7, learners LightGBM and CatBoost, folds 4'
    >>> describe_settings(RunConfig())
    'quick, seed 7'
    """
    limits = [_minutes(config.budget_minutes)] if config.tunes else []
    if config.trials:
        limits.append(f"{count(config.trials, 'trial')} per learner")
    others = [
        f"{RunConfig.setting(name).title.lower()} {setting_value(name, value)}"
        for name, value in config
        if name not in ("preset", "minutes", "trials", "seed") and value != RunConfig.model_fields[name].default
    ]
    return ", ".join([config.preset, *limits, f"seed {config.seed}", *others])


def _minutes(minutes: float | None) -> str:
    return "no time limit" if minutes is None else f"{minutes:g} {'minute' if minutes == 1 else 'minutes'}"


def setting_value(name: str, value: object) -> str:
    """Return the value of a setting for people.

    >>> setting_value("learners", ["xgboost"]), setting_value("half_life", None), setting_value("device", "gpu")
    ('XGBoost', 'not set', 'gpu')
    """
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "on" if value else "off"
    labels = RunConfig.setting(name).choices
    if isinstance(value, (tuple, list)):
        return listed(labels.get(one, one) for one in value) or "none"
    return labels.get(str(value), str(value)).lower() if labels else str(value)


def describe_run(run: Run) -> str:
    """Return the run's data, settings, scores, warnings and checks; one topic per line."""
    manifest = run.manifest
    return "\n".join(
        [
            *_identity_lines(run),
            "",
            f"{manifest.scores.metric_scores.label}, lower is better; out of fold unless stated otherwise",
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
    data = f"{count(sessions.train, 'train session')}, {whole(sessions.test)} to predict"
    known = f", {whole(sessions.known)} of them in both files" if sessions.known else ""
    reasons = [f"{whole(amount)} because {UnknownValue(code).clause}" for code, amount in sessions.untrained.items()]
    if sessions.cut:
        reasons.append(f"{whole(sessions.cut)} because the split by date divides {verb(sessions.cut, 'it', 'them')}")
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
    """Return one line per predictor: the expected score first, the baseline last."""
    scores = manifest.scores.metric_scores
    show = partial(score_text, scores.metric)
    expected = _score_line("expected on test", expected_score(manifest))
    if not manifest.scores.expected_withheld:
        expected += f"  90%: {show(scores.expected.low)} to {show(scores.expected.high)}"
        if root := root_in_words(scores.metric, scores.expected.value):
            expected += f"  {root}"
    labelled: list[tuple[str, float | None]] = [
        (f"stack ({COMBINATION_LABELS.get(manifest.meta.combination, manifest.meta.combination)})", scores.stack),
        *((LEARNER_LABELS.get(name, name), score) for name, score in scores.learners.items()),
        *((COMBINATION_LABELS.get(name, name), score) for name, score in scores.blends.items()),
        ("estimated prices alone", scores.prices),
    ]
    constant = _score_line("baseline (constant)", show(scores.baseline))
    return [
        expected,
        *(_score_line(label, show(score)) for label, score in labelled if score is not None),
        f"{constant}  the stack reduces it by {percent(scores.skill)}",
    ]


def _user_lines(manifest: Manifest) -> list[str]:
    """Return the mean squared errors of new and known users, whatever the run's metric."""
    users = manifest.scores.users
    test_sessions = sum(score.test_sessions for score in users.values())
    return [
        f"{_score_line(f'MSE, {name} users', number(score.mse))}  "
        f"{percent(score.test_sessions / max(test_sessions, 1))} of the test sessions"
        for name, score in users.items()
        if score.mse is not None
    ]


def _warning_lines(manifest: Manifest) -> list[str]:
    warnings = (shift_warning(manifest), open_session_warning(manifest.config))
    lines = [f"WARNING     {warning}" for warning in warnings if warning]
    if manifest.shift is not None and manifest.shift.outcome == "too_few":
        lines.insert(0, "Test file   not compared with the train file, because there are too few sessions or users")
    return lines


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
    groups = (("submission checks", manifest.checks), ("leakage checks", manifest.certificate))
    counts = [f"{group.failed} of {group.failed + group.passed} {name} failed" for name, group in groups]
    return f"Checks      {listed(counts)}"


def _score_line(label: str, score: str) -> str:
    return f"  {label:24}{score:>10}"
