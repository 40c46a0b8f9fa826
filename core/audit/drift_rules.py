"""Is test like train? Each feature alone, and whether a model can distinguish the two files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from core.audit.case import AuditCase
from core.audit.distance import Distance, distance
from core.audit.finding import Finding, Record
from core.audit.rule import Rule
from core.audit.sample import Sample
from core.audit.text import MAX_EXAMPLES
from core.base.text import count, joined, verb
from core.checks import Requirement, Severity
from core.features import GROUPS
from core.training.shift import validate_adversarially

DRIFT_CHART: Final = "drift"
MAJOR_PSI: Final = 0.25
"""The usual mark for a major shift (Siddiqi 2006). Not sufficient alone: the index sums logarithms of shares, so many
small changes or a rare value that became common reach it, although hardly any session looks different."""
LARGE_KS: Final = 0.1
"""At least one session in ten is elsewhere than in train. As an effect size it does not grow with the file, unlike the
significance of a test: with 20,000 sessions a distance of 0.02 is significant, and irrelevant."""
MAX_P_VALUE: Final = 0.001
"""With about 50 features, 0.001 per test gives a false alarm on about 5% of small data sets."""
MIN_SESSIONS: Final = 200
"""Per file. Below this, decile shares are too noisy for the stability index."""
MIN_USERS: Final = 50
"""Per file: ten in each of the five folds of the adversarial validation."""
CLEAR_AUC: Final = 0.7
DISTINGUISHABLE_AUC: Final = 0.8
"""0.5 is chance, 0.7 acceptable and 0.8 excellent discrimination (Hosmer and Lemeshow 2000, Applied logistic
regression). From 0.8 on, a model trained on train is applied to different sessions."""

SESSION: Final = "the session"
CALENDAR: Final = "the calendar"
PAST: Final = "the past"
_CALENDAR_PREFIXES: Final = ("start_", "hour_", "week_")


def subject_of(looks_at: str, feature: str) -> str:
    """Return what a feature describes: the session itself, the calendar, or the past (groups that look at history).

    Files of different times differ in the calendar and the past by nature: a test of nine days has other weekdays than
    a train of three weeks, and later sessions have more past. Only different sessions are worth a warning then.
    """
    if looks_at == "history":
        return PAST
    return CALENDAR if feature.startswith(_CALENDAR_PREFIXES) else SESSION


ABOUT: Final = {
    feature.name: subject_of(group.looks_at, feature.name) for group in GROUPS for feature in group.features
}
"""Feature -> what it describes."""

_ENOUGH: Final = (
    Requirement[AuditCase](
        lambda case: min(card.sessions for _, card in case.files) >= MIN_SESSIONS,
        f"a file has fewer than {MIN_SESSIONS} sessions",
    ),
    Requirement[AuditCase](
        lambda case: min(card.users for _, card in case.files) >= MIN_USERS,
        f"a file has fewer than {MIN_USERS} users",
    ),
)


def drift_applies(case: AuditCase) -> bool:
    """Return whether the drift rules apply, so that the feature sample is needed."""
    return all(requirement.is_met(case) for requirement in _ENOUGH)


@dataclass(frozen=True)
class _FeatureShift:
    """A feature and its distance between train and test."""

    name: str
    distance: Distance

    @property
    def drifted(self) -> bool:
        measured = self.distance
        return measured.psi >= MAJOR_PSI and measured.ks >= LARGE_KS and measured.p_value <= MAX_P_VALUE

    def record(self) -> Record:
        return {
            "feature": self.name,
            "about": ABOUT[self.name],
            "psi": round(self.distance.psi, 4),
            "ks": round(self.distance.ks, 4),
            "p_value": float(f"{self.distance.p_value:.3g}"),
            "drifted": self.drifted,
        }


def _feature_shifts(sample: Sample) -> list[_FeatureShift]:
    """Return all features, the one with the largest stability index first."""
    shifts = [
        _FeatureShift(name, distance(sample.train[:, column], sample.test[:, column]))
        for column, name in enumerate(sample.names)
    ]
    return sorted(shifts, key=lambda shift: (-shift.distance.psi, shift.name))


def compare_features(sample: Sample) -> list[Record]:
    """Return the distance of every feature between train and test, the largest stability index first.

    Each record has feature, about (what the feature describes), psi, ks, p_value and drifted. The list is empty if a
    file has too few sessions or users in the sample.
    """
    return [shift.record() for shift in _feature_shifts(sample)] if _is_large_enough(sample) else []


@dataclass(frozen=True)
class FileClassification:
    """How well a classifier recognises the file of a session.

    Attributes:
        auc: area under the ROC curve on users that it was not trained on; 0.5 is chance.
        top_features: names of the features with the highest gain, at most three.
    """

    auc: float
    top_features: tuple[str, ...]


def classify_files(sample: Sample) -> tuple[FileClassification, FileClassification] | None:
    """Validate train against test adversarially: by the session's own features, and by all features.

    Returns None if a file has too few sessions or users in the sample.
    """
    return _classifications(sample) if _is_large_enough(sample) else None


def _classifications(sample: Sample) -> tuple[FileClassification, FileClassification]:
    own = [name for name in sample.names if ABOUT[name] == SESSION]
    return _classify(sample, own), _classify(sample, sample.names)


def _classify(sample: Sample, features: Sequence[str]) -> FileClassification:
    columns = [sample.names.index(name) for name in features]
    users = np.concatenate([sample.train_users, sample.test_users])
    result = validate_adversarially(sample.train[:, columns], sample.test[:, columns], users)
    order = np.argsort(-result.gain, kind="stable")[:MAX_EXAMPLES]
    return FileClassification(result.auc, tuple(features[place] for place in order if result.gain[place] > 0))


def _is_large_enough(sample: Sample) -> bool:
    users = (sample.train_users, sample.test_users)
    return min(map(len, users)) >= MIN_SESSIONS and min(len(np.unique(each)) for each in users) >= MIN_USERS


class FeatureDrift(Rule):
    code = "feature_drift"
    title = "Features that are distributed differently in test"
    requirements = _ENOUGH

    def find(self, case: AuditCase) -> Finding | None:
        shifts = _feature_shifts(case.sample)
        drifted = [shift for shift in shifts if shift.drifted]
        if not drifted:
            return None
        n_drifted, top = len(drifted), drifted[0]
        by_subject = {
            subject: sum(ABOUT[shift.name] == subject for shift in drifted) for subject in (SESSION, CALENDAR, PAST)
        }
        expected = case.start_distance >= LARGE_KS and not by_subject[SESSION]
        subjects = joined([f"{amount:,} about {subject}" for subject, amount in by_subject.items() if amount])
        return self.finding(
            "note" if expected else "warning",
            f"{count(n_drifted, 'feature')} {verb(n_drifted, 'is', 'are')} distributed differently in test",
            count=n_drifted,
            explanation=(
                f"{n_drifted:,} of {len(shifts):,} features {verb(n_drifted, 'differs', 'differ')} clearly between "
                f"train and test ({subjects}). The largest shift is that of {top.name}, with a stability index of "
                f"{top.distance.psi:.2f} and a distance of {top.distance.ks:.2f}; from {MAJOR_PSI} and {LARGE_KS} on "
                "a shift is clear."
            ),
            advice=(
                "Nothing to do. Files of different times differ in these: later sessions have more past, and other "
                "days of the week."
                if expected
                else "The sessions of test are not like those of train: find out what changed. If the shift matters "
                "for the score, a run gives no expected score."
            ),
            examples=[shift.name for shift in drifted[:MAX_EXAMPLES]],
            chart=DRIFT_CHART,
            table=[shift.record() for shift in shifts],
        )


class DistinguishableFiles(Rule):
    """A model can recognise which file a session is from (adversarial validation)."""

    code = "told_apart"
    title = "A model that can distinguish test sessions from train sessions"
    requirements = _ENOUGH

    def find(self, case: AuditCase) -> Finding | None:
        own, every = _classifications(case.sample)
        severity = self._severity(own.auc, every.auc, same_time=case.start_distance < LARGE_KS)
        if severity is None:
            return None
        return self.finding(
            severity,
            "Test sessions can be distinguished from train sessions",
            explanation=(
                f"A small model recognises the file of a session with an AUC of {own.auc:.2f} from the session's own "
                f"events, and of {every.auc:.2f} if it also sees the calendar and the past. 0.5 is chance; from "
                f"{CLEAR_AUC} on the difference is clear."
            ),
            advice=self._advice(severity, own.auc),
            examples=(own if own.auc >= CLEAR_AUC else every).top_features,
        )

    def _severity(self, own: float, every: float, *, same_time: bool) -> Severity | None:
        if own >= DISTINGUISHABLE_AUC or (same_time and every >= DISTINGUISHABLE_AUC):
            return "warning"
        return "note" if max(own, every) >= CLEAR_AUC else None

    def _advice(self, severity: Severity, own: float) -> str:
        if severity == "warning":
            return "Look at the features it uses: what a model learns from train may not hold for test."
        if own < CLEAR_AUC:
            return (
                "Nothing to do. Calendar and past differ in files of different times. A run also compares the sessions "
                "themselves, and gives no expected score if they differ."
            )
        return "Look at the features it uses, and rely on the interval of the score rather than on the score."
