"""`Mapping`: validated settings that say how to read the event log of any shop."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final, Self

from pydantic import BaseModel, ValidationError, model_validator

from core import schema
from core.base.ids import short_digest
from core.ingestion.mapping.consistency import check_consistency
from core.ingestion.mapping.nested_settings import Columns, Names, OwnSettings, TableSettings
from core.ingestion.mapping.refusals import refusal
from core.ingestion.mapping.settings import PRICE_OF_BUYS, MappingSettings

_NESTED: Final[dict[str, type[BaseModel]]] = {
    "columns": Columns,
    "own": OwnSettings,
    "names": Names,
    "tables": TableSettings,
}
"""Setting that is a table -> the settings that it, or each of its entries, has."""


class Mapping(MappingSettings):
    """How to read a log. `Mapping()` reads the standard format: the columns, event types and times of the schema."""

    @classmethod
    def checked(cls, **settings: Any) -> Mapping:  # noqa: ANN401 - a file may contain anything
        """Return the mapping with these settings.

        Raises:
            SettingError: one sentence on the first setting that is not allowed.

        >>> Mapping.checked(decimal=";")
        Traceback (most recent call last):
        core.errors.settings.SettingError: decimal is ';'. Allowed: '.' or ','. Change it and try again.
        """
        try:
            return cls.model_validate(settings)
        except ValidationError as error:
            nested = {name: list(model.model_fields) for name, model in _NESTED.items()}
            raise refusal(error, list(cls.model_fields), nested) from error

    @property
    def digest(self) -> str:
        """First 12 hex digits of the SHA-256 of all settings but the name.

        The letter case and order of event words and ignored words do not matter. Settings with their default are left
        out, so a new setting does not change the digests of older mappings.
        """
        settings = self.model_dump(exclude_defaults=True, exclude={"name"})
        if settings.pop("event_words", None) and self.words() != Mapping().words():
            settings["event_words"] = self.words()
        if settings.pop("ignored_words", None):
            settings["ignored_words"] = sorted(self.ignored())
        return short_digest(hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest())

    @property
    def is_identity(self) -> bool:
        """Whether the log is read in the standard format."""
        return self.digest == Mapping().digest

    @model_validator(mode="before")
    @classmethod
    def _drop_replaced_columns(cls, settings: object) -> object:
        """Set a column to None if a setting replaces it, unless the mapping names it.

        Settings of a wrong type are returned unchanged, for pydantic to refuse.
        """
        if not isinstance(settings, dict):
            return settings
        columns = settings.get("columns", {})
        if isinstance(columns, Columns):
            columns = columns.model_dump(exclude_unset=True)
        if not isinstance(columns, dict):
            return settings
        is_replaced = {
            schema.EVENT_TYPE: settings.get("every_event_is") is not None,
            schema.USER_SESSION: settings.get("session_gap_minutes") is not None,
            schema.SESSION_VALUE: settings.get("value") == PRICE_OF_BUYS,
        }
        replaced = dict.fromkeys(role for role, is_set in is_replaced.items() if is_set)
        return {**settings, "columns": replaced | columns}

    @model_validator(mode="after")
    def _check_consistency(self) -> Self:
        check_consistency(self)
        return self
