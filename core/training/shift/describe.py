"""The sentences about each kind of shift: what was found and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping

from core.base.text import number, percent
from core.training.shift.assortment import MIN_CATEGORY_KEPT
from core.training.shift.measures import EVENTS, SHARES
from core.training.shift.season import MIN_COVERAGE
from core.training.shift.verdict import Kind

Figures = Mapping[str, float]


def length(is_shorter: bool, figures: Figures) -> Kind:
    """Describe shorter or longer sessions."""
    averages = ""
    if f"{EVENTS}_test" in figures:
        test, train = number(figures[f"{EVENTS}_test"]), number(figures[f"{EVENTS}_train"])
        averages = f" ({test} events on average, {train} in the train file)"
    if is_shorter:
        return Kind(
            "cut_off",
            f"The test sessions are shorter than the train sessions{averages}, as if they were cut off.",
            "Use test sessions that are complete, or cut off the train sessions in the same way.",
        )
    return Kind(
        "longer",
        f"The test sessions are longer than the train sessions{averages}, as if several visits were joined into one.",
        "Check that both files separate sessions in the same way.",
    )


def event_mix(figures: Figures) -> Kind:
    """Describe a change in the mix of event types, by the type whose share changed most."""
    changes = {name: figures[f"{name}_test"] - figures[f"{name}_train"] for name in SHARES if f"{name}_test" in figures}
    name = max(changes, key=lambda share: abs(changes[share]))
    return Kind(
        "event_mix",
        f"The test sessions have another mix of events: on average, {percent(figures[f'{name}_test'])} of a session is "
        f"{SHARES[name]} in the test file, and {percent(figures[f'{name}_train'])} in the train file.",
        "Check that both files record the same types of events.",
    )


def pace(figures: Figures) -> Kind:
    """Describe sessions with the same number of events but another duration."""
    return Kind(
        "other",
        f"The test sessions differ from the train sessions in duration: on average, {number(figures['duration_test'])} "
        f"s in the test file, and {number(figures['duration_train'])} s in the train file.",
        "Check that both files record times and separate sessions in the same way.",
    )


def other_shop(figures: Figures) -> Kind:
    """Describe a test file with other products or categories, or with the same ids for other products."""
    kept = figures.get("category_kept", 1.0)
    if kept < MIN_CATEGORY_KEPT * figures.get("category_kept_usual", 0.0):
        evidence = (
            f"{percent(1.0 - kept)} of the test events on known products have another category in the train file."
        )
    else:
        evidence = (
            f"The overlap of the files is {percent(figures['product_overlap'])} in products and "
            f"{percent(figures['category_overlap'])} in categories. Between late and early train sessions, it is "
            f"{percent(figures['product_overlap_usual'])} and {percent(figures['category_overlap_usual'])}."
        )
    return Kind(
        "other_shop",
        "The test sessions are about other products than the train sessions, as if they came from another shop. "
        f"{evidence}",
        "Check that both files come from the same shop and write ids in the same way.",
    )


def season(figures: Figures) -> Kind:
    """Describe another time of the year, or a long gap between the files."""
    sessions = "only sessions of earlier years" if figures["season_known"] >= MIN_COVERAGE else "no sessions"
    return Kind(
        "season",
        f"The test sessions are from another season: {number(round(figures['gap_days']))} days lie between the files, "
        f"and the train file has {sessions} from the same time of the year.",
        "Add train sessions that are closer in time, or from the same season of an earlier year.",
    )


def new_users(figures: Figures) -> Kind:
    """Describe a lack of returning users."""
    return Kind(
        "new_users",
        f"The test file has few returning users: {percent(figures['returning_users'])} of its sessions have a user "
        f"from the train file. {percent(figures['returning_users_usual'])} would be usual.",
        "Check that both files write user ids in the same way. If they do, predictions rest on the sessions alone.",
    )


def other(figures: Figures) -> Kind:
    """Describe a difference that only adversarial validation finds."""
    return Kind(
        "other",
        "The test sessions differ from the train sessions in their content: a small model distinguishes them with an "
        f"AUC of {figures['auc']:.2f} (0.5 is guessing).",
        "Look at the drift view of the Explore page to see which features changed.",
    )
