"""Column names, event types, units: the one place that spells them.

Two vocabularies meet here. The *file* columns are what people bring (`event_time`, `user_session`, ...); the *stored*
columns are what ingestion makes of them: integer ids, epoch seconds, one row an event.
"""

from __future__ import annotations

from typing import Final, Literal

# --- columns of the files that come in and go out -------------------------------------------------------------------
EVENT_TIME: Final = "event_time"
EVENT_TYPE: Final = "event_type"
PRODUCT_ID: Final = "product_id"
CATEGORY_ID: Final = "category_id"
USER_ID: Final = "user_id"
USER_SESSION: Final = "user_session"
SESSION_VALUE: Final = "session_value"

EVENT_COLUMNS: Final = (EVENT_TIME, EVENT_TYPE, PRODUCT_ID, CATEGORY_ID, USER_ID, USER_SESSION)
"""Columns every event file needs, in the order in which we write them."""
TRAIN_COLUMNS: Final = (*EVENT_COLUMNS, SESSION_VALUE)
SUBMISSION_COLUMNS: Final = (USER_SESSION, SESSION_VALUE)

# --- further columns that a mapping can name, where values are added up from purchases -------------------------------
PRICE: Final = "price"
QUANTITY: Final = "quantity"
ORDER_ID: Final = "order_id"
ORDER_STATUS: Final = "order_status"
CURRENCY: Final = "currency"

UNKNOWN_ID: Final = "(unknown)"
"""The product or category of an event that names none."""
PLACEHOLDER_IDS: Final = frozenset(
    {"nan", "null", "none", "na", "n/a", "<na>", "nil", "-", "-1", "?", "unknown", "undefined", "missing", "not set",
     "(not set)", "guest", "anonymous", "default", "\\n"}
)  # fmt: skip
"""How programs and people write that there is no id, in lower case (the last one is SQL's)."""

# --- event types ------------------------------------------------------------------------------------------------------
VIEW: Final = "VIEW"
ADD_CART: Final = "ADD_CART"
REMOVE_CART: Final = "REMOVE_CART"
BUY: Final = "BUY"
EVENT_TYPES: Final = (VIEW, ADD_CART, REMOVE_CART, BUY)
"""In the order of the funnel; an event type's stored code is its index here."""
EVENT_CODE: Final = {word: code for code, word in enumerate(EVENT_TYPES)}

# --- stored columns (Parquet of a dataset) ----------------------------------------------------------------------------
TIME: Final = "time"
"""Epoch seconds, UTC, Int64."""
TYPE: Final = "type"
"""Index into EVENT_TYPES, Int8."""
PRODUCT: Final = "product"
CATEGORY: Final = "category"
USER: Final = "user"
SESSION: Final = "session"
"""The session id as it stands in the files, encoded as an integer (one dictionary for train and test)."""
UNIT: Final = "unit"
"""What gets one row of features: a session id of one user. A composite session (one id, several users) is several
units; every other session is exactly one."""
VALUE: Final = "value"
"""session_value on its own scale, Float64; null in test, and in train where it is not known (see UNTRAINED_FILE)."""
ROLE: Final = "role"
"""TRAIN_ROLE or TEST_ROLE, Int8: the file a row came from."""
TRAIN_ROLE: Final = 0
TEST_ROLE: Final = 1

Role = Literal["train", "test"]
ROLES: Final[tuple[Role, Role]] = ("train", "test")

LARGEST_VALUE: Final = 1e12
"""No session is worth more in any currency; the squares of much larger values leave the range of a float."""
VALUE_UNIT: Final = "value units"
"""The files name no currency, so neither do we."""

# --- learners ---------------------------------------------------------------------------------------------------------
LEARNER_LABELS: Final = {"lightgbm": "LightGBM", "xgboost": "XGBoost", "catboost": "CatBoost"}
STACK: Final = "stack"
STACK_LABEL: Final = "Stack"
