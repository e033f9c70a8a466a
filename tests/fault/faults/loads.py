"""More than usual."""

from __future__ import annotations

import time
from random import Random
from typing import ClassVar

from tests.fault.installation import FaultTower
from tests.fault.judge import count_owed
from tests.fault.suite import Scenario
from tests.kafka import RealKafka


class TenfoldLoad(Scenario):
    """The rest of the day arrives at once: the lag grows and drains, and no stage is taken for dead."""

    name: ClassVar[str] = "tenfold load"
    day_s = 300.0

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        tower.pause_while_flowing(20)
        before, ready = tower.stage_pids(), tower.log("worker").count('"event": "ready"')
        started = time.monotonic()
        assert tower.day is not None
        tower.day.finish()
        assert count_owed(tower.brokers, 0) > 0, "the load made no backlog"
        assert count_owed(tower.brokers, 150) == 0, "the backlog does not drain"
        tower.waits.append(time.monotonic() - started)
        assert tower.stage_pids() == before, "a stage restarted under load"
        assert tower.log("worker").count('"event": "ready"') == ready, "the group rebalanced under load"
        return 1
