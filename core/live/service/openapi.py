"""The description of the service's interface in OpenAPI 3.1."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from core.live.service.messages import MAX_BATCH, EstimateMessage, EventMessage, OverviewMessage, RulesMessage
from core.live.service.overview import MAX_LISTED, RANKINGS

_MESSAGES: list[tuple[type[BaseModel], Literal["validation", "serialization"]]] = [
    (EventMessage, "validation"),
    (EstimateMessage, "serialization"),
    (OverviewMessage, "serialization"),
    (RulesMessage, "validation"),
]
_REASONS = {"name": "reasons", "in": "query", "schema": {"type": "string", "enum": ["0", "1"]}}
_SESSION = {"name": "session", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
_LIMIT = {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 0, "maximum": MAX_LISTED}}
_BY = {"name": "by", "in": "query", "schema": {"type": "string", "enum": list(RANKINGS)}}
_ERROR = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}


def description() -> dict[str, Any]:
    """Return the description, as JSON."""
    event, estimate, all_sessions, rules = (_reference(message) for message, _ in _MESSAGES)
    body = {"anyOf": [event, {"type": "array", "items": event, "maxItems": MAX_BATCH}]}
    answer = {"type": "object", "properties": {"estimates": {"type": "array", "items": estimate}}}
    events = _operation("Count events", {"200": answer}, ("413", "422", "429", "503"), [_REASONS])
    events["requestBody"] = _body(body)
    put_rules = _operation("Replace the rules that label sessions", {"200": rules}, ("413", "422", "503"))
    put_rules["requestBody"] = _body(rules)
    get_rules = _operation("Return the rules that label sessions", {"200": rules}, ("401", "403"))
    get = _operation("Return the estimates of a session", {"200": answer}, ("404",), [_SESSION, _REASONS])
    delete = _operation("Close a session", {"204": None}, ("404",), [_SESSION])
    every = _operation("Return all open sessions", {"200": all_sessions}, ("422",), [_LIMIT, _BY])
    _, schemas = models_json_schema(_MESSAGES, ref_template="#/components/schemas/{model}")
    return {
        "openapi": "3.1.0",
        "info": {"title": "Values of open sessions", "version": "1"},
        "paths": {
            "/v1/events": {"post": events},
            "/v1/sessions": {"get": every},
            "/v1/sessions/{session}": {"get": get, "delete": delete},
            "/v1/rules": {"get": get_rules, "put": put_rules},
            "/health": {"get": _operation("Whether the process runs", {"200": {"type": "object"}})},
            "/ready": {"get": _operation("Whether requests are answered", {"200": {"type": "object"}})},
            "/metrics": {"get": _operation("Counts in the format of Prometheus", {"200": None}, ("401", "403"))},
            "/openapi.json": {"get": _operation("This description", {"200": {"type": "object"}}, ("401", "403"))},
        },
        "components": {"schemas": schemas["$defs"], "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _reference(message: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{message.__name__}"}


def _operation(
    summary: str,
    answers: dict[str, dict[str, Any] | None],
    errors: tuple[str, ...] = (),
    parameters: list[dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Describe an operation. Those that can fail need the token, if the service has one."""
    refused = ("401", "403", *errors) if errors else ()
    responses = {status: _response(schema) for status, schema in answers.items()}
    responses |= {status: _response(_ERROR) for status in sorted(set(refused))}
    operation: dict[str, Any] = {"summary": summary, "responses": responses, "parameters": parameters or []}
    return operation | ({"security": [{"token": []}, {}]} if errors else {})


def _response(schema: dict[str, Any] | None) -> dict[str, Any]:
    content = {} if schema is None else {"content": {"application/json": {"schema": schema}}}
    return {"description": "", **content}
