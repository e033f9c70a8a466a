"""A route in memory: its state, the snapshots of its trail, its plan, and what one event makes it say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from controltower.detect.habits import Stay
from controltower.exceptions.archive import Archive, Grave
from controltower.exceptions.lifecycle import Subject
from controltower.route.eta import estimate_p50s, slip_before_departure
from controltower.route.evidence import Snapshot
from controltower.route.fixes import newest_fix
from controltower.route.limits import Limits
from controltower.route.plan import RoutePlan
from controltower.route.shipments import ShipmentLogs
from controltower.route.snapshots import Trail
from controltower.route.state import RouteState
from controltower.route.verdicts import FeedVerdicts
from schemas import wire
from schemas.vocabulary import StopKind


@dataclass(slots=True, frozen=True)
class Minute:
    """The clock of the partition passed a full minute; everything due before has been told."""

    at_ms: int


@dataclass(slots=True, frozen=True)
class Status:
    """The latest view of a route; its `eta` is left empty, since `etas` is that field's JSON already."""

    record: wire.RouteStatus
    etas: bytes


Said = wire.ExceptionRecord | Status | wire.ScoreRequest | wire.Tick | wire.CommandReply | Minute | Grave


@dataclass(slots=True)
class Route:
    """One route of a partition."""

    state: RouteState
    plan: RoutePlan | None = None
    trail: Trail = field(init=False)
    #: nothing falls due before this; 0 where it must be looked for
    due_ms: int = 0
    #: when the partition looks at this route next, whatever comes; 0 where that is not known yet
    looked_at_ms: int = 0
    #: since when the source of its fixes has no more records, since the day that is played is over; or 0
    source_over_ms: int = 0

    def __post_init__(self) -> None:
        self.trail = Trail(self.state)

    @property
    def snapshot(self) -> Snapshot:
        """What all fixes so far say."""
        return self.trail.now

    def slip_ms(self, now_ms: int) -> int:
        """Lateness against the frozen plan at this moment (ms, + late); 0 without a plan."""
        if self.plan is None:
            return 0
        progress = self.snapshot.progress
        if progress.departed_ms:
            return progress.slip_ms
        return slip_before_departure(self.plan, progress.slip_ms, now_ms)

    def remaining(self) -> tuple[int, ...]:
        """Indices of the stops neither passed nor served."""
        if self.plan is None:
            return ()
        served = self.state.served
        ahead = range(self.snapshot.progress.next_stop, len(self.plan.stops))
        return tuple([i for i in ahead if not served >> i & 1] if served else ahead)


@dataclass(slots=True)
class Effects:
    """What one or more events lead to: records in order, and counts for the metrics."""

    said: list[Said] = field(default_factory=list)
    tallies: dict[tuple[str, ...], int] = field(default_factory=dict)
    #: what the partition learns from
    stays: list[Stay] = field(default_factory=list)
    #: what ends is noted here as it ends, so that polls do not change when it is closed
    archive: Archive = field(default_factory=Archive)
    #: what the log has said about the feeds so far
    verdicts: FeedVerdicts | None = None
    #: how far the logs of the parcels are read, as the log has said so far
    shipments: ShipmentLogs | None = None

    def count(self, *name: str) -> None:
        """Add one to a tally."""
        self.tallies[name] = self.tallies.get(name, 0) + 1

    def tell(self, record: Said) -> None:
        """Say a record."""
        self.said.append(record)


def subject_of(route: Route, limits: Limits) -> Subject:
    """What the records of this route's exceptions share right now."""
    state, plan = route.state, route.plan
    subject = Subject(
        state.tenant, state.route_id, state.vehicle_id, state.carrier, None, None, None, limits.version
    )
    if plan is None:
        return subject
    left = route.remaining()
    ahead = plan.stops[left[0]] if left else plan.stops[-1]
    return replace(
        subject,
        location=_location(route, plan),
        impact=wire.Impact(len(left), sum(plan.stops[i].shipments for i in left)),
        respond_by_ms=_respond_by_ms(route, plan, left),
        zone=ahead.zone,
        service_tier=ahead.service_tier,
        hub_id=_hub_of(route, plan),
    )


def _respond_by_ms(route: Route, plan: RoutePlan, left: Sequence[int]) -> int | None:
    """Until when the vehicle must go on to keep the tightest promise that can still be kept."""
    now, stops = route.state.clock_ms, plan.stops
    p50s = estimate_p50s(stops, left, route.slip_ms(now), now)
    promises = [(stops[i].promised_ms, p50) for i, p50 in zip(left, p50s, strict=True)]
    slacks = [promised - p50 for promised, p50 in promises if promised is not None and promised >= p50]
    return now + min(slacks) if slacks else None


def _hub_of(route: Route, plan: RoutePlan) -> str | None:
    """The depot before departure; a hub that the vehicle stands at or goes to next."""
    progress = route.snapshot.progress
    if not progress.departed_ms:
        return plan.depot
    near = plan.stops[min(progress.next_stop, len(plan.stops) - 1)]
    return near.stop_id if near.kind is StopKind.HUB else None


def _location(route: Route, plan: RoutePlan) -> wire.Location | None:
    fix, progress = newest_fix(route.trail.fixes), route.snapshot.progress
    if fix is None:
        return None
    after = progress.next_stop
    return wire.Location(
        lat=fix.lat,
        lon=fix.lon,
        along_m=round(progress.along_m, 1),
        stop_before=plan.stops[after - 1].stop_id if after else None,
        stop_after=plan.stops[after].stop_id if after < len(plan.stops) else None,
    )
