"""The HTTP application: routes, shipments, exceptions, actions and carriers as they stand, read-only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from fastapi import Depends, FastAPI, Header, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.exceptions import HTTPException

from controltower.clock import instant_of
from controltower.readapi.boards import Boards
from controltower.readapi.carriers import carrier_lines
from controltower.readapi.gauges import board_registry
from controltower.readapi.openapi import ITEM, LIST, describe
from controltower.readapi.pages import BadCursor, take_page
from controltower.readapi.tokens import Tokens
from controltower.readmodel.board import StepLine
from controltower.readmodel.store import Store, StoreDown
from schemas.vocabulary import ActionState, ExceptionCode, ExceptionStatus, Motion, Phase

VERSION: Final = "1"
_JSON: Final = "application/json"
_PROBLEM: Final = "application/problem+json"
#: How long a client may wait before asking a read model that is down again.
_RETRY_AFTER_S: Final = 5

Limit = Annotated[int, Query(ge=1, le=10_000, description="lines of a page")]
After = Annotated[str | None, Query(max_length=400, description="`next` of the page before")]
Name = Annotated[str | None, Query(min_length=1, max_length=200)]
RowId = Annotated[str, Path(min_length=1, max_length=400)]
Known = Annotated[str | None, Header(alias="If-None-Match")]


def make_app(
    store: Store, tokens: Tokens, now_s: Callable[[], float], now: Callable[[], datetime]
) -> FastAPI:
    """The application. now_s: a clock that never goes back, for the age of boards; now: the wall clock."""
    boards = Boards(store, now_s)

    def admit(authorization: Annotated[str | None, Header(include_in_schema=False)] = None) -> None:
        if not tokens.admit(authorization):
            raise HTTPException(401, "a bearer token is needed", {"WWW-Authenticate": "Bearer"})

    app = FastAPI(title="Control tower read API", version=VERSION, docs_url=None, redoc_url=None)
    app.add_exception_handler(HTTPException, _told)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(StoreDown, _down)
    app.add_exception_handler(BadCursor, _bad_cursor)
    _add_boards(app, boards, [Depends(admit)])
    _add_rows(app, store, [Depends(admit)])
    _add_health(app, store)
    _add_metrics(app, board_registry(boards, now))
    describe(app)
    return app


def _add_boards(app: FastAPI, boards: Boards, guard: list[Any]) -> None:
    _add_routes(app, boards, guard)
    _add_exceptions(app, boards, guard)
    _add_actions(app, boards, guard)
    _add_shipments(app, boards, guard)
    _add_carriers(app, boards, guard)


def _page(
    boards: Boards, kind: str, known: str | None, after: str | None, limit: int, **wanted: Any
) -> Response:
    board = boards.read(kind)
    if _same(known, board.digest):
        return _unchanged(board.digest)
    return _answer(take_page(kind, board.lines, wanted, after, limit), board.digest)


def _add_routes(app: FastAPI, boards: Boards, guard: list[Any]) -> None:
    @app.get("/v1/routes", dependencies=guard, responses=LIST["route"], tags=["boards"])
    def routes(
        phase: Phase | None = None,
        motion: Motion | None = None,
        carrier: Name = None,
        tenant: Name = None,
        vehicle_id: Name = None,
        after: After = None,
        limit: Limit = 500,
        known: Known = None,
    ) -> Response:
        """Routes that have not ended, by name."""
        return _page(
            boards,
            "route",
            known,
            after,
            limit,
            phase=phase,
            motion=motion,
            carrier=carrier,
            tenant=tenant,
            vehicle_id=vehicle_id,
        )


def _add_exceptions(app: FastAPI, boards: Boards, guard: list[Any]) -> None:
    @app.get("/v1/exceptions", dependencies=guard, responses=LIST["exception"], tags=["boards"])
    def exceptions(
        code: ExceptionCode | None = None,
        status: ExceptionStatus | None = None,
        severity: Annotated[int | None, Query(ge=1, le=4)] = None,
        carrier: Name = None,
        tenant: Name = None,
        route_id: Name = None,
        zone: Name = None,
        after: After = None,
        limit: Limit = 500,
        known: Known = None,
    ) -> Response:
        """Exceptions that are not over, worst and oldest first."""
        return _page(
            boards,
            "exception",
            known,
            after,
            limit,
            code=code,
            status=status,
            severity=severity,
            carrier=carrier,
            tenant=tenant,
            route_id=route_id,
            zone=zone,
        )


def _add_actions(app: FastAPI, boards: Boards, guard: list[Any]) -> None:
    @app.get("/v1/actions", dependencies=guard, responses=LIST["action"], tags=["boards"])
    def actions(
        state: ActionState | None = None,
        code: ExceptionCode | None = None,
        tenant: Name = None,
        route_id: Name = None,
        exception_id: Name = None,
        after: After = None,
        limit: Limit = 500,
        known: Known = None,
    ) -> Response:
        """Recovery actions without an end, oldest first; PENDING_APPROVAL waits for a person."""
        return _page(
            boards,
            "action",
            known,
            after,
            limit,
            state=state,
            code=code,
            tenant=tenant,
            route_id=route_id,
            exception_id=exception_id,
        )


def _add_shipments(app: FastAPI, boards: Boards, guard: list[Any]) -> None:
    @app.get("/v1/shipments", dependencies=guard, responses=LIST["shipment"], tags=["boards"])
    def shipments(
        phase: Phase | None = None,
        carrier: Name = None,
        tenant: Name = None,
        model_version: Name = None,
        missed: bool | None = None,
        after: After = None,
        limit: Limit = 500,
        known: Known = None,
    ) -> Response:
        """Shipments on their line haul, soonest promised first, each with its latest p(late)."""
        return _page(
            boards,
            "shipment",
            known,
            after,
            limit,
            phase=phase,
            carrier=carrier,
            tenant=tenant,
            model_version=model_version,
            missed=missed,
        )


def _add_carriers(app: FastAPI, boards: Boards, guard: list[Any]) -> None:
    @app.get("/v1/carriers", dependencies=guard, responses=LIST["carrier"], tags=["boards"])
    def carriers(known: Known = None) -> Response:
        """Counts per carrier over its routes and exceptions."""
        seen, open_now = boards.read("route"), boards.read("exception")
        digest = f"{seen.digest}.{open_now.digest}"
        if _same(known, digest):
            return _unchanged(digest)
        lines: Any = carrier_lines(seen.lines, open_now.lines)  # type: ignore[arg-type]
        return _answer({"total": len(lines), "items": lines, "next": None}, digest)


def _add_rows(app: FastAPI, store: Store, guard: list[Any]) -> None:
    def row(kind: str, row_id: str, known: str | None) -> Response:
        (fields,) = store.rows(kind, [row_id])
        if "record" not in fields:
            raise HTTPException(404, f"no {kind} of this id; it may have ended more than a day ago")
        if _same(known, fields["seq"]):
            return _unchanged(fields["seq"])
        return Response(fields["record"], media_type=_JSON, headers={"ETag": f'"{fields["seq"]}"'})

    @app.get(
        "/v1/routes/{row_id:path}/timeline", dependencies=guard, responses=LIST["step"], tags=["records"]
    )
    def timeline(row_id: RowId, known: Known = None) -> Response:
        """When a route changed its phase or motion, oldest first; empty for an unknown route."""
        steps = [StepLine(instant_of(at_ms), phase, motion) for at_ms, phase, motion in store.steps(row_id)]
        digest = f"{steps[-1].at.timestamp() if steps else 0:.3f}"
        if _same(known, digest):
            return _unchanged(digest)
        return _answer({"total": len(steps), "items": steps, "next": None}, digest)

    @app.get("/v1/routes/{row_id:path}", dependencies=guard, responses=ITEM["route"], tags=["records"])
    def route(row_id: RowId, known: Known = None) -> Response:
        """The latest record of a route, as on the topic `route-status`."""
        return row("route", row_id, known)

    @app.get(
        "/v1/exceptions/{row_id:path}", dependencies=guard, responses=ITEM["exception"], tags=["records"]
    )
    def exception(row_id: RowId, known: Known = None) -> Response:
        """The latest record of an exception, as on the topic `exceptions`."""
        return row("exception", row_id, known)

    @app.get("/v1/actions/{row_id:path}", dependencies=guard, responses=ITEM["action"], tags=["records"])
    def action(row_id: RowId, known: Known = None) -> Response:
        """The latest record of a recovery action, as on the topic `dispatch`."""
        return row("action", row_id, known)

    @app.get("/v1/shipments/{row_id:path}", dependencies=guard, responses=ITEM["shipment"], tags=["records"])
    def shipment(row_id: RowId, known: Known = None) -> Response:
        """The latest record of a shipment with a line haul, as on the topic `shipment-status`."""
        return row("shipment", row_id, known)


def _add_health(app: FastAPI, store: Store) -> None:
    @app.get("/healthz", include_in_schema=False)
    def healthz() -> Response:
        return Response("alive\n", media_type="text/plain")

    @app.get("/readyz", include_in_schema=False)
    def readyz() -> Response:
        store.count("routes:underway")
        return Response("ready\n", media_type="text/plain")


def _add_metrics(app: FastAPI, registry: CollectorRegistry) -> None:
    @app.get("/metrics", include_in_schema=False)
    def metrics(accept: Annotated[str, Header()] = "") -> Response:
        encode, kind = choose_encoder(accept)
        return Response(encode(registry), headers={"Content-Type": kind})


def _answer(content: Any, digest: str) -> Response:
    return Response(msgspec.json.encode(content), media_type=_JSON, headers={"ETag": f'"{digest}"'})


def _same(known: str | None, digest: str) -> bool:
    return known is not None and f'"{digest}"' in known


def _unchanged(digest: str) -> Response:
    return Response(status_code=304, headers={"ETag": f'"{digest}"'})


def _problem(status: int, detail: str, **headers: str) -> Response:
    body = msgspec.json.encode({"status": status, "detail": detail})
    return Response(body, status, media_type=_PROBLEM, headers=headers)


def _told(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _problem(error.status_code, str(error.detail), **dict(error.headers or {}))


def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return _problem(422, f"{first['loc'][-1]}: {first['msg']}")


def _bad_cursor(_request: Request, _error: Exception) -> Response:
    return _problem(422, "after: not a cursor of this list")


def _down(_request: Request, error: Exception) -> Response:
    detail = f"the read model does not answer: {error}; the stream goes on, and so does every Kafka topic"
    return _problem(503, detail, **{"Retry-After": str(_RETRY_AFTER_S)})
