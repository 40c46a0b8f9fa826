"""Is test like train? Each feature by itself, and whether a model can tell the two files apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from core.audit.case import AuditCase
from core.audit.distance import Distance, Guess, distance, guess_file
from core.audit.finding import Finding, Record, Severity
from core.audit.phrases import MOST_EXAMPLES, joined, verb
from core.audit.rule import Need, Rule
from core.audit.sample import Sample
from core.base.text import count
from core.features import GROUPS

DRIFT_CHART: Final = "drift"
MAJOR_PSI: Final = 0.25
"""The usual mark for a major shift (Siddiqi 2006). It alone is not enough: the index adds up logarithms of shares, so
many small changes, or rare values that became common, reach it while hardly a session looks different."""
LARGE_KS: Final = 0.1
"""At least one session in ten lies elsewhere than in train. It is an effect size and does not grow with the file, while
the test's p value shrinks: at 20,000 sessions a distance of 0.02 is significant, and nobody would see it."""
BY_CHANCE: Final = 0.001
"""Probability by chance. The other way round it keeps small files quiet: with some fifty features compared, one in a
thousand lets one file in twenty be told for nothing."""
FEWEST_UNITS: Final = 200
"""Sessions of each file. Shares of a tenth of fewer are too unsure for the index."""
FEWEST_USERS: Final = 50
"""Of each file: ten in each of the five parts that the guess is scored on."""
CLEAR_AUC: Final = 0.7
TOLD_APART_AUC: Final = 0.8
"""0.5 is guessing; 0.7 is acceptable and 0.8 excellent discrimination (Hosmer and Lemeshow 2000, Applied logistic
regression): from there on a model that learned from train is asked about something else."""

SESSION: Final = "the session"
CALENDAR: Final = "the calendar"
PAST: Final = "the past"
_CALENDAR_NAMES: Final = ("start_", "hour_", "week_")


def what_about(looks_at: str, feature: str) -> str:
    """What a feature describes: the session itself, the calendar, or the past (the groups that look at history).

    Files of different times differ in the last two by nature: a test of nine days has other weekdays than a train of
    three weeks, and what comes later has more past. Only sessions that are different themselves are a warning then.
    """
    if looks_at == "history":
        return PAST
    return CALENDAR if feature.startswith(_CALENDAR_NAMES) else SESSION


ABOUT: Final = {
    feature.name: what_about(group.looks_at, feature.name) for group in GROUPS for feature in group.features
}
"""Feature -> what it describes."""

_ENOUGH: Final = (
    Need(
        lambda case: min(card.sessions for _, card in case.files) >= FEWEST_UNITS,
        f"a file has fewer than {FEWEST_UNITS} sessions",
    ),
    Need(
        lambda case: min(card.users for _, card in case.files) >= FEWEST_USERS,
        f"a file has fewer than {FEWEST_USERS} users",
    ),
)


def drift_applies(case: AuditCase) -> bool:
    """Whether the rules on features will ask for them."""
    return all(need.met(case) for need in _ENOUGH)


@dataclass(frozen=True)
class _Moved:
    """A feature and how far it moved."""

    name: str
    apart: Distance

    @property
    def drifted(self) -> bool:
        return self.apart.psi >= MAJOR_PSI and self.apart.ks >= LARGE_KS and self.apart.p <= BY_CHANCE

    def record(self) -> Record:
        return {
            "feature": self.name,
            "about": ABOUT[self.name],
            "psi": round(self.apart.psi, 4),
            "ks": round(self.apart.ks, 4),
            "p_value": float(f"{self.apart.p:.3g}"),
            "drifted": self.drifted,
        }


def _moved(sample: Sample) -> list[_Moved]:
    """All features, the one that moved most first."""
    moved = [
        _Moved(name, distance(sample.train[:, column], sample.test[:, column]))
        for column, name in enumerate(sample.names)
    ]
    return sorted(moved, key=lambda each: (-each.apart.psi, each.name))


def _guesses(sample: Sample) -> tuple[Guess, Guess]:
    """Which file a session is from, guessed from what was done in it, and from the calendar and the past as well."""
    own = [name for name in sample.names if ABOUT[name] == SESSION]
    return guess_file(sample, own, MOST_EXAMPLES), guess_file(sample, sample.names, MOST_EXAMPLES)


