"""A Redis that is down, slow, full, locked, or forgetful: only the read model lags, and it catches up."""

from __future__ import annotations

import contextlib
import time
from random import Random
from typing import Any, ClassVar

import redis

from tests.fault.installation import FaultTower
from tests.fault.suite import Scenario
from tests.kafka import RealKafka

_OUTAGE_S = 6.0
_DOWN = "redis is down, waiting"


def ended_rows(tower: FaultTower) -> list[str]:
    """Rows of what is over: no later record would write them again if Redis lost them."""
    client: Any = tower.redis.client
    return [key for key in client.scan_iter("ct:2:exception:*") if client.ttl(key) > 0]


def await_ended_rows(tower: FaultTower, more_than: int = 0) -> None:
    tower.wait_until("an exception ends", lambda: len(ended_rows(tower)) > more_than or not tower.flows)


class RedisScenario(Scenario):
    """While Redis is away, no stage restarts and all but project go on; afterwards the rows are right."""

    day_s = 90.0

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
            tower.pause_while_flowing(_OUTAGE_S)
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


class RedisSlow(RedisScenario):
    """Redis hangs with its connections open, for longer than our patience with one answer."""

    name: ClassVar[str] = "Redis hangs"

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
