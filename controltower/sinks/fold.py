"""The stage deliver for one partition: what is to be told is state, so nothing of it waits for a receiver.

fold() only takes events on: each becomes an entry of the changelog, in the transaction of its position. The
courier sends them meanwhile; what became of its attempts enters the next commit. After a kill, whatever was
sent since the last commit is sent again, with the same id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Final

import msgspec

from controltower.sinks.config import MailSink, Sink
from controltower.sinks.delivery import PREFIX, Delivery, Undelivered, decode, encode, judge, key_of
from controltower.sinks.event import event_of, wants
from controltower.sinks.outbox import Outbox
from controltower.streaming.stage import Commit, Out, Record
from schemas.topics import DELIVERY_REQUESTS, UNDELIVERED

SINK_HEADER: Final = "ct-sink"
ID_HEADER: Final = "ct-id"
REASON_HEADER: Final = "ct-reason"
ATTEMPTS_HEADER: Final = "ct-attempts"
_SINCE: Final = b"since/"
#: Looking through all that waits costs more than a poll.
_GAUGES_EVERY_MS: Final = 5_000
_SWEEP_EVERY_MS: Final = 60_000


class DeliverFold:
    """A PartitionFold, Begins and Waits: the outbox is closed while the partition is not ours.

    now_ms: this machine's clock; attempts and waits are not stream time, since receivers are not.
    """

    def __init__(
        self,
        partition: int,
        sinks: Mapping[str, Sink],
        outbox: Outbox,
        now_ms: Callable[[], int],
        random: Random,
    ) -> None:
        self._partition, self._sinks, self._outbox = partition, sinks, outbox
        self._now_ms, self._random = now_ms, random
        self._pending: dict[bytes, Delivery] = {}
        self._counts = dict.fromkeys(sinks, 0)
        self._since: dict[str, int] = {}
        self._new_sinks: list[str] = []
        self._gauges_at = self._swept_at = 0

    def restore(self, key: bytes, value: bytes) -> None:
        if key.startswith(_SINCE):
            self._since[key.removeprefix(_SINCE).decode()] = int(value)
        elif key.startswith(PREFIX):
            self._pending[key] = decode(value)

    def restored(self) -> None:
        """A sink that was never seen here is told what happens from now on."""
        self._new_sinks = [name for name in self._sinks if name not in self._since]
        self._since.update(dict.fromkeys(self._new_sinks, self._now_ms()))
        for delivery in self._pending.values():
            self._counts[delivery.sink] = self._counts.get(delivery.sink, 0) + 1
        self._outbox.put(d for d in self._pending.values() if d.sink in self._sinks)

    def begin(self) -> list[tuple[bytes, bytes | None]]:
        """As Begins: since when the new sinks are told. Known only from the first commit on, it would be
        later behind a kill before that, and what happened in between would be told to nobody."""
        new, self._new_sinks = self._new_sinks, []
        return [(_SINCE + name.encode(), str(self._since[name]).encode()) for name in new]

    def give_up(self) -> None:
        """As Waits: the partition may go to somebody else."""
        self._outbox.open = False

    def go_on(self) -> None:
        """As Waits: it is ours."""
        self._outbox.open = True
        self._outbox.put(())

    def fold(self, records: Sequence[Record]) -> Commit:
        """Take on what the sinks want, and what became of attempts."""
        commit, now_ms = Commit(), self._now_ms()
        self._settle(commit, now_ms)
        new = [d for record in records for d in self._taken_on(commit, record, now_ms)]
        self._outbox.put(new)
        self._measure(commit, now_ms)
        return commit

    def idle(self, ends: Mapping[str, int]) -> Commit | None:
        """What became of attempts; about once a minute, what has waited for too long."""
        commit, now_ms = Commit(), self._now_ms()
        self._settle(commit, now_ms)
        if now_ms - self._swept_at >= _SWEEP_EVERY_MS:
            self._sweep(commit, now_ms)
        self._measure(commit, now_ms)
        return commit if commit.changes or commit.tallies else None

    def _taken_on(self, commit: Commit, record: Record, now_ms: int) -> list[Delivery]:
        if record.topic == DELIVERY_REQUESTS:
            return self._requested(commit, record, now_ms)
        try:
            event = event_of(record)
        except (msgspec.DecodeError, UnicodeDecodeError):  # not written by us; it stops nothing
            _count(commit, "unreadable")
            return []
        if event is None:
            return []
        new = []
        for name, sink in self._sinks.items():
            if record.timestamp_ms >= self._since[name] and wants(sink, event):
                new += self._add(commit, name, event.event_id, event.body, now_ms)
        return new

    def _requested(self, commit: Commit, record: Record, now_ms: int) -> list[Delivery]:
        """Somebody asks for an event to be told again."""
        headers = {name: (content or b"").decode("utf-8", "replace") for name, content in record.headers}
        sink, event_id = headers.get(SINK_HEADER), headers.get(ID_HEADER)
        if not sink or not event_id or record.value is None:
            _count(commit, "unreadable")
            return []
        if sink not in self._sinks:
            delivery = Delivery(sink, event_id, record.value, now_ms, now_ms)
            self._give_up_on(commit, delivery, Undelivered.NO_SUCH_SINK)
            return []
        return self._add(commit, sink, event_id, record.value, now_ms)

    def _add(self, commit: Commit, name: str, event_id: str, body: bytes, now_ms: int) -> list[Delivery]:
        if key_of(name, event_id) in self._pending:
            return []
        sink = self._sinks[name]
        due_ms = now_ms + _gathering_ms(sink)
        delivery = Delivery(name, event_id, body, now_ms, due_ms)
        if self._counts[name] >= sink.largest_queue:
            self._give_up_on(commit, delivery, Undelivered.QUEUE_FULL)
            return []
        self._keep(commit, delivery)
        self._counts[name] += 1
        return [delivery]

    def _settle(self, commit: Commit, now_ms: int) -> None:
        again = []
        for delivery, attempt in self._outbox.attempts():
            _count(commit, "attempts", delivery.sink, attempt.outcome.value)
            match judge(delivery, attempt, self._sinks[delivery.sink], now_ms, self._random):
                case None:
                    self._forget(commit, delivery)
                    waited_s = max(0.0, (now_ms - delivery.at_ms) / 1000)
                    _count(commit, "seconds", delivery.sink, f"{waited_s:.1f}")
                case Delivery() as later:
                    self._keep(commit, later)
                    again.append(later)
                case Undelivered() as why:
                    self._forget(commit, delivery)
                    self._give_up_on(commit, delivery, why)
        self._outbox.put(again)

    def _sweep(self, commit: Commit, now_ms: int) -> None:
        """What a receiver that is down left no chance to, and what is for sinks that are no more."""
        self._swept_at = now_ms
        for key, delivery in list(self._pending.items()):
            sink = self._sinks.get(delivery.sink)
            if sink is None:
                self._forget(commit, delivery)
                self._give_up_on(commit, delivery, Undelivered.NO_SUCH_SINK)
            elif now_ms > delivery.at_ms + 1000 * sink.give_up_after_s and self._outbox.remove(key):
                self._forget(commit, delivery)
                self._give_up_on(commit, delivery, Undelivered.GAVE_UP)

    def _keep(self, commit: Commit, delivery: Delivery) -> None:
        self._pending[delivery.key] = delivery
        commit.changes.append((delivery.key, encode(delivery)))

    def _forget(self, commit: Commit, delivery: Delivery) -> None:
        if self._pending.pop(delivery.key, None) is not None:
            self._counts[delivery.sink] -= 1
            commit.changes.append((delivery.key, None))

    def _give_up_on(self, commit: Commit, delivery: Delivery, why: Undelivered) -> None:
        headers = (
            (SINK_HEADER, delivery.sink.encode()),
            (ID_HEADER, delivery.event_id.encode()),
            (REASON_HEADER, why.value.encode()),
            (ATTEMPTS_HEADER, str(delivery.attempts).encode()),
        )
        key = delivery.event_id.encode()
        commit.outputs.append(Out(UNDELIVERED, key, delivery.body, self._partition, headers))
        _count(commit, "undelivered", delivery.sink if delivery.sink in self._sinks else "unknown", why.value)

    def _measure(self, commit: Commit, now_ms: int) -> None:
        """Gauges, for all sinks: one that has nothing left says so."""
        if now_ms - self._gauges_at < _GAUGES_EVERY_MS:
            return
        self._gauges_at = now_ms
        late_ms = dict.fromkeys(self._sinks, 0)
        for delivery in self._pending.values():
            sink = self._sinks.get(delivery.sink)
            if sink is not None:
                waited_ms = now_ms - delivery.at_ms - _gathering_ms(sink)
                late_ms[delivery.sink] = max(late_ms[delivery.sink], waited_ms)
        for name, late in late_ms.items():
            commit.tallies["waiting", name, str(self._partition)] = self._counts[name]
            commit.tallies["late", name, str(self._partition)] = late // 1000


def _gathering_ms(sink: Sink) -> int:
    """How long a digest gathers before it is due."""
    return round(1000 * sink.digest_s) if isinstance(sink, MailSink) else 0


def _count(commit: Commit, *tally: str) -> None:
    commit.tallies[tally] = commit.tallies.get(tally, 0) + 1


def request(sink: str, event_id: str, body: bytes, partition: int) -> Out:
    """The record that asks the stage to tell one sink an event again."""
    headers = ((SINK_HEADER, sink.encode()), (ID_HEADER, event_id.encode()))
    return Out(DELIVERY_REQUESTS, event_id.encode(), body, partition, headers)
