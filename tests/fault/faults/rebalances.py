"""Workers that come and go while the others work."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import ClassVar

from controltower.streaming.exits import Exit
from schemas.topics import STAGES
from tests.fault.installation import FaultTower
from tests.fault.older import WITH_NEW_INPUTS, unpack_version_before
from tests.fault.suite import Scenario
from tests.kafka import RealKafka


def wait_for_share(tower: FaultTower, name: str, stages: Sequence[str] = STAGES) -> None:
    """Until each of these stages of the worker is ready, with whatever it was given."""
    tower.wait_until(f"{name} has its share", lambda: set(stages) <= tower.holdings_of(name).keys())


class SecondWorker(Scenario):
    """A second worker joins, leaves and joins again under load: partitions move, nothing is doubled."""

    name: ClassVar[str] = "second worker"

    def __init__(self, times: int) -> None:
        self._times = times
        self.day_s = 30.0 + 60.0 * times

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        done = 0
        for number in range(self._times):
            name = f"second-{number}"
            tower.start_worker(name)
            wait_for_share(tower, name)
            tower.wait_for_work()
            tower.pause_while_flowing(rng.uniform(0.0, 2.0))
            code = tower.stop(name)
            assert code == 0, f"the second worker left with {code}"
            tower.wait_for_work()
            done += 2
        tower.start_worker("last")
        wait_for_share(tower, "last")
        tower.wait_for_work()
        return done + 1


class RollingRestart(Scenario):
    """Two workers, restarted in turns, as a deployment does it."""

    name: ClassVar[str] = "rolling restart of two"

    def __init__(self, times: int) -> None:
        self._times = times
        self.day_s = 30.0 + 50.0 * times

    def launch(self, tower: FaultTower) -> None:
        for name in ("first", "second"):
            tower.start_worker(name)
            wait_for_share(tower, name)

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        done = 0
        for name in ("first", "second") * self._times:
            code = tower.stop(name)
            assert code == 0, f"{name} left with {code}"
            tower.start_worker(name)
            wait_for_share(tower, name)
            tower.wait_for_work()
            done += 1
        return done


class RollingChange(Scenario):
    """Two workers of the version before are replaced in turns by this one: nothing lost, no life broken.

    Whether both versions decide the same is not asked. Where the schema of a state went up, an old worker
    that is given a partition of the new one ends with code 3. A stage that reads more topics than before is
    not mixed: its old worker goes first (docs/upgrades.md).
    """

    name: ClassVar[str] = "rolling change of version"
    mixed: ClassVar[bool] = True
    day_s = 120.0

    def launch(self, tower: FaultTower) -> None:
        before = unpack_version_before(tower.folder / "before")
        alike = tuple(stage for stage in STAGES if stage not in WITH_NEW_INPUTS)
        for name, stages in (("first", alike), ("second", alike), ("apart", WITH_NEW_INPUTS)):
            words = (word for stage in stages for word in ("--stage", stage))
            tower.launch("agents.cli", name, "worker", *words, tree=before)
            wait_for_share(tower, name, stages)

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        tower.pause_while_flowing(rng.uniform(4.0, 8.0))
        assert tower.stop("apart") == 0
        for name in ("first", "second"):
            tower.pause_while_flowing(rng.uniform(4.0, 8.0))
            code = tower.stop(name)
            newer = "is from a newer version" in tower.log(name)
            assert code == 0 or (code == Exit.PERSON and newer), f"{name} left with {code}"
            tower.start_worker(name)
            wait_for_share(tower, name)
            tower.wait_for_work()
        tower.pause_while_flowing(5.0)
        return 2
