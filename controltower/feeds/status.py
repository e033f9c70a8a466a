"""Milestones in the words of parcel-tracking software, and who answers for a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from controltower.feeds.paths import Chain, compile_paths, show_paths
from controltower.feeds.rejection import Rejected
from controltower.feeds.spec import MappingSpec
from controltower.feeds.tables import compile_table
from controltower.feeds.values import read_raw
from schemas.vocabulary import Milestone as M
from schemas.vocabulary import Reason
from schemas.wire import Scan

StatusReader = Callable[[Scan, Chain], str | None]

STATUS_OF: dict[M, str] = {
    M.INFO_RECEIVED: "pending",
    M.PICKUP_SCHEDULED: "pending",
    M.PICKED_UP: "picked_up",
    M.HUB_ARRIVED: "in_transit",
    M.HUB_DEPARTED: "in_transit",
    M.CUSTOMS_PRESENTED: "in_transit",
    M.CUSTOMS_RELEASED: "in_transit",
    M.DEPOT_ARRIVED: "in_transit",
    M.LOADED: "in_transit",
    M.OUT_FOR_DELIVERY: "out_for_delivery",
    M.STOP_APPROACHING: "out_for_delivery",
    M.STOP_ARRIVED: "out_for_delivery",
    M.STOP_DEPARTED: "out_for_delivery",
    M.ATTEMPT_FAILED: "delivery_failed",
    M.AVAILABLE_FOR_PICKUP: "ready_for_pickup",
    M.HELD: "on_hold",
    M.RETURN_STARTED: "return_to_sender",
    M.DELIVERED: "delivered",
    M.RETURNED: "return_to_sender",
    M.CANCELLED: "cancelled",
    M.LOST_OR_DESTROYED: "delivery_failed",
    M.UNMAPPED: "unknown",
}

#: The part of a reason before the underscore -> the party that answers for it.
_PARTIES = {
    "CARRIER": "carrier",
    "SHIPPER": "shipper",
    "CONSIGNEE": "consignee",
    "PUDO": "pickup point",
    "CUSTOMS": "customs",
    "ENV": "nobody",
}


def compile_status(spec: MappingSpec) -> StatusReader:
    """The status of an event: by the mapping's own table where it has one, else by its milestone."""
    own = spec.status
    if own is None:
        return lambda scan, chain: _by_milestone(scan)
    find = compile_paths(own.field) if own.field is not None else None
    shown = show_paths(own.field) if own.field is not None else "code"
    table = compile_table(own.values)

    def read_status(scan: Scan, chain: Chain) -> str | None:
        try:
            said = read_raw(find(chain), shown) if find else scan.raw_code
        except Rejected:
            said = None
        found = table(said) if said is not None else None
        return found[0] if found else _by_milestone(scan)

    return read_status


def _by_milestone(scan: Scan) -> str | None:
    return None if scan.milestone is None else STATUS_OF[scan.milestone]


def latest_status(events: Iterable[tuple[str, str | None]]) -> str | None:
    """The status of a shipment: that of its latest event that says one; (time, status) of each."""
    told = [(at, status) for at, status in events if status not in (None, "unknown")]
    return max(told, key=lambda event: event[0])[1] if told else None


def party_of(reason: Reason | None) -> str | None:
    """Who answers for a reason, None where it says nobody in particular."""
    return None if reason is None else _PARTIES.get(reason.value.partition("_")[0])
