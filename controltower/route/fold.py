"""The track stage for one partition: decode, fold into the route, fire what falls due, say what changed."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

import msgspec

from controltower.areas.state import concerns_areas
from controltower.clock import TICK_EVERY_MS, passes
from controltower.detect.habits import HABIT_KEY, Habits, keys_of
from controltower.exceptions.archive import Archive, Grave
from controltower.exceptions.episode import Trigger
from controltower.exceptions.quality import quality_of
from controltower.publishing import publish_exception, publish_reply, publish_status
from controltower.route import apply as core
from controltower.route.clock import CLOCK_KEY, SourceClocks
from controltower.route.deadlines import next_due_ms
from controltower.route.events import Rarer, Scan, decode_event
from controltower.route.limits import DEFAULT_LIMITS, Limits
from controltower.route.plan import RoutePlan, parse_plan
from controltower.route.plans import PATH_KEY, PLAN_KEY, PlanShelf
from controltower.route.route import Effects, Minute, Route, Status
from controltower.route.routes import Routes
from controltower.route.serving import settle_served
from controltower.route.shipments import SHIPMENTS_KEY, ShipmentLogs
from controltower.route.silence import expect_again, settle
from controltower.route.status import tell_if_new
from controltower.route.timeline import MINUTE_MS, from_ms, to_ms
from controltower.route.verdicts import VERDICTS_KEY, FeedVerdicts
from controltower.streaming.stage import Commit, Out, Record
from schemas import topics, wire
from schemas.vocabulary import Refusal, Transition

STATE_KEY: Final = b"r/"
_STAGE: Final = "track"


class TrackFold:
    """All routes of one partition of route-events.

    Where the clock comes to a full 10 s it is told to recovery-events, behind everything due before.

    wall_ms: the time that goes into `published_at`, and nothing else.
    """

    def __init__(
        self, partition: int, partitions: int, wall_ms: Callable[[], int], limits: Limits = DEFAULT_LIMITS
    ) -> None:
        self.partition, self._partitions = partition, partitions
        self._name = f"{topics.ROUTE_EVENTS}/{partition}"
        self._wall_ms = wall_ms
        self._limits = limits
        self._shelf = PlanShelf()
        self._clocks = SourceClocks()
        self._verdicts = FeedVerdicts()
        self._shipments = ShipmentLogs()
        self._archive = Archive()
        self._habits = Habits(limits)
        self._routes = Routes(self._shelf, self._clocks, limits)
        self._due: list[tuple[int, str]] = []
        self._folded: Counter[type] = Counter()
        self._changed: dict[str, None] = {}
        self._clock_changed = False

    def restore(self, key: bytes, value: bytes) -> None:
        """Take one entry of the changelog."""
        if key.startswith(STATE_KEY):
            self._routes.restore(value)
        elif key.startswith((PLAN_KEY, PATH_KEY)):
            self._shelf.restore(key, value)
        elif key.startswith(HABIT_KEY):
            self._habits.restore(key, value)
        elif key == CLOCK_KEY:
            self._clocks.restore(value)
        elif key == VERDICTS_KEY:
            self._verdicts.restore(value)
        elif key == SHIPMENTS_KEY:
            self._shipments.restore(value)
        else:
            self._archive.restore(key, value)

    def restored(self) -> None:
        """Schedule what is due; the routes stay asleep until they are touched."""
        self._due = list(self._routes.take_wakes())
        heapq.heapify(self._due)

    def idle(self, ends: Mapping[str, int]) -> Commit | None:
        """Nothing happens without a record."""
        return None

    def find_route(self, route_id: str) -> Route | None:
        """A route as it stands after the last record, for those that learn from what was known when."""
        return self._routes.find(route_id)

    def fold(self, records: Sequence[Record]) -> Commit:
        """Fold one poll of route-events."""
        effects = Effects(archive=self._archive, verdicts=self._verdicts, shipments=self._shipments)
        for record in records:
            if record.value is not None:
                self._fold_one(record.value, record, effects)
        for kind, times in self._folded.items():
            effects.tallies["events", kind.__name__] = times
        self._folded.clear()
        return Commit(self._outs(effects), self._changes(), effects.tallies)

    def _fold_one(self, value: bytes, record: Record, effects: Effects) -> None:
        try:
            event = decode_event(value)
        except msgspec.DecodeError:  # not written by us; it must not stop the partition
            effects.count("unreadable")
            return
        self._folded[type(event)] += 1
        if isinstance(event, Scan) and event.route_id:
            self._scan(event, event.route_id, effects)
        elif isinstance(event, wire.Tick):
            self._tick(event, effects)
        elif isinstance(event, wire.FeedsJudged):
            self._judge(event, effects)
        elif isinstance(event, wire.ShipmentsRead):
            self._read_on(event, effects)
        else:
            self._rarer(event, record, effects)

    def _scan(self, scan: Scan, route_id: str, effects: Effects) -> None:
        route = self._routes.find(route_id) or self._routes.open(route_id)
        core.apply_scan(route, scan, self._limits, effects)
        while effects.stays:
            self._habits.observe(effects.stays.pop(0))
        self._changed[route_id] = None
        if not 0 < route.looked_at_ms <= route.due_ms or route.state.ended_ms:
            self._schedule(route)

    def _rarer(self, event: Rarer | Scan, record: Record, effects: Effects) -> None:
        route = self._route_of(event)
        if route is None:
            effects.count("unknown_route")
            if isinstance(event, wire.Command):
                core.refuse(event, Refusal.NOT_OPEN, 0, effects)
            return
        self._apply(route, event, record, effects)
        self._changed[route.state.route_id] = None
        self._schedule(route)

    def _route_of(self, event: Rarer | Scan) -> Route | None:
        route_id = event.home.partition(":")[2] if isinstance(event, wire.Command) else event.route_id
        if not route_id:
            return None
        route = self._routes.find(route_id)
        if route is None and isinstance(event, wire.Plan):
            return self._routes.open(route_id)
        return route

    def _apply(self, route: Route, event: Rarer | Scan, record: Record, effects: Effects) -> None:
        limits = self._limits
        route.due_ms = 0
        match event:
            case wire.Plan():
                received = to_ms(event.received_at) if event.received_at else record.timestamp_ms
                if core.apply_plan(route, self._parse(event), received, limits, effects):
                    self._shelf.put(event)
            case wire.Score():
                trigger = Trigger(record.topic, record.partition, record.offset)
                core.apply_score(route, event, trigger, limits, effects)
                self._measure_score(event, effects)
            case wire.VehicleMoved():
                core.apply_vehicle_moved(route, event, limits, effects)
            case wire.Command():
                core.apply_command(route, event, limits, effects)
            case wire.Action():
                core.apply_action(route, event, limits, effects)
            case wire.Suppression():
                core.apply_suppression(route, event, limits, effects)

    def _measure_score(self, score: wire.Score, effects: Effects) -> None:
        """How old the question was when its answer was taken, in stream time."""
        if self._clocks.now_ms is not None:
            age_s = max(0, self._clocks.now_ms - to_ms(score.as_of)) // 1000
            effects.count("score_age", str(age_s))

    def _parse(self, event: wire.Plan) -> RoutePlan:
        """The plan, with what was usual before its day."""
        plan = parse_plan(event)
        keys = keys_of((stop.kind, stop.arrival_ms) for stop in plan.stops)
        return replace(plan, learned=self._habits.learned(plan.carrier, keys, plan.departs_ms))

    def _tick(self, tick: wire.Tick, effects: Effects) -> None:
        self._clock_changed = True
        was_over = tick.source in self._clocks.over_ms
        before, now = self._clocks.now_ms, self._clocks.tick(tick)
        if (tick.source in self._clocks.over_ms) != was_over:
            self._mark_source(tick.source)
        if now is None:
            return
        effects.tallies["clock", str(self.partition)] = now // 1000
        while self._due and self._due[0][0] <= now:
            looked_at, route_id = heapq.heappop(self._due)
            route = self._routes.find(route_id)
            if route is not None and route.looked_at_ms in (0, looked_at):
                self._look_at(route, looked_at, effects)
        for ended in self._archive.advance(now, topics.EXCEPTIONS):
            effects.tell(ended)
        if passes(before, now, TICK_EVERY_MS):
            effects.tell(wire.Tick(source=self._name, sources=1, upto=from_ms(now)))
        if passes(before, now, MINUTE_MS):
            effects.tell(Minute(now))

    def _judge(self, judged: wire.FeedsJudged, effects: Effects) -> None:
        """Silences that waited for this are told, or held back; those of a feed that is back are expected."""
        verdicts, back_ms = self._verdicts, to_ms(judged.upto)
        for route_id in verdicts.take_held_back(verdicts.take(judged)):
            route = self._routes.find(route_id)
            if route is not None and not route.state.ended_ms:
                expect_again(route, back_ms, self._limits)
                self._touch(route)
        if verdicts.judged_ms is None:
            return
        for route_id in verdicts.waiting():
            route = self._routes.find(route_id)
            if route is None:
                verdicts.wait_no_more(route_id)
                continue
            settle(route, verdicts, verdicts.judged_ms, self._limits, effects)
            tell_if_new(route, route.state.clock_ms, self._limits, effects)
            self._touch(route)

    def _read_on(self, read: wire.ShipmentsRead, effects: Effects) -> None:
        """What waited for scans of parcels is decided as far as they are read."""
        shipments = self._shipments
        if not shipments.take(read) or shipments.read_ms is None:
            return
        for route_id in shipments.waiting():
            route = self._routes.find(route_id)
            if route is None:
                shipments.wait_no_more(route_id)
                continue
            settle_served(route, shipments.read_ms, self._limits, effects)
            tell_if_new(route, route.state.clock_ms, self._limits, effects)
            self._touch(route)

    def _touch(self, route: Route) -> None:
        """It changed by something else than a record of its own."""
        route.due_ms = 0
        self._changed[route.state.route_id] = None
        self._schedule(route)

    def _mark_source(self, source: str) -> None:
        """A recorded day is over, or another one begins after it. What vehicles would have said after its
        end is not known, so none is silent. A route that wakes later is marked then."""
        over_ms = self._clocks.over_ms.get(source, 0)
        for route in self._routes.awake():
            if route.state.source == source:
                route.source_over_ms, route.due_ms = over_ms, 0
                self._schedule(route)

    def _look_at(self, route: Route, at_ms: int, effects: Effects) -> None:
        """Fire what is due at `at_ms`, if it still is: most fixes put off what was due before them."""
        route.looked_at_ms, route.due_ms = 0, next_due_ms(route, self._limits)
        if route.due_ms <= at_ms:
            if route.state.ended_ms:
                self._forget(route.state.route_id)
                return
            core.apply_clock(route, at_ms, self._limits, effects)
            self._changed[route.state.route_id] = None
        self._schedule(route)
        if route.state.ended_ms:  # it was only looked at, and may sleep on
            self._routes.write(route.state.route_id)

    def _schedule(self, route: Route) -> None:
        """The partition looks at a route not later than at its next due time, and rarely more often."""
        if route.state.ended_ms and route.plan is not None:
            route.plan = None  # nothing asks for it any more
            self._shelf.drop(route.state.route_id)
        if not route.due_ms:
            route.due_ms = next_due_ms(route, self._limits)
        if not route.looked_at_ms or route.due_ms < route.looked_at_ms:
            route.looked_at_ms = route.due_ms
            heapq.heappush(self._due, (route.due_ms, route.state.route_id))

    def _forget(self, route_id: str) -> None:
        self._routes.forget(route_id)
        self._shelf.drop(route_id)
        self._changed[route_id] = None
        self._archive.bury([Grave(topics.ROUTE_STATUS, route_id)])

    def _changes(self) -> list[tuple[bytes, bytes | None]]:
        """Each route that changed, once per poll, however many of its records were in it."""
        changes = self._shelf.take_changes() + self._verdicts.take_change() + self._archive.take_changes()
        changes += self._habits.take_changes()
        changes += self._shipments.take_change()
        for route_id in self._changed:
            changes.append((STATE_KEY + route_id.encode(), self._routes.write(route_id)))
        self._changed.clear()
        if self._clock_changed:
            changes.append((CLOCK_KEY, self._clocks.encode()))
            self._clock_changed = False
        return changes

    def _outs(self, effects: Effects) -> list[Out]:
        published_at = from_ms(self._wall_ms())
        outs: list[Out] = []
        for record in effects.said:
            match record:
                case wire.ExceptionRecord():
                    record.published_at = published_at
                    for tally in quality_of(record):
                        effects.count(*tally)
                    outs += self._tell_exception(record)
                case Status():
                    outs.append(publish_status(record.record, record.etas, _STAGE, self.partition))
                case wire.CommandReply():
                    record.published_at = published_at
                    outs.append(publish_reply(record, _STAGE, self.partition))
                case wire.Tick():
                    outs.append(Out(topics.RECOVERY_EVENTS, None, wire.encode(record), self.partition))
                case Grave():
                    outs.append(Out(record.topic, record.key.encode(), None, self.partition))
                case Minute():
                    outs += self._tick_areas(record.at_ms)
                case wire.ScoreRequest():
                    outs.append(self._out(topics.SCORE_REQUESTS, record.route_id, wire.encode(record)))
        return outs

    def _tell_exception(self, record: wire.ExceptionRecord) -> list[Out]:
        """To everybody; to recovery until it has ended, and to the areas where others may share its cause."""
        value = wire.encode(record)
        outs = [publish_exception(record, _STAGE, self.partition, value)]
        if record.transition is not Transition.CLOSED:
            outs.append(self._out(topics.RECOVERY_EVENTS, record.route_id or "", value))
        if concerns_areas(record):
            outs.append(Out(topics.AREA_EVENTS, record.tenant.encode(), value))
        return outs

    def _tick_areas(self, at_ms: int) -> list[Out]:
        """Into every partition, since the routes of a tenant stand in all of ours."""
        value = wire.encode(wire.Tick(source=self._name, sources=self._partitions, upto=from_ms(at_ms)))
        return [Out(topics.AREA_EVENTS, None, value, partition) for partition in range(self._partitions)]

    def _out(self, topic: str, key: str, value: bytes) -> Out:
        return Out(topic, key.encode(), value, self.partition)
