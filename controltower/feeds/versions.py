"""Versions of a feed's mapping that stand in the log: a replay reads each record with what was in force.

A record in carrier-events with the header `ct-mapping: <feed>/<version>` has a mapping file as its value.
From there on its partition reads the feed with it; each partition has a copy of its own. The file that is
shipped or configured is version 0 and counts until the first such record.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from controltower.feeds.registry import Feed, MappingError, make_feed, parse_mapping
from controltower.feeds.rejection import Rejected
from controltower.streaming.stage import Out
from schemas.topics import CARRIER_EVENTS
from schemas.vocabulary import RejectReason

MAPPING_HEADER: Final = "ct-mapping"
MAPPING_KEY: Final = b"m/"
#: Revisions of scans stay below 2**53, which every JSON reader keeps exactly.
HIGHEST_VERSION: Final = 1 << 20


class Version(NamedTuple):
    """A mapping in force: its number and its text."""

    number: int
    text: str


@lru_cache(maxsize=256)
def _compile(text: str, number: int) -> Feed:
    return make_feed(parse_mapping(text, "mapping"), number)


def read_version(header: bytes | None, value: bytes | None) -> tuple[Feed, Version]:
    """The feed of a mapping record; raises Rejected."""
    name, _, digits = (header or b"").decode("ascii", errors="replace").rpartition("/")
    if not (digits.isdigit() and len(digits) < 8 and 1 <= int(digits) <= HIGHEST_VERSION):
        raise Rejected(RejectReason.OUT_OF_RANGE, f"header {MAPPING_HEADER} is not <feed>/<version>")
    version = Version(int(digits), (value or b"").decode("utf-8", errors="replace"))
    try:
        feed = _compile(version.text, version.number)
    except MappingError as wrong:
        raise Rejected(RejectReason.NOT_PARSABLE, str(wrong)) from None
    if feed.name != name:
        raise Rejected(
            RejectReason.OUT_OF_RANGE, f"header {MAPPING_HEADER} names another feed than its value"
        )
    return feed, version


def write_versions(feed: Feed, version: Version, partitions: int) -> list[Out]:
    """The record of a new version, for every partition."""
    header = (MAPPING_HEADER, f"{feed.name}/{version.number}".encode())
    key, value = feed.name.encode(), version.text.encode()
    return [Out(CARRIER_EVENTS, key, value, partition, (header,)) for partition in range(partitions)]


def encode_version(version: Version) -> bytes:
    """A version for the changelog."""
    return msgspec.msgpack.encode(version)


def decode_version(value: bytes) -> tuple[Feed, Version]:
    """A version of the changelog, compiled."""
    version = msgspec.msgpack.decode(value, type=Version)
    return _compile(version.text, version.number), version
