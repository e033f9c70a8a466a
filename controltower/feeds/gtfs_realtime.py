"""GTFS-realtime in protobuf (FeedMessage) to the names that its JSON has, as far as positions need them."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import DecodeError
from google.transit import gtfs_realtime_pb2 as realtime

from controltower.feeds.payload import check_size
from controltower.feeds.rejection import Rejected
from schemas.vocabulary import RejectReason


def decode_gtfs_realtime(value: bytes | None) -> dict[str, Any]:
    """`{"timestamp": ..., "entity": [...]}`; an entity that is no vehicle position has no `vehicle`."""
    message = realtime.FeedMessage()
    try:
        message.ParseFromString(check_size(value))
    except (DecodeError, RuntimeError, UnicodeDecodeError):
        raise Rejected(RejectReason.NOT_PARSABLE, "the value is no GTFS-realtime FeedMessage") from None
    return {
        "version": message.header.gtfs_realtime_version,
        "timestamp": message.header.timestamp or None,
        "entity": [_entity(entity) for entity in message.entity],
    }


def _entity(entity: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"id": entity.id, "is_deleted": entity.is_deleted}
    if entity.HasField("vehicle"):
        seen = entity.vehicle
        found["vehicle"] = {
            "trip": {"trip_id": seen.trip.trip_id, "start_date": seen.trip.start_date},
            "vehicle": {"id": seen.vehicle.id, "label": seen.vehicle.label},
            "position": _position(seen.position) if seen.HasField("position") else None,
            "stop_id": seen.stop_id,
            "timestamp": seen.timestamp or None,
        }
    return found


def _position(position: Any) -> dict[str, float]:
    """Coordinates are 32-bit floats on the wire: rounded to what those can tell, about a metre."""
    found = {"latitude": round(position.latitude, 6), "longitude": round(position.longitude, 6)}
    for name in ("bearing", "speed"):
        if position.HasField(name):
            found[name] = round(getattr(position, name), 3)
    return found
