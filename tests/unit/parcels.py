"""Hand-written records of shipment-events for the tests of assign."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from controltower.clock import instant_of
from controltower.shipment.fold import AssignFold
from controltower.streaming.stage import Out, Record
from schemas import topics
from schemas.vocabulary import Milestone
from schemas.wire import Assignment, Scan, Source, Tick, decode_route_event, encode

NOW_MS = 1_772_439_340_000
HOUR_MS = 3_600_000


def parcel_scan(
    n: int = 1, milestone: Milestone | None = None, *, at_s: float = 0, parcel: str = "P-1", **changes: Any
) -> Scan:
    at = instant_of(NOW_MS + int(at_s * 1000))
    fields: dict[str, Any] = {
        "scan_id": f"s{n}",
        "feed": "plain",
        "carrier": "own",
        "tenant": "default",
        "shipment_ids": (parcel,),
        "milestone": milestone,
        "occurred_at": at,
        "received_at": at,
        "source": Source("carrier-events", 0, n),
    }
    return Scan(**{**fields, **changes})


def assignment(
    route: str | None = "R-1",
    version: int = 1,
    *,
    stop: str | None = "S1",
    at_s: float = 0,
    parcel: str = "P-1",
) -> Assignment:
    return Assignment(
        shipment_id=parcel,
        route_id=route,
        stop_id=stop,
        plan_version=version,
        received_at=instant_of(NOW_MS + int(at_s * 1000)),
    )


def tick(at_s: float) -> Tick:
    return Tick(source="carrier-events/0", sources=1, upto=instant_of(NOW_MS + int(at_s * 1000)))


def records(*events: Scan | Assignment | Tick) -> list[Record]:
    return [Record(topics.SHIPMENT_EVENTS, 0, n, 0, None, encode(event)) for n, event in enumerate(events)]


def new_fold() -> AssignFold:
    fold = AssignFold(0, 2, lambda: 0)
    fold.restored()
    return fold


def forwarded(outs: Iterable[Out]) -> list[tuple[str, str | None, str | None]]:
    """(scan_id, route_id, stop_id) of what went to route-events; the key is checked to be the route."""
    found = []
    for out in outs:
        scan = decode_route_event(out.value or b"")
        assert isinstance(scan, Scan)
        assert (out.topic, out.key) == (topics.ROUTE_EVENTS, (scan.route_id or "").encode())
        found.append((scan.scan_id, scan.route_id, scan.stop_id))
    return found


def fold_in_parts(
    parts: Iterable[list[Record]], *, restart: bool = False
) -> tuple[list[Out], dict[bytes, bytes]]:
    """Outputs and final changelog of records folded part by part, with a restore between parts if asked."""
    fold, outputs, changelog = new_fold(), [], dict[bytes, bytes]()
    for part in parts:
        if restart:
            fold = AssignFold(0, 2, lambda: 0)
            for key, value in changelog.items():
                fold.restore(key, value)
            fold.restored()
        commit = fold.fold(part)
        outputs += commit.outputs
        for key, change in commit.changes:
            changelog.pop(key, None)
            if change is not None:
                changelog[key] = change
    return outputs, changelog
