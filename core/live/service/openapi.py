"""The description of the service's interface in OpenAPI 3.1."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from core.live.answers import EstimateMessage, OverviewMessage
from core.live.service.messages import (
    MAX_BATCH,
    EventMessage,
    ParityMessage,
    RulesMessage,
    RunMessage,
    ScoreMessage,
    ServedRunMessage,
)
from core.live.service.overview import MAX_LISTED, RANKINGS

_MESSAGES: list[tuple[type[BaseModel], Literal["validation", "serialization"]]] = [
    (EventMessage, "validation"),
    (EstimateMessage, "serialization"),
    (OverviewMessage, "serialization"),
    (RulesMessage, "validation"),
    (ScoreMessage, "validation"),
    (ParityMessage, "serialization"),
    (RunMessage, "validation"),
    (ServedRunMessage, "serialization"),
]
_JSON = "application/json"
_GATE_ERRORS = ("401", "403", "429")
_BODY_ERRORS = ("413", "422")
_REASONS = {"name": "reasons", "in": "query", "schema": {"type": "string", "enum": ["0", "1"]}}
_SESSION = {"name": "session", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
_LIMIT = {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 0, "maximum": MAX_LISTED}}
_BY = {"name": "by", "in": "query", "schema": {"type": "string", "enum": list(RANKINGS)}}
_ERROR = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}


def description() -> dict[str, Any]:
    """Return the description, as JSON."""
    _, schemas = models_json_schema(_MESSAGES, ref_template="#/components/schemas/{model}")
    return {
        "openapi": "3.1.0",
        "info": {"title": "Values of open sessions", "version": "1"},
        "paths": _session_paths() | _other_paths(),
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _session_paths() -> dict[str, Any]:
    messages = (EventMessage, EstimateMessage, OverviewMessage)
    event, estimate, overview = (_reference(message) for message in messages)
    body = {"anyOf": [event, {"type": "array", "items": event, "maxItems": MAX_BATCH}]}
    estimates = {"type": "object", "properties": {"estimates": {"type": "array", "items": estimate}}}
    events = _operation("Count events", {"200": estimates}, ("413", "422", "503"), [_REASONS], body)
    score = _operation(
        "Predict sessions without counting them", {"200": estimates}, _BODY_ERRORS, [], _reference(ScoreMessage)
    )
    get = _operation("Return the estimates of a session", {"200": estimates}, ("404",), [_SESSION, _REASONS])
    delete = _operation("Close a session", {"204": None}, ("404", "503"), [_SESSION])
    return {
        "/v1/events": {"post": events},
        "/v1/sessions": {"get": _operation("Return all open sessions", {"200": overview}, ("422",), [_LIMIT, _BY])},
        "/v1/sessions/{session}": {"get": get, "delete": delete},
        "/v1/score": {"post": score},
    }


def _other_paths() -> dict[str, Any]:
    messages = (RulesMessage, ParityMessage, RunMessage, ServedRunMessage)
    rules, parity, run, served = (_reference(each) for each in messages)
    return {
        "/v1/rules": {
            "get": _operation("Return the rules that label sessions", {"200": rules}, ()),
            "put": _operation("Replace these rules", {"200": rules}, (*_BODY_ERRORS, "503"), [], rules),
        },
        "/v1/parity": {
            "get": _operation("Return the latest comparison of live with batch results", {"200": parity}, ("404",)),
            "post": _operation("Compare recent sessions again", {"200": parity}, ("409",)),
        },
        "/v1/run": {
            "get": _operation("Return the run whose model predicts the sessions", {"200": served}, ()),
            "post": _operation("Change the run", {"200": served}, (*_BODY_ERRORS, "409", "503"), [], run),
        },
        "/health": {"get": _operation("Whether the process runs", {"200": {"type": "object"}})},
        "/ready": {"get": _operation("Whether requests are answered", {"200": {"type": "object"}})},
        "/metrics": {"get": _operation("Counts in the format of Prometheus", {"200": "text/plain"}, ())},
        "/openapi.json": {"get": _operation("This description", {"200": {"type": "object"}}, ())},
    }


def _reference(message: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{message.__name__}"}


def _operation(
    summary: str,
    answers: dict[str, dict[str, Any] | str | None],
    errors: tuple[str, ...] | None = None,
    parameters: list[dict[str, Any]] | None = None,
    body: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Describe an operation.

    Args:
        answers: status -> schema of the JSON body. A string names another content type, and None means no content.
        errors: statuses of errors besides those of the access and rate checks; None for an operation without checks.
        body: schema of the body of the request.
    """
    refused = () if errors is None else (*_GATE_ERRORS, *errors)
    responses = {status: _response(schema) for status, schema in answers.items()}
    responses |= {status: _response(_ERROR) for status in sorted(set(refused))}
    operation: dict[str, Any] = {"summary": summary, "responses": responses, "parameters": parameters or []}
    if body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return operation | ({} if errors is None else {"security": [{"token": []}, {}]})


def _response(schema: dict[str, Any] | str | None) -> dict[str, Any]:
    if schema is None:
        return {"description": ""}
    content = {schema: {"schema": {"type": "string"}}} if isinstance(schema, str) else {_JSON: {"schema": schema}}
    return {"description": "", "content": content}
