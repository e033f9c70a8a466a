"""What the OpenAPI document says beyond the signatures: bodies, answers, refusals, proofs."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from controltower.gateway.refusal import MEANINGS, Refusal
from schemas.haul import HaulPlan
from schemas.plan import Plan

_REF: Final = "#/components/schemas/{name}"


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _REF.format(name=name)}}}


def _refusals(*reasons: Refusal) -> dict[int | str, dict[str, Any]]:
    """One answer per status, which names its reasons."""
    answers: dict[int | str, dict[str, Any]] = {}
    schema = {"$ref": _REF.format(name="Problem")}
    for reason in reasons:
        status, about = MEANINGS[reason]
        told = f"{reason}: {about}"
        before = answers.get(status, {}).get("description")
        answers[status] = {
            "description": f"{before}. {told}" if before else told,
            "content": {"application/problem+json": {"schema": schema}},
        }
        if reason in (Refusal.RATE_LIMITED, Refusal.NOT_STORED):
            header = {"description": "seconds", "schema": {"type": "integer", "minimum": 1}}
            answers[status]["headers"] = {"Retry-After": header}
    return answers


_ALWAYS: Final = (Refusal.UNAUTHENTICATED, Refusal.BAD_PARAMETER)
_TAKING: Final = (Refusal.TOO_LARGE, Refusal.NOT_STORED)
_EVENT: Final = {"description": "an event in the feed's own dialect, stored as it comes"}
_EVENT_BODY: Final = {
    "required": True,
    "content": {
        "application/json": {"schema": _EVENT},
        "application/x-ndjson": {"schema": {"type": "string", "description": "one event a line"}},
        "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
    },
}
#: Arguments of the routes.
EVENTS: Final[dict[str, Any]] = {
    "status_code": 202,
    "openapi_extra": {"requestBody": _EVENT_BODY},
    "responses": {
        202: {"description": "every event is stored in Kafka", "content": _json("Stored")},
        200: {"description": "of a dry run: what each event becomes", "content": _json("Tried")},
        **_refusals(
            *_ALWAYS,
            *_TAKING,
            Refusal.UNKNOWN_FEED,
            Refusal.TOO_MANY,
            Refusal.ENCODED,
            Refusal.EMPTY,
            Refusal.NOT_PARSABLE,
            Refusal.RATE_LIMITED,
        ),
    },
}
REJECTIONS: Final[dict[str, Any]] = {
    "responses": {
        200: {"description": "newest first, of the last day", "content": _json("Rejections")},
        **_refusals(*_ALWAYS, Refusal.UNKNOWN_FEED),
    }
}


def _taking_plan(schema: str, answer: str, mismatch: Refusal) -> dict[str, Any]:
    return {
        "status_code": 202,
        "openapi_extra": {"requestBody": {"required": True, "content": _json(schema)}},
        "responses": {
            202: {"description": "the plan is stored in Kafka", "content": _json(answer)},
            **_refusals(*_ALWAYS, *_TAKING, Refusal.BAD_PLAN, mismatch),
        },
    }


PLAN: Final = _taking_plan("Plan", "PlanStored", Refusal.ROUTE_MISMATCH)
HAUL_PLAN: Final = _taking_plan("HaulPlan", "HaulPlanStored", Refusal.SHIPMENT_MISMATCH)


def describe(app: FastAPI) -> None:
    """Make `app.openapi()` complete; the document is the same on every call."""
    app.openapi = partial(_document, app)  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        routes=app.routes,
        summary="For carriers that push events and planners that send plans.",
    )
    document.setdefault("components", {})["schemas"] = {**_SCHEMAS, **_of(Plan), **_of(HaulPlan)}
    document["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer"},
        "signature": {
            "type": "apiKey",
            "in": "header",
            "name": "webhook-signature",
            "description": "with webhook-id and webhook-timestamp, as standardwebhooks.com has them",
        },
    }
    for operation in (operation for path in document["paths"].values() for operation in path.values()):
        operation["security"] = [{"token": []}, {"signature": []}]
    return document


def _of(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of a model by its name, with those that it refers to."""
    schema = model.model_json_schema(ref_template=_REF.replace("{name}", "{model}"))
    return {**schema.pop("$defs", {}), model.__name__: schema}


def _object(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": {**required, **optional}}


_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer", "minimum": 0}
_INSTANT: Final = {"type": "string", "format": "date-time"}
_FAULT: Final = _object({"reason": _TEXT, "detail": _TEXT})
_SCHEMAS: Final[dict[str, Any]] = {
    "Problem": _object(
        {"title": _TEXT, "status": _COUNT, "reason": {"enum": [reason.value for reason in Refusal]}},
        detail=_TEXT,
        faults={"type": "array", "items": _FAULT},
    ),
    "Stored": _object({"stored": _COUNT}),
    "Tried": _object(
        {
            "feed": _TEXT,
            "events": {
                "type": "array",
                "items": _object(
                    {"index": _COUNT},
                    scans={"type": "array", "items": {"type": "object"}},
                    reason=_TEXT,
                    detail=_TEXT,
                ),
            },
        }
    ),
    "Rejections": _object(
        {
            "feed": _TEXT,
            "rejections": {
                "type": "array",
                "items": _object(
                    {
                        "rejected_at": _INSTANT,
                        "reason": _TEXT,
                        "detail": _TEXT,
                        "source": _TEXT,
                        "bytes": _COUNT,
                    }
                ),
            },
        }
    ),
    "PlanStored": _object({"route_id": _TEXT, "version": _COUNT, "stops": _COUNT}),
    "HaulPlanStored": _object({"shipment_id": _TEXT, "version": _COUNT, "promised_by": _INSTANT}),
}
