"""Processes that die, leave, or sleep too long."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from random import Random
from typing import ClassVar

import psutil

from controltower.streaming.exits import Exit
from schemas.topics import STAGES
from tests.fault.day import PARTITIONS
from tests.fault.installation import TICKED, FaultTower
from tests.fault.suite import Scenario
from tests.kafka import RealKafka


class KillStages(Scenario):
    """kill -9 of random stages at random moments, also while they restore: all come back by themselves."""

    name: ClassVar[str] = "kill -9"

    def __init__(self, times: int) -> None:
        self._times = times
        self.day_s = 20.0 + 8.0 * times

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        done = 0
        while done < self._times and tower.flows:
            alive = tower.stage_pids()
            if alive:
                tower.kill_stage(rng.choice(sorted(alive)))
                done += 1
                if done % 4 == 0:
                    tower.wait_for_work()
            tower.pause_while_flowing(rng.uniform(0.0, 3.0))
        tower.wait_for_work()
        return done


class CrashAtCommit(Scenario):
    """A stage kills itself right before its commit, with the commit on its way, or right after it."""

    name: ClassVar[str] = "kill -9 at the commit"
    day_s = 240.0
    MOMENTS: ClassVar[tuple[str, ...]] = ("before", "in", "after")

    def __init__(self, times: int) -> None:
        self._times = times

    def launch(self, tower: FaultTower) -> None:
        """Each stage is a process of its own, so that one may be started with a fuse."""
        for stage in STAGES:
            tower.start_worker(stage, stage)

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        done = 0
        for number in range(3 * self._times):
            if done == self._times:
                break
            stage, moment = rng.choice(STAGES), self.MOMENTS[done % len(self.MOMENTS)]
            tower.stop(stage)
            latest = 15 if stage in TICKED else 3
            done += self._burn(tower, stage, f"{moment}:{rng.randrange(1, latest)}", f"doomed-{number}")
            tower.start_worker(stage, stage)
            tower.wait_for_work()
        return done

    def _burn(self, tower: FaultTower, stage: str, fuse: str, name: str) -> bool:
        """Whether the stage killed itself in time."""
        doomed = tower.launch("tests.fault.fused_stage", name, fuse, "worker", "--stage", stage)
        tower.wait_a_while(f"{stage} kills itself", lambda: doomed.poll() is not None, 40)
        died = doomed.poll() == -signal.SIGKILL
        doomed.kill()
        doomed.wait()
        return died


class TermStages(Scenario):
    """Plain SIGTERM restarts, one stage after the other: each leaves with code 0 and goes on elsewhere."""

    name: ClassVar[str] = "SIGTERM"

    def __init__(self, times: int) -> None:
        self._times = times
        self.day_s = 10.0 + 7.0 * times

    def launch(self, tower: FaultTower) -> None:
        for stage in STAGES:
            tower.start_worker(stage, stage)

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        done = 0
        while done < self._times and tower.flows:
            stage = rng.choice(STAGES)
            code = tower.stop(stage)
            assert code == 0, f"{stage} ended with {code} after SIGTERM\n{tower.log(stage)[-1500:]}"
            tower.start_worker(stage, stage)
            tower.wait_for_work()
            done += 1
            tower.pause_while_flowing(rng.uniform(0.0, 1.0))
        return done


class StopAndContinue(Scenario):
    """SIGSTOP beyond the session timeout while another takes over, then SIGCONT: the sleeper changes nothing.

    One of each stage falls asleep between its fold and its transaction: that write must be refused, and the
    zombie ends with the code that asks for a restart. One of each is stopped at any moment: with nothing in
    flight it may also join again without having written.
    """

    name: ClassVar[str] = "SIGSTOP, SIGCONT"
    day_s = 300.0

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        done = 0
        for stage in STAGES:
            done += self._nod_off(tower, stage, rng.randrange(1, 5 if stage in TICKED else 2))
        assert done >= len(TICKED), f"only {done} stages had something to write when they fell asleep"
        refused = 0
        for stage in STAGES:
            if not tower.flows:
                break
            refused += self._put_to_sleep(tower, stage)
            done += 1
        tower.notes.append(f"{refused} more were refused")
        return done

    def _nod_off(self, tower: FaultTower, stage: str, transaction: int) -> bool:
        """A second worker that sleeps in the middle of a transaction; whether it had one to sleep in.

        That the other has all again is known only once it has said anew what it has: until then its log may
        be from before the sleeper joined, and a sleeper that wakes as the owner is no zombie.
        """
        said_before = _times_ready(tower, stage)
        sleeper = tower.launch(
            "tests.fault.sleepy_stage", f"sleepy-{stage}", str(transaction), "worker", "--stage", stage
        )
        slept = tower.wait_a_while(f"{stage} falls asleep", lambda: _is_stopped(sleeper.pid), 60)
        if slept:
            everything = set(range(PARTITIONS))
            tower.wait_until(
                "the other has all",
                lambda: (
                    _times_ready(tower, stage) > said_before
                    and tower.holdings_of("worker").get(stage) == everything
                ),
                60,
            )
            woke_at = time.monotonic()
            sleeper.send_signal(signal.SIGCONT)
            code = tower.wait(f"sleepy-{stage}")
            said = tower.log(f"sleepy-{stage}")
            assert code == Exit.RESTART, f"the zombie of {stage} ended with {code}\n{said[-1500:]}"
            tower.wait_for_work(since=woke_at)
        else:
            sleeper.terminate()
            tower.wait_until(f"{stage} ends", lambda: _has_ended(sleeper), 60)
            tower.wait_for_work()
        return slept

    def _put_to_sleep(self, tower: FaultTower, stage: str) -> bool:
        """Whether the sleeper was refused when it woke up."""
        second = f"second-{stage}"
        tower.start_worker(second, stage)
        tower.wait_until("the second has a share", lambda: tower.ready_partitions(second) != [])
        sleeper = tower.stage_pids()[stage]
        ends = tower.log("worker").count(f"{stage} ended with code 75")
        os.kill(sleeper, signal.SIGSTOP)
        try:
            tower.wait_until("the second has all", lambda: tower.ready_partitions(second) == [0, 1, 2, 3], 60)
        finally:
            os.kill(sleeper, signal.SIGCONT)
        woke_at = time.monotonic()
        tower.wait_until(
            f"{stage} is refused or joins again",
            lambda: tower.stage_pids().get(stage) != sleeper or len(tower.ready_partitions(second)) < 4,
            60,
        )
        tower.stop(second)
        tower.wait_for_work(since=woke_at)
        return tower.log("worker").count(f"{stage} ended with code 75") > ends


def _times_ready(tower: FaultTower, stage: str) -> int:
    """How often the worker has said of this stage what it has."""
    lines = tower.log("worker").splitlines()
    return sum(f'"stage": "{stage}"' in line and '"event": "ready"' in line for line in lines)


def _has_ended(sleeper: subprocess.Popen[bytes]) -> bool:
    """Whether it is over; one that falls asleep in the transaction of its end is woken."""
    if sleeper.poll() is not None:
        return True
    if _is_stopped(sleeper.pid):
        sleeper.send_signal(signal.SIGCONT)
    return False


def _is_stopped(pid: int) -> bool:
    return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
