"""Rules between the settings of a mapping."""

from __future__ import annotations

from core.base.text import fold_case
from core.errors import SettingError
from core.ingestion.mapping.nested_settings import COMPLETED_ROLES, Columns
from core.ingestion.mapping.refusals import quotable, short
from core.ingestion.mapping.settings import ORDER_TOTAL, PRICE_OF_BUYS, MappingSettings
from core.ingestion.mapping.time_format import EPOCHS
from core.own_columns import TABLE_LEVEL
from core.schema import EVENT_TIME, EVENT_TYPES, PRODUCT_ID, USER_ID, USER_SESSION


def check_consistency(settings: MappingSettings) -> None:
    """Check that settings that depend on each other are consistent.

    Raises:
        SettingError: a rule is violated. The message describes the first such rule.
    """
    _require_columns(settings)
    _refuse_unused_columns(settings)
    _refuse_unused_words(settings)
    _require_order_settings(settings)
    _refuse_repeated_currencies(settings)
    _refuse_shared_columns(settings.columns)
    _refuse_own_values(settings)
    _refuse_other_levels(settings)
    _refuse_names_of_nothing(settings)
    _refuse_ambiguous_words(settings)


def _require_columns(settings: MappingSettings) -> None:
    """Require a column for each role, or the setting that replaces it."""
    columns = settings.columns
    for role in (EVENT_TIME, PRODUCT_ID):
        if getattr(columns, role) is None:
            raise SettingError.missing(f"columns.{role}", "the name of a column, which every log needs")
    if columns.time_of_day is not None and (settings.dates_only or settings.time_format in EPOCHS):
        allowed = "a format with date and time of day, such as %Y-%m-%d %H:%M:%S, because columns.time_of_day is set"
        raise SettingError.not_allowed("time_format", settings.time_format, allowed)
    if columns.user_id is None and columns.user_session is None:
        raise SettingError.missing("columns.user_id", "the name of a column, unless columns.user_session is set")
    if columns.event_type is None and settings.every_event_is is None:
        raise SettingError.missing("columns.event_type", "the name of a column, unless every_event_is is set")
    if columns.user_session is None and settings.session_gap_minutes is None:
        raise SettingError.missing("columns.user_session", "the name of a column, unless session_gap_minutes is set")
    if columns.session_value is None and not settings.adds_prices:
        expected = f"the name of a column, unless value = {PRICE_OF_BUYS} and columns.price are set"
        raise SettingError.missing("columns.session_value", expected)
    if columns.price is None and settings.adds_prices:
        raise SettingError.missing("columns.price", f"the name of the column that value = {PRICE_OF_BUYS} adds up")


def _refuse_unused_columns(settings: MappingSettings) -> None:
    """Refuse a column that would not be read, because it is more likely a misunderstanding than intended."""
    adds_prices = settings.adds_prices
    rules = [
        ("event_type", settings.every_event_is is not None, "no column, because every_event_is is set"),
        ("user_session", settings.session_gap_minutes is not None, "no column, because session_gap_minutes is set"),
        ("session_value", adds_prices, f"no column, because value = {PRICE_OF_BUYS} is set"),
    ]
    allowed_price = f"a column only if value = {PRICE_OF_BUYS} is set"
    rules += [(role, not adds_prices, allowed_price) for role in ("price", "quantity", *COMPLETED_ROLES)]
    for role, is_unused, allowed in rules:
        name = getattr(settings.columns, role)
        if is_unused and name is not None:
            raise SettingError.not_allowed(f"columns.{role}", quotable(name), allowed)


def _refuse_unused_words(settings: MappingSettings) -> None:
    if settings.every_event_is is None:
        return
    allowed = "nothing, because every_event_is is set"
    if settings.ignored_words:
        raise SettingError.not_allowed("ignored_words", quotable(settings.ignored_words), allowed)
    if settings.words() != {fold_case(word): word for word in EVENT_TYPES}:
        raise SettingError.not_allowed("event_words", quotable(settings.event_words), allowed)


