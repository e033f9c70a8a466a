"""Folds one record into one shipment: pure, no clock, no I/O."""

from __future__ import annotations

from typing import Final, NamedTuple

from msgspec.structs import replace

from controltower.clock import epoch_ms_of
from controltower.shipment.milestones import advance
from controltower.shipment.state import Said, Shipment
from schemas.wire import Assignment, HaulPlan, Scan

MOST_PENDING: Final = 20
MOST_SEEN: Final = 32
MOST_VERSIONS: Final = 8


class Effects(NamedTuple):
    """`forwards` are scans for their route, in order; `dropped` scans waited for an assignment too long."""

    forwards: tuple[Scan, ...] = ()
    dropped: int = 0
    is_duplicate: bool = False


def apply(shipment: Shipment, event: Scan | Assignment | HaulPlan) -> tuple[Shipment, Effects]:
    """The shipment after the event, and what follows from it. The plan of a line haul says only that there is
    such a shipment."""
    received_ms = epoch_ms_of(event.received_at) if event.received_at is not None else 0
    shipment = replace(shipment, heard_ms=max(shipment.heard_ms, received_ms))
    if isinstance(event, Scan):
        return _apply_scan(shipment, event)
    if isinstance(event, HaulPlan):
        return shipment, Effects()
    return _apply_assignment(shipment, event, received_ms)


def _apply_scan(shipment: Shipment, scan: Scan) -> tuple[Shipment, Effects]:
    if scan.revision <= shipment.seen.get(scan.scan_id, 0):
        return shipment, Effects(is_duplicate=True)
    if scan.scan_id in shipment.seen:
        shipment, scan = _correct(shipment, scan)
    else:
        seen = {**dict([*shipment.seen.items()][1 - MOST_SEEN :]), scan.scan_id: scan.revision}
        said = (*shipment.said, _said_by(scan))[-MOST_SEEN:]
        shipment = advance(replace(shipment, seen=seen, said=said), *_said_by(scan))
    if shipment.route_id or scan.route_id:
        return shipment, Effects(forwards=(_fill_in(shipment, scan),))
    pending = (*shipment.pending, scan)[-MOST_PENDING:]
    dropped = len(shipment.pending) + 1 - len(pending)
    return replace(shipment, pending=pending), Effects(dropped=dropped)


def _said_by(scan: Scan) -> Said:
    return scan.milestone, epoch_ms_of(scan.occurred_at)


def _correct(shipment: Shipment, scan: Scan) -> tuple[Shipment, Scan]:
    """A higher revision: what the scans said is told again with the new word in the place of the old.

    The scan goes on with what it replaces, so that the route can take back what it concluded from it.
    """
    place = [*shipment.seen].index(scan.scan_id) - len(shipment.seen)
    seen = {**shipment.seen, scan.scan_id: scan.revision}
    if -place > len(shipment.said):  # seen by a version that did not keep what was said
        return advance(replace(shipment, seen=seen), *_said_by(scan)), scan
    before = shipment.said[place][0]
    said = list(shipment.said)
    said[place] = _said_by(scan)
    corrected = replace(shipment, seen=seen, said=tuple(said), milestone=None, milestone_ms=0, attempt=1)
    for milestone, at_ms in said:
        corrected = advance(corrected, milestone, at_ms)
    pending = tuple(known for known in corrected.pending if known.scan_id != scan.scan_id)
    return replace(corrected, pending=pending), replace(
        scan, replaces=None if before is scan.milestone else before
    )


def _apply_assignment(shipment: Shipment, told: Assignment, received_ms: int) -> tuple[Shipment, Effects]:
    if not _is_news(shipment, told, received_ms):
        return shipment, Effects()
    versions = shipment.versions
    if told.route_id is not None:
        others = [entry for entry in versions.items() if entry[0] != told.route_id]
        versions = {**dict(others[1 - MOST_VERSIONS :]), told.route_id: told.plan_version}
    shipment = replace(
        shipment,
        route_id=told.route_id,
        stop_id=told.stop_id,
        plan_version=told.plan_version,
        assigned_ms=received_ms,
        versions=versions,
    )
    if told.route_id is None:
        return shipment, Effects()
    forwards = tuple(_fill_in(shipment, scan) for scan in shipment.pending)
    return replace(shipment, pending=()), Effects(forwards)


def _is_news(shipment: Shipment, told: Assignment, received_ms: int) -> bool:
    """True for a higher version of the route, or a later plan of another route.

    Versions count per route, so those of two routes can't be compared: the second attempt of tomorrow's
    route has version 1 again. Between routes the plan that was received later counts.
    """
    if told.route_id is None and told.taken_from not in (None, shipment.route_id):
        return False  # another plan has taken it up meanwhile
    if told.route_id is None or told.route_id == shipment.route_id:
        return told.plan_version > shipment.plan_version
    if told.plan_version <= shipment.versions.get(told.route_id, 0):
        return False
    return received_ms >= shipment.assigned_ms


def _fill_in(shipment: Shipment, scan: Scan) -> Scan:
    """The scan for its log: the planned route before the one the carrier names, its own stop first."""
    route_id = shipment.route_id or scan.route_id
    stop_id = scan.stop_id or (shipment.stop_id if route_id == shipment.route_id else None)
    return replace(scan, route_id=route_id, stop_id=stop_id)
