"""What must fail: one of our mechanisms taken out."""

from __future__ import annotations

import signal
from random import Random
from typing import ClassVar

import psutil

from schemas.topics import STAGES
from tests.fault.installation import FaultTower
from tests.fault.suite import Scenario
from tests.kafka import RealKafka


class Unfenced(Scenario):
    """Without shared transactional ids a sleeper's writes are not refused: the judge must find them."""

    name: ClassVar[str] = "control: no fence"
    wants_loss = True
    day_s = 60.0

    def launch(self, tower: FaultTower) -> None:
        for stage in STAGES:
            if stage != "track":
                tower.start_worker(stage, stage)
        tower.launch("tests.fault.unfenced_stage", "sleeper", "60", "worker", "--stage", "track")

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        sleeper = tower.process("sleeper")
        tower.wait_until(
            "the sleeper sleeps", lambda: psutil.Process(sleeper.pid).status() == psutil.STATUS_STOPPED
        )
        tower.launch("tests.fault.unfenced_stage", "other", "0", "worker", "--stage", "track")
        tower.wait_until("the other has all", lambda: tower.ready_partitions("other") == [0, 1, 2, 3], 60)
        before = tower.wait_for_answer()["track"]
        tower.wait_until("the other works", lambda: tower.wait_for_answer()["track"] > before + 20)
        sleeper.send_signal(signal.SIGCONT)
        tower.pause_while_flowing(5)
        return 1


class FaustsPositions(Scenario):
    """normalize goes on where its group has committed, as Faust does: what comes twice must be found."""

    name: ClassVar[str] = "control: Faust's positions"
    wants_loss = True
    day_s = 60.0
    _TIMES: ClassVar[int] = 3

    def launch(self, tower: FaultTower) -> None:
        for stage in STAGES:
            if stage != "normalize":
                tower.start_worker(stage, stage)
        self._start(tower)

    def _start(self, tower: FaultTower) -> None:
        tower.launch("tests.fault.faustlike_stage", "normalize", "worker", "--stage", "normalize")

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        for _ in range(self._TIMES):
            tower.pause_while_flowing(rng.uniform(4.0, 8.0))
            tower.process("normalize").kill()
            tower.process("normalize").wait()
            self._start(tower)
            tower.wait_for_work()
        return self._TIMES
