"""A public record as it goes out: its topic, its key, its headers as a CloudEvent."""

from __future__ import annotations

from typing import Final

from controltower.streaming.stage import Out
from schemas import topics, wire
from schemas.cloud_events import stamp_of

_EXCEPTION: Final = "controltower.exception/1"
_ACTION: Final = "controltower.action/1"
_STATUS: Final = "controltower.route-status/1"
_REPLY: Final = "controltower.command-reply/1"
_FEED: Final = "controltower.feed-status/1"
_SHIPMENT: Final = "controltower.shipment-status/1"
_ETAS: Final = b'"eta":'
_NO_ETAS: Final = _ETAS + b"[]"


def publish_exception(record: wire.ExceptionRecord, stage: str, partition: int, value: bytes) -> Out:
    """`stage` is who writes it; `value` are its bytes, which recovery gets as well."""
    headers = stamp_of(_EXCEPTION, stage)(f"{record.exception_id}/{record.seq}", record.updated_at)
    return Out(topics.EXCEPTIONS, record.exception_id.encode(), value, partition, headers)


def publish_action(record: wire.Action, stage: str, partition: int, value: bytes) -> Out:
    """As `publish_exception`."""
    headers = stamp_of(_ACTION, stage)(f"{record.action_id}/{record.seq}", record.decided_at)
    return Out(topics.DISPATCH, record.action_id.encode(), value, partition, headers)


def publish_status(record: wire.RouteStatus, etas: bytes, stage: str, partition: int) -> Out:
    """The latest view of a route; `etas` is the JSON of its field `eta`, which the record leaves empty.

    No text within the record can look like the empty field: quotes are escaped in JSON.
    """
    value = wire.encode(record).replace(_NO_ETAS, _ETAS + etas, 1)
    headers = stamp_of(_STATUS, stage)(f"{record.route_id}/{record.seq}", record.as_of)
    return Out(topics.ROUTE_STATUS, record.route_id.encode(), value, partition, headers)


def publish_reply(record: wire.CommandReply, stage: str, partition: int) -> Out:
    """The answer to a command: one, so the command's id is the event's."""
    headers = stamp_of(_REPLY, stage)(record.command_id, record.decided_at)
    return Out(topics.COMMAND_REPLIES, record.command_id.encode(), wire.encode(record), partition, headers)


def publish_feed(record: wire.FeedStatus, stage: str, partition: int) -> Out:
    """The latest view of a feed; it has no seq, so its time tells it from others."""
    headers = stamp_of(_FEED, stage)(f"{record.feed}/{record.as_of.isoformat()}", record.as_of)
    return Out(topics.FEED_STATUS, record.feed.encode(), wire.encode(record), partition, headers)


def publish_shipment(record: wire.ShipmentStatus, stage: str, partition: int) -> Out:
    """The latest view of a shipment with a line haul."""
    headers = stamp_of(_SHIPMENT, stage)(f"{record.shipment_id}/{record.seq}", record.as_of)
    return Out(topics.SHIPMENT_STATUS, record.shipment_id.encode(), wire.encode(record), partition, headers)
