"""The list of faults, in the order in which they are run."""

from __future__ import annotations

from tests.fault.faults import (
    brokers,
    clocks,
    controls,
    inputs,
    loads,
    models,
    poison,
    processes,
    rebalances,
    stores,
    topics,
)
from tests.fault.suite import Scenario


def list_faults(*, short: bool) -> list[Scenario]:
    """All faults; in the short form with fewer injections."""
    return [
        processes.KillStages(8 if short else 100),
        processes.CrashAtCommit(3 if short else 12),
        processes.TermStages(4 if short else 20),
        processes.StopAndContinue(),
        rebalances.SecondWorker(1 if short else 3),
        rebalances.RollingRestart(1 if short else 3),
        rebalances.RollingChange(),
        brokers.BrokerRestart(1 if short else 3),
        brokers.BrokerKill(1 if short else 3),
        brokers.BrokerStopped(),
        brokers.BrokerStoppedWhileRestoring(),
        brokers.BrokerFrozen(),
        brokers.BrokerFrozenWhileRestoring(),
        topics.RejectedProduce(),
        topics.CompactedChangelogs(),
        topics.LostChangelog(),
        topics.ChangelogGone(),
        topics.RecreatedIntake(),
        stores.RedisDown(1 if short else 3),
        stores.RedisHangs(),
        stores.RedisSlow(),
        stores.RedisFull(),
        stores.RedisPassword(),
        stores.RedisLosesItsLastSeconds(),
        stores.TermWhileRedisIsAway(),
        inputs.SentTwice(),
        inputs.TopicsSentAgain(),
        inputs.Duplicates(),
        inputs.Disorder(),
        poison.Poisoned(),
        clocks.DeviceClocks(),
        clocks.WorkerClocks(),
        inputs.NormalizeStopped(),
        models.BadModels(),
        models.SwappedModel(),
        loads.TenfoldLoad(20, None) if short else loads.TenfoldLoad(120, 100),
        loads.ManyRoutesAtOnce(2_000 if short else 50_000),
        loads.SlowConsumer(),
        controls.Unfenced(),
        controls.FaustsPositions(),
    ]
