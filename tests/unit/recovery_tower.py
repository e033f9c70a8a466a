"""Two partitions of recovery with their logs and changelogs; each step may crash before it is committed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from controltower.recovery.fold import RecoverFold
from controltower.recovery.policy import Playbook
from controltower.streaming.partitioner import partition_of
from controltower.streaming.stage import Commit, Out, Record
from schemas import wire
from schemas.topics import DISPATCH, RECOVERY_EVENTS

PARTITIONS = 2


class Tower:
    """`told`: (partition, action record) in the order of the commits."""

    def __init__(self, playbook: Playbook) -> None:
        self.playbook = playbook
        self._changelogs: list[dict[bytes, bytes]] = [{} for _ in range(PARTITIONS)]
        self._read = [0] * PARTITIONS
        self._folds = [self._restored(number) for number in range(PARTITIONS)]
        self.logs: list[list[Record]] = [[] for _ in range(PARTITIONS)]
        self.told: list[tuple[int, wire.Action]] = []
        self.replies: list[wire.CommandReply] = []

    def append(self, event: wire.RecoveryEvent, home: str) -> None:
        """One record into the log of its home."""
        self._append(Out(RECOVERY_EVENTS, home.partition(":")[2].encode(), wire.encode(event)))

    def broadcast(self, event: wire.RecoveryEvent) -> None:
        for number in range(PARTITIONS):
            self._append(Out(RECOVERY_EVENTS, None, wire.encode(event), number))

    def tick(self, at: datetime) -> None:
        for number in range(PARTITIONS):
            tick = wire.Tick(source=f"route-events/{number}", sources=PARTITIONS, upto=at)
            self._append(Out(RECOVERY_EVENTS, None, wire.encode(tick), number))

    def _append(self, out: Out) -> None:
        number = partition_of(out.key or b"", PARTITIONS) if out.partition is None else out.partition
        log = self.logs[number]
        log.append(Record(RECOVERY_EVENTS, number, len(log), 0, out.key, out.value))

    def owes(self, number: int) -> int:
        return len(self.logs[number]) - self._read[number]

    def next_value(self, number: int) -> bytes:
        """What the next step folds first."""
        return self.logs[number][self._read[number]].value or b""

    def step(
        self, number: int, records: int = 1, *, crash: bool = False, echo: bool = True
    ) -> Sequence[wire.Action]:
        """One poll. With a crash nothing of it is kept and a new owner restores the changelog.

        echo False: the log holds what the poll writes into it already.
        """
        read = self._read[number]
        poll = self.logs[number][read : read + records]
        commit = self._folds[number].fold(poll)
        if crash:
            self._folds[number] = self._restored(number)
            return ()
        self._read[number] += len(poll)
        return self._commit(number, commit, echo=echo)

    def restart(self, number: int) -> None:
        """Between two polls."""
        self._folds[number] = self._restored(number)

    def drain(self, records: int = 1000) -> None:
        """Read everything, both in turn, polls of so many records."""
        while any(self.owes(number) for number in range(PARTITIONS)):
            for number in range(PARTITIONS):
                self.step(number, records)

    def changelog(self, number: int) -> dict[bytes, bytes]:
        return self._changelogs[number]

    def _commit(self, number: int, commit: Commit, *, echo: bool) -> Sequence[wire.Action]:
        for key, value in commit.changes:
            self._changelogs[number].pop(key, None)
            if value is not None:
                self._changelogs[number][key] = value
        fresh = []
        for out in commit.outputs:
            if out.topic == RECOVERY_EVENTS:
                if echo:
                    self._append(out)
            elif out.topic == DISPATCH and out.value is not None:
                fresh.append(msgspec.json.decode(out.value, type=wire.Action))
            elif out.topic == "command-replies":
                self.replies.append(msgspec.json.decode(out.value or b"", type=wire.CommandReply))
        self.told += [(number, action) for action in fresh]
        return fresh

    def _restored(self, number: int) -> RecoverFold:
        fold = RecoverFold(number, PARTITIONS, self.playbook, lambda: 0)
        for key, value in self._changelogs[number].items():
            fold.restore(key, value)
        fold.restored()
        return fold
