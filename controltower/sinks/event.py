"""A record of exceptions or dispatch as an event for a sink, and whether the sink wants it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from controltower.sinks.config import Sink
from controltower.streaming.stage import Record
from schemas import wire

_ENCODER: Final = msgspec.json.Encoder()


@dataclass(slots=True, frozen=True)
class Event:
    """`event_id` is the same however often the event is told; `message` is what choices look at."""

    event_id: str
    body: bytes
    message: wire.ExceptionRecord | wire.Action


class _Envelope(msgspec.Struct):
    """The body that Standard Webhooks recommend."""

    type: str
    timestamp: str
    data: msgspec.Raw


def event_of(record: Record) -> Event | None:
    """None for a tombstone. Raises msgspec.DecodeError for what is no message of ours."""
    if record.value is None:
        return None
    match wire.decode_any(record.value):
        case wire.ExceptionRecord() as told:
            name, kind, at = told.exception_id, f"exception.{told.transition.value.lower()}", told.updated_at
        case wire.Action() as told:
            name, kind, at = told.action_id, f"action.{told.state.value.lower()}", told.decided_at
        case _:
            return None
    body = _ENCODER.encode(_Envelope(kind, at.isoformat(), msgspec.Raw(record.value)))
    return Event(f"{name}-{told.seq}", body, told)


def wants(sink: Sink, event: Event) -> bool:
    """Whether the sink is to be told."""
    message = event.message
    if sink.tenants and message.tenant not in sink.tenants:
        return False
    if isinstance(message, wire.Action):
        chosen = sink.actions
        return chosen is not None and (
            (not chosen.actions or message.action in chosen.actions)
            and (not chosen.states or message.state in chosen.states)
        )
    choice = sink.exceptions
    return choice is not None and (
        (not choice.codes or message.code in choice.codes)
        and (not choice.severities or message.severity in choice.severities)
        and (not choice.transitions or message.transition in choice.transitions)
        and (not choice.carriers or message.carrier in choice.carriers)
    )
