"""The line hauls of one partition of shipment-events. A shipment without one costs a look into a dict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from controltower.clock import epoch_ms_of
from controltower.haul.apply import find_look_ms, look, take_plan, take_scan, take_score
from controltower.haul.state import HAUL_KEY, Haul, decode_haul, encode_haul
from controltower.haul.telling import question_of, status_of
from controltower.publishing import publish_shipment
from controltower.shipment.due import DueQueue
from controltower.shipment.state import Shipment
from controltower.streaming.stage import Out
from schemas import topics
from schemas.wire import Assignment, HaulPlan, HaulScore, Scan, encode

#: Who runs this fold.
_STAGE: Final = "assign"


class Hauls:
    """A shipment is folded first; then it is told here, and what follows waits for `take_outputs`."""

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._hauls: dict[str, Haul] = {}
        self._look_ms: dict[str, int] = {}
        self._looks = DueQueue()
        self._changed: set[str] = set()
        self._outputs: list[Out] = []
        self._tallies: Counter[tuple[str, ...]] = Counter()

    def __contains__(self, shipment_id: str) -> bool:
        return shipment_id in self._hauls

    def restore(self, shipment_id: str, value: bytes) -> None:
        """Take an entry of the changelog."""
        haul = self._hauls[shipment_id] = decode_haul(value)
        self._schedule(shipment_id, find_look_ms(haul))

    def keep_ms(self, shipment_id: str) -> int:
        """Until when the shipment must be kept although nothing is heard of it; 0: as long as any."""
        haul = self._hauls.get(shipment_id)
        return 0 if haul is None else haul.keep_ms

    def take(self, shipment_id: str, shipment: Shipment, event: Scan | Assignment | HaulPlan) -> None:
        """The shipment after the event. It has a line haul, or the event is the plan of one."""
        haul = self._hauls.get(shipment_id)
        match event:
            case HaulPlan():
                haul = take_plan(haul, event, shipment.pending)
            case Scan() if haul is not None:
                haul = take_scan(haul, event)
        if haul is not None and event.received_at is not None:
            self._look(shipment_id, haul, shipment, epoch_ms_of(event.received_at))

    def answer(self, shipment: Shipment, score: HaulScore) -> None:
        """What the model says; what is over or forgotten needs no answer."""
        haul = self._hauls.get(score.shipment_id)
        if haul is not None:
            self._look(score.shipment_id, take_score(haul, score), shipment, epoch_ms_of(score.as_of))

    def advance(self, now_ms: int, shipments: Mapping[str, Shipment]) -> None:
        """Everything that is due by then, each at its own time."""
        while due := self._looks.take_due(now_ms, self._look_ms.__getitem__):
            for shipment_id in due:
                at_ms, shipment = self._look_ms[shipment_id], shipments[shipment_id]
                self._look(shipment_id, self._hauls[shipment_id], shipment, at_ms, is_due=True)

    def forget(self, shipment_id: str) -> None:
        """The shipment is forgotten, and what was told of it."""
        if self._hauls.pop(shipment_id, None) is not None:
            self._schedule(shipment_id, None)
            self._changed.add(shipment_id)
            self._outputs.append(Out(topics.SHIPMENT_STATUS, shipment_id.encode(), None, self._partition))

    def take_outputs(self) -> tuple[list[Out], Counter[tuple[str, ...]]]:
        """What is to be written since the last call, and what is counted."""
        outputs, tallies = self._outputs, self._tallies
        self._outputs, self._tallies = [], Counter()
        return outputs, tallies

    def take_changes(self) -> list[tuple[bytes, bytes | None]]:
        """Changelog entries since the last call."""
        changed, self._changed = sorted(self._changed), set()
        found = [(shipment_id, self._hauls.get(shipment_id)) for shipment_id in changed]
        return [
            (HAUL_KEY + name.encode(), None if haul is None else encode_haul(haul)) for name, haul in found
        ]

    def _look(
        self, shipment_id: str, haul: Haul, shipment: Shipment, now_ms: int, *, is_due: bool = False
    ) -> None:
        haul, effects = look(haul, shipment, now_ms, is_due=is_due)
        if haul == self._hauls.get(shipment_id):
            return
        self._hauls[shipment_id] = haul
        self._changed.add(shipment_id)
        self._schedule(shipment_id, find_look_ms(haul))
        if effects.asked is not None:
            question = question_of(haul.plan, effects.asked)
            self._outputs.append(Out(topics.SCORE_REQUESTS, shipment_id.encode(), encode(question)))
            self._tallies["haul_requests", effects.asked.stage.value] += 1
        if effects.is_news:
            self._outputs.append(publish_shipment(status_of(haul), _STAGE, self._partition))

    def _schedule(self, shipment_id: str, look_ms: int | None) -> None:
        if look_ms is None:
            self._look_ms.pop(shipment_id, None)
            self._looks.cancel(shipment_id)
            return
        self._look_ms[shipment_id] = look_ms
        self._looks.schedule(shipment_id, look_ms)
