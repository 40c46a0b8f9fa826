"""Descriptions of run settings: fields of a pydantic model, from which options and form fields are built."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeVar, cast

from pydantic import BaseModel, Field
from pydantic.config import JsonDict

Group = Literal["Task", "Tuning", "Features", "Folds", "Learners"]
_T = TypeVar("_T")


@dataclass(frozen=True)
class Setting:
    """Description of a run setting.

    Attributes:
        group: settings of a group are shown together.
        kind: JSON Schema type: "string", "integer", "number", "boolean", or "array" (of strings).
        default: default value; None if the setting is not set by default.
        choices: allowed value -> label; empty if the values are not enumerated.
        minimum: smallest allowed number; None if there is none.
        maximum: largest allowed number; None if there is none.
    """

    title: str
    description: str
    group: Group
    kind: str
    default: Any
    choices: dict[str, str]
    minimum: float | None
    maximum: float | None


def setting_field(
    group: Group,
    default: _T,
    description: str,
    *,
    title: str | None = None,
    choices: dict[str, str] | None = None,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
) -> _T:
    """Return the pydantic field of a setting; `describe` returns its description.

    Args:
        title: name for people; None for the capitalized name of the field.
        choices: allowed value -> label.
        ge, gt, le: limits of a number: at least, more than, at most.
    """
    extra: JsonDict = {"group": group, "choices": dict(choices or {})}
    return Field(default, title=title, description=description, json_schema_extra=extra, ge=ge, gt=gt, le=le)


def describe(model: type[BaseModel], name: str) -> Setting:
    """Return the description of a setting, by its name in a model whose fields are made by `setting_field`."""
    schema = _schemas(model)[name]
    # the schema lists the choices, too, but in alphabetical order
    extra = cast(dict[str, Any], model.model_fields[name].json_schema_extra)
    value_schema = next((option for option in schema.get("anyOf", ()) if option["type"] != "null"), schema)
    return Setting(
        title=schema["title"],
        description=schema["description"],
        group=extra["group"],
        kind=value_schema["type"],
        default=schema["default"],
        choices=dict(extra["choices"]),
        minimum=value_schema.get("minimum"),
        maximum=value_schema.get("maximum"),
    )


@cache
def _schemas(model: type[BaseModel]) -> dict[str, dict[str, Any]]:
    """Return the JSON Schema of each setting; cached because the pages read it at every rerun."""
    properties: dict[str, dict[str, Any]] = model.model_json_schema()["properties"]
    return properties
