"""A body as records that fit: a GTFS-realtime message that is too large is split by its entities."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from google.protobuf.message import DecodeError
from google.transit import gtfs_realtime_pb2

from controltower.feeds.payload import LARGEST_PAYLOAD_BYTES

#: Room for the frame of a message around its entities.
_FRAME_BYTES: Final = 4096


def split_message(body: bytes) -> list[bytes]:
    """Messages of at most 1 MiB with the same header, the bytes as they came where those fit.

    What is no message, or has an entity that is too large alone, stays whole: normalize says what is wrong.
    """
    if len(body) <= LARGEST_PAYLOAD_BYTES:
        return [body]
    message = gtfs_realtime_pb2.FeedMessage()
    try:
        message.ParseFromString(body)
    except DecodeError:
        return [body]
    parts = [part.SerializeToString() for part in _parts(message)]
    return parts if parts and max(map(len, parts)) <= LARGEST_PAYLOAD_BYTES else [body]


def _parts(message: gtfs_realtime_pb2.FeedMessage) -> Iterator[gtfs_realtime_pb2.FeedMessage]:
    part = gtfs_realtime_pb2.FeedMessage(header=message.header)
    size = 0
    for entity in message.entity:
        length = entity.ByteSize() + 8
        if size and size + length > LARGEST_PAYLOAD_BYTES - _FRAME_BYTES:
            yield part
            part, size = gtfs_realtime_pb2.FeedMessage(header=message.header), 0
        part.entity.append(entity)
        size += length
    if size:
        yield part
