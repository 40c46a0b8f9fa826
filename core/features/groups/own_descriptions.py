"""Names, units, meanings and display names of the features of extra columns. `own` computes them."""

from __future__ import annotations

from core.features.definition import Feature
from core.own_columns import OwnColumn
from core.schema import ADD_CART, BUY, EVENT_NOUNS

_UNITS = {"money": "money of the log", "number": "as in the log", "time": "days", "flag": "share"}
_USUAL = {ADD_CART: "usual_added", BUY: "usual_bought"}
"""Event type -> end of the name of its usual total."""


def own_features(column: OwnColumn) -> tuple[Feature, ...]:
    """Return the features of an own column over the session's own events."""
    if column.level in ("session", "user"):
        return () if column.kind == "category" else (_single_value(column),)
    without = "" if column.with_purchases else " except purchases"
    events = f"the session's events{without}"
    label = column.label
    filled = Feature(
        f"{column.stored}_filled",
        "share",
        f"Share of {events} that have a {label}.",
        f"Share of events with known {label}",
    )
    if column.kind == "category":
        return (filled, *_of_category(column, events))
    if column.kind == "flag":
        return (filled, *_of_flag(column, events))
    return (filled, *_of_number(column, events), *(_of_money(column) if column.kind == "money" else ()))


def _single_value(column: OwnColumn) -> Feature:
    """Return the feature of a column of sessions or users, which has one value per session."""
    is_time = column.kind == "time"
    meaning = f"{'Time since the' if is_time else 'The'} {column.label} of the {column.level}."
    subject = f"Time since {column.label}" if is_time else _capital(column.label)
    return Feature(column.stored, _UNITS[column.kind], meaning, f"{subject} of the {column.level}")


def _of_category(column: OwnColumn, events: str) -> tuple[Feature, ...]:
    name, label = column.stored, column.label
    return (
        Feature(
            f"{name}_distinct",
            "values",
            f"Number of different values of {label} in {events}.",
            f"Number of different {label}",
        ),
        Feature(
            f"{name}_share_top",
            "share",
            f"Share of the most frequent {label} among {events} that have one.",
            f"Focus on one {label}",
        ),
    )


def _of_flag(column: OwnColumn, events: str) -> tuple[Feature, ...]:
    name, label, unit = column.stored, column.label, _UNITS[column.kind]
    return (
        Feature(
            f"{name}_share",
            unit,
            f"Share of {events} with {label}, of those that have it or its opposite.",
            f"Share of events with {label}",
        ),
        Feature(f"{name}_last", unit, f"Whether the session's last event has {label}.", f"Last event has {label}"),
    )


def _of_number(column: OwnColumn, events: str) -> tuple[Feature, ...]:
    name, unit = column.stored, _UNITS[column.kind]
    subject = f"time since the {column.label}" if column.kind == "time" else column.label
    return (
        *(
            Feature(f"{name}_{key}", unit, f"{word} {subject} of {events}.", f"{word} {subject}")
            for key, word in (("mean", "Average"), ("min", "Lowest"), ("max", "Highest"))
        ),
        Feature(
            f"{name}_last",
            unit,
            f"The {subject} of the session's last event.",
            f"{_capital(subject)} of the last event",
        ),
    )


def _of_money(column: OwnColumn) -> tuple[Feature, ...]:
    name, label, unit = column.stored, column.label, _UNITS[column.kind]
    bought = Feature(
        f"{name}_bought", unit, f"Total {label} of the session's purchases.", f"Total {label} of purchases"
    )
    return (
        Feature(f"{name}_viewed_mean", unit, f"Average {label} of the session's views.", f"Average {label} of views"),
        Feature(
            f"{name}_added", unit, f"Total {label} of the session's cart additions.", f"Total {label} of cart additions"
        ),
        Feature(
            f"{name}_in_cart",
            unit,
            f"Total {label} of cart additions minus that of cart removals.",
            f"Total {label} left in the cart",
        ),
        *((bought,) if column.with_purchases else ()),
    )


def own_history_features(column: OwnColumn) -> tuple[Feature, ...]:
    """Return the features that compare a column of money with the cells of other sessions; empty for other columns."""
    if column.kind != "money" or column.level in ("session", "user"):
        return ()
    name, label = column.stored, column.label
    level = f"Average {label} of the session's events relative to"
    usual = f"Sum over the session's {{}} of the product's average {label} in other sessions."
    return (
        Feature(
            f"{name}_user_mean",
            _UNITS["money"],
            f"Average {label} of the user's events in other sessions; empty for a new user.",
            f"User's usual {label}",
        ),
        Feature(
            f"{name}_per_user_mean",
            "ratio",
            f"{level} that of the user's other sessions.",
            f"{_capital(label)} compared with the user's usual one",
        ),
        Feature(
            f"{name}_per_category_mean",
            "ratio",
            f"{level} the average of their categories in other sessions.",
            f"{_capital(label)} compared with the usual one of its category",
        ),
        *(
            Feature(
                feature,
                _UNITS["money"],
                usual.format(EVENT_NOUNS[event_type][1]),
                f"Usual total {label} of {EVENT_NOUNS[event_type][1]}",
            )
            for event_type, feature in usual_totals(column).items()
        ),
    )


def usual_totals(column: OwnColumn) -> dict[str, str]:
    """Return event type -> name of the feature with the usual total of its products.

    Empty if the session's purchases may be used: their own total then is a feature, and more exact than a usual one.
    """
    if column.with_purchases:
        return {}
    return {event_type: f"{column.stored}_{suffix}" for event_type, suffix in _USUAL.items()}


def _capital(text: str) -> str:
    """Return the text with a capital first letter, at the beginning of a display name."""
    return text[:1].upper() + text[1:]
