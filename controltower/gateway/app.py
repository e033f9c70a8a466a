"""The HTTP application: events of feeds, plans of routes, what was rejected, health."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Annotated, Any, Final, Generic, NamedTuple, TypeVar

from fastapi import FastAPI, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from prometheus_client.exposition import choose_encoder
from starlette.exceptions import HTTPException

from controltower.gateway import openapi
from controltower.gateway.body import split_body
from controltower.gateway.doors import Doors
from controltower.gateway.letters import MOST_LETTERS, Rejections
from controltower.gateway.measure import NO_FEED, Measures
from controltower.gateway.refusal import Refusal, Refused
from controltower.gateway.store import Store
from controltower.plans.check import PlanFault, check_plan
from controltower.plans.hauls import check_haul_plan
from controltower.streaming.stage import Out
from schemas.haul import HaulPlan
from schemas.plan import Plan
from schemas.topics import PLANS
from schemas.wire import encode

VERSION: Final = "1"
_JSON: Final = "application/json"
_PROBLEM: Final = "application/problem+json"
_LARGEST_PLAN_BYTES: Final = 1 << 20

_Plan = TypeVar("_Plan", Plan, HaulPlan)

FeedName = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$", description="the feed's name")]
SubjectId = Annotated[str, Path(min_length=1, max_length=200)]
Limit = Annotated[int, Query(ge=1, le=MOST_LETTERS, description="at most so many")]
DryRun = Annotated[bool, Query(description="store nothing, answer what each event becomes")]


def make_app(doors: Doors, store: Store, rejections: Rejections, wall_ms: Callable[[], int]) -> FastAPI:
    """The application."""
    measures = Measures()
    app = FastAPI(title="Control tower gateway", version=VERSION, docs_url=None, redoc_url=None)
    _add_refusals(app, measures)
    _add_feeds(app, doors, store, rejections, measures, wall_ms)
    _add_plans(app, doors, store, measures)
    _add_health(app, store, measures)
    openapi.describe(app)
    return app


def _add_feeds(
    app: FastAPI,
    doors: Doors,
    store: Store,
    rejections: Rejections,
    measures: Measures,
    wall_ms: Callable[[], int],
) -> None:
    @app.post("/v1/feeds/{feed}/events", tags=["feeds"], **openapi.EVENTS)
    async def send_events(request: Request, feed: FeedName, dry_run: DryRun = False) -> Response:
        """Store events of a feed: one, the members of a JSON array, or lines of NDJSON.

        The answer 202 comes after Kafka has confirmed every one of them, and not otherwise.
        """
        began_s = time.perf_counter()
        door = doors.door(feed)
        headers = request.headers
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise Refused(Refusal.ENCODED)
        door.proof.check_head(headers)
        body = await _read_body(request, door.access.largest_request_bytes)
        door.proof.check_body(headers, body)
        events = split_body(body, headers.get("content-type", ""), door.access)
        wait_s = door.bucket.take(len(events), time.monotonic())
        if wait_s:
            raise Refused(Refusal.RATE_LIMITED, retry_after_s=wait_s)
        if dry_run:
            return Response(door.try_out(events, wall_ms()), media_type=_JSON)
        await store.write([door.to_record(event) for event in events])
        measures.stored(feed, len(events), time.perf_counter() - began_s)
        return Response(b'{"stored":%d}' % len(events), 202, media_type=_JSON)

    @app.get("/v1/feeds/{feed}/rejections", tags=["feeds"], **openapi.REJECTIONS)
    async def list_rejections(request: Request, feed: FeedName, limit: Limit = 50) -> Response:
        """The newest rejected events of this feed: when, why, and where the original stands."""
        door = doors.door(feed)
        door.proof.check_head(request.headers)
        door.proof.check_body(request.headers, b"")
        found = rejections.newest(feed, limit)
        return Response(encode({"feed": feed, "rejections": found}), media_type=_JSON)


class _PlanKind(NamedTuple, Generic[_Plan]):
    """How plans of one kind are checked, whose they are, and what is answered."""

    check: Callable[[bytes], _Plan | tuple[PlanFault, ...]]
    subject_of: Callable[[_Plan], str]
    mismatch: Refusal
    answer: Callable[[_Plan], dict[str, Any]]


_OF_ROUTE: Final = _PlanKind[Plan](
    check_plan,
    lambda plan: plan.route_id,
    Refusal.ROUTE_MISMATCH,
    lambda plan: {"route_id": plan.route_id, "version": plan.version, "stops": len(plan.stops)},
)
_OF_HAUL: Final = _PlanKind[HaulPlan](
    check_haul_plan,
    lambda plan: plan.shipment_id,
    Refusal.SHIPMENT_MISMATCH,
    lambda plan: {
        "shipment_id": plan.shipment_id,
        "version": plan.version,
        "promised_by": plan.promised_by,
    },
)


def _add_plans(app: FastAPI, doors: Doors, store: Store, measures: Measures) -> None:
    async def take(request: Request, subject: str, kind: _PlanKind[_Plan]) -> Response:
        began_s = time.perf_counter()
        body = await _read_body(request, _LARGEST_PLAN_BYTES)
        doors.check_planner(request.headers, body)
        plan = kind.check(body)
        if isinstance(plan, tuple):
            faults = tuple((fault.reason.value, fault.detail) for fault in plan)
            raise Refused(Refusal.BAD_PLAN, faults=faults)
        if kind.subject_of(plan) != subject:
            raise Refused(kind.mismatch)
        await store.write([Out(PLANS, subject.encode(), body)])
        measures.stored(PLANS, 1, time.perf_counter() - began_s)
        return Response(encode(kind.answer(plan)), 202, media_type=_JSON)

    @app.put("/v1/routes/{route_id}/plan", tags=["plans"], **openapi.PLAN)
    async def put_plan(request: Request, route_id: SubjectId) -> Response:
        """Store a version of a route's plan. A plan that is wrong is refused with every reason at once."""
        return await take(request, route_id, _OF_ROUTE)

    @app.put("/v1/shipments/{shipment_id}/plan", tags=["plans"], **openapi.HAUL_PLAN)
    async def put_haul_plan(request: Request, shipment_id: SubjectId) -> Response:
        """Store a version of the plan of a shipment's line haul. A wrong one is refused like a route's."""
        return await take(request, shipment_id, _OF_HAUL)