def compare_features(sample: Sample) -> list[Record]:
    """How far each feature moved from train to test, whether or not it is worth a finding: one record a feature, the
    one that moved most first, with feature, about, psi, ks, p_value, drifted. Empty where the sample has too few
    sessions or users of a file to say anything.
    """
    return [each.record() for each in _moved(sample)] if _is_enough(sample) else []


def guess_files(sample: Sample) -> tuple[Guess, Guess] | None:
    """How well a model guesses which file a session is from: from what was done in it, and from that with the calendar
    and the past. None where the sample is too small.
    """
    return _guesses(sample) if _is_enough(sample) else None


def _is_enough(sample: Sample) -> bool:
    users = (sample.train_users, sample.test_users)
    return min(map(len, users)) >= FEWEST_UNITS and min(len(np.unique(each)) for each in users) >= FEWEST_USERS


class FeatureDrift(Rule):
    """Features whose distribution in test is not that of train."""

    code = "feature_drift"
    title = "Features that are distributed differently in test"
    needs = _ENOUGH

    def look(self, case: AuditCase) -> Finding | None:
        moved = _moved(case.sample)
        drifted = [each for each in moved if each.drifted]
        if not drifted:
            return None
        found, top = len(drifted), drifted[0]
        kinds = {about: sum(ABOUT[each.name] == about for each in drifted) for about in (SESSION, CALENDAR, PAST)}
        expected = case.starts_apart >= LARGE_KS and not kinds[SESSION]
        of_what = joined([f"{amount:,} about {about}" for about, amount in kinds.items() if amount])
        return self.finding(
            "note" if expected else "warning",
            f"{count(found, 'feature')} {verb(found, 'is', 'are')} distributed differently in test",
            count=found,
            explanation=(
                f"{found:,} of {len(moved):,} features {verb(found, 'differs', 'differ')} clearly ({of_what}); "
                f"{top.name} most, with a stability index of {top.apart.psi:.2f} and a distance of {top.apart.ks:.2f} "
                f"(clear from {MAJOR_PSI} and {LARGE_KS} on)."
            ),
            advice=(
                "Expected of files of different times: what comes later has more past to count, and other days of the "
                "week. Nothing to do."
                if expected
                else "The sessions of test are not like those of train. Look at what changed. Where a run finds that "
                "it matters for the score, it promises none."
            ),
            examples=[each.name for each in drifted[:MOST_EXAMPLES]],
            chart=DRIFT_CHART,
            table=[each.record() for each in moved],
        )


class ToldApart(Rule):
    """A model that guesses which file a session is from."""

    code = "told_apart"
    title = "A model that can tell test sessions from train sessions"
    needs = _ENOUGH

    def look(self, case: AuditCase) -> Finding | None:
        sample = case.sample
        own, every = _guesses(sample)
        severity = self._severity(own.auc, every.auc, of_one_time=case.starts_apart < LARGE_KS)
        if severity is None:
            return None
        features = own.features if own.auc >= CLEAR_AUC else every.features
        return self.finding(
            severity,
            "Test sessions can be told from train sessions",
            explanation=(
                f"A small model guesses the file of a session with an AUC of {own.auc:.2f} from what was done, and of "
                f"{every.auc:.2f} from the calendar and the past as well (0.5 is guessing, clear from {CLEAR_AUC} on)."
            ),
            advice=(
                "See which features give it away: what train teaches may not hold for test."
                if severity == "warning"
                else "Calendar and past differ by nature in files of different times. A run compares what the sessions "
                "hold as well, and promises no score where they differ."
                if own.auc < CLEAR_AUC
                else "Look at the features that give it away, and trust the score's interval more than the score."
            ),
            examples=features,
        )

    def _severity(self, own: float, every: float, *, of_one_time: bool) -> Severity | None:
        if own >= TOLD_APART_AUC or (of_one_time and every >= TOLD_APART_AUC):
            return "warning"
        return "note" if max(own, every) >= CLEAR_AUC else None
