"""The settings of a mapping with their types, defaults and descriptions.

`nested_settings` has those that are tables of their own, and `consistency` the rules between settings.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from pydantic import BaseModel, Field

from core import schema
from core.base.text import fold_case
from core.ingestion.mapping.fields import Encoding, NonEmptyText, Number, Text, TimeFormat, TimeZone
from core.ingestion.mapping.nested_settings import Columns, Names, OwnSettings, TableSettings
from core.ingestion.mapping.time_format import AUTO, has_time_of_day
from core.own_columns import PREFIX, OwnName, TableName, stored_name

EventType = Literal["VIEW", "ADD_CART", "REMOVE_CART", "BUY"]
"""schema.EVENT_TYPES as a type. A test compares the two."""
PRICE_OF_BUYS: Final = "price_of_buys"
"""Setting of `value`: a session's value is the sum of the prices of its BUY events."""
ORDER_TOTAL: Final = "order_total"
"""Setting of `price_is`: the price column contains the total of the order."""

MAX_OWN: Final = 30
"""Maximum number of own columns: each adds up to a dozen features."""
MAX_WORDS: Final = 300
"""Maximum number of entries in a setting that is a list or table."""
_MAX_TIMEOUT: Final = 1440 * 30
"""Session timeout of 30 days, in minutes. With a longer one, a year of one user could become one session."""
_Texts = Annotated[tuple[Text, ...], Field(max_length=MAX_WORDS)]


