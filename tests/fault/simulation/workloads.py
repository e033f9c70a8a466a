"""What is folded in a history: the input's records, the stage, and how its results are compared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from zlib import crc32

from controltower.streaming.stage import Commit, Out, Record, StageSpec
from tests.fault.simulation.broker import Broker
from tests.fault.simulation.mechanisms import Mechanisms
from tests.fault.simulation.violation import Violation

WallClock = Callable[[], int]


class Workload:
    """One per history; what is not overridden here suits a stage whose results only depend on its log."""

    #: keys of changelog entries that also depend on the time of the wall
    timed_keys: frozenset[bytes] = frozenset()
    #: how many records an outsider writes at most at once, and at the end of a history
    burst, rest = 4, 1

    def spec(self, wall_ms: WallClock) -> StageSpec:
        """The stage as a process with this clock runs it."""
        raise NotImplementedError

    def next_input(self, partition: int, now_ms: int) -> Out | None:
        """The next record of a partition, None at the end of its script."""
        raise NotImplementedError

    def comparable(self, value: bytes | None) -> bytes:
        """What must be equal of an output."""
        return value or b""

    def is_same_state(self, one: bytes, other: bytes) -> bool:
        """Whether two states are equal but for what may differ."""
        return one == other

    def lane(self, value: bytes | None) -> str:
        """Outputs of one lane keep their order; a stage with several inputs has several lanes."""
        return ""

    def is_timed(self, value: bytes | None) -> bool:
        """Whether an output also depends on the time of the wall."""
        return False

    def check(self, broker: Broker) -> Iterable[Violation]:
        """What must hold beyond equality with the offline fold."""
        return ()


class CountingFold:
    """Counts per key, tells each count with offset and minute, forgets a key after its fifth record."""

    def __init__(self, partition: int, wall_ms: WallClock | None) -> None:
        self._partition = partition
        self._wall_ms = wall_ms
        self._states: dict[bytes, tuple[int, int]] = {}

    def restore(self, key: bytes, value: bytes) -> None:
        count, _, digest = value.partition(b" ")
        self._states[key] = int(count), int(digest)

    def restored(self) -> None:
        """Nothing to prepare."""

    def fold(self, records: Sequence[Record]) -> Commit:
        commit, changed = Commit(), dict[bytes, None]()
        for record in records:
            key = record.key or b""
            count, digest = self._states.pop(key, (0, 0))
            count, digest = count + 1, crc32(b"%d" % record.offset, digest)
            at_ms = record.timestamp_ms if self._wall_ms is None else self._wall_ms()
            told = b"%d @%d min %d" % (count, record.offset, at_ms // 60_000)
            commit.outputs.append(Out("told", key, told))
            if count < 5:
                self._states[key] = count, digest
            else:
                commit.outputs.append(Out("forgotten", key, b"%d" % digest, self._partition))
            changed[key] = None
        commit.changes = [(key, self._encoded(key)) for key in changed]
        return commit

    def _encoded(self, key: bytes) -> bytes | None:
        state = self._states.get(key)
        return None if state is None else b"%d %d" % state

    def idle(self, ends: Mapping[str, int]) -> Commit | None:
        return None


class Counting(Workload):
    """The smallest stage with state, outputs to two topics and deleted keys."""

    def __init__(self, random: Random, mechanisms: Mechanisms) -> None:
        self._random = random
        self._mechanisms = mechanisms

    def spec(self, wall_ms: WallClock) -> StageSpec:
        wall = None if self._mechanisms.clock_in_the_log else wall_ms
        return StageSpec("count", ("things",), "count-state", lambda p, _: CountingFold(p, wall))

    def next_input(self, partition: int, now_ms: int) -> Out | None:
        return Out("things", b"key-%d" % self._random.randrange(3), b"x", partition)
