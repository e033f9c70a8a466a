"""The list of faults, in the order in which they are run."""

from __future__ import annotations

from tests.fault.faults import brokers, controls, inputs, loads, models, processes, rebalances, stores, topics
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
        brokers.BrokerRestart(1 if short else 3),
        brokers.BrokerKill(1 if short else 3),
        brokers.BrokerFrozen(),
        brokers.BrokerFrozenWhileRestoring(),
        topics.LostChangelog(),
        topics.RecreatedIntake(),
        stores.RedisDown(1 if short else 3),
        stores.RedisSlow(),
        stores.RedisFull(),
        stores.RedisPassword(),
        stores.RedisLosesItsLastSeconds(),
        inputs.SentTwice(),
        inputs.Duplicates(),
        inputs.Disorder(),
        inputs.NormalizeStopped(),
        models.BadModels(),
        models.SwappedModel(),
        loads.TenfoldLoad(),
        controls.Unfenced(),
    ]
