"""One event on its way to one sink, as it stands in the changelog, and what becomes of an attempt."""

from __future__ import annotations

from enum import StrEnum
from random import Random
from typing import Final

import msgspec

from controltower.sinks.config import Sink
from controltower.stamped import open_stamped, stamp

SCHEMA: Final = 2
PREFIX: Final = b"d/"
#: Receivers of one sink are to come back spread over time, not all at once.
_JITTER: Final = 0.2
#: A receiver that asks for more patience than this is asked again anyway.
LONGEST_PATIENCE_MS: Final = 3_600_000


class Outcome(StrEnum):
    """What became of one attempt."""

    DELIVERED = "DELIVERED"
    BUSY = "BUSY"
    REFUSED = "REFUSED"
    SERVER_ERROR = "SERVER_ERROR"
    REDIRECTED = "REDIRECTED"
    TIMEOUT = "TIMEOUT"
    UNREACHABLE = "UNREACHABLE"
    FORBIDDEN_ADDRESS = "FORBIDDEN_ADDRESS"
    GONE = "GONE"
    TOO_LARGE = "TOO_LARGE"
    BROKEN = "BROKEN"


class Undelivered(StrEnum):
    """Why an event is given up; it goes to the topic undelivered."""

    GAVE_UP = "GAVE_UP"
    GONE = "GONE"
    TOO_LARGE = "TOO_LARGE"
    QUEUE_FULL = "QUEUE_FULL"
    NO_SUCH_SINK = "NO_SUCH_SINK"


#: What another attempt cannot mend.
_FINAL: Final = {Outcome.GONE: Undelivered.GONE, Outcome.TOO_LARGE: Undelivered.TOO_LARGE}
#: The receiver is there: what else waits for it may go on at once.
ANSWERS: Final = frozenset({Outcome.DELIVERED, *_FINAL})


class Delivery(msgspec.Struct, array_like=True):
    """Times are epoch ms by our clock. `at_ms`: when it was taken on. `due_ms`: not tried before."""

    sink: str
    event_id: str
    body: bytes
    at_ms: int
    due_ms: int
    attempts: int = 0

    @property
    def key(self) -> bytes:
        """Its place in the changelog: the same event of the same sink is one delivery."""
        return key_of(self.sink, self.event_id)


class Attempt(msgspec.Struct, frozen=True):
    """An outcome; `patience_ms` is how long the receiver asked to be left alone."""

    outcome: Outcome
    patience_ms: int = 0


def key_of(sink: str, event_id: str) -> bytes:
    return PREFIX + f"{sink}/{event_id}".encode()


def encode(delivery: Delivery) -> bytes:
    return stamp(SCHEMA, msgspec.msgpack.encode(delivery))


def decode(value: bytes) -> Delivery:
    """Raises Refused for the state of a newer version."""
    _, data = open_stamped(value, SCHEMA, "a delivery")
    return msgspec.msgpack.decode(data, type=Delivery)


def judge(
    delivery: Delivery, attempt: Attempt, sink: Sink, now_ms: int, random: Random
) -> Delivery | Undelivered | None:
    """None: it is done. A Delivery: it is to be tried again at its due_ms. Else why it is given up."""
    if attempt.outcome is Outcome.DELIVERED:
        return None
    if attempt.outcome in _FINAL:
        return _FINAL[attempt.outcome]
    wait_s = sink.retry_s[min(delivery.attempts, len(sink.retry_s) - 1)]
    wait_ms = round(1000 * wait_s * random.uniform(1 - _JITTER, 1 + _JITTER))
    due_ms = now_ms + max(wait_ms, min(attempt.patience_ms, LONGEST_PATIENCE_MS))
    if due_ms > delivery.at_ms + 1000 * sink.give_up_after_s:
        return Undelivered.GAVE_UP
    return msgspec.structs.replace(delivery, due_ms=due_ms, attempts=delivery.attempts + 1)


def pause_s(failures: int) -> float:
    """How long a sink is left alone after so many failures in a row, whatever else waits for it.

    Four may be bad luck with single events. From the fifth on the receiver itself is taken to be down: 5 s,
    doubled each time, at most 5 min, so that a backlog of thousands does not fall on it at every retry.
    """
    return 0.0 if failures < 5 else min(300.0, 5.0 * 2.0 ** (failures - 5))
