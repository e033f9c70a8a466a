"""The stage assign: scans of shipments find their route."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import msgspec

from controltower.clock import TICK_EVERY_MS, epoch_ms_of, instant_of, passes
from controltower.exceptions.commands import answer
from controltower.haul.fold import Hauls
from controltower.haul.state import HAUL_KEY
from controltower.publishing import publish_reply
from controltower.route.clock import CLOCK_KEY, SourceClocks
from controltower.shipment.apply import Effects, apply
from controltower.shipment.due import DueQueue
from controltower.shipment.state import STATE_KEY, Shipment, decode_shipment, encode_shipment
from controltower.streaming.stage import Commit, Out, Record
from schemas import topics
from schemas.vocabulary import Refusal
from schemas.wire import (
    Assignment,
    Command,
    HaulPlan,
    HaulScore,
    Scan,
    ShipmentsRead,
    Tick,
    decode_shipment_event,
    encode,
)


class AssignFold:
    """All shipments of one partition of shipment-events."""

    def __init__(self, partition: int, partitions: int, wall_ms: Callable[[], int]) -> None:
        self._partition, self._partitions = partition, partitions
        self._wall_ms = wall_ms
        self._shipments: dict[str, Shipment] = {}
        self._hauls = Hauls(partition)
        self._clocks = SourceClocks()
        self._forget = DueQueue()
        self._changed: set[str] = set()
        self._clock_moved = False
        self._outputs: list[Out] = []
        self._tallies: Counter[tuple[str, ...]] = Counter()

    def restore(self, key: bytes, value: bytes) -> None:
        if key == CLOCK_KEY:
            self._clocks.restore(value)
        elif key.startswith(STATE_KEY):
            self._shipments[key[len(STATE_KEY) :].decode()] = decode_shipment(value)
        elif key.startswith(HAUL_KEY):
            self._hauls.restore(key[len(HAUL_KEY) :].decode(), value)

    def restored(self) -> None:
        for shipment_id, shipment in self._shipments.items():
            self._forget.schedule(shipment_id, shipment.forget_ms)

    def idle(self, ends: Mapping[str, int]) -> Commit | None:
        """Nothing happens without a record."""
        return None

    def fold(self, records: Sequence[Record]) -> Commit:
        self._outputs, self._tallies = [], Counter()
        for record in records:
            self._fold_one(record)
        return Commit(self._outputs, self._take_changes(), dict(self._tallies))

    def _fold_one(self, record: Record) -> None:
        try:
            event = decode_shipment_event(record.value or b"")
        except msgspec.DecodeError:  # not written by us; it must not stop the partition
            self._tallies["unreadable",] += 1
            return
        match event:
            case Tick():
                self._tick(event)
            case Assignment() | HaulPlan():
                self._apply(event.shipment_id, event)
            case Scan(shipment_ids=(shipment_id, *_)):
                self._apply(shipment_id, event)
            case HaulScore():
                self._answer(event)
            case Command():
                self._refuse(event)
            case _:
                self._tallies["without_shipment",] += 1

    def _apply(self, shipment_id: str, event: Scan | Assignment | HaulPlan) -> None:
        shipment, effects = apply(self._shipments.get(shipment_id) or Shipment(), event)
        self._shipments[shipment_id] = shipment
        self._changed.add(shipment_id)
        self._forget.schedule(shipment_id, shipment.forget_ms)
        self._send(effects)
        if (shipment_id in self._hauls or isinstance(event, HaulPlan)) and not effects.is_duplicate:
            self._hauls.take(shipment_id, shipment, event)
            self._take_hauled()

    def _answer(self, score: HaulScore) -> None:
        shipment = self._shipments.get(score.shipment_id)
        if shipment is not None:
            self._hauls.answer(shipment, score)
            self._take_hauled()

    def _take_hauled(self) -> None:
        outputs, tallies = self._hauls.take_outputs()
        self._outputs += outputs
        self._tallies.update(tallies)

    def _forget_ms(self, shipment_id: str) -> int:
        return max(self._shipments[shipment_id].forget_ms, self._hauls.keep_ms(shipment_id))

    def _send(self, effects: Effects) -> None:
        for scan in effects.forwards:
            self._outputs.append(Out(topics.ROUTE_EVENTS, (scan.route_id or "").encode(), encode(scan)))
        for what, count in (
            ("forwarded", len(effects.forwards)),
            ("dropped", effects.dropped),
            ("duplicates", int(effects.is_duplicate)),
        ):
            if count:
                self._tallies[what,] += count

    def _refuse(self, command: Command) -> None:
        """This stage opens no exceptions, so there is none that a command could be about."""
        reply = answer(command, epoch_ms_of(command.received_at or command.issued_at), Refusal.NOT_OPEN)
        reply.published_at = instant_of(self._wall_ms())
        self._outputs.append(publish_reply(reply, "assign", self._partition))

    def _tick(self, tick: Tick) -> None:
        before_ms, now_ms = self._clocks.now_ms, self._clocks.tick(tick)
        self._clock_moved = True
        if now_ms is None:
            return
        self._hauls.advance(now_ms, self._shipments)
        for shipment_id in self._forget.take_due(now_ms, self._forget_ms):
            del self._shipments[shipment_id]
            self._changed.add(shipment_id)
            self._hauls.forget(shipment_id)
        self._take_hauled()
        if passes(before_ms, now_ms, TICK_EVERY_MS):
            self._tell_routes(now_ms)

    def _tell_routes(self, read_ms: int) -> None:
        """Behind every scan that it is about: what a route has not heard of by then was not scanned.

        Not with every move of the clock: sources that tick within the same second move it by as little.
        """
        source = f"{topics.SHIPMENT_EVENTS}/{self._partition}"
        read = ShipmentsRead(source=source, sources=self._partitions, upto=instant_of(read_ms))
        value = encode(read)
        self._outputs += [Out(topics.ROUTE_EVENTS, None, value, p) for p in range(self._partitions)]

    def _take_changes(self) -> list[tuple[bytes, bytes | None]]:
        changes: list[tuple[bytes, bytes | None]] = []
        for shipment_id in sorted(self._changed):
            shipment = self._shipments.get(shipment_id)
            changes.append(
                (STATE_KEY + shipment_id.encode(), encode_shipment(shipment) if shipment else None)
            )
        changes += self._hauls.take_changes()
        if self._clock_moved:
            changes.append((CLOCK_KEY, self._clocks.encode()))
        self._changed, self._clock_moved = set(), False
        return changes
