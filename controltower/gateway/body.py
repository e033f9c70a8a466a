"""A request's body as events: one, the members of a JSON array, or lines; each as its bytes came."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from controltower.feeds.paths import Paths, compile_paths
from controltower.feeds.rejection import Rejected
from controltower.feeds.values import LONGEST_IDENTIFIER
from controltower.gateway.config import FeedAccess
from controltower.gateway.refusal import Refusal, Refused

LINES: Final = "application/x-ndjson"
_members = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode = msgspec.json.Decoder().decode

#: (event) -> the key that keeps its order
KeyOf = Callable[[bytes], bytes]


def split_body(body: bytes, content_type: str, access: FeedAccess) -> list[bytes]:
    """The events in their order. Raises Refused."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == LINES:
        events = [line for line in body.split(b"\n") if line.strip()]
    elif access.split and body.lstrip(b" \t\r\n")[:1] == b"[":
        events = _split_array(body)
    else:
        events = [body] if body else []
    if not events:
        raise Refused(Refusal.EMPTY)
    if len(events) > access.most_events:
        raise Refused(Refusal.TOO_MANY, f"more than {access.most_events} events in one request")
    if max(map(len, events)) > access.largest_event_bytes:
        raise Refused(Refusal.TOO_LARGE, f"an event has more than {access.largest_event_bytes} bytes")
    return events


def _split_array(body: bytes) -> list[bytes]:
    try:
        return [bytes(member) for member in _members(body)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused(Refusal.NOT_PARSABLE) from None


def make_key_of(feed: str, paths: Paths | None) -> KeyOf:
    """Events without a key go by the name of the feed, which keeps the order of all of them."""
    fallback = feed.encode()
    if paths is None:
        return lambda event: fallback
    find = compile_paths(paths)

    def key_of(event: bytes) -> bytes:
        try:
            payload: Any = _decode(event)
            found = find((payload,)) if isinstance(payload, dict) else None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Rejected):
            return fallback
        return str(found)[:LONGEST_IDENTIFIER].encode() if isinstance(found, str | int) else fallback

    return key_of
