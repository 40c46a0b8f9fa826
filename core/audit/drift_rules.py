"""Rules that compare the test sessions with the train sessions: feature by feature, and by a model of all features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from core.audit.audited_dataset import AuditedDataset
from core.audit.distance import Distance, distance
from core.audit.rule import Finding, Record, Rule
from core.audit.sample import Sample
from core.audit.text import MAX_EXAMPLES
from core.base.text import count, fixed, listed, verb, whole
from core.check_result import Requirement, Severity
from core.features import CatalogueEntry
from core.training.shift import validate_adversarially

DRIFT_CHART: Final = "drift"
MAJOR_PSI: Final = 0.25
"""The usual mark for a major shift (Siddiqi 2006). Not sufficient alone: the index sums logarithms of shares, so many
small changes or a rare value that became common reach it, although hardly any session looks different."""
LARGE_KS: Final = 0.1
"""At least 10% of the sessions have shifted. Unlike the significance of a test, this effect size does not grow with the
file: with 20,000 sessions a distance of 0.02 is significant, and irrelevant."""
MAX_P_VALUE: Final = 0.001
"""With about 50 features, 0.001 per test gives a false alarm on about 5% of small data sets."""
MIN_SESSIONS: Final = 200
"""Per file. Below this, decile shares are too noisy for the stability index."""
MIN_USERS: Final = 50
"""Per file: ten in each of the five folds of the adversarial validation."""
CLEAR_AUC: Final = 0.7
"""From here on, the rule reports a difference."""
DISTINGUISHABLE_AUC: Final = 0.8
"""0.5 is chance, 0.7 acceptable and 0.8 excellent discrimination (Hosmer and Lemeshow 2000, Applied logistic
regression). From 0.8 on, the sessions to predict clearly differ from the train sessions."""

SESSION: Final = "the session"
CALENDAR: Final = "the calendar"
PAST: Final = "the past"
"""What a feature describes, as in sentences and in the records of `compare_features`; see `subject`."""
_CALENDAR_PREFIXES: Final = ("start_", "hour_", "week_")


def subject(entry: CatalogueEntry) -> str:
    """Return what a feature describes: the session itself, the calendar, or the past (groups that look at history).

    Files of different times always differ in the calendar and the past: nine days have other weekdays than three weeks,
    and later sessions have more past. Then only differences in the sessions themselves are a reason for a warning.
    """
    if entry.looks_at == "history":
        return PAST
    return CALENDAR if entry.feature.name.startswith(_CALENDAR_PREFIXES) else SESSION


def _subjects(sample: Sample) -> dict[str, str]:
    """Return feature -> what it describes."""
    return {entry.feature.name: subject(entry) for entry in sample.entries}


_ENOUGH_DATA: Final = (
    Requirement[AuditedDataset](
        lambda data: min(card.sessions for _, card in data.files) >= MIN_SESSIONS,
        f"a file has fewer than {MIN_SESSIONS} sessions",
    ),
    Requirement[AuditedDataset](
        lambda data: min(card.users for _, card in data.files) >= MIN_USERS,
        f"a file has fewer than {MIN_USERS} users",
    ),
)


def drift_applies(data: AuditedDataset) -> bool:
    """Return whether the drift rules apply, so that the feature sample is needed."""
    return all(requirement.is_met(data) for requirement in _ENOUGH_DATA)


def _distances(sample: Sample) -> dict[str, Distance]:
    """Return feature -> distance between train and test, the largest stability index first."""
    distances = {
        name: distance(sample.train.values[:, column], sample.test.values[:, column])
        for column, name in enumerate(sample.names)
    }
    return dict(sorted(distances.items(), key=lambda item: (-item[1].psi, item[0])))


def _is_drift(shift: Distance) -> bool:
    """Return whether a shift is large, affects many sessions, and is not chance."""
    return shift.psi >= MAJOR_PSI and shift.ks >= LARGE_KS and shift.p_value <= MAX_P_VALUE


def _records(distances: dict[str, Distance], sample: Sample) -> list[Record]:
    subjects, names = _subjects(sample), sample.display_names
    return [
        {
            "feature": name,
            "label": names[name],
            "about": subjects[name],
            "psi": round(shift.psi, 4),
            "ks": round(shift.ks, 4),
            "p_value": float(f"{shift.p_value:.3g}"),
            "drifted": _is_drift(shift),
        }
        for name, shift in distances.items()
    ]


def compare_features(sample: Sample) -> list[Record]:
    """Return one record per feature, the one with the largest stability index first.

    Each record has feature, label (display name), about (what the feature describes), psi, ks, p_value and drifted. The
    list is empty if the sample has too few sessions or users of a file.
    """
    return _records(_distances(sample), sample) if _is_large_enough(sample) else []


class FileClassification(NamedTuple):
    """How well a classifier recognizes the file of a session.

    Attributes:
        auc: area under the ROC curve on users that it was not trained on; 0.5 is chance.
        top_features: display names of the features with the highest gain, at most three.
    """

    auc: float
    top_features: tuple[str, ...]


def classify_files(sample: Sample) -> tuple[FileClassification, FileClassification] | None:
    """Validate train against test adversarially: by the session's own features, and by all features.

    Returns None if the sample has too few sessions or users of a file.
    """
    return _classify_files(sample) if _is_large_enough(sample) else None


def _classify_files(sample: Sample) -> tuple[FileClassification, FileClassification]:
    of_session = [name for name, about in _subjects(sample).items() if about == SESSION]
    return _classify(sample, of_session), _classify(sample, sample.names)


def _classify(sample: Sample, features: Sequence[str]) -> FileClassification:
    columns = [sample.names.index(name) for name in features]
    train, test = sample.train, sample.test
    users = np.concatenate([train.users, test.users])
    result = validate_adversarially(train.values[:, columns], test.values[:, columns], users)
    top = np.argsort(-result.gain, kind="stable")[:MAX_EXAMPLES]
    names = sample.display_names
    return FileClassification(result.auc, tuple(names[features[index]] for index in top if result.gain[index] > 0))


def _is_large_enough(sample: Sample) -> bool:
    return all(
        len(part.users) >= MIN_SESSIONS and len(np.unique(part.users)) >= MIN_USERS
        for part in (sample.train, sample.test)
    )


class FeatureDrift(Rule):
    code = "feature_drift"
    title = "Features with different distributions in the train and the test file"
    requirements = _ENOUGH_DATA

    def find(self, data: AuditedDataset) -> Finding | None:
        distances = _distances(data.sample)
        drifted = [name for name, shift in distances.items() if _is_drift(shift)]
        if not drifted:
            return None
        n_drifted, top = len(drifted), distances[drifted[0]]
        about, names = _subjects(data.sample), data.sample.display_names
        by_subject = {each: sum(about[name] == each for name in drifted) for each in (SESSION, CALENDAR, PAST)}
        is_expected = data.start_distance >= LARGE_KS and not by_subject[SESSION]
        subjects = listed(f"{whole(n_features)} about {each}" for each, n_features in by_subject.items() if n_features)
        return self.finding(
            "note" if is_expected else "warning",
            f"{count(n_drifted, 'feature')} {verb(n_drifted, 'has', 'have')} different distributions in the two files",
            count=n_drifted,
            explanation=(
                f"{whole(n_drifted)} of {whole(len(distances))} features {verb(n_drifted, 'differs', 'differ')} "
                f"clearly between the train and the test file ({subjects}). The feature {names[drifted[0]]} has the "
                f"largest shift: a population stability index of {fixed(top.psi, 2)} and a Kolmogorov-Smirnov distance "
                f"of {fixed(top.ks, 2)}. A shift is clear from {MAJOR_PSI} and {LARGE_KS} on."
            ),
            advice=(
                "Nothing to do. Files of different times differ in these features: later sessions have more past, and "
                "other days of the week."
                if is_expected
                else "The test sessions differ from the train sessions. Find out what changed. If the shift matters "
                "for the score, a run gives no expected score."
            ),
            examples=[names[name] for name in drifted[:MAX_EXAMPLES]],
            chart=DRIFT_CHART,
            table=_records(distances, data.sample),
        )


class DistinguishableFiles(Rule):
    code = "told_apart"
    title = "A model that can distinguish test sessions from train sessions"
    requirements = _ENOUGH_DATA

    def find(self, data: AuditedDataset) -> Finding | None:
        by_session, by_all = _classify_files(data.sample)
        severity = self._severity(by_session.auc, by_all.auc, same_time=data.start_distance < LARGE_KS)
        if severity is None:
            return None
        return self.finding(
            severity,
            "Test sessions can be distinguished from train sessions",
            explanation=(
                f"A small model recognizes the file of a session with an AUC of {fixed(by_session.auc, 2)} from the "
                f"session's own events, and of {fixed(by_all.auc, 2)} if it also sees the calendar and the past. 0.5 "
                f"is chance; from {CLEAR_AUC} on the difference is clear."
            ),
            advice=self._advice(severity, by_session.auc),
            examples=(by_session if by_session.auc >= CLEAR_AUC else by_all).top_features,
        )

    def _severity(self, session_auc: float, all_auc: float, *, same_time: bool) -> Severity | None:
        """Return the severity; calendar and past count as a reason for a warning only in files of the same time."""
        if session_auc >= DISTINGUISHABLE_AUC or (same_time and all_auc >= DISTINGUISHABLE_AUC):
            return "warning"
        return "note" if max(session_auc, all_auc) >= CLEAR_AUC else None

    def _advice(self, severity: Severity, session_auc: float) -> str:
        if severity == "warning":
            return "Look at the features that it uses. What holds for the train file may not hold for the test file."
        if session_auc < CLEAR_AUC:
            return (
                "Nothing to do. Calendar and past differ in files of different times. A run also compares the sessions "
                "themselves, and gives no expected score if they differ."
            )
        return "Look at the features that it uses, and rely on the interval of the score rather than on the score."
