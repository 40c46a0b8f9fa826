"""Names of the roles of columns, and instructions on how a mapping sets them."""

from __future__ import annotations

from typing import Final

from core import schema
from core.base.text import listed
from core.ingestion.mapping.settings import PRICE_OF_BUYS

ROLE_NAME: Final = {
    schema.EVENT_TIME: "event time",
    schema.TIME_OF_DAY: "time of day",
    schema.EVENT_TYPE: "event type",
    schema.PRODUCT_ID: "product",
    schema.CATEGORY_ID: "category",
    schema.USER_ID: "user",
    schema.USER_SESSION: "session",
    schema.SESSION_VALUE: "session value",
    schema.PRICE: "price",
    schema.QUANTITY: "quantity",
    schema.ORDER_ID: "order",
    schema.ORDER_STATUS: "order status",
    schema.CURRENCY: "currency",
}
"""Role -> its name for people."""

HOW_TO_SET: Final = {
    schema.EVENT_TIME: "Set columns.event_time to the column with the time of each event.",
    schema.EVENT_TYPE: (
        "Set columns.event_type to the column with event types, or every_event_is to the type of all events: "
        f"{listed(schema.EVENT_TYPES, conjunction='or')}."
    ),
    schema.PRODUCT_ID: "Set columns.product_id to the column that identifies products.",
    schema.CATEGORY_ID: 'Set columns.category_id to the column with product categories, or to "" if there is none.',
    schema.USER_ID: (
        'Set columns.user_id to the column that identifies users, or to "" if the log has session ids but no users.'
    ),
    schema.USER_SESSION: (
        "Set columns.user_session to the column with session ids, or session_gap_minutes to the minutes without an "
        "event after which a session ends, such as 30."
    ),
    schema.SESSION_VALUE: (
        "Set columns.session_value to the column with session values, or set value to "
        f'"{PRICE_OF_BUYS}" and columns.price to the column with prices.'
    ),
}
"""Role with a default column -> a sentence on the settings that decide it."""
