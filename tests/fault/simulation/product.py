"""The product's own folds as workloads: normalize with its clock, track, recover."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from random import Random

import msgspec

from controltower.clock import epoch_ms_of, instant_of
from controltower.feedhealth.meter import METER_KEY
from controltower.feeds.clock import CLOCK_KEY
from controltower.feeds.fold import NormalizeFold
from controltower.feeds.registry import load_feeds
from controltower.intake import FEED_HEADER
from controltower.offline.verify.records import comparable_state, fingerprint
from controltower.recovery.fold import RecoverFold
from controltower.recovery.playbook import Playbook, load_playbook
from controltower.route.fold import TrackFold
from controltower.streaming.stage import Out, Record, StageSpec
from schemas import topics, wire
from tests.fault.simulation.broker import Broker
from tests.fault.simulation.mechanisms import Mechanisms
from tests.fault.simulation.violation import Violation
from tests.fault.simulation.workloads import WallClock, Workload
from tests.unit.roads import SPEED_MPS, Ping, day_of, make_plan

PARTITIONS = 2
_feeds = cache(load_feeds)


@cache
def _playbook() -> Playbook:
    return load_playbook(None)


class Scripted(Workload):
    """Records of logs that were made beforehand, one script per partition."""

    burst, rest = 30, 10_000

    def __init__(self, topic: str, scripts: Sequence[Sequence[bytes]]) -> None:
        self._topic = topic
        self._scripts = [iter(script) for script in scripts]

    def next_input(self, partition: int, now_ms: int) -> Out | None:
        value = next(self._scripts[partition], None)
        return None if value is None else Out(self._topic, None, value, partition)

    def comparable(self, value: bytes | None) -> bytes:
        return fingerprint(value)

    def is_same_state(self, one: bytes, other: bytes) -> bool:
        return bool(comparable_state(one) == comparable_state(other))


class Track(Scripted):
    """A drive per partition, with halts, detours and silences, from its plan to its end."""

    def __init__(self, random: Random, mechanisms: Mechanisms) -> None:
        super().__init__(topics.ROUTE_EVENTS, [_drive(random.randrange(40)) for _ in range(PARTITIONS)])

    def spec(self, wall_ms: WallClock) -> StageSpec:
        return StageSpec(
            "track", (topics.ROUTE_EVENTS,), "track-state", lambda p, n: TrackFold(p, n, wall_ms)
        )


class Recover(Scripted):
    """What track tells recovery about such drives."""

    def __init__(self, random: Random, mechanisms: Mechanisms) -> None:
        scripts = [_recovery_log(random.randrange(40), partition) for partition in range(PARTITIONS)]
        super().__init__(topics.RECOVERY_EVENTS, scripts)

    def spec(self, wall_ms: WallClock) -> StageSpec:
        return StageSpec(
            "recover",
            (topics.RECOVERY_EVENTS,),
            "recover-state",
            lambda p, n: RecoverFold(p, n, _playbook(), wall_ms),
        )


@lru_cache(256)
def _drive(seed: int) -> Sequence[bytes]:
    random = Random(seed)
    at_s, along_m = 0.0, 0.0
    pings: list[Ping] = []
    for _ in range(random.randint(1, 4)):
        piece = random.choice(["drive", "drive", "stand", "detour", "dark"])
        for _ in range(random.randint(2, 30)):
            at_s += 30
            along_m += SPEED_MPS * 30 if piece in ("drive", "detour") else 0
            if piece != "dark":
                side_m = 400.0 if piece == "detour" else 0.0
                pings.append(Ping(at_s, along_m, side_m, random.uniform(1, 80)))
    ticks = [*range(0, int(at_s) + 120, 60), *range(int(at_s) + 900, 120_000, 6000)]
    return [record.value or b"" for record in day_of(pings, ticks)]


@lru_cache(256)
def _recovery_log(seed: int, partition: int) -> Sequence[bytes]:
    fold = TrackFold(partition, PARTITIONS, lambda: 0)
    fold.restored()
    drive = enumerate(_drive(seed))
    records = [Record(topics.ROUTE_EVENTS, partition, at, 0, None, value) for at, value in drive]
    outs = fold.fold(records).outputs
    return [out.value for out in outs if out.topic == topics.RECOVERY_EVENTS and out.value is not None]


class Normalize(Workload):
    """Live intake of four topics. Ticks are judged by whether they were true, everything else as always.

    Pulses of feeds are left out: the clock or the next record closes a live slot, whichever is first.
    """

    timed_keys = frozenset({CLOCK_KEY, METER_KEY})

    def __init__(self, random: Random, mechanisms: Mechanisms) -> None:
        self._random = random

    def spec(self, wall_ms: WallClock) -> StageSpec:
        inputs = (topics.CARRIER_EVENTS, topics.PLANS, topics.COMMANDS, topics.DISPATCH_FEEDBACK)
        return StageSpec("normalize", inputs, "normalize-state", lambda p, n: NormalizeFold(p, n, _feeds()))

    def next_input(self, partition: int, now_ms: int) -> Out | None:
        random = self._random
        if random.random() < 0.15:
            plan = make_plan(random.randint(1, 5), with_path=False)
            plan.received_at = None
            return Out(topics.PLANS, b"R1", wire.encode(plan), partition)
        vehicle = f"{partition}-{random.randrange(2)}"
        payload = {
            "event_id": f"e{random.randrange(1 << 30)}",
            "occurred_at": instant_of(now_ms - random.randrange(60_000)).isoformat(),
            "route_id": f"R-{random.randrange(3)}",
            "vehicle_id": vehicle,
            "place": {"lat": 52.5, "lon": 13.4},
        }
        value = b"\x00" if random.random() < 0.1 else msgspec.json.encode(payload)
        return Out(topics.CARRIER_EVENTS, vehicle.encode(), value, partition, ((FEED_HEADER, b"plain"),))

    def comparable(self, value: bytes | None) -> bytes:
        return fingerprint(value)

    def lane(self, value: bytes | None) -> str:
        """Each input topic keeps its own order; what says nothing about its source is a dead letter."""
        try:
            return _sourced(value or b"").source.topic
        except msgspec.MsgspecError:
            return topics.CARRIER_EVENTS

    def is_timed(self, value: bytes | None) -> bool:
        start = (value or b"")[:40]
        return b'"controltower.tick/1"' in start or b'"controltower.feed-pulse/1"' in start

    def check(self, broker: Broker) -> Iterable[Violation]:
        """After a tick of a source, nothing that this source received before it may follow; ticks go on."""
        for place in [(topics.ROUTE_EVENTS, p) for p in range(broker.partitions)]:
            upto_ms: dict[str, int] = {}
            for record in broker.read(*place):
                event = wire.decode_route_event(record.value or b"")
                if isinstance(event, wire.Tick):
                    at_ms, source = epoch_ms_of(event.upto), event.source
                elif isinstance(event, wire.Scan):
                    at_ms, source = epoch_ms_of(event.received_at), _name(event.source)
                else:
                    continue
                late_ms = upto_ms.get(source, 0) - at_ms
                if late_ms > 0:
                    what = type(event).__name__
                    yield Violation("TICK", f"a {what} of {source} is {late_ms} ms behind a tick before it")
                if isinstance(event, wire.Tick):
                    upto_ms[source] = at_ms


class _Source(msgspec.Struct):
    topic: str


class _Sourced(msgspec.Struct):
    source: _Source


_sourced = msgspec.json.Decoder(_Sourced).decode


def _name(source: wire.Source) -> str:
    return f"{source.topic}/{source.partition}"
