"""What the demo knows: folded from the records on the output topics, and from its own intake."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

from controltower.clock import epoch_ms_of
from controltower.intake import CLOCK_HEADER, RECEIVED_AT_HEADER
from controltower.streaming.stage import Record
from schemas import topics, wire
from schemas.vocabulary import ExceptionStatus, Transition

_OVER = (ExceptionStatus.RESOLVED, ExceptionStatus.CLOSED)


@dataclass(slots=True)
class Board:
    """Fold with `take`; the highest seq per id is right. Not thread-safe: its owner holds a lock."""

    statuses: dict[str, wire.RouteStatus] = field(default_factory=dict)
    exceptions: dict[str, wire.ExceptionRecord] = field(default_factory=dict)
    actions: dict[str, wire.Action] = field(default_factory=dict)
    #: Every exception record in the order read, for scoring.
    history: list[wire.ExceptionRecord] = field(default_factory=list)
    dead_letters: Counter[str] = field(default_factory=Counter)
    #: Wall time at which each intake record was handed to the broker, by (partition, offset).
    written_ms: dict[tuple[int, int], int] = field(default_factory=dict)
    #: The day's clock against the wall, in order: times of the day, and when they were written.
    clock_ms: list[int] = field(default_factory=list)
    clock_wall_ms: list[int] = field(default_factory=list)

    def take(self, record: Record) -> None:
        """Fold one record of a topic that the demo tails."""
        if record.topic == topics.CARRIER_EVENTS:
            self._take_intake(record)
        elif record.topic == topics.DEAD_LETTERS:
            self.dead_letters[(dict(record.headers).get("ct-reason") or b"?").decode()] += 1
        elif record.value is not None and record.topic in (
            topics.EXCEPTIONS,
            topics.DISPATCH,
            topics.ROUTE_STATUS,
        ):
            self._take_output(wire.decode_any(record.value))

    def _take_intake(self, record: Record) -> None:
        headers = dict(record.headers)
        stated = headers.get(RECEIVED_AT_HEADER) or headers.get(CLOCK_HEADER)
        if stated is None:
            return
        self.written_ms[record.partition, record.offset] = record.timestamp_ms
        if not self.clock_ms or int(stated) > self.clock_ms[-1]:
            self.clock_ms.append(int(stated))
            self.clock_wall_ms.append(record.timestamp_ms)

    def _take_output(self, message: wire.AnyRecord) -> None:
        match message:
            case wire.RouteStatus():
                known = self.statuses.get(message.route_id)
                if known is None or message.seq > known.seq:
                    self.statuses[message.route_id] = message
            case wire.ExceptionRecord():
                self.history.append(message)
                latest = self.exceptions.get(message.exception_id)
                if latest is None or message.seq > latest.seq:
                    self.exceptions[message.exception_id] = message
            case wire.Action():
                before = self.actions.get(message.action_id)
                if before is None or message.seq > before.seq:
                    self.actions[message.action_id] = message

    def open_exceptions(self) -> list[wire.ExceptionRecord]:
        """Those that are not over, newest first."""
        still_open = [e for e in self.exceptions.values() if e.status not in _OVER]
        return sorted(still_open, key=lambda e: (e.detected_at, e.exception_id), reverse=True)

    def latencies_ms(self) -> list[int]:
        """For each opening: from the intake record that completed its evidence to its publication (wall).

        The completing record is the newest evidence, or for a deadline the first intake record that moved
        the clock past it.
        """
        opened = (e for e in self.history if e.transition is Transition.OPENED)
        return sorted(ms for e in opened if (ms := self._latency_ms(e)) is not None)

    def _latency_ms(self, opened: wire.ExceptionRecord) -> int | None:
        places = [(e.partition, e.offset) for e in opened.evidence if e.topic == topics.CARRIER_EVENTS]
        written = [self.written_ms[place] for place in places if place in self.written_ms]
        index = bisect_left(self.clock_ms, epoch_ms_of(opened.detected_at))
        if index < len(self.clock_wall_ms):
            written.append(self.clock_wall_ms[index])
        return epoch_ms_of(opened.published_at) - max(written) if written else None
