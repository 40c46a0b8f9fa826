"""Names of columns and event types, their units and shared limits.

There are two sets of column names. *File* columns are those of event files and submissions. *Stored* columns are those
of a dataset's Parquet files, with integer ids and epoch seconds.
"""

from __future__ import annotations

from typing import Final, Literal

# --- columns of event files and submissions ---------------------------------------------------------------------------
EVENT_TIME: Final = "event_time"
EVENT_TYPE: Final = "event_type"
PRODUCT_ID: Final = "product_id"
CATEGORY_ID: Final = "category_id"
USER_ID: Final = "user_id"
USER_SESSION: Final = "user_session"
SESSION_VALUE: Final = "session_value"

EVENT_COLUMNS: Final = (EVENT_TIME, EVENT_TYPE, PRODUCT_ID, CATEGORY_ID, USER_ID, USER_SESSION)
"""Columns that every event file needs, in the order in which we write them."""
TRAIN_COLUMNS: Final = (*EVENT_COLUMNS, SESSION_VALUE)
SUBMISSION_COLUMNS: Final = (USER_SESSION, SESSION_VALUE)

# --- further file columns that a mapping can name ---------------------------------------------------------------------
TIME_OF_DAY: Final = "time_of_day"
"""In logs with the date in another column."""
PRODUCT_NAME: Final = "product_name"
CATEGORY_NAME: Final = "category_name"
"""Names that are shown to people instead of the ids."""

# --- further file columns that a mapping can name, if session values are computed from purchases ----------------------
PRICE: Final = "price"
QUANTITY: Final = "quantity"
ORDER_ID: Final = "order_id"
ORDER_STATUS: Final = "order_status"
CURRENCY: Final = "currency"

UNKNOWN_ID: Final = "(unknown)"
"""Id for an event without a product or category."""
PLACEHOLDER_IDS: Final = frozenset(
    {"nan", "null", "none", "na", "n/a", "<na>", "nil", "-", "-1", "?", "unknown", "undefined", "missing", "not set",
     "(not set)", "guest", "anonymous", "default", "\\n"}
)  # fmt: skip
r"""Texts that stand for a missing id, in lower case. The last one is `\N`, as MySQL exports NULL."""

# --- event types ------------------------------------------------------------------------------------------------------
VIEW: Final = "VIEW"
ADD_CART: Final = "ADD_CART"
REMOVE_CART: Final = "REMOVE_CART"
BUY: Final = "BUY"
EVENT_TYPES: Final = (VIEW, ADD_CART, REMOVE_CART, BUY)
"""In the order of the funnel. The stored code of an event type is its index."""
EVENT_CODE: Final = {event_type: code for code, event_type in enumerate(EVENT_TYPES)}
EVENT_NOUNS: Final = {
    VIEW: ("view", "views"),
    ADD_CART: ("cart addition", "cart additions"),
    REMOVE_CART: ("cart removal", "cart removals"),
    BUY: ("purchase", "purchases"),
}
"""Singular and plural in texts for people who do not know the event types. The article of each is "a"."""

# --- stored columns of events -----------------------------------------------------------------------------------------
TIME: Final = "time"
"""Epoch seconds, UTC, Int64."""
SECONDS_PER_DAY: Final = 86_400
TYPE: Final = "type"
"""Index into EVENT_TYPES, Int8."""
PRODUCT: Final = "product"
CATEGORY: Final = "category"
USER: Final = "user"
SESSION: Final = "session"
"""Code of the session id; the train and the test file share one dictionary."""
UNIT: Final = "unit"
"""Code of a session id of one user in one file. Each unit has one row of features. A composite session (one id, several
users) has several units."""
VALUE: Final = "value"
"""Session value, Float64. Null in the test file, and in the train file if it is unknown (see core.dataset)."""
ROLE: Final = "role"
"""The file a row came from: TRAIN_ROLE or TEST_ROLE, Int8."""
TRAIN_ROLE: Final = 0
TEST_ROLE: Final = 1

Role = Literal["train", "test"]
ROLES: Final[tuple[Role, Role]] = ("train", "test")

# --- further stored columns of units ----------------------------------------------------------------------------------
START: Final = "start"
"""Time of the unit's first event; epoch seconds, UTC."""
COMPOSITE: Final = "composite"
"""Whether several users share the session id, Boolean."""
KNOWN_VALUE: Final = "known_value"
"""Value that a test session has in the train file, Float64; null if it is not in that file."""

# --- stored columns of dictionaries, quarantine and untrained sessions ------------------------------------------------
IN_TRAIN: Final = "in_train"
IN_TEST: Final = "in_test"
FILE: Final = "file"
"""Name of the file, archive member or database."""
LINE: Final = "line"
"""Line number in the file, counted from 1."""
REASON: Final = "reason"
ROW: Final = "row"
"""Text of the row in the file."""
IGNORED: Final = "ignored"
"""Whether the mapping ignores the event word of the row, Boolean."""
REMAINING: Final = "remaining"
"""Sum of the valid purchases of a session that is not used for training; null if values are in a column."""

# --- values -----------------------------------------------------------------------------------------------------------
LARGEST_VALUE: Final = 1e12
"""Higher values are invalid. All real session values are lower, and squares of much higher values overflow a float."""

# --- learners ---------------------------------------------------------------------------------------------------------
LEARNER_LABELS: Final = {"lightgbm": "LightGBM", "xgboost": "XGBoost", "catboost": "CatBoost", "linear": "Linear model"}
STACK: Final = "stack"
STACK_LABEL: Final = "Stack"