def _require_order_settings(settings: MappingSettings) -> None:
    """Require the column that each setting on orders, statuses and currencies applies to."""
    columns = settings.columns
    if settings.has_order_totals and not settings.has_orders:
        expected = f"the column with the order's id, which price_is = {ORDER_TOTAL} needs"
        raise SettingError.missing("columns.order_id", expected)
    if settings.has_order_totals and columns.quantity is not None:
        allowed = f"no column, because the totals of price_is = {ORDER_TOTAL} include the quantity"
        raise SettingError.not_allowed("columns.quantity", quotable(columns.quantity), allowed)
    if columns.order_status is not None and not settings.counted_status:
        raise SettingError.missing("counted_status", "the values of columns.order_status whose orders count")
    for name in ("counted_status", "void_status"):
        if getattr(settings, name) and columns.order_status is None:
            raise SettingError.missing("columns.order_status", f"the column whose values {name} lists")
    both = set(map(fold_case, settings.counted_status)) & set(map(fold_case, settings.void_status))
    if both:
        raise SettingError.not_allowed("void_status", quotable(min(both)), "a value that counted_status does not list")
    if settings.currency_rates and not columns.currency:
        expected = "the column with each row's currency, which currency_rates needs"
        raise SettingError.missing("columns.currency", expected)
    if settings.currency_rates and not settings.currency:
        raise SettingError.missing("currency", "the currency of session values, which currency_rates needs")


def _refuse_repeated_currencies(settings: MappingSettings) -> None:
    """Refuse two rates of one currency in any letter case, and a rate of the currency of session values."""
    seen = {settings.currency.upper()}
    for code in settings.currency_rates:
        if code.upper() in seen:
            allowed = "one rate for each currency other than that of session values"
            raise SettingError.not_allowed("currency_rates", quotable(code), allowed)
        seen.add(code.upper())


def _refuse_shared_columns(columns: Columns) -> None:
    """Refuse one column for two roles. A log with sessions but without users must say so."""
    roles: dict[str, str] = {}
    for role, name in columns.named().items():
        other = roles.setdefault(fold_case(name), role)
        if {role, other} == {USER_ID, USER_SESSION}:
            allowed = 'another column than columns.user_session, or "" if the log has no users'
            raise SettingError.not_allowed("columns.user_id", quotable(name), allowed)
        if other != role:
            raise SettingError.not_allowed(f"columns.{role}", quotable(name), f"another column than columns.{other}")


def _refuse_own_values(settings: MappingSettings) -> None:
    """Refuse the column of session values as an own column, and two own columns of one column."""
    value = settings.columns.session_value
    seen: dict[tuple[str | None, str], str] = {}
    for name, own in settings.own.items():
        setting, column = f"own.{name}.column", (own.table, fold_case(own.column))
        if not settings.adds_prices and value is not None and column == (None, fold_case(value)):
            raise SettingError.not_allowed(setting, quotable(own.column), "another column than columns.session_value")
        if column in seen:
            raise SettingError.not_allowed(setting, quotable(own.column), f"another column than own.{seen[column]}")
        seen[column] = name


def _refuse_other_levels(settings: MappingSettings) -> None:
    """Refuse a level that a table does not describe, and a table of users for a log without users."""
    for name, own in settings.own.items():
        if own.table is None:
            continue
        if own.level != TABLE_LEVEL[own.table]:
            allowed = f"{TABLE_LEVEL[own.table]}, because own.{name}.table is {own.table}"
            raise SettingError.not_allowed(f"own.{name}.level", own.level, allowed)
        if own.table == "users" and not settings.has_users:
            raise SettingError.not_allowed(f"own.{name}.table", own.table, "products, because the log has no users")


def _refuse_names_of_nothing(settings: MappingSettings) -> None:
    """Refuse names of categories for a log without categories."""
    if settings.names.category is not None and settings.columns.category_id is None:
        allowed = "no column, because the log has no categories"
        raise SettingError.not_allowed("names.category", quotable(settings.names.category), allowed)


def _refuse_ambiguous_words(settings: MappingSettings) -> None:
    """Refuse a word with two meanings in any letter case."""
    types: dict[str, str] = {}
    for word, event_type in settings.event_words.items():
        first_type = types.setdefault(fold_case(word), event_type)
        if first_type != event_type:
            allowed = f"{first_type!r}, as for the same value in another letter case"
            raise SettingError.not_allowed(f"event_words.{short(word)}", event_type, allowed)
    for word in settings.ignored_words:
        if fold_case(word) in types:
            raise SettingError.not_allowed("ignored_words", quotable(word), "a value that is not in event_words")
