"""Sentences about the roles of columns: what each is called, and how a mapping sets it."""

from __future__ import annotations

from typing import Final

from core.base.text import listed
from core.ingestion.mapping.settings import PRICE_OF_BUYS
from core.schema import (
    CATEGORY_ID,
    CURRENCY,
    EVENT_TIME,
    EVENT_TYPE,
    EVENT_TYPES,
    ORDER_ID,
    ORDER_STATUS,
    PRICE,
    PRODUCT_ID,
    QUANTITY,
    SESSION_VALUE,
    USER_ID,
    USER_SESSION,
)

ROLE_NAME: Final = {
    EVENT_TIME: "event time",
    EVENT_TYPE: "event type",
    PRODUCT_ID: "product",
    CATEGORY_ID: "category",
    USER_ID: "user",
    USER_SESSION: "session",
    SESSION_VALUE: "session value",
    PRICE: "price",
    QUANTITY: "quantity",
    ORDER_ID: "order",
    ORDER_STATUS: "order status",
    CURRENCY: "currency",
}
"""Role -> what people call it."""

HOW_TO_SET: Final = {
    EVENT_TIME: "Set columns.event_time to the column with the time of each event.",
    EVENT_TYPE: (
        "Set columns.event_type to the column with event types, or every_event_is to the type of all events: "
        f"{listed(EVENT_TYPES)}."
    ),
    PRODUCT_ID: "Set columns.product_id to the column that identifies products.",
    CATEGORY_ID: 'Set columns.category_id to the column with the category of each product, or to "" if there is none.',
    USER_ID: "Set columns.user_id to the column that identifies users.",
    USER_SESSION: (
        "Set columns.user_session to the column with session ids, or session_gap_minutes to the minutes without an "
        "event after which a session ends, such as 30."
    ),
    SESSION_VALUE: (
        "Set columns.session_value to the column with session values, or set value to "
        f'"{PRICE_OF_BUYS}" and columns.price to the column with prices.'
    ),
}
"""Role with a default column -> which settings decide it, and which values they take."""
