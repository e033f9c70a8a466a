"""Whether a history ended as the offline fold of its input says, for a read_committed reader."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from controltower.offline.evidence import view_changelog
from controltower.offline.verify.refold import Refolded, refold
from controltower.streaming.positions import decode_position, find_position_topic
from controltower.streaming.stage import Out
from tests.fault.simulation.violation import Violation

if TYPE_CHECKING:
    from tests.fault.simulation.world import World


class Judge:
    """Takes notes while the history goes on; `verdict` at its end."""

    def __init__(self) -> None:
        self._owners = 0
        self._newest: defaultdict[int, int] = defaultdict(int)
        self.found: list[Violation] = []

    def new_owner(self) -> int:
        """A number for whoever takes the partition's transactional id."""
        self._owners += 1
        return self._owners

    def owned(self, partition: int, owner: int) -> None:
        """Everybody who had it before is fenced."""
        self._newest[partition] = max(self._newest[partition], owner)

    def committed(self, partition: int, owner: int) -> None:
        if owner < self._newest[partition]:
            self.found.append(Violation("OWNER", f"a former owner of partition {partition} committed"))

    def refused(self, worker: str, why: Exception) -> None:
        self.found.append(Violation("REFUSED", f"worker {worker}: {why}"))

    def verdict(self, world: World) -> list[Violation]:
        found = [*self.found, *self._positions(world)]
        spec = world.workload.spec(lambda: 0)
        for partition in range(world.broker.partitions):
            log = [r for topic in spec.inputs for r in world.broker.read(topic, partition)]
            folded = refold(spec, partition, world.broker.partitions, log, None)
            found += self._outputs(world, partition, folded)
            found += self._state(world, partition, folded)
        return found + list(world.workload.check(world.broker))

    def _positions(self, world: World) -> list[Violation]:
        """Over all commits in order: no position goes back."""
        last: defaultdict[tuple[int, str], int] = defaultdict(int)
        found = []
        for commit in world.broker.commits:
            for log, entry in commit.records:
                topic = find_position_topic(entry.key or b"")
                if topic is None or entry.value is None:
                    continue
                at = decode_position(entry.value).next_offset
                if at < last[log.partition, topic]:
                    where = f"{topic}/{log.partition}"
                    found.append(
                        Violation("POSITION", f"{where} went from {last[log.partition, topic]} to {at}")
                    )
                last[log.partition, topic] = at
        return found

    def _outputs(self, world: World, partition: int, folded: Refolded) -> list[Violation]:
        expected = self._told(world, folded.outputs)
        seen = self._seen(world, partition)
        found = []
        for lane in sorted(expected.keys() | seen.keys()):
            wanted, got = expected[lane], seen[lane]
            if wanted == got:
                continue
            missing, surplus = Counter(wanted) - Counter(got), Counter(got) - Counter(wanted)
            where = f"{lane[0]}/{lane[1]} of input partition {partition}"
            found += [Violation("LOST", f"{where}: {_show(v)}") for v in missing.elements()]
            found += [Violation("AGAIN", f"{where}: {_show(v)}") for v in surplus.elements()]
            if not missing and not surplus:
                found.append(Violation("ORDER", f"{where} is not in the order of its input"))
        return found

    def _told(self, world: World, outs: list[Out]) -> defaultdict[tuple[str, ...], list[bytes]]:
        """Outputs per log (and input they come of), as an offline fold has them."""
        lanes: defaultdict[tuple[str, ...], list[bytes]] = defaultdict(list)
        for out in outs:
            if not world.workload.is_timed(out.value):
                lane = (out.topic, str(world.broker.partition_of(out)), world.workload.lane(out.value))
                lanes[lane].append(world.workload.comparable(out.value))
        return lanes

    def _seen(self, world: World, partition: int) -> defaultdict[tuple[str, ...], list[bytes]]:
        """The same as a reader of the topics has them."""
        lanes: defaultdict[tuple[str, ...], list[bytes]] = defaultdict(list)
        inputs = world.spec.inputs
        for (topic, number), log in sorted(world.broker.logs.items()):
            if topic == world.spec.changelog or topic in inputs:
                continue
            for entry in log.visible(world.mechanisms.readers_read_committed):
                if entry.of_partition == partition and not world.workload.is_timed(entry.value):
                    lane = (topic, str(number), world.workload.lane(entry.value))
                    lanes[lane].append(world.workload.comparable(entry.value))
        return lanes

    def _state(self, world: World, partition: int, folded: Refolded) -> list[Violation]:
        """The changelog as it is and once more after it was compacted."""
        changelog = world.broker.log(world.spec.changelog, partition)
        view = view_changelog(world.broker.read(world.spec.changelog, partition))
        changelog.compact(changelog.end, drop_tombstones=True)
        compacted = view_changelog(world.broker.read(world.spec.changelog, partition))
        workload, found = world.workload, []
        if view != compacted:
            found.append(Violation("STATE", f"partition {partition} is another one after compaction"))
        for key in sorted(folded.state.keys() | view.entries.keys()):
            wanted, got = folded.state.get(key), view.entries.get(key)
            if wanted == got or key in workload.timed_keys:
                continue
            if wanted is None or got is None or not workload.is_same_state(wanted, got):
                found.append(
                    Violation("STATE", f"partition {partition} {key!r}: {_show(got)}, not {_show(wanted)}")
                )
        return found


def _show(value: bytes | None) -> str:
    return "nothing" if value is None else value[:120].decode(errors="replace")
