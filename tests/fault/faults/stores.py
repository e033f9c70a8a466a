"""A Redis that is down, slow, full, locked, or forgetful: only the read model lags, and it catches up."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import redis

from schemas.topics import STAGES
from tests.fault.installation import FaultTower
from tests.fault.slow_proxy import SlowProxy
from tests.fault.suite import Scenario
from tests.kafka import RealKafka

_DOWN = "redis is down, waiting"


def ended_rows(tower: FaultTower) -> list[str]:
    """Rows of what is over: no later record would write them again if Redis lost them."""
    client: Any = tower.redis.client
    return [key for key in client.scan_iter("ct:2:exception:*") if client.ttl(key) > 0]


def await_ended_rows(tower: FaultTower, more_than: int = 0) -> None:
    tower.wait_a_while("an exception ends", lambda: len(ended_rows(tower)) > more_than)


class RedisScenario(Scenario):
    """While Redis is away, no stage restarts and all but project go on; afterwards the rows are right."""

    day_s = 90.0
    outage_s: ClassVar[float] = 6.0

    def away(self, tower: FaultTower) -> None:
        raise NotImplementedError

    def back(self, tower: FaultTower) -> None:
        raise NotImplementedError

    def outage(self, tower: FaultTower) -> None:
        """One outage; fails when the scan path notices it."""
        before, downs = tower.stage_pids(), tower.log("worker").count(_DOWN)
        self.away(tower)
        try:
            tower.wait_until("project notices", lambda: tower.log("worker").count(_DOWN) > downs)
            tower.wait_for_work()
            tower.pause_while_flowing(self.outage_s)
            assert tower.stage_pids() == before, "a stage restarted because of Redis"
        finally:
            self.back(tower)
        tower.wait_for_work(("project",))

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        await_ended_rows(tower)
        self.outage(tower)
        return 1


class RedisDown(RedisScenario):
    """Redis goes with everything in it and comes back empty: it is filled again from the topics."""

    name: ClassVar[str] = "Redis down"

    def __init__(self, times: int) -> None:
        self._times = times
        self.day_s = 40.0 + 30.0 * times

    def away(self, tower: FaultTower) -> None:
        tower.redis.kill()

    def back(self, tower: FaultTower) -> None:
        tower.redis.start()

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        for _ in range(self._times):
            await_ended_rows(tower)
            self.outage(tower)
        return self._times


class RedisHangs(RedisScenario):
    """Redis hangs with its connections open, for longer than any call or transaction may take."""

    name: ClassVar[str] = "Redis hangs"
    day_s = 120.0
    outage_s: ClassVar[float] = 26.0

    def settings(self, folder: Path) -> dict[str, str]:
        """A transaction open for 20 s makes a stage ask for a restart; waiting for Redis must not."""
        return {"broker_call_s": "10"}

    def away(self, tower: FaultTower) -> None:
        tower.redis.pause()

    def back(self, tower: FaultTower) -> None:
        tower.redis.resume()


class RedisFull(RedisScenario):
    """Redis refuses writes for want of memory."""

    name: ClassVar[str] = "Redis full"

    def away(self, tower: FaultTower) -> None:
        tower.redis.client.config_set("maxmemory", "1mb")

    def back(self, tower: FaultTower) -> None:
        tower.redis.client.config_set("maxmemory", "0")


class RedisPassword(RedisScenario):
    """Somebody sets a password on Redis: we are refused until it is taken back."""

    name: ClassVar[str] = "Redis wants a password"

    def away(self, tower: FaultTower) -> None:
        tower.redis.client.config_set("requirepass", "changed")
        with contextlib.suppress(redis.RedisError):
            tower.redis.client.client_kill_filter(_type="normal", skipme=True)

    def back(self, tower: FaultTower) -> None:
        tower.redis.client.config_set("requirepass", "")


class RedisLosesItsLastSeconds(RedisScenario):
    """Redis dies and starts from an older save: what it had confirmed since is gone, and is written again."""

    name: ClassVar[str] = "Redis loses its last seconds"

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        for _ in range(2):
            tower.redis.save()
            await_ended_rows(tower, more_than=len(ended_rows(tower)))
            tower.redis.kill()
            time.sleep(rng.uniform(0.0, 1.0))
            tower.redis.start()
            tower.wait_for_work(("project",))
        return 2


class RedisSlow(Scenario):
    """Every answer of Redis takes half a second longer: the read model lags, nobody else does."""

    name: ClassVar[str] = "Redis slow"
    day_s = 60.0
    _SLOW_S: ClassVar[float] = 20.0

    def __init__(self) -> None:
        self._proxy = SlowProxy()

    def settings(self, folder: Path) -> dict[str, str]:
        return {"redis_url": f"redis://127.0.0.1:{self._proxy.port}/0"}

    def launch(self, tower: FaultTower) -> None:
        self._proxy.target = ("127.0.0.1", tower.redis.port)
        super().launch(tower)

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        before, passed_on = tower.stage_pids(), self._proxy.passed_on
        self._proxy.delay_s = 0.25
        tower.wait_for_work()
        tower.pause_while_flowing(self._SLOW_S)
        tower.wait_for_work()
        assert tower.stage_pids() == before, "a stage restarted because of Redis"
        assert self._proxy.passed_on > passed_on, "nothing went through the proxy"
        self._proxy.delay_s = 0.0
        tower.wait_for_work(("project",))
        return 1


class TermWhileRedisIsAway(RedisScenario):
    """SIGTERM of project while it waits for Redis, dead or hanging: it leaves cleanly within its limit."""

    name: ClassVar[str] = "SIGTERM while Redis is away"
    #: what a stage has to leave, and some for a busy machine
    _LEAVES_WITHIN_S: ClassVar[float] = 8.0 + 6.0

    def launch(self, tower: FaultTower) -> None:
        for stage in STAGES:
            tower.start_worker(stage, stage)

    def inject(self, tower: FaultTower, kafka: RealKafka, rng: Random) -> int:
        ways = [(tower.redis.kill, tower.redis.start), (tower.redis.pause, tower.redis.resume)]
        for away, back in ways:
            away()
            try:
                tower.wait_until("project notices", lambda: _DOWN in tower.log("project"))
                asked_at = time.monotonic()
                code = tower.stop("project")
                took_s = time.monotonic() - asked_at
            finally:
                back()
            assert code == 0, f"project ended with {code}\n{tower.log('project')[-1500:]}"
            assert took_s < self._LEAVES_WITHIN_S, f"project took {took_s:.0f} s to leave"
            tower.notes.append(f"left in {took_s:.1f} s")
            tower.start_worker("project", "project")
            tower.wait_for_work(("project",))
        return 2