class MappingSettings(BaseModel, frozen=True, extra="forbid"):
    """The settings that a mapping file may contain. The defaults read the standard format.

    The description of a setting is its comment in a mapping file, and the help text of its input field.
    """

    name: Text = Field(default="", description="Name of the log for people.")
    separator: Literal[",", ";", "\t", "|"] | None = Field(
        default=None, description="Column separator of a CSV file. If left out, it is detected from the header."
    )
    encoding: Encoding | None = Field(
        default=None,
        description="Text encoding of a CSV, JSON or JSON Lines file, such as utf-8, utf-16, cp1252 or cp1254. If left "
        "out, it is detected.",
    )
    decimal: Literal[".", ","] | None = Field(
        default=None,
        description='Decimal mark of values, prices and quantities: "." or ",". If left out, it is ".", and a file '
        "with ambiguous numbers is refused.",
    )
    every_event_is: EventType | None = Field(
        default=None, description="Type of all events, for a log without event types, such as one of receipts."
    )
    ignored_words: _Texts = Field(
        default=(), description='Values of columns.event_type to quarantine on purpose; "" for empty cells.'
    )
    time_format: TimeFormat = Field(
        default=AUTO,
        description="auto (2025-06-19 10:23:07+00:00), epoch_seconds, epoch_milliseconds, epoch_microseconds, "
        "epoch_nanoseconds, or a format such as %d.%m.%Y %H:%M:%S.",
    )
    time_zone: TimeZone = Field(
        default="UTC", description="Time zone of times without an offset, such as Europe/Berlin; not used for dates."
    )
    value: Literal["column", "price_of_buys"] = Field(
        default="column",
        description="Source of session values: column (columns.session_value) or price_of_buys (the sum of "
        "columns.price over the BUY events, multiplied by columns.quantity if there is one).",
    )
    price_is: Literal["row", "order_total"] = Field(
        default="row",
        description="Content of columns.price: row (the price of the row's product) or order_total (the total of the "
        "order, which counts once per order).",
    )
    counted_status: _Texts = Field(
        default=(), description="Values of columns.order_status whose orders count, such as paid."
    )
    void_status: _Texts = Field(
        default=(),
        description="Values of columns.order_status whose orders are worth nothing, such as refunded. If the status of "
        "an order is in neither list, the value of its session is unknown.",
    )
    currency: Text = Field(
        default="", description="Currency of session values, such as EUR. Needed only with currency_rates."
    )
    currency_rates: dict[NonEmptyText, Annotated[Number, Field(gt=0)]] = Field(
        default={},
        max_length=MAX_WORDS,
        description="Value of one unit of each other currency in the currency of session values.",
    )
    session_gap_minutes: Annotated[Number, Field(gt=0, le=_MAX_TIMEOUT)] | None = Field(
        default=None, description="Session timeout of a log without session ids: minutes without an event of the user."
    )
    duplicates: Literal["remove", "keep"] | None = Field(
        default=None,
        description="Duplicate rows: keep (most are second clicks within a second) or remove. If left out, they are "
        "kept, but a file with many duplicate purchases is refused.",
    )
    least_usable: Annotated[Number, Field(ge=0, le=1)] = Field(
        default=0.9,
        description="Minimum share of usable rows, purchases and sessions. Files below it are refused.",
    )
    columns: Columns = Field(default=Columns(), description='Column of each role; "" if the log has no such column.')
    event_words: dict[NonEmptyText, EventType] = Field(
        default={word: word for word in get_args(EventType)},
        min_length=1,
        max_length=MAX_WORDS,
        description="Type of each value of columns.event_type, in any letter case: VIEW, ADD_CART, REMOVE_CART or BUY.",
    )
    own: dict[OwnName, OwnSettings] = Field(
        default={},
        max_length=MAX_OWN,
        description="Extra columns to use. kind is number, money, category, flag or time. level says for what the cell "
        "is constant: session, product or user, or event if it may change from event to event. keep = true uses a "
        "column even if it seems to leak the session value. table is products or users for a column of such a table, "
        "which implies the level.",
    )
    names: Names = Field(
        default=Names(),
        description="Columns with the names of products and categories, which are shown instead of their ids. product "
        'may be a column of the table of products: { column = "name", table = "products" }.',
    )
    tables: dict[TableName, TableSettings] = Field(
        default={},
        description="Tables of products and users in files of their own. key is the column with the ids. If left out, "
        "it is found by its name.",
    )

    def words(self) -> dict[str, str]:
        """Return event word in lower case -> event type."""
        return {fold_case(word): event_type for word, event_type in self.event_words.items()}

    def ignored(self) -> frozenset[str]:
        """Return the event words to ignore, in lower case; "" for empty cells."""
        return frozenset(map(fold_case, self.ignored_words))

    def column_of(self, role: str) -> str:
        """Return the log's column of a role, of a kind of names, or of the stored name of an own column."""
        if role in (names := self.names_in_log()):
            return names[role]
        if role.startswith(PREFIX):
            return self.own[role.removeprefix(PREFIX)].column
        return str(getattr(self.columns, role))

    def own_stored(self) -> dict[str, OwnSettings]:
        """Return the stored names of the own columns with their settings."""
        return {stored_name(name): settings for name, settings in self.own.items()}

    def names_in_log(self) -> dict[str, str]:
        """Return product_name and category_name -> column of the log, for the names that it has."""
        product, category = self.names.product, self.names.category
        columns = {
            schema.PRODUCT_NAME: product.column if product is not None and product.table is None else None,
            schema.CATEGORY_NAME: category,
        }
        return {role: column for role, column in columns.items() if column is not None}

    def name_in_table(self, table: TableName) -> str | None:
        """Return the column of a table with the names of products; None if it is not there."""
        product = self.names.product
        return product.column if product is not None and product.table == table else None

    def own_in_log(self) -> dict[str, OwnSettings]:
        """Return the own columns that are columns of the log, as in `own_stored`."""
        return {name: own for name, own in self.own_stored().items() if own.table is None}

    def own_in_table(self, table: TableName) -> dict[str, OwnSettings]:
        """Return the own columns that are columns of a table, as in `own_stored`."""
        return {name: own for name, own in self.own_stored().items() if own.table == table}

    def tables_with_columns(self) -> dict[TableName, list[str]]:
        """Return the tables that own columns are taken from, with the stored names of these columns."""
        tables = dict.fromkeys(own.table for own in self.own.values() if own.table is not None)
        return {table: list(self.own_in_table(table)) for table in tables}

    def statuses(self) -> dict[str, bool]:
        """Return order status in lower case -> whether such orders count."""
        counted = {fold_case(status): True for status in self.counted_status}
        return counted | {fold_case(status): False for status in self.void_status}

    def rates(self) -> dict[str, float]:
        """Return currency in upper case -> rate; empty if amounts are not converted."""
        rates = {code.upper(): rate for code, rate in self.currency_rates.items()}
        return {self.currency.upper(): 1.0} | rates if rates else {}

    @property
    def has_users(self) -> bool:
        """Whether the log has user ids. If not, each session is its own group, as if each user came once."""
        return self.columns.user_id is not None

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
        """Whether purchases can be grouped by order: by order id, or because each session is a receipt."""
        return self.columns.order_id is not None or (
            self.every_event_is == schema.BUY and self.columns.user_session is not None
        )

    @property
    def decimal_mark(self) -> str:
        """The mark that numbers are parsed with."""
        return self.decimal or "."

    @property
    def dates_only(self) -> bool:
        """Whether times have no time of day. All events of a day are then at its first second."""
        return not has_time_of_day(self.time_format)
