"""Settings of a mapping that are tables of their own: columns, own columns, names, and tables of products and users."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, model_validator

from core import schema
from core.ingestion.mapping.fields import NonEmptyText
from core.own_columns import TABLE_LEVEL, Kind, Level, TableName

COMPLETED_ROLES: Final = (schema.ORDER_ID, schema.ORDER_STATUS, schema.CURRENCY)
"""Roles that are looked for in the log unless the mapping mentions them, because they change the sum of purchases."""


class Columns(BaseModel, frozen=True, extra="forbid"):
    """Role -> name of the log's column; None if the log has no such column."""

    event_time: NonEmptyText | None = schema.EVENT_TIME
    time_of_day: NonEmptyText | None = None
    event_type: NonEmptyText | None = schema.EVENT_TYPE
    product_id: NonEmptyText | None = schema.PRODUCT_ID
    category_id: NonEmptyText | None = schema.CATEGORY_ID
    user_id: NonEmptyText | None = schema.USER_ID
    user_session: NonEmptyText | None = schema.USER_SESSION
    session_value: NonEmptyText | None = schema.SESSION_VALUE
    price: NonEmptyText | None = None
    quantity: NonEmptyText | None = None
    order_id: NonEmptyText | None = None
    order_status: NonEmptyText | None = None
    currency: NonEmptyText | None = None

    def named(self) -> dict[str, str]:
        """Return role -> column name, for the roles that have a column."""
        return {role: name for role, name in self if name is not None}

    def excluded_roles(self) -> list[str]:
        """Return the roles of COMPLETED_ROLES for which the mapping says that there is no column."""
        return [role for role in COMPLETED_ROLES if role in self.model_fields_set and getattr(self, role) is None]


class OwnSettings(BaseModel, frozen=True, extra="forbid"):
    """How to read an own column; see core.own_columns."""

    column: NonEmptyText
    kind: Kind
    level: Level = "event"
    keep: bool = False
    table: TableName | None = None

    @model_validator(mode="before")
    @classmethod
    def _set_level_of_table(cls, settings: object) -> object:
        """Set the level to what the rows of the table describe, unless the mapping sets it."""
        table = settings.get("table") if isinstance(settings, dict) else None
        level = TABLE_LEVEL.get(table) if isinstance(table, str) else None  # type: ignore[call-overload]
        return settings if level is None else {"level": level, **settings}  # type: ignore[dict-item]


class NameSettings(BaseModel, frozen=True, extra="forbid"):
    """Where the names of products are: a column of the log, or of the table of products. A text is a column of the log.

    >>> NameSettings.model_validate("item_name")
    NameSettings(column='item_name', table=None)
    """

    column: NonEmptyText
    table: Literal["products"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _accept_text(cls, settings: object) -> object:
        return {"column": settings} if isinstance(settings, str) else settings


class Names(BaseModel, frozen=True, extra="forbid"):
    """Columns with the names of products and categories; None if there are none."""

    product: NameSettings | None = None
    category: NonEmptyText | None = None


class TableSettings(BaseModel, frozen=True, extra="forbid"):
    """How to read a table of products or users: `key` is its column with the ids that the log has."""

    key: NonEmptyText
