"""What is kept of the trail of a route while the route is awake."""

from __future__ import annotations

from typing import Final

from msgspec import Raw

from controltower.route.evidence import Snapshot
from controltower.route.fixes import (
    NO_FIXES,
    fixes_after,
    from_array,
    newest_fix,
    pack_fix,
    to_array,
)
from controltower.route.packed import AS_USUAL, PACKED_START, open_snapshot, pack_snapshot, taken_at_ms
from controltower.route.state import RouteState, encode_state

#: After every fix.
NEVER_MS: Final = 1 << 60


class Trail:
    """What all fixes so far say, the fixes behind the base snapshot, and snapshots to go back to, which are
    rebuilt after a restore.

    Base and fixes are taken out of the state, and stand in it again only while it is encoded.
    """

    __slots__ = ("fixes", "kept", "kept_last_ms", "newest_ms", "now", "settles_ms")

    def __init__(self, state: RouteState) -> None:
        #: packed, see fixes.py
        self.fixes = from_array(state.tail)
        #: packed snapshots in order of time, the base before all others
        self.kept: tuple[bytes, ...] = (PACKED_START if state.base == AS_USUAL else bytes(state.base),)
        state.base, state.tail = AS_USUAL, NO_FIXES
        self.now: Snapshot = open_snapshot(self.kept[0])
        #: when the last of them was taken, and the one after the base, which is the next base
        self.kept_last_ms = self.now.progress.at_ms
        self.settles_ms = NEVER_MS
        #: the newest time of the base and all fixes
        self.newest_ms = self.kept_last_ms
        newest = newest_fix(self.fixes)
        if newest is not None and newest.at_ms > self.newest_ms:
            self.newest_ms = newest.at_ms

    def keep(self) -> None:
        """`now` is one more to go back to."""
        at_ms = self.now.progress.at_ms
        if len(self.kept) == 1:
            self.settles_ms = at_ms
        self.kept, self.kept_last_ms = (*self.kept, pack_snapshot(self.now)), at_ms

    def begin_from(self, base: Snapshot) -> None:
        """What is kept is this one alone; the fixes are to be folded behind it."""
        self.kept = (pack_snapshot(base),)
        self._open_last()

    def go_back(self, before_ms: int) -> None:
        """To the newest snapshot from before that time."""
        while len(self.kept) > 1 and self.kept_last_ms > before_ms:
            self.kept = self.kept[:-1]
            self.kept_last_ms = taken_at_ms(self.kept[-1])
        self._open_last()

    def settle(self, oldest_ms: int) -> None:
        """The newest snapshot from before that time becomes the base: nothing can come before it any more."""
        base_ms = self.settles_ms
        while self.settles_ms < oldest_ms:
            base_ms = self.settles_ms
            self.kept = self.kept[1:]
            self.settles_ms = taken_at_ms(self.kept[1]) if len(self.kept) > 1 else NEVER_MS
        self.fixes = fixes_after(self.fixes, base_ms)

    def end(self) -> None:
        """Nothing but what is now, and the newest fix."""
        newest = newest_fix(self.fixes)
        self.fixes = b"" if newest is None else pack_fix(newest)
        self.begin_from(self.now)

    def _open_last(self) -> None:
        self.now = open_snapshot(self.kept[-1])
        self.kept_last_ms = self.now.progress.at_ms
        if len(self.kept) == 1:
            self.settles_ms = NEVER_MS


def encode_with(state: RouteState, trail: Trail) -> bytes:
    """The bytes for the changelog of a route that is awake."""
    state.base, state.tail = Raw(trail.kept[0]), to_array(trail.fixes)
    value = encode_state(state)
    state.base, state.tail = AS_USUAL, NO_FIXES
    return value
