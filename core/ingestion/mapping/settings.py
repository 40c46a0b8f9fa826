"""The settings of a mapping, with their types, defaults and descriptions; `definition` adds the rules between them."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from core import schema
from core.ingestion.mapping.fields import Encoding, Number, Text, TimeFormat, TimeZone, Word
from core.ingestion.mapping.time_format import AUTO, has_time_of_day

EventType = Literal["VIEW", "ADD_CART", "REMOVE_CART", "BUY"]
"""schema.EVENT_TYPES as a type; a test compares the two."""
PRICE_OF_BUYS: Final = "price_of_buys"
"""`value`: a session's value is the sum of the prices of its BUY events."""
ORDER_TOTAL: Final = "order_total"
"""`price_is`: the price column contains the total of the order."""

MAX_WORDS: Final = 300
"""Most event words that a mapping may translate, and most that it may ignore."""
COMPLETED_ROLES: Final = (schema.ORDER_ID, schema.ORDER_STATUS, schema.CURRENCY)
"""Roles that are looked for in the log unless the mapping mentions them: they change the sum of the purchases."""
_LONGEST_GAP: Final = 1440 * 30
"""Minutes in 30 days. With longer gaps, a year of one user could become one session."""


class Columns(BaseModel):
    """Role -> name of the log's column, None if the log has no such column."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event_time: Word | None = schema.EVENT_TIME
    event_type: Word | None = schema.EVENT_TYPE
    product_id: Word | None = schema.PRODUCT_ID
    category_id: Word | None = schema.CATEGORY_ID
    user_id: Word | None = schema.USER_ID
    user_session: Word | None = schema.USER_SESSION
    session_value: Word | None = schema.SESSION_VALUE
    price: Word | None = None
    quantity: Word | None = None
    order_id: Word | None = None
    order_status: Word | None = None
    currency: Word | None = None

    def named(self) -> dict[str, str]:
        """Return role -> column for the roles that have a column, in the order of the fields."""
        return {role: name for role, name in self if name is not None}

    def excluded_roles(self) -> list[str]:
        """Return the roles of COMPLETED_ROLES that the mapping explicitly sets to "no column"."""
        return [role for role in COMPLETED_ROLES if role in self.model_fields_set and getattr(self, role) is None]


class MappingSettings(BaseModel):
    """What a mapping file may contain. The defaults read the product's own format.

    The description of a setting is its comment in a mapping file and the help text of its input.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Text = Field(default="", description="Name of the log for people; it changes nothing.")
    separator: Literal[",", ";", "\t", "|"] | None = Field(
        default=None, description="Column separator of a CSV file; detected from the header if left out."
    )
    encoding: Encoding = Field(
        default="utf-8", description="Text encoding of a CSV file, such as utf-8, latin-1 or cp1252."
    )
    decimal: Literal[".", ","] | None = Field(
        default=None,
        description='Decimal mark of values, prices and quantities: "." or ",". If left out, it is ".", and a file '
        "whose numbers are ambiguous is refused.",
    )
    every_event_is: EventType | None = Field(
        default=None,
        description="Type of all events, for a log without event types, such as one of till receipts.",
    )
    ignored_words: tuple[Text, ...] = Field(
        default=(),
        max_length=MAX_WORDS,
        description='The log\'s words for events that are quarantined on purpose; "" for events without a word.',
    )
    time_format: TimeFormat = Field(
        default=AUTO,
        description="auto (2025-06-19 10:23:07+00:00), epoch_seconds, epoch_milliseconds, epoch_microseconds, "
        "or a format such as %d.%m.%Y %H:%M:%S.",
    )
    time_zone: TimeZone = Field(
        default="UTC",
        description="Time zone of times without an offset, such as Europe/Berlin; not used for dates without a time.",
    )
    value: Literal["column", "price_of_buys"] = Field(
        default="column",
        description="Source of session values: column (columns.session_value) or price_of_buys (the sum of "
        "columns.price over the BUY events, multiplied by columns.quantity if there is one).",
    )
    price_is: Literal["row", "order_total"] = Field(
        default="row",
        description="Content of columns.price: row (the price of the row's product) or order_total (the total of the "
        "order, which counts once for each columns.order_id).",
    )
    counted_status: tuple[Text, ...] = Field(
        default=(), max_length=MAX_WORDS, description="Words of columns.order_status whose orders count, such as paid."
    )
    void_status: tuple[Text, ...] = Field(
        default=(),
        max_length=MAX_WORDS,
        description="Words of columns.order_status whose orders are worth nothing, such as refunded. Sessions with any "
        "other word have no known value.",
    )
    currency: Text = Field(
        default="", description="Currency of session values, such as EUR; needed only with currency_rates."
    )
    currency_rates: dict[Word, Annotated[Number, Field(gt=0)]] = Field(
        default={},
        max_length=MAX_WORDS,
        description="Value of one unit of each other currency in the currency of session values.",
    )
    session_gap_minutes: Annotated[Number, Field(gt=0, le=_LONGEST_GAP)] | None = Field(
        default=None,
        description="For a log without session ids: minutes without an event after which a user's session ends.",
    )
    duplicates: Literal["remove", "keep"] | None = Field(
        default=None,
        description="Rows that equal another row: keep (most are second clicks within a second) or remove. If left "
        "out, they are kept, and a file with many repeated purchases is refused.",
    )
    least_usable: Annotated[Number, Field(ge=0, le=1)] = Field(
        default=0.9, description="Share of a file's rows that must be usable; a file with fewer is refused."
    )
    columns: Columns = Field(
        default=Columns(), description='Our columns and the log\'s; "" if the log has no such column.'
    )
    event_words: dict[Word, EventType] = Field(
        default={word: word for word in get_args(EventType)},
        min_length=1,
        max_length=MAX_WORDS,
        description="The log's words for events, in any letter case, and our types: VIEW, ADD_CART, REMOVE_CART or "
        "BUY.",
    )

    def words(self) -> dict[str, str]:
        """Return the log's event words, trimmed and in lower case -> event type."""
        return {word.strip().lower(): event_type for word, event_type in self.event_words.items()}

    def ignored(self) -> frozenset[str]:
        """Return the words of events to ignore, trimmed and in lower case; "" for events without a word."""
        return frozenset(word.strip().lower() for word in self.ignored_words)

    def statuses(self) -> dict[str, bool]:
        """Return the order statuses, trimmed and in lower case -> whether such orders count."""
        counted = {word.strip().lower(): True for word in self.counted_status}
        return counted | {word.strip().lower(): False for word in self.void_status}

    def rates(self) -> dict[str, float]:
        """Return the currencies, trimmed and in upper case -> rates; empty if amounts are not converted."""
        if not self.currency_rates:
            return {}
        rates = {code.strip().upper(): rate for code, rate in self.currency_rates.items()}
        return {self.currency.strip().upper(): 1.0} | rates

    @property
    def adds_prices(self) -> bool:
        """Whether a session's value is the sum of its purchases."""
        return self.value == PRICE_OF_BUYS

    @property
    def has_order_totals(self) -> bool:
        """Whether prices are totals of orders, which count once per order."""
        return self.price_is == ORDER_TOTAL

    @property
    def has_orders(self) -> bool:
        """Whether purchases can be grouped by order: by its id, or because each session is a receipt."""
        return self.columns.order_id is not None or (
            self.every_event_is == schema.BUY and self.columns.user_session is not None
        )

    @property
    def decimal_mark(self) -> str:
        """The decimal mark that numbers are parsed with."""
        return self.decimal or "."

    @property
    def dates_only(self) -> bool:
        """Whether times have no time of day; all events of a day then count as of its first second."""
        return not has_time_of_day(self.time_format)
