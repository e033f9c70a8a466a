"""The OpenAPI document: schemas of lines from their structs, of records from the published JSON Schemas."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from controltower.readapi.carriers import CarrierLine
from controltower.readmodel.board import ActionLine, ExceptionLine, RouteLine, ShipmentLine, StepLine
from schemas.action import Action
from schemas.base import Message
from schemas.exception import ExceptionRecord
from schemas.haul import ShipmentStatus
from schemas.route_status import RouteStatus

_REF: Final = "#/components/schemas/{name}"
_LINES: Final[dict[str, type]] = {
    "route": RouteLine,
    "exception": ExceptionLine,
    "action": ActionLine,
    "shipment": ShipmentLine,
    "carrier": CarrierLine,
    "step": StepLine,
}
_RECORDS: Final[dict[str, type[Message]]] = {
    "route": RouteStatus,
    "exception": ExceptionRecord,
    "action": Action,
    "shipment": ShipmentStatus,
}


def _problem(description: str) -> dict[str, Any]:
    schema = {"$ref": _REF.format(name="Problem")}
    return {"description": description, "content": {"application/problem+json": {"schema": schema}}}


def _body(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    etag = {"description": "for If-None-Match", "schema": {"type": "string"}}
    return {
        "description": description,
        "headers": {"ETag": etag},
        "content": {"application/json": {"schema": schema}},
    }


_ALWAYS: Final[dict[int | str, dict[str, Any]]] = {
    304: {"description": "nothing changed since the ETag in If-None-Match"},
    401: _problem("no bearer token, or not a known one"),
    422: _problem("a parameter is wrong; `detail` names it"),
    503: _problem("the read model does not answer"),
}


def _page(line: type) -> dict[str, Any]:
    items = {"type": "array", "items": {"$ref": _REF.format(name=line.__name__)}}
    cursor = {"type": ["string", "null"], "description": "give it as `after` to get the next page"}
    total = {"type": "integer", "minimum": 0, "description": "lines that match, on all pages"}
    properties = {"total": total, "items": items, "next": cursor}
    return {"type": "object", "required": list(properties), "properties": properties}


#: Responses of the board of a kind.
LIST: Final[dict[str, dict[int | str, dict[str, Any]]]] = {
    kind: {200: _body("one page", _page(line)), **_ALWAYS} for kind, line in _LINES.items()
}
#: Responses of one record.
ITEM: Final[dict[str, dict[int | str, dict[str, Any]]]] = {
    kind: {
        200: _body("the record", {"$ref": _REF.format(name=model.__name__)}),
        404: _problem("no such record, or it ended more than a day ago"),
        **_ALWAYS,
    }
    for kind, model in _RECORDS.items()
}


def describe(app: FastAPI) -> None:
    """Make `app.openapi()` complete; the document is the same on every call."""
    app.openapi = partial(_document, app)  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        routes=app.routes,
        summary="What stands where right now. Read-only; Kafka's topics are the source of truth.",
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for operation in (operation for path in document["paths"].values() for operation in path.values()):
        operation["security"] = [{"token": []}]
    schemas.clear()
    schemas["Problem"] = _PROBLEM_SCHEMA
    schemas.update(msgspec.json.schema_components(_LINES.values(), ref_template=_REF)[1])
    for model in _RECORDS.values():
        schema = model.model_json_schema(ref_template=_REF.replace("{name}", "{model}"))
        schemas.update(schema.pop("$defs", {}))
        schemas[model.__name__] = schema
    document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return document


_PROBLEM_SCHEMA: Final = {
    "type": "object",
    "required": ["status", "detail"],
    "properties": {"status": {"type": "integer"}, "detail": {"type": "string"}},
}
