"""Comparison of the test sessions with the train sessions, and the verdict on covariate shift.

A difference counts if it is large enough to matter for the score, beyond chance, and beyond the drift within train.
Values are not used, and the result does not depend on the machine. The reasons are in decision 0012.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from core.training.expected_score import class_weights
from core.training.learners import Matrix, Vector
from core.training.shift import assortment, describe, effects, measures, season
from core.training.shift.adversarial import validate_adversarially
from core.training.shift.verdict import Kind, Shift
from core.training.training_set import TrainingSet

MIN_SESSIONS = 150
"""Per file. With fewer, only effects of half a standard deviation or more are beyond chance."""
MIN_USERS = 50
"""Per file, and of users with sessions in both: users are the independent units."""
_MAX_CLASSIFIER_SESSIONS = 6_000
"""Per sample, for the classifier. The standard error of an AUC of two such samples is about 0.005."""
_ASSORTMENT_STRENGTH = 10.0
_SEASON_STRENGTH = 2.0
_USERS_STRENGTH = 1.0
_OTHER_STRENGTH = 1.0
"""Strengths of the kinds without an effect size. The strongest kind is the one that people read first."""
_USER_IS_KNOWN = "user_is_known"
_MISSING = 0.25
"""An event type is missing if the share of sessions with it is below this fraction of the share in the other file."""
_MIN_PRESENCE = 0.03
"""Share of the sessions that must have the type in the other file; rarer types do not move the score."""
_MIN_AUC = 0.6
_MIN_AUC_GAIN = 0.08
"""An AUC that counts, and how far it must exceed the AUC of late against early train sessions. On the demo, the AUC is
0.56 with all test sessions cut off at a random place, 0.54 with a third of them, and 0.50 for similar files."""

_Detection = tuple[float, Kind]
"""Strength and kind of a shift. The strength is the effect as a multiple of the smallest that counts."""


@dataclass
class _Comparison:
    """The sessions of both files that are compared.

    Attributes:
        data: all rows of the run.
        train, test: the sessions that are compared, with all features.
        test_mask: (rows to predict,) mask of those that are compared.
        late: (train sessions,) mask of the late ones, which are compared with the early ones as a baseline.
        figures: everything measured so far, by name.
    """

    data: TrainingSet
    train: effects.Sample
    test: effects.Sample
    test_mask: NDArray[np.bool_]
    late: NDArray[np.bool_]
    figures: dict[str, float] = field(default_factory=dict)


def find_shift(data: TrainingSet, *, use_known_values: bool = True) -> Shift:
    """Compare the test sessions with the train sessions.

    Args:
        data: the rows of a run. Without times, nothing is compared.
        use_known_values: whether test sessions whose value is known from train take that value. They are then left out.

    Returns:
        The verdict. Its figures are:
            X_effect, X_error, X_drift, X_trend: effect size of measure X with its standard error, the drift within
                train and the effect that train's trend predicts, all in standard deviations of train.
            X_train, X_test: averages of the number of events, products and seconds, and of the event types' shares.
            own_length_effect: mean difference in session length, test minus train, within the users that are in both
                files, in standard deviations of train.
            own_length_error: standard error of this difference.
            own_length_usual: the same difference between late and early train sessions.
            own_length_users: number of users that are in both files.
            product_overlap, category_overlap: overlap of the test events with those of the train file.
            category_kept: share of the test events on known products that have the category of the train file.
            returning_users: share of the test sessions by users of the train file.
            product_overlap_usual and so on: the same, for late train sessions compared with early ones.
            gap_days: days between the files.
            season_known: share of the test sessions from a time of the year that train covers.
            auc: AUC of adversarial validation; computed only if no other kind of shift was found.
            auc_usual: the same, for late train sessions compared with early ones.
    """
    mask = np.ones(len(data.test_units), dtype=bool)
    if use_known_values and data.known_value_mask is not None:
        mask = ~data.known_value_mask
    if data.times is None or any(_is_too_small(users) for users in (data.users, data.times.test.users[mask])):
        return Shift("too_few", (), {})
    comparison = _select_sessions(data, mask)
    finders = (_content_shifts, _assortment_shift, _season_shift, _new_users)
    detections = [detection for find in finders for detection in find(comparison)] or [*_other_shift(comparison)]
    detections.sort(key=lambda detection: -detection[0])
    figures = {name: float(value) for name, value in comparison.figures.items() if np.isfinite(value)}
    return Shift("unlike" if detections else "alike", tuple(kind for _, kind in detections), figures)


def _is_too_small(users: NDArray[np.int64]) -> bool:
    return len(users) < MIN_SESSIONS or len(np.unique(users)) < MIN_USERS


def _select_sessions(data: TrainingSet, test_mask: NDArray[np.bool_]) -> _Comparison:
    """Number the users of both files, and assign each session a cell of calendar and known user."""
    assert data.times is not None  # noqa: S101 (find_shift checks it)
    train, test = data.times.train, data.times.test
    n_train = len(train.starts)
    _, users = np.unique(np.concatenate([train.users, test.users[test_mask]]), return_inverse=True)

    def sample(X: Matrix, sample_users: NDArray[np.int64], starts: NDArray[np.int64]) -> effects.Sample:
        is_known = np.zeros(len(X), dtype=np.int64)
        if _USER_IS_KNOWN in data.names:
            is_known = (X[:, data.names.index(_USER_IS_KNOWN)] > 0).astype(np.int64)
        return effects.Sample(X, sample_users, starts, season.calendar_cell(starts) * 2 + is_known)

    return _Comparison(
        data,
        sample(data.X, users[:n_train], train.starts),
        sample(data.X_test[test_mask], users[n_train:], test.starts[test_mask]),
        test_mask,
        assortment.late_mask(train.starts, int(test_mask.sum()) / len(users)),
    )


def _content_shifts(comparison: _Comparison) -> Iterator[_Detection]:
    """Compare length, pace and event mix."""
    session_measures = measures.measure_sessions(comparison.train.X, comparison.test.X, comparison.data.names)
    if session_measures is None:
        return
    train, test = replace(comparison.train, X=session_measures.train), replace(comparison.test, X=session_measures.test)
    effect_sizes = effects.effect_sizes(train, test, session_measures.scales)
    _record_effects(comparison, session_measures, effect_sizes)
    exceeds = effect_sizes.exceed(session_measures.floors)
    strength = np.abs(effect_sizes.effect) / session_measures.floors
    within_users = _within_user_effect(comparison, session_measures, train, test)
    is_length = exceeds & session_measures.of_kind(measures.LENGTH)
    if is_length.any() or within_users:
        strongest = int(np.argmax(np.where(is_length, strength, 0.0)))
        effect = effect_sizes.effect[strongest] if is_length.any() else within_users
        yield max(float(strength[strongest]), 1.0), describe.length(effect < 0, comparison.figures)
    is_missing = _is_missing(session_measures) & effect_sizes.exceed(0.0)
    is_mix = (exceeds & session_measures.of_kind(measures.MIX)) | is_missing
    if is_mix.any():
        yield max(float(np.max(strength[is_mix])), 1.0), describe.event_mix(comparison.figures)
    is_pace = exceeds & session_measures.of_kind(measures.PACE)
    if is_pace.any() and not is_length.any():
        yield float(np.max(strength[is_pace])), describe.pace(comparison.figures)


def _record_effects(
    comparison: _Comparison, session_measures: measures.Measures, effect_sizes: effects.Effects
) -> None:
    figures, samples = comparison.figures, {"train": comparison.train, "test": comparison.test}
    for index, (name, kind) in enumerate(zip(session_measures.names, session_measures.kinds, strict=True)):
        stem = f"has_{measures.SHARES[name].lower()}" if kind == measures.PRESENCE else name
        figures |= {f"{stem}_{part}": values[index] for part, values in vars(effect_sizes).items()}
        if kind != measures.PRESENCE:
            column = comparison.data.names.index(name)
            figures |= {f"{name}_{role}": float(np.nanmean(sample.X[:, column])) for role, sample in samples.items()}


def _within_user_effect(
    comparison: _Comparison, session_measures: measures.Measures, train: effects.Sample, test: effects.Sample
) -> float:
    """Return the effect on session length within users of both files; 0 if it does not count."""
    if measures.EVENTS not in session_measures.names:
        return 0.0
    column = session_measures.names.index(measures.EVENTS)
    lengths, test_lengths = (adjusted[:, column] for adjusted in effects.subtract_cell_means(train, test))
    late, early, scale = comparison.late, ~comparison.late, session_measures.scales[column]
    between_files = effects.within_user_difference(lengths, train.users, test_lengths, test.users)
    within_train = effects.within_user_difference(lengths[early], train.users[early], lengths[late], train.users[late])
    effect, error, baseline = between_files.effect / scale, between_files.error / scale, within_train.effect / scale
    comparison.figures |= {
        "own_length_effect": effect,
        "own_length_error": error,
        "own_length_usual": baseline,
        "own_length_users": between_files.n_users,
    }
    threshold = max(measures.OWN_FLOOR, effects.MIN_Z * error, effects.DRIFT_FACTOR * abs(baseline))
    return effect if between_files.n_users >= MIN_USERS and abs(effect) >= threshold else 0.0


def _is_missing(session_measures: measures.Measures) -> NDArray[np.bool_]:
    """Mask the presence measures whose event type is nearly absent from one of the files."""
    shares = np.stack([session_measures.train.mean(axis=0), session_measures.test.mean(axis=0)])
    low, high = shares.min(axis=0), shares.max(axis=0)
    return np.asarray(session_measures.of_kind(measures.PRESENCE) & (high >= _MIN_PRESENCE) & (low < _MISSING * high))


def _assortment_shift(comparison: _Comparison) -> Iterator[_Detection]:
    """Compare products and categories."""
    if comparison.data.baskets is None:
        return
    agreements = assortment.compare_assortments(comparison.data.baskets, comparison.late, comparison.test_mask)
    for name, agreement in agreements.items():
        comparison.figures |= {name: agreement.share, f"{name}_usual": agreement.baseline}
    if (
        agreements["product_overlap"].is_below(assortment.MIN_OVERLAP)
        or agreements["category_overlap"].is_below(assortment.MIN_OVERLAP)
        or agreements["category_kept"].is_below(assortment.MIN_CATEGORY_KEPT)
    ):
        yield _ASSORTMENT_STRENGTH, describe.other_shop(comparison.figures)


def _season_shift(comparison: _Comparison) -> Iterator[_Detection]:
    starts = comparison.train.starts, comparison.test.starts
    comparison.figures |= {"gap_days": season.gap_days(*starts), "season_known": season.season_coverage(*starts)}
    if season.is_other_season(*starts):
        yield _SEASON_STRENGTH, describe.season(comparison.figures)


def _new_users(comparison: _Comparison) -> Iterator[_Detection]:
    """Compare returning users, unless both files cover the same time: then users were split at random."""
    train, test = comparison.train, comparison.test
    returning = assortment.returning_users(train.users, comparison.late, test.users)
    comparison.figures |= {"returning_users": returning.share, "returning_users_usual": returning.baseline}
    is_visible = returning.baseline >= assortment.MIN_RETURNING_BASELINE and season.follows(train.starts, test.starts)
    if is_visible and returning.is_below(assortment.MIN_RETURNING):
        yield _USERS_STRENGTH, describe.new_users(comparison.figures)


def _other_shift(comparison: _Comparison) -> Iterator[_Detection]:
    """Compare session contents by adversarial validation. The baseline compares early with late train sessions."""
    names = comparison.data.names
    columns = [names.index(name) for name in measures.CONTENT if name in names]
    weights = class_weights(comparison.train.cells, comparison.test.cells)
    if not columns or not weights.any():
        return
    train, test = (replace(sample, X=sample.X[:, columns]) for sample in (comparison.train, comparison.test))
    weighted = train.part(weights > 0)
    auc = _adversarial_auc(weighted, test, weights[weights > 0])
    early, late = train.part(~comparison.late), train.part(comparison.late)
    baseline = _adversarial_auc(early, late, np.ones(len(early.X)))
    comparison.figures |= {"auc": auc, "auc_usual": baseline}
    error = np.sqrt((1 / len(weighted.X) + 1 / len(test.X)) / 12)  # of a rank statistic under no difference
    if auc >= max(_MIN_AUC, max(baseline, 0.5) + max(_MIN_AUC_GAIN, effects.MIN_Z * error)):
        yield _OTHER_STRENGTH, describe.other(comparison.figures)


def _adversarial_auc(first: effects.Sample, second: effects.Sample, weights: Vector) -> float:
    """Return the AUC on random subsamples, drawn with a fixed seed; `weights` are those of the first sample."""
    rng = np.random.default_rng(0)
    rows, second_rows = (np.sort(rng.permutation(len(each.X))[:_MAX_CLASSIFIER_SESSIONS]) for each in (first, second))
    return validate_adversarially(
        first.X[rows],
        second.X[second_rows],
        np.concatenate([first.users[rows], second.users[second_rows]]),
        np.concatenate([weights[rows] / weights[rows].mean(), np.ones(len(second_rows))]),
    ).auc
