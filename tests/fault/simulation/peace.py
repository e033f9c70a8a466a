"""The end of a history: no more faults, and time enough to get over those that were."""

from __future__ import annotations

from random import Random

from controltower.offline.evidence import view_changelog
from tests.fault.simulation.steps import Steps
from tests.fault.simulation.violation import Violation
from tests.fault.simulation.world import NAMES, PARTITIONS, World

#: seconds after the last fault; the slowest way back is the watchdog's, after two minutes
_ROUNDS = 300


def settle(world: World) -> None:
    """Faults end: sleepers wake, the dead start again, the rest of the input comes, all is folded."""
    world.tell("faults end here")
    world.faust_dawdles = False
    for number in range(PARTITIONS):
        Steps(world).close(number, 1)
        for _ in range(world.workload.rest):
            world.produce(number)
    random = Random(0)
    for rounds in range(_ROUNDS):
        _revive(world)
        _run_all(world, random)
        if _is_settled(world):
            return
        world.broker.now_ms += 1000
        if rounds % 20 == 19:
            for transactional_id in world.broker.open_ids:
                world.broker.expire(transactional_id)
    world.judge.found.append(Violation("STUCK", f"not settled {_ROUNDS} s after the last fault"))


def _revive(world: World) -> None:
    for member in world.group.members:
        if not member.alive:
            world.shut_out(member)
    for number, name in enumerate(NAMES):
        worker = world.workers.get(name)
        if worker is None or not worker.alive:
            world.start(name)
        else:
            worker.produce_fails = False
            Steps(world).wake(number, 0)


def _run_all(world: World, random: Random) -> None:
    for _ in range(3000):
        stepped = [worker.step(random) for worker in world.workers.values()]
        if not any(stepped):
            return
        world.broker.now_ms += 1


def _is_settled(world: World) -> bool:
    if not all(w.alive and w.ownership.ready and not w.loop.jobs for w in world.workers.values()):
        return False
    return all(_is_read(world, partition) for partition in range(PARTITIONS))


def _is_read(world: World, partition: int) -> bool:
    positions = view_changelog(world.broker.read(world.spec.changelog, partition)).positions
    for topic in world.spec.inputs:
        visible = world.broker.read(topic, partition, world.mechanisms.input_reads_committed)
        if visible and positions.get(topic, 0) <= visible[-1].offset:
            return False
    return True
