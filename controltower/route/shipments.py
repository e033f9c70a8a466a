"""How far the logs of the parcels are read, as it stands in the log of the routes."""

from __future__ import annotations

from typing import Final

import msgspec

from controltower.route.timeline import to_ms
from controltower.route.waiting import WaitingRoutes
from schemas import wire

SHIPMENTS_KEY: Final = b"c/shipments"


class _Kept(msgspec.Struct, array_like=True):
    sources: int = 0
    upto: dict[str, int] = {}
    #: routes that wait for it
    waiting: list[str] = []


class ShipmentLogs(WaitingRoutes):
    """The least of what all partitions of shipment-events have said; routes wait for scans of parcels.

    read_ms: every scan of a parcel that was received up to then has reached its route; 0 while not all have
    said so, None while none has: nobody is waited for that is not there. It never goes back, and never is
    ahead of the clock of the partition: a tick of the intake comes here before it comes through the log of
    the parcels.
    """

    def __init__(self) -> None:
        super().__init__()
        self._kept = _Kept()
        self.read_ms: int | None = None

    def restore(self, value: bytes) -> None:
        """Take the changelog entry SHIPMENTS_KEY."""
        self._kept = msgspec.msgpack.decode(value, type=_Kept)
        self._restore_waiting(self._kept.waiting)
        self._recompute()

    def take_change(self) -> list[tuple[bytes, bytes | None]]:
        """The changelog entry, where something changed since the last call."""
        if not self._take_changed():
            return []
        self._kept.waiting = self.waiting()
        return [(SHIPMENTS_KEY, msgspec.msgpack.encode(self._kept))]

    def take(self, read: wire.ShipmentsRead) -> bool:
        """Fold one record; True where all are read further than before."""
        kept, upto_ms = self._kept, to_ms(read.upto)
        if upto_ms <= kept.upto.get(read.source, -1):
            return False
        self._changed = True
        kept.sources, kept.upto[read.source] = read.sources, upto_ms
        before = self.read_ms
        self._recompute()
        return self.read_ms != before

    def is_behind(self, at_ms: int) -> bool:
        """A scan that was received up to then may still be on its way."""
        return self.read_ms is not None and self.read_ms < at_ms

    def _recompute(self) -> None:
        complete = len(self._kept.upto) >= self._kept.sources
        least = min(self._kept.upto.values(), default=0) if complete else 0
        self.read_ms = max(self.read_ms or 0, least)
