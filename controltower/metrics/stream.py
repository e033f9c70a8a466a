"""What every stage measures of its stream: records, transactions, restores, lag, readiness."""

from __future__ import annotations

from typing import Final

from controltower.metrics.kinds import PARTITION, STAGE, TOPIC, Kind, Label, Metric

#: A commit takes 5-40 ms on a near broker; beyond 15 s the broker aborts it.
_COMMIT_BUCKETS: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 15)
_RESTORE_BUCKETS: Final = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)

RECORDS = Metric(
    "controltower_stream_records_total",
    Kind.COUNTER,
    "records handed to the stage's logic",
    "1",
    (STAGE, TOPIC),
)
TRANSACTION = Metric(
    "controltower_stream_transaction_seconds",
    Kind.HISTOGRAM,
    "duration of a committed transaction",
    "s",
    (STAGE,),
    buckets=_COMMIT_BUCKETS,
)
FOLDED = Metric(
    "controltower_stream_committed_records_total",
    Kind.COUNTER,
    "input records whose transaction committed",
    "1",
    (STAGE,),
)
OUTPUTS = Metric(
    "controltower_stream_output_records_total",
    Kind.COUNTER,
    "records produced by committed transactions",
    "1",
    (STAGE,),
)
RESTORING = Metric(
    "controltower_stream_restored_ratio",
    Kind.GAUGE,
    "how much of the state of newly assigned partitions is restored, 1 when all of it is",
    "1",
    (STAGE,),
)
RESTORED = Metric(
    "controltower_stream_restored_entries_total",
    Kind.COUNTER,
    "changelog entries read when partitions were taken over",
    "1",
    (STAGE,),
)
RESTORE = Metric(
    "controltower_stream_restore_seconds",
    Kind.HISTOGRAM,
    "duration of taking over a partition",
    "s",
    (STAGE,),
    buckets=_RESTORE_BUCKETS,
)
REBALANCES = Metric("controltower_stream_rebalances_total", Kind.COUNTER, "new assignments", "1", (STAGE,))
FENCED = Metric(
    "controltower_stream_fenced_total",
    Kind.COUNTER,
    "writes refused because another process owns the partition",
    "1",
    (STAGE,),
)
LAG = Metric(
    "controltower_stream_lag_records",
    Kind.GAUGE,
    "offsets between what is committed and the end of the partition (control records included)",
    "1",
    (STAGE, TOPIC, PARTITION),
)
BEHIND = Metric(
    "controltower_stream_behind_seconds",
    Kind.GAUGE,
    "how old, by the broker's clock, the point of the log is up to which everything is committed; about 1 "
    "while nothing comes",
    "s",
    (STAGE, TOPIC, PARTITION),
)
BUSY = Metric(
    "controltower_stream_busy_seconds",
    Kind.GAUGE,
    "for how long the slowest partition has owed a commit; a stage that stalls for a minute ends itself",
    "s",
    (STAGE,),
)
VERSION = Metric(
    "controltower_stream_version_bool",
    Kind.GAUGE,
    "1 for the version that runs; a new value of the label is a deployment",
    "1",
    (Label("version", None, "the versions that are installed"),),
)
READY = Metric(
    "controltower_stream_ready_bool",
    Kind.GAUGE,
    "1 while the group is joined and every owned partition is restored",
    "1",
)
UNNAMED = Metric(
    "controltower_stream_unnamed_tallies_total",
    Kind.COUNTER,
    "counts that this table has no name for: a fault in the code",
    "1",
    (STAGE,),
)

STREAM: tuple[Metric, ...] = (
    RECORDS,
    TRANSACTION,
    FOLDED,
    OUTPUTS,
    RESTORING,
    RESTORED,
    RESTORE,
    REBALANCES,
    FENCED,
    LAG,
    BEHIND,
    BUSY,
    VERSION,
    READY,
    UNNAMED,
)
