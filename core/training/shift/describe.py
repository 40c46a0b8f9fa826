"""The sentences that say what a shift looks like and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping

from core.base.text import number, percent
from core.training.shift.assortment import KEPT_LEFT
from core.training.shift.measures import EVENTS, SHARES
from core.training.shift.season import COVERED
from core.training.shift.verdict import Kind

Figures = Mapping[str, float]


def length(shorter: bool, figures: Figures) -> Kind:
    """Shorter or longer sessions."""
    average = ""
    if f"{EVENTS}_test" in figures:
        average = (
            f" ({number(figures[f'{EVENTS}_test'])} events on average, {number(figures[f'{EVENTS}_train'])} in train)"
        )
    if shorter:
        return Kind(
            "cut_off",
            f"The test sessions are shorter than those of train{average}, as if they were cut off before their end.",
            "Use test sessions that are complete, or cut off the train sessions in the same way.",
        )
    return Kind(
        "longer",
        f"The test sessions are longer than those of train{average}, as if several visits were joined into one.",
        "Check that both files separate sessions in the same way.",
    )


def event_mix(figures: Figures) -> Kind:
    """Another mix of event types; names the one whose share changed most."""
    apart = {name: figures[f"{name}_test"] - figures[f"{name}_train"] for name in SHARES if f"{name}_test" in figures}
    name = max(apart, key=lambda each: abs(apart[each]))
    return Kind(
        "event_mix",
        f"The test sessions have another mix of events: {SHARES[name]} is {percent(figures[f'{name}_test'])} of a "
        f"session on average, {percent(figures[f'{name}_train'])} in train.",
        "Check that both files record the same types of events.",
    )


def pace(figures: Figures) -> Kind:
    """Sessions of the same length in events that take another time."""
    return Kind(
        "other",
        f"The test sessions take another time than those of train ({number(figures['duration_test'])} s on average, "
        f"{number(figures['duration_train'])} s in train).",
        "Check that both files record times and separate sessions in the same way.",
    )


def other_shop(figures: Figures) -> Kind:
    """Other products or categories, or the same ids for others."""
    kept = figures.get("category_kept", 1.0)
    if kept < KEPT_LEFT * figures.get("category_kept_usual", 0.0):
        return Kind(
            "other_shop",
            "The test sessions are about other products than those of train, as if they came from another shop: "
            f"{percent(1.0 - kept)} of the events on a product of train have another category there.",
            "Check that both files come from the same shop and write ids in the same way.",
        )
    return Kind(
        "other_shop",
        "The test sessions are about other products than those of train, as if they came from another shop: the "
        f"overlap of products is {percent(figures['product_overlap'])} and that of categories "
        f"{percent(figures['category_overlap'])}, where late and early train sessions have "
        f"{percent(figures['product_overlap_usual'])} and {percent(figures['category_overlap_usual'])}.",
        "Check that both files come from the same shop and write ids in the same way.",
    )


def season(figures: Figures) -> Kind:
    """Another time of the year, or much later."""
    known = figures["season_known"] >= COVERED
    return Kind(
        "season",
        f"The test sessions are of another season: {number(round(figures['gap_days']))} days lie between the files, "
        f"and train has {'only earlier years' if known else 'no sessions'} from the same time of the year.",
        "Add train sessions that are closer in time, or from the same season of an earlier year.",
    )


def new_users(figures: Figures) -> Kind:
    """Hardly any user comes back."""
    return Kind(
        "new_users",
        f"The users of test are new: {percent(figures['returning_users'])} of the test sessions are by users of train, "
        f"where {percent(figures['returning_users_usual'])} would be usual.",
        "Check that both files write user ids in the same way. Otherwise predictions rest on the sessions alone.",
    )


def other(figures: Figures) -> Kind:
    """A difference that none of the measures names."""
    return Kind(
        "other",
        "The test sessions differ from those of train in what was done: a small model tells them apart with an AUC of "
        f"{figures['auc']:.2f} (0.5 is guessing).",
        "Look at the drift view of the Explore page to see which features changed.",
    )