async def _read_body(request: Request, most_bytes: int) -> bytes:
    """The body, given up as soon as it is too large. Raises Refused."""
    too_large = Refused(Refusal.TOO_LARGE, f"the request has more than {most_bytes} bytes")
    stated = request.headers.get("content-length", "0")
    if stated.isdigit() and int(stated) > most_bytes:
        raise too_large
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > most_bytes:
            raise too_large
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _add_refusals(app: FastAPI, measures: Measures) -> None:
    async def refuse(request: Request, refused: Refused) -> Response:
        feed = request.path_params.get("feed", NO_FEED)
        measures.refused(NO_FEED if refused.reason is Refusal.UNKNOWN_FEED else feed, refused.reason)
        return _problem(refused)

    async def invalid(request: Request, wrong: RequestValidationError) -> Response:
        where = ".".join(str(part) for part in wrong.errors()[0]["loc"])
        measures.refused(NO_FEED, Refusal.BAD_PARAMETER)
        return _problem(Refused(Refusal.BAD_PARAMETER, f"{where}: {wrong.errors()[0]['type']}"))

    async def told(_request: Request, wrong: HTTPException) -> Response:
        status = wrong.status_code
        content = {"title": wrong.detail, "status": status, "reason": Refusal.NOT_FOUND.value}
        return Response(encode(content), status, dict(wrong.headers or {}), _PROBLEM)

    app.add_exception_handler(Refused, refuse)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, invalid)  # type: ignore[arg-type]
    app.add_exception_handler(HTTPException, told)  # type: ignore[arg-type]


def _problem(refused: Refused) -> Response:
    content: dict[str, Any] = {
        "title": refused.reason.value.replace("_", " ").lower(),
        "status": refused.status,
        "reason": refused.reason.value,
        "detail": refused.detail,
    }
    if refused.faults:
        content["faults"] = [{"reason": reason, "detail": detail} for reason, detail in refused.faults]
    headers = {}
    if refused.retry_after_s is not None:
        headers["Retry-After"] = str(refused.retry_after_s)
    if refused.reason is Refusal.UNAUTHENTICATED:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(encode(content), refused.status, headers, _PROBLEM)


def _add_health(app: FastAPI, store: Store, measures: Measures) -> None:
    @app.get("/healthz", include_in_schema=False)
    async def healthz() -> Response:
        return Response(b"alive\n", media_type="text/plain")

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> Response:
        ready = await asyncio.to_thread(store.answers)
        text = b"ready\n" if ready else b"not ready: Kafka does not answer\n"
        return Response(text, 200 if ready else 503, media_type="text/plain")

    @app.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        encode_metrics, kind = choose_encoder(request.headers.get("accept", ""))
        return Response(encode_metrics(measures.registry), headers={"Content-Type": kind})
