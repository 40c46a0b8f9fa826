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
    """Shorter or longer sessions."""
    averages = ""
    if f"{EVENTS}_test" in figures:
        test, train = number(figures[f"{EVENTS}_test"]), number(figures[f"{EVENTS}_train"])
        averages = f" ({test} events on average, {train} in train)"
    if is_shorter:
        return Kind(
            "cut_off",
            f"The test sessions are shorter than those of train{averages}, as if they were cut off before their end.",
            "Use test sessions that are complete, or cut off the train sessions in the same way.",
        )
    return Kind(
        "longer",
        f"The test sessions are longer than those of train{averages}, as if several visits were joined into one.",
        "Check that both files separate sessions in the same way.",
    )


def event_mix(figures: Figures) -> Kind:
    """Another mix of event types; names the one whose share changed most."""
    changes = {name: figures[f"{name}_test"] - figures[f"{name}_train"] for name in SHARES if f"{name}_test" in figures}
    name = max(changes, key=lambda share: abs(changes[share]))
    return Kind(
        "event_mix",
        f"The test sessions have another mix of events: {SHARES[name]} is {percent(figures[f'{name}_test'])} of a "
        f"session on average, {percent(figures[f'{name}_train'])} in train.",
        "Check that both files record the same types of events.",
    )


def pace(figures: Figures) -> Kind:
    """Sessions with the same number of events but another duration."""
    return Kind(
        "other",
        f"The test sessions differ from those of train in duration ({number(figures['duration_test'])} s on average, "
        f"{number(figures['duration_train'])} s in train).",
        "Check that both files record times and separate sessions in the same way.",
    )


def other_shop(figures: Figures) -> Kind:
    """Other products or categories, or the same ids for other products."""
    kept = figures.get("category_kept", 1.0)
    if kept < MIN_CATEGORY_KEPT * figures.get("category_kept_usual", 0.0):
        evidence = f"{percent(1.0 - kept)} of the events on a product of train have another category there."
    else:
        evidence = (
            f"the overlap of products is {percent(figures['product_overlap'])} and that of categories "
            f"{percent(figures['category_overlap'])}. Late and early train sessions have "
            f"{percent(figures['product_overlap_usual'])} and {percent(figures['category_overlap_usual'])}."
        )
    return Kind(
        "other_shop",
        "The test sessions are about other products than those of train, as if they came from another shop: "
        f"{evidence}",
        "Check that both files come from the same shop and write ids in the same way.",
    )


def season(figures: Figures) -> Kind:
    """Another time of the year, or a long gap between the files."""
    is_covered = figures["season_known"] >= MIN_COVERAGE
    return Kind(
        "season",
        f"The test sessions are of another season: {number(round(figures['gap_days']))} days lie between the files, "
        f"and train has {'only earlier years' if is_covered else 'no sessions'} from the same time of the year.",
        "Add train sessions that are closer in time, or from the same season of an earlier year.",
    )


def new_users(figures: Figures) -> Kind:
    """Hardly any returning users."""
    return Kind(
        "new_users",
        f"The users of test are new: {percent(figures['returning_users'])} of the test sessions are by users of train. "
        f"Usual would be {percent(figures['returning_users_usual'])}.",
        "Check that both files write user ids in the same way. If they do, predictions rest on the sessions alone.",
    )


def other(figures: Figures) -> Kind:
    """A difference that only adversarial validation finds."""
    return Kind(
        "other",
        "The test sessions differ from those of train in their content: a small model distinguishes them with an AUC "
        f"of {figures['auc']:.2f} (0.5 is guessing).",
        "Look at the drift view of the Explore page to see which features changed.",
    )
