"""Themes: a few groups of features that people understand, such as what was bought, or the user's past."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from core.features import CatalogueEntry, feature_catalogue
from core.own_columns import PREFIX, OwnColumn

BOUGHT, CART, BROWSING = "What was bought", "Cart behaviour", "Browsing"
TIME, USER_PAST, PRODUCT_PAST, OWN = "Time", "The user's past", "The products' past", "Extra columns of the log"
THEMES: Final = (BOUGHT, CART, BROWSING, TIME, USER_PAST, PRODUCT_PAST, OWN)

_BY_GROUP: Final = {
    "timing": TIME,
    "context": TIME,
    "user_history": USER_PAST,
    "user_values": USER_PAST,
    "product_history": PRODUCT_PAST,
    "category_history": PRODUCT_PAST,
    "value_statistics": PRODUCT_PAST,
}
_BY_WORD: Final = {"buy": BOUGHT, "bought": BOUGHT, "cart": CART, "added": CART}
"""Words in the names of features of the session's events, in the order in which they decide."""


def theme_of(entry: CatalogueEntry) -> str:
    """Return the theme of a feature.

    >>> {theme_of(entry) for entry in feature_catalogue() if entry.feature.name in ("n_buy", "buy_per_view")}
    {'What was bought'}
    """
    if entry.group.startswith(PREFIX):
        return OWN
    if entry.group in _BY_GROUP:
        return _BY_GROUP[entry.group]
    words = entry.feature.name.split("_")
    return next((theme for word, theme in _BY_WORD.items() if word in words), BROWSING)


def themes_of(names: Sequence[str], own: Sequence[OwnColumn] = ()) -> list[str]:
    """Return the theme of each feature, by name."""
    themes = {entry.feature.name: theme_of(entry) for entry in feature_catalogue(own)}
    return [themes[name] for name in names]
