"""The stage project for one partition: every poll becomes one transaction in the store."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from controltower.logs import logger
from controltower.readmodel.rows import Row, make_row
from controltower.readmodel.store import Store, StoreBehind, StoreDown
from controltower.streaming.exits import RestartMe
from controltower.streaming.stage import Commit, Record

_FIRST_WAIT_S: Final = 0.2
_LONGEST_WAIT_S: Final = 10.0
_log = logger("readmodel")


class ProjectFold:
    """A PartitionFold that blocks. While the store is down it waits: nothing is lost, lag grows.

    A store may also come back without its last seconds, or empty. Then fold() raises RestartMe, and the
    takeover that follows begins where the store stands.

    wait_s: sleeps; injected by tests.
    """

    def __init__(
        self, partition: int, partitions: int, store: Store, wait_s: Callable[[float], None] = time.sleep
    ) -> None:
        self._partition = partition
        self._store = store
        self._wait_s = wait_s
        #: what the store has confirmed to us: topic -> next offset
        self._confirmed: dict[str, int] = {}

    def restore(self, key: bytes, value: bytes) -> None:
        """Nothing is kept here; the store is the state."""

    def restored(self) -> None:
        """Nothing to do."""

    def start_from(self, starts: Mapping[str, int]) -> Mapping[str, int]:
        """Where the store stands, if that is earlier. One that is down is asked again by the first write."""
        try:
            stored = self._store.stands_at(self._partition)
        except StoreDown:
            self._confirmed = dict(starts)
        else:
            self._confirmed = {topic: min(start, stored.get(topic, 0)) for topic, start in starts.items()}
        return dict(self._confirmed)

    def idle(self, ends: Mapping[str, int]) -> Commit | None:
        """Nothing happens without a record."""
        return None

    def fold(self, records: Sequence[Record]) -> Commit:
        """Write the latest row of each id and the positions; returns once they are stored."""
        commit, latest = Commit(), dict[tuple[str, str], Row]()
        for record in records:
            try:
                row = make_row(record)
            except (msgspec.DecodeError, UnicodeDecodeError):  # not written by us; it stops nothing
                _count(commit, "unreadable")
                continue
            known = latest.get((row.topic, row.row_id))
            if known is None or row.deleted or row.seq > known.seq:
                latest[row.topic, row.row_id] = row
        self._write(list(latest.values()), {record.topic: record.offset + 1 for record in records})
        for row in latest.values():
            _count(commit, "rows", row.topic)
        return commit

    def _write(self, rows: Sequence[Row], positions: Mapping[str, int]) -> None:
        """Until it succeeds; one line when the store goes and one when it is back."""
        pause_s, down = _FIRST_WAIT_S, False
        while True:
            try:
                self._store.write(self._partition, rows, positions, self._confirmed)
            except StoreBehind as lost:
                raise RestartMe(f"{lost}; reading again from there") from lost
            except StoreDown as failed:
                if not down:
                    _log.warning("redis is down, waiting", partition=self._partition, error=str(failed))
                down = True
                self._wait_s(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_WAIT_S)
            else:
                self._confirmed.update(positions)
                if down:
                    _log.info("redis is back", partition=self._partition)
                return


def _count(commit: Commit, *tally: str) -> None:
    commit.tallies[tally] = commit.tallies.get(tally, 0) + 1
