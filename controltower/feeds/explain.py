"""What each event of a payload becomes, one by one, for whoever writes a mapping or wonders about a feed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from controltower.feeds.fields import compile_field
from controltower.feeds.mapper import Mapping, append_per_shipment, with_key
from controltower.feeds.paths import Chain
from controltower.feeds.registry import Feed
from controltower.feeds.rejection import Rejected
from controltower.feeds.status import StatusReader, compile_status, latest_status, party_of
from schemas.vocabulary import Milestone
from schemas.wire import Scan, Source

_NOWHERE = Source("carrier-events", 0, 0)


@dataclass(slots=True)
class EventShown:
    """One event. A rejected one has `rejected` and `detail` and nothing else; `detail` holds no values."""

    index: int
    tracking_number: str | None = None
    occurred_at: str | None = None
    occurred_at_utc: str | None = None
    assumed_zone: str | None = None
    code: str | None = None
    text: str | None = None
    milestone: str | None = None
    status: str | None = None
    unmapped: bool = False
    reason: str | None = None
    responsible_party: str | None = None
    route_id: str | None = None
    vehicle_id: str | None = None
    stop_id: str | None = None
    place: dict[str, Any] | None = None
    carrier: str | None = None
    revision: int | None = None
    scan_id: str | None = None
    rejected: str | None = None
    detail: str | None = None


@dataclass(slots=True)
class PayloadShown:
    """One payload: `verdict` is accepted, rejected or nothing; a rejected one yields no scan at all."""

    verdict: str
    reason: str | None = None
    detail: str | None = None
    nothing: list[dict[str, str | None]] = field(default_factory=list)
    skipped: int = 0
    events: list[EventShown] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For JSON, with the events of each shipment besides."""
        return {**asdict(self), "shipments": list(self._shipments())}

    def _shipments(self) -> Iterator[dict[str, Any]]:
        numbers = dict.fromkeys(
            e.tracking_number for e in self.events if e.tracking_number and not e.rejected
        )
        for number in numbers:
            mine = [event for event in self.events if event.tracking_number == number]
            yield {
                "tracking_number": number,
                "status": latest_status((e.occurred_at_utc or "", e.status) for e in mine),
                "events": [
                    {"timestamp": e.occurred_at, "code": e.code, "status": e.status, "milestone": e.milestone}
                    for e in mine
                ],
            }


def explain(feed: Feed, value: bytes | None, received_at: datetime, key: bytes | None = None) -> PayloadShown:
    """What a payload becomes. Raises nothing."""
    mapping = feed.mapping
    try:
        root: Chain = (with_key(mapping.decode(value), key) if mapping.needs_key else mapping.decode(value),)
        is_empty, nothings = mapping.find_nothings(root)
    except Rejected as rejected:
        return PayloadShown("rejected", rejected.reason, rejected.detail)
    shown = PayloadShown("accepted", nothing=[{"name": name, "tracking_number": s} for name, s in nothings])
    if not is_empty:
        _explain_events(feed, mapping, root, received_at, shown)
    if shown.verdict == "accepted" and not shown.events:
        shown.verdict = "nothing"
        if not shown.nothing:
            shown.nothing.append({"name": "NO_EVENTS", "tracking_number": None})
    return shown


def _explain_events(
    feed: Feed, mapping: Mapping, root: Chain, received_at: datetime, shown: PayloadShown
) -> None:
    read_status = compile_status(feed.spec)
    find_occurred = compile_field(feed.spec.fields["occurred_at"])
    scans: list[Scan] = []
    try:
        for index, chain in enumerate(mapping.walk(root)):
            try:
                if mapping.is_skipped is not None and mapping.is_skipped(chain):
                    shown.skipped += 1
                    continue
                scan = mapping.read_event(chain, received_at, _NOWHERE)
                at = mapping.read_time(find_occurred(chain), chain, received_at, "occurred_at")
                before = len(scans)
                append_per_shipment(scans, scan)
                shown.events += [_show(index, one, at.local, read_status, chain) for one in scans[before:]]
            except Rejected as rejected:
                _refuse(shown, rejected if len(chain) == 1 else rejected.within(f"event {index}"))
                shown.events.append(EventShown(index, rejected=rejected.reason, detail=rejected.detail))
    except Rejected as rejected:
        _refuse(shown, rejected)


def _refuse(shown: PayloadShown, rejected: Rejected) -> None:
    """The payload is told with its first fault, as its dead letter would be."""
    if shown.verdict != "rejected":
        shown.verdict, shown.reason, shown.detail = "rejected", rejected.reason, rejected.detail


def _show(index: int, scan: Scan, local: datetime, read_status: StatusReader, chain: Chain) -> EventShown:
    place = scan.place
    return EventShown(
        index=index,
        tracking_number=scan.shipment_ids[0] if scan.shipment_ids else None,
        occurred_at=local.isoformat(),
        occurred_at_utc=scan.occurred_at.isoformat().replace("+00:00", "Z"),
        assumed_zone=scan.occurred_at_assumed_zone,
        code=scan.raw_code,
        text=scan.raw_text,
        milestone=scan.milestone,
        status=read_status(scan, chain),
        unmapped=scan.milestone is Milestone.UNMAPPED,
        reason=scan.reason,
        responsible_party=party_of(scan.reason),
        route_id=scan.route_id,
        vehicle_id=scan.vehicle_id,
        stop_id=scan.stop_id,
        place=None
        if place is None
        else {name: value for name in place.__struct_fields__ if (value := getattr(place, name)) is not None},
        carrier=scan.carrier,
        revision=scan.revision,
        scan_id=scan.scan_id,
    )
