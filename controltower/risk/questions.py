"""The questions of a log of routes, as the track stage itself asks them, about every stop that is left.

The log runs through the very fold that serves, so training and serving share every feature. Live it asks
about few stops; here each of its questions is answered with the rows of all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from controltower.clock import epoch_ms_of
from controltower.risk.features import Row, feature_rows, to_shift_row
from controltower.route.asking import moment_of
from controltower.route.ending import SERVING
from controltower.route.evidence import Fix
from controltower.route.fold import TrackFold
from controltower.route.limits import DEFAULT_LIMITS, Limits
from controltower.route.plan import RoutePlan
from controltower.streaming.stage import Record
from schemas import topics, wire


class Question(NamedTuple):
    """What was known of a route at one moment. place, last: indices of its next and its last stop.

    rows: (index of the stop, row) for each stop left. shift: the row of the last stop against the end of the
    shift, which is to be reached by `shift_due_ms`.
    """

    request_id: str
    route_id: str
    as_of_ms: int
    place: int
    last: int
    rows: tuple[tuple[int, Row], ...]
    shift: Row
    shift_due_ms: int


@dataclass(slots=True)
class RouteStory:
    """What the log told of one route: its plan, where it was and when, and which scans served which stop."""

    plan: RoutePlan | None = None
    vehicle_id: str | None = None
    fixes: list[Fix] = field(default_factory=list)
    served_ms: dict[int, int] = field(default_factory=dict)
    questions: list[Question] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sampling:
    """What is kept of a log, since rows that lie close tell the same. every_ms: no question of a route within
    so long of the one before. stops_of: (route id, its number of stops) -> indices of the stops to ask about.
    """

    every_ms: int = 0
    stops_of: Callable[[str, int], Collection[int]] = lambda route_id, stops: range(stops)


def read_stories(
    log: Iterable[Record], limits: Limits = DEFAULT_LIMITS, sampling: Sampling | None = None
) -> dict[str, RouteStory]:
    """The stories of a log in order: records of one partition of route-events."""
    teller = _Teller(limits, sampling or Sampling())
    for record in log:
        teller.take(record)
    return teller.stories


class _Teller:
    def __init__(self, limits: Limits, sampling: Sampling) -> None:
        self._sampling = sampling
        self._asked_ms: dict[str, int] = {}
        self._fold = TrackFold(0, 1, lambda: 0, limits)
        self.stories: dict[str, RouteStory] = {}

    def take(self, record: Record) -> None:
        asked = [out for out in self._fold.fold([record]).outputs if out.topic == topics.SCORE_REQUESTS]
        event = wire.decode_route_event(record.value or b"{}")
        if isinstance(event, wire.Scan | wire.Plan) and event.route_id:
            self._note(event.route_id, event)
        for out in asked:
            question = self._all_of(wire.decode_score_request(out.value or b""))
            if question is not None:
                self.stories[question.route_id].questions.append(question)

    def _note(self, route_id: str, event: wire.Scan | wire.Plan) -> None:
        story = self.stories.setdefault(route_id, RouteStory())
        route = self._fold.find_route(route_id)
        if route is not None and route.plan is not None:
            story.plan = route.plan
        if isinstance(event, wire.Plan):
            return
        story.vehicle_id = event.vehicle_id or story.vehicle_id
        if event.place is not None and event.place.lat is not None and event.place.lon is not None:
            at_ms = epoch_ms_of(event.occurred_at) - int(event.clock_skew_s * 1000)
            story.fixes.append(Fix(at_ms, event.place.lat, event.place.lon, event.place.accuracy_m or 0.0))
        elif event.stop_id is not None and event.milestone in SERVING and story.plan is not None:
            index = story.plan.stop_index.get(event.stop_id)
            if index is not None:
                story.served_ms.setdefault(index, epoch_ms_of(event.occurred_at))

    def _all_of(self, asked: wire.ScoreRequest) -> Question | None:
        """The same question about every stop left that is wanted; None where it comes too soon, or the route
        ended with the record that asked."""
        route = self._fold.find_route(asked.route_id)
        if route is None or route.plan is None:
            return None
        plan, now_ms, remaining = route.plan, epoch_ms_of(asked.as_of), route.remaining()
        if now_ms - self._asked_ms.get(asked.route_id, 0) < self._sampling.every_ms:
            return None
        self._asked_ms[asked.route_id] = now_ms
        wanted, last = self._sampling.stops_of(asked.route_id, len(plan.stops)), remaining[-1]
        moment = moment_of(route, plan, route.slip_ms(now_ms), now_ms, remaining)
        rows = tuple(feature_rows(moment, [i for i in remaining if i in wanted or i == last]))
        due_ms = plan.ends_ms - plan.stops[last].service_ms
        shift = to_shift_row(rows[-1][1], (due_ms - now_ms) / 1000)
        rows = rows if last in wanted else rows[:-1]
        return Question(asked.request_id, asked.route_id, now_ms, remaining[0], last, rows, shift, due_ms)
