"""What translates any shop's event log into ours: names of columns, words for events, times, and where the value is."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core import schema
from core.ingestion.mapping.consistency import (
    PRICE_OF_BUYS,
    refuse_shared_columns,
    refuse_two_sources,
    refuse_unclear_words,
    require_columns,
    require_money_settings,
)
from core.ingestion.mapping.fields import Encoding, Number, Text, TimeFormat, TimeZone, Word
from core.ingestion.mapping.refusals import refusal
from core.ingestion.mapping.time_format import AUTO, tells_time_of_day

EventType = Literal["VIEW", "ADD_CART", "REMOVE_CART", "BUY"]
"""schema.EVENT_TYPES as a type; a test holds the two together."""

MOST_WORDS: Final = 300
"""Words for events that a log may have, mapped and ignored each."""
GUESSED_ROLES: Final = (schema.ORDER_ID, schema.ORDER_STATUS, schema.CURRENCY)
"""Roles of columns that change what purchases add up to; a mapping that does not mention them has them looked for."""
_LONGEST_GAP: Final = 1440 * 30
"""Minutes in 30 days: with longer gaps, a user's year would be one session."""


class Columns(BaseModel):
    """The log's name for each of our columns; None: the log has no such column."""

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
        """Role -> the log's column, for the roles that have one, in our order."""
        return {role: name for role, name in self if name is not None}


def guessed_roles(columns: Columns) -> list[str]:
    """Roles whose columns are found from the log's content unless a mapping names them, or says that there is none.

    Returns those that `columns` decides, in our order.
    """
    return [role for role in GUESSED_ROLES if role in columns.model_fields_set]


