"""What the gateway knows of each feed: who may send it, how much, and how it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from controltower.clock import instant_of
from controltower.feeds.registry import Feed
from controltower.feeds.rejection import Rejected
from controltower.gateway.body import KeyOf, make_key_of
from controltower.gateway.bucket import Bucket
from controltower.gateway.config import FeedAccess, GatewayFile
from controltower.gateway.proof import Proof, make_proof
from controltower.gateway.refusal import Refusal, Refused
from controltower.intake import FEED_HEADER
from controltower.settings import SettingsError
from controltower.streaming.stage import Out
from schemas.topics import CARRIER_EVENTS
from schemas.wire import Source, encode

#: Trying out is for samples, and costs the loop time.
MOST_TRIED: Final = 200


@dataclass(slots=True)
class Door:
    """One feed."""

    feed: Feed
    access: FeedAccess
    proof: Proof
    bucket: Bucket
    key_of: KeyOf

    def to_record(self, event: bytes) -> Out:
        """The event as it came, for carrier-events."""
        headers = ((FEED_HEADER, self.feed.name.encode()),)
        return Out(CARRIER_EVENTS, self.key_of(event), event, headers=headers)

    def try_out(self, events: list[bytes], now_ms: int) -> bytes:
        """What normalize would make of each event, as JSON; nothing is stored."""
        if len(events) > MOST_TRIED:
            raise Refused(Refusal.TOO_MANY, f"a dry run takes at most {MOST_TRIED} events")
        results = [self._try_one(index, event, now_ms) for index, event in enumerate(events)]
        return encode({"feed": self.feed.name, "events": results})

    def _try_one(self, index: int, event: bytes, now_ms: int) -> dict[str, Any]:
        try:
            scans = self.feed.read(event, instant_of(now_ms), Source("dry-run", 0, index))
        except Rejected as rejected:
            return {"index": index, "reason": rejected.reason.value, "detail": rejected.detail}
        return {"index": index, "scans": scans}


class Doors:
    """All feeds that may be sent here, and the proofs of those who may send plans."""

    def __init__(self, doors: Mapping[str, Door], planners: list[Proof]) -> None:
        self._doors = dict(doors)
        self._planners = planners

    @property
    def feeds(self) -> list[str]:
        return sorted(self._doors)

    def door(self, feed: str) -> Door:
        """Raises Refused."""
        found = self._doors.get(feed)
        if found is None:
            raise Refused(Refusal.UNKNOWN_FEED)
        return found

    def check_planner(self, headers: Mapping[str, str], body: bytes) -> None:
        """Any planner's proof will do. Raises Refused."""
        for proof in self._planners:
            try:
                proof.check_head(headers)
                proof.check_body(headers, body)
                return
            except Refused:
                continue
        raise Refused(Refusal.UNAUTHENTICATED)


def open_doors(file: GatewayFile, folder: Path, feeds: Mapping[str, Feed]) -> Doors:
    """Raises SettingsError for a feed that has no mapping or a secret that cannot be used."""
    doors: dict[str, Door] = {}
    for name, access in file.feeds.items():
        feed = feeds.get(name)
        if feed is None:
            raise SettingsError(
                f"CONTROLTOWER_GATEWAY_FILE: feeds.{name}: has no mapping (known: {', '.join(sorted(feeds))})"
            )
        doors[name] = Door(
            feed,
            access,
            make_proof(access, folder),
            Bucket(access.events_per_s, access.burst),
            make_key_of(name, access.key),
        )
    return Doors(doors, [make_proof(access, folder) for access in file.planners.values()])
