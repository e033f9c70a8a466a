"""The documented examples of exceptions and actions, as a sink would be told them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import Final

import msgspec

from controltower.sinks.delivery import Delivery
from controltower.sinks.event import Event, event_of
from controltower.streaming.stage import Record
from schemas.topics import DISPATCH, EXCEPTIONS

_CHOSEN: Final = (
    (EXCEPTIONS, "long_halt_opened.json"),
    (EXCEPTIONS, "carrier_feed_down_is_about_a_carrier.json"),
    (DISPATCH, "waits_for_approval.json"),
)


def example_events() -> Iterator[Event]:
    for topic, name in _CHOSEN:
        text = (files("schemas") / "examples" / topic / name).read_bytes()
        value = msgspec.json.format(text, indent=-1)
        event = event_of(Record(topic, 0, 0, 0, None, value))
        assert event is not None
        yield event


def example_deliveries(sink: str) -> Iterator[Delivery]:
    """Their ids say that they are examples."""
    for event in example_events():
        yield Delivery(sink, f"example-{event.event_id}", event.body, 0, 0)