class Mapping(BaseModel):
    """How a log is read. The defaults read our own form, so that `Mapping()` changes nothing.

    The description of each setting stands as a comment in the mapping's file and as help beside its input.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Text = Field(default="", description="What people call the log; changes nothing.")
    separator: Literal[",", ";", "\t", "|"] | None = Field(
        default=None, description="Between the columns of a CSV file; left out, the header line tells."
    )
    encoding: Encoding = Field(
        default="utf-8", description="Of the text in a CSV file, such as utf-8, latin-1 or cp1252."
    )
    decimal: Literal[".", ","] | None = Field(
        default=None,
        description='Decimal mark of values, prices and quantities: "." or ",". Left out, it is ".", and a file whose '
        "numbers read differently under each mark is refused.",
    )
    every_event_is: EventType | None = Field(
        default=None,
        description="For a log without event types, such as one of till receipts: what all its events are.",
    )
    ignored_words: tuple[Text, ...] = Field(
        default=(),
        max_length=MOST_WORDS,
        description='The log\'s words for events that are set aside; "" for events without a word.',
    )
    time_format: TimeFormat = Field(
        default=AUTO,
        description="auto (2025-06-19 10:23:07+00:00), epoch_seconds, epoch_milliseconds, epoch_microseconds, "
        "or a format such as %d.%m.%Y %H:%M:%S.",
    )
    time_zone: TimeZone = Field(
        default="UTC",
        description="Of times that name no offset, such as Europe/Berlin; dates without a time have none.",
    )
    value: Literal["column", "price_of_buys"] = Field(
        default="column",
        description="Where a session's value is: column (columns.session_value has it) or price_of_buys "
        "(columns.price of the BUY events, times columns.quantity if there is one, added up).",
    )
    price_is: Literal["row", "order_total"] = Field(
        default="row",
        description="What columns.price holds: row (the price of what the row names) or order_total (the total of the "
        "whole order, which counts once for each columns.order_id, on whichever of its rows it is).",
    )
    counted_status: tuple[Text, ...] = Field(
        default=(), max_length=MOST_WORDS, description="Words of columns.order_status whose orders count, such as paid."
    )
    void_status: tuple[Text, ...] = Field(
        default=(),
        max_length=MOST_WORDS,
        description="Words of columns.order_status whose orders are worth nothing, such as refunded. Sessions with any "
        "other word have no known value.",
    )
    currency: Text = Field(
        default="", description="The currency of session values, such as EUR; needed with currency_rates only."
    )
    currency_rates: dict[Word, Annotated[Number, Field(gt=0)]] = Field(
        default={},
        max_length=MOST_WORDS,
        description="What one unit of each further currency is worth in the currency of session values.",
    )
    session_gap_minutes: Annotated[Number, Field(gt=0, le=_LONGEST_GAP)] | None = Field(
        default=None,
        description="For a log without session ids: a session ends when its user does nothing for this many minutes.",
    )
    duplicates: Literal["remove", "keep"] | None = Field(
        default=None,
        description="Rows that are equal to another one: keep (most are second clicks within a second) or remove. Left "
        "out, they are kept, and a file in which many purchases are repeated is refused.",
    )
    least_usable: Annotated[Number, Field(ge=0, le=1)] = Field(
        default=0.9, description="Share of a file's rows that must be usable; with fewer, the run stops."
    )
    columns: Columns = Field(
        default=Columns(), description='Our columns and the log\'s; "" where the log has no such column.'
    )
    event_words: dict[Word, EventType] = Field(
        default={word: word for word in get_args(EventType)},
        min_length=1,
        max_length=MOST_WORDS,
        description="The log's words for events, in any letter case, and ours: VIEW, ADD_CART, REMOVE_CART or BUY.",
    )

    @classmethod
    def checked(cls, **settings: Any) -> Mapping:  # noqa: ANN401 - what a person wrote can be anything
        """Validate settings.

        Raises:
            SettingError: one sentence on the first setting that is not allowed.

        >>> Mapping.checked(decimal=";")
        Traceback (most recent call last):
        core.errors.settings.SettingError: decimal is ';': allowed is '.' or ','; change it and start again.
        """
        try:
            return cls.model_validate(settings)
        except ValidationError as error:
            raise refusal(error, list(cls.model_fields), {"columns": list(Columns.model_fields)}) from error

    def words(self) -> dict[str, str]:
        """The log's words for events, trimmed and in lower case -> our event type."""
        return {word.strip().lower(): event_type for word, event_type in self.event_words.items()}

    def ignored(self) -> frozenset[str]:
        """The words of the events to set aside, trimmed and in lower case; "" stands for events without a word."""
        return frozenset(word.strip().lower() for word in self.ignored_words)

    @property
    def adds_prices(self) -> bool:
        """Whether a session's value is the sum of its purchases."""
        return self.value == PRICE_OF_BUYS

    @property
    def has_orders(self) -> bool:
        """Whether it is known which purchases belong to one order: by its id, or because a session is a receipt."""
        return self.columns.order_id is not None or (
            self.every_event_is == schema.BUY and self.columns.user_session is not None
        )

    @property
    def decimal_mark(self) -> str:
        """The decimal mark of numbers."""
        return self.decimal or "."

    def statuses(self) -> dict[str, bool]:
        """Order statuses, trimmed and in lower case -> whether such orders count."""
        counted = {word.strip().lower(): True for word in self.counted_status}
        return counted | {word.strip().lower(): False for word in self.void_status}

    def rates(self) -> dict[str, float]:
        """Currencies, trimmed and in upper case -> their rates; empty where amounts are added up as they are."""
        if not self.currency_rates:
            return {}
        rates = {code.strip().upper(): rate for code, rate in self.currency_rates.items()}
        return {self.currency.strip().upper(): 1.0} | rates

    @property
    def dates_only(self) -> bool:
        """Whether the log's times tell no time of day: all events of a day then count as of its first second."""
        return not tells_time_of_day(self.time_format)

    @property
    def digest(self) -> str:
        """Hash of everything but the name: what two mappings that read every log alike have in common.

        Only what differs from the defaults goes in: a new setting leaves the digests of older mappings as they were.
        """
        settings = self.model_dump(exclude_defaults=True, exclude={"name"})
        if settings.pop("event_words", None) and self.words() != Mapping().words():
            settings["event_words"] = self.words()
        if settings.pop("ignored_words", None):
            settings["ignored_words"] = sorted(self.ignored())
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def is_identity(self) -> bool:
        """Whether the log is read as it stands: our columns, our words, our times."""
        return self.digest == Mapping().digest

    @model_validator(mode="before")
    @classmethod
    def _without_what_a_rule_replaces(cls, settings: object) -> object:
        """A column that a rule stands in for is not looked for, unless somebody names it."""
        if not isinstance(settings, dict) or not isinstance(settings.get("columns", {}), dict | Columns):
            return settings
        given = settings.get("columns", {})
        columns = given.model_dump(exclude_unset=True) if isinstance(given, Columns) else dict(given)
        if settings.get("every_event_is") is not None:
            columns.setdefault(schema.EVENT_TYPE, None)
        if settings.get("session_gap_minutes") is not None:
            columns.setdefault(schema.USER_SESSION, None)
        if settings.get("value") == PRICE_OF_BUYS:
            columns.setdefault(schema.SESSION_VALUE, None)
        return {**settings, "columns": columns}

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        require_columns(self)
        refuse_two_sources(self)
        require_money_settings(self)
        refuse_shared_columns(self.columns)
        refuse_unclear_words(self)
        return self
