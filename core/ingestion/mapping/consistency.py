"""What the settings of a mapping must be to one another; each rule raises SettingError with one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from core.errors import SettingError
from core.ingestion.mapping.refusals import short, shown
from core.schema import EVENT_TIME, EVENT_TYPES, PRODUCT_ID, USER_ID

if TYPE_CHECKING:
    from core.ingestion.mapping.definition import Columns, Mapping

PRICE_OF_BUYS: Final = "price_of_buys"
"""The rule that makes a session's value of the prices of its BUY events."""


_MONEY_ROLES: Final = ("order_id", "order_status", "currency")


def require_columns(mapping: Mapping) -> None:
    """Each of our columns needs the log's, or the rule that stands in for it."""
    columns = mapping.columns
    for role in (EVENT_TIME, PRODUCT_ID, USER_ID):
        if getattr(columns, role) is None:
            raise SettingError.missing(f"columns.{role}", "the name of a column, which every log needs")
    if columns.event_type is None and mapping.every_event_is is None:
        raise SettingError.missing("columns.event_type", "the name of a column, or every_event_is in its place")
    if columns.user_session is None and mapping.session_gap_minutes is None:
        raise SettingError.missing("columns.user_session", "the name of a column, or session_gap_minutes in its place")
    if columns.session_value is None and mapping.value == "column":
        takes = f"the name of a column, or value = {PRICE_OF_BUYS} and columns.price in its place"
        raise SettingError.missing("columns.session_value", takes)
    if columns.price is None and mapping.value == PRICE_OF_BUYS:
        raise SettingError.missing("columns.price", f"the name of the column that value = {PRICE_OF_BUYS} adds up")


def refuse_two_sources(mapping: Mapping) -> None:
    """A setting that would do nothing is a misunderstanding, and better told than passed over."""
    columns, adds_prices = mapping.columns, mapping.value == PRICE_OF_BUYS
    rules = (
        ("event_type", mapping.every_event_is is not None, "none beside every_event_is"),
        ("user_session", mapping.session_gap_minutes is not None, "none beside session_gap_minutes"),
        ("session_value", adds_prices, f"none beside value = {PRICE_OF_BUYS}"),
        ("price", not adds_prices, f"a price only beside value = {PRICE_OF_BUYS}"),
        ("quantity", not adds_prices, f"a quantity only beside value = {PRICE_OF_BUYS}"),
        *((role, not adds_prices, f"this column only with value = {PRICE_OF_BUYS}") for role in _MONEY_ROLES),
    )
    for role, unused, allowed in rules:
        name = getattr(columns, role)
        if unused and name is not None:
            raise SettingError.not_allowed(f"columns.{role}", shown(name), allowed)
    if mapping.every_event_is is None:
        return
    if mapping.ignored_words:
        raise SettingError.not_allowed("ignored_words", shown(mapping.ignored_words), "none beside every_event_is")
    if mapping.words() != {word.lower(): word for word in EVENT_TYPES}:
        raise SettingError.not_allowed("event_words", shown(mapping.event_words), "none beside every_event_is")


def require_money_settings(mapping: Mapping) -> None:
    """Settings on orders, statuses and currencies need the column that they are about."""
    columns = mapping.columns
    if mapping.price_is == "order_total" and not mapping.has_orders:
        raise SettingError.missing(
            "columns.order_id", "the column with the order's id, which price_is = order_total needs"
        )
    if mapping.price_is == "order_total" and columns.quantity is not None:
        allowed = "none with price_is = order_total, which has all pieces in it"
        raise SettingError.not_allowed("columns.quantity", shown(columns.quantity), allowed)
    if columns.order_status is not None and not mapping.counted_status:
        raise SettingError.missing("counted_status", "the words of columns.order_status whose orders count")
    for setting, words in (("counted_status", mapping.counted_status), ("void_status", mapping.void_status)):
        if words and columns.order_status is None:
            raise SettingError.missing("columns.order_status", f"the column whose words {setting} lists")
    both = {word.strip().lower() for word in mapping.counted_status} & {
        word.strip().lower() for word in mapping.void_status
    }
    if both:
        raise SettingError.not_allowed("void_status", shown(min(both)), "a word that counted_status does not list")
    if mapping.currency_rates and not (columns.currency and mapping.currency):
        missing = "currency" if columns.currency else "columns.currency"
        raise SettingError.missing(
            missing, "which currency_rates needs: the column, and the currency of session values"
        )


def refuse_shared_columns(columns: Columns) -> None:
    """No two of our columns can be the same one of the log: the one would mean what the other does.

    A log without users but with sessions, say, would get a user a session, and no user would ever come back.
    """
    roles: dict[str, str] = {}
    for role, name in columns.named().items():
        first = roles.setdefault(name.lower(), role)
        if first != role:
            allowed = f"a column of its own, for columns.{first} names this one"
            raise SettingError.not_allowed(f"columns.{role}", shown(name), allowed)


def refuse_unclear_words(mapping: Mapping) -> None:
    """A word means one thing, in whichever letter case it is written."""
    words: dict[str, str] = {}
    for word, event_type in mapping.event_words.items():
        first = words.setdefault(word.lower(), event_type)
        if first != event_type:
            allowed = f"{first!r}, which the same word in another letter case is"
            raise SettingError.not_allowed(f"event_words.{short(word)}", event_type, allowed)
    for word in mapping.ignored_words:
        if word.lower() in words:
            raise SettingError.not_allowed("ignored_words", shown(word), "a word that event_words does not name")
