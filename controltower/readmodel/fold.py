"""The stage project for one partition: every poll becomes one transaction in the store."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from controltower.latest import Latest
from controltower.logs import logger
from controltower.readmodel.rows import Row, make_row
from controltower.readmodel.store import Store, StoreBehind, StoreDown
from controltower.streaming.exits import RestartMe
from controltower.streaming.stage import Commit, Record, Unfinished

_FIRST_WAIT_S: Final = 0.2
_LONGEST_WAIT_S: Final = 10.0
#: The changelog's one entry of ours: the run that the rows in the store belong to.
RUN_KEY: Final = b"run"
_log = logger("readmodel")


class ProjectFold:
    """A PartitionFold that blocks. While the store is down it waits: nothing is lost, lag grows.

    A store may also come back without its last seconds, or empty. Then fold() raises RestartMe, and the
    takeover that follows begins where the store stands.

    Without its changelog the stage starts anew, under a new run: the store then forgets what it has.

    wait_s: sleeps, or returns early when asked to give up; injected by tests.
    """

    def __init__(
        self, partition: int, partitions: int, store: Store, wait_s: Callable[[float], object] | None = None
    ) -> None:
        self._partition = partition
        self._store = store
        self._given_up = threading.Event()
        self._wait_s = wait_s or self._given_up.wait
        self._run, self._run_is_known = uuid.uuid4().hex, False
        #: what the store has confirmed to us: topic -> next offset
        self._confirmed: dict[str, int] = {}

    def restore(self, key: bytes, value: bytes) -> None:
        """Of what is kept elsewhere only the run is ours."""
        if key == RUN_KEY:
            self._run, self._run_is_known = value.decode(), True

    def restored(self) -> None:
        """Nothing to do."""

    def start_from(self, starts: Mapping[str, int]) -> Mapping[str, int]:
        """Where the store stands, if that is earlier. One that is down is asked again by the first write."""
        try:
            stored = self._store.begin(self._partition, self._run)
        except StoreDown:
            self._confirmed = dict(starts)
        else:
            self._confirmed = {topic: min(start, stored.get(topic, 0)) for topic, start in starts.items()}
        return dict(self._confirmed)

    def idle(self, ends: Mapping[str, int]) -> Commit | None:
        """Make a new run known, and see whether the store still stands where it stood.

        So an emptied store is filled again even where no record comes. Raises RestartMe.
        """
        try:
            self._store.check(self._partition, self._confirmed, self._run)
        except StoreBehind as lost:
            raise RestartMe(f"{lost}; reading again from there") from lost
        except StoreDown:
            pass  # the next write waits for it
        return None if self._run_is_known else self._with_run(Commit())

    def give_up(self) -> None:
        """As Waits."""
        self._given_up.set()

    def go_on(self) -> None:
        """As Waits."""
        self._given_up.clear()

    def fold(self, records: Sequence[Record]) -> Commit:
        """Write the latest row of each id and the positions; returns once they are stored.

        Raises Unfinished when asked to give up while the store is down.
        """
        commit, latest = Commit(), Latest[Row]()
        for record in records:
            try:
                row = make_row(record)
            except (msgspec.DecodeError, UnicodeDecodeError):  # not written by us; it stops nothing
                _count(commit, "unreadable")
                continue
            name = f"{row.topic}/{row.row_id}"
            if row.deleted:
                latest.drop(name)
            latest.take(name, row.seq, row)
        self._write(list(latest.values()), {record.topic: record.offset + 1 for record in records})
        for row in latest.values():
            _count(commit, "rows", row.topic)
        return self._with_run(commit)

    def _with_run(self, commit: Commit) -> Commit:
        if not self._run_is_known:
            commit.changes.append((RUN_KEY, self._run.encode()))
            self._run_is_known = True
        return commit

    def _write(self, rows: Sequence[Row], positions: Mapping[str, int]) -> None:
        """Until it succeeds; one line when the store goes and one when it is back."""
        pause_s, down = _FIRST_WAIT_S, False
        while True:
            try:
                self._store.write(self._partition, rows, positions, self._confirmed, self._run)
            except StoreBehind as lost:
                raise RestartMe(f"{lost}; reading again from there") from lost
            except StoreDown as failed:
                if not down:
                    _log.warning("redis is down, waiting", partition=self._partition, error=str(failed))
                down = True
                self._wait_s(pause_s)
                if self._given_up.is_set():
                    raise Unfinished from failed
                pause_s = min(2 * pause_s, _LONGEST_WAIT_S)
            else:
                self._confirmed.update(positions)
                if down:
                    _log.info("redis is back", partition=self._partition)
                return


def _count(commit: Commit, *tally: str) -> None:
    commit.tallies[tally] = commit.tallies.get(tally, 0) + 1
