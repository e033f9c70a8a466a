"""A broker that restarts, dies, or hangs with its connections open."""

from __future__ import annotations

import time
from pathlib import Path
from random import Random
from typing import ClassVar

from schemas.topics import STAGES
from tests.fault.installation import FaultTower
from tests.fault.suite import Scenario
from tests.kafka import RealKafka

_SHORT_STOP_S, _LONG_STOP_S = 5.0, 60.0
_SHORT_FREEZE_S = 5.0
#: Longer than both timeouts below, so transactions are aborted and calls given up.
_LONG_FREEZE_S = 20.0
_IMPATIENT = {"broker_call_s": "8", "transaction_timeout_s": "6"}


class BrokerRestart(Scenario):
    """The broker is stopped cleanly and started: the stages ride it out or restart by themselves."""

    name: ClassVar[str] = "broker restart"
    needs_broker: ClassVar[bool] = True

    def __init__(self, times: int) -> None:
        self._times = times
        self.day_s = 30.0 + 40.0 * times

    def down(self, kafka: RealKafka) -> None:
        kafka.stop()

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        for _ in range(self._times):
            tower.pause_while_flowing(rng.uniform(0.0, 2.0))
            self.down(kafka)
            kafka.start()
            tower.wait_for_work()
        return self._times


class BrokerKill(BrokerRestart):
    """kill -9 of the broker: what it had confirmed is there, what it had not is sent again or aborted."""

    name: ClassVar[str] = "broker kill -9"

    def down(self, kafka: RealKafka) -> None:
        kafka.kill()


class BrokerStopped(Scenario):
    """Stopped for 5 s, and for 60 s: longer than the transaction timeout (15 s) and any call (30 s)."""

    name: ClassVar[str] = "broker stopped 5 s and 60 s"
    day_s = 200.0
    needs_broker: ClassVar[bool] = True

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        for stop_s in (_SHORT_STOP_S, _LONG_STOP_S):
            tower.pause_while_flowing(rng.uniform(0.0, 2.0))
            stop(kafka, stop_s)
            tower.wait_for_work()
        return 2


class BrokerStoppedWhileRestoring(Scenario):
    """All stages have been killed and take over again when the broker stops for 60 s."""

    name: ClassVar[str] = "broker stopped 60 s while restoring"
    day_s = 180.0
    needs_broker: ClassVar[bool] = True

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        tower.pause_while_flowing(5)
        await_takeover(tower)
        stop(kafka, _LONG_STOP_S)
        tower.wait_for_work()
        return 1


class BrokerFrozen(Scenario):
    """The broker hangs for 5 s, and for longer than transaction and request timeouts: no stage stays hung."""

    name: ClassVar[str] = "broker frozen 5 s and 20 s"
    day_s = 150.0
    needs_broker: ClassVar[bool] = True

    def settings(self, folder: Path) -> dict[str, str]:
        return _IMPATIENT

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        for freeze_s in (_SHORT_FREEZE_S, _LONG_FREEZE_S):
            freeze(kafka, freeze_s)
            tower.wait_for_work()
        return 2


class BrokerFrozenWhileRestoring(Scenario):
    """The broker hangs just when all stages have been killed and take their partitions over again."""

    name: ClassVar[str] = "broker frozen while restoring"
    day_s = 120.0
    needs_broker: ClassVar[bool] = True

    def settings(self, folder: Path) -> dict[str, str]:
        return _IMPATIENT

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        tower.pause_while_flowing(5)
        await_takeover(tower)
        freeze(kafka, _LONG_FREEZE_S)
        tower.wait_for_work()
        return 1


def await_takeover(tower: FaultTower) -> None:
    """Kill every stage, and return when the first of them takes its partitions over again."""
    takeovers = tower.log("worker").count('"taking_over"')
    for stage in STAGES:
        tower.kill_stage(stage)
    tower.wait_until("a stage takes over", lambda: tower.log("worker").count('"taking_over"') > takeovers)


def stop(kafka: RealKafka, seconds: float) -> None:
    """A clean stop, and a start after the time."""
    kafka.stop()
    time.sleep(seconds)
    kafka.start()


def freeze(kafka: RealKafka, seconds: float) -> None:
    """SIGSTOP, and SIGCONT after the time."""
    kafka.pause()
    try:
        time.sleep(seconds)
    finally:
        kafka.resume()
