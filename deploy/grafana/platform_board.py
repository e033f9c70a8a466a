"""Platform: whether the stages run, keep up and commit."""

from __future__ import annotations

from panels import board, choice, graph, number

BOARD = board(
    "controltower-platform",
    "Control tower: platform",
    "Whether the stages run, keep up and commit; for who operates the control tower itself.",
    (choice("stage", "Stage", "controltower_stream_records_total"),),
    (
        (
            "Now",
            (
                number(
                    "Stages ready",
                    "Stages of which a process has joined its group and restored its state; deliver, which not "
                    "everybody runs, is not counted. Fewer than six: see the runbooks StageDown and StageNotReady.",
                    'count(count by (stage) (controltower_stream_ready_bool{stage!="deliver"} == 1))',
                    steps=((None, "red"), (6, "green")),
                ),
                number(
                    "Longest way behind",
                    "The stage that needs longest to work off its backlog at its present pace.",
                    'max(controltower:lag_drain:seconds{stage=~"$stage"})',
                    "s",
                    ((None, "green"), (60, "red")),
                    1,
                ),
                number(
                    "Clock behind",
                    "How far the slowest partition's stream time is behind the wall. Days, while a recorded "
                    "day is played; the alert looks at whether it moves.",
                    "time() - min(controltower_track_clock_seconds)",
                    "s",
                    ((None, "green"), (60, "orange")),
                ),
                number(
                    "Error budget burnt",
                    "Share of exceptions over an hour that were published later than 30 s after they were "
                    "detected, of the 1 % that may be.",
                    "max(controltower:slow_exceptions:ratio1h) / 0.01",
                    "percentunit",
                    ((None, "green"), (1, "orange"), (14.4, "red")),
                ),
            ),
        ),
        (
            "Stream",
            (
                graph(
                    "Behind in seconds",
                    "Backlog over the pace of the last 5 min. The alert LagGrowing fires above 60 s if it grows.",
                    (('controltower:lag_drain:seconds{stage=~"$stage"}', "{{stage}}"),),
                    "s",
                ),
                graph(
                    "Behind in records",
                    "Offsets between what is committed and the end of the log, control records included, so a "
                    "few per partition always remain.",
                    (('controltower:lag:records{stage=~"$stage"}', "{{stage}}"),),
                ),
                graph(
                    "Age of what is committed",
                    "By the broker's clock, the oldest partition of each stage: how long ago that was written up to which "
                    "everything is committed. About 1 s at rest.",
                    (
                        (
                            'max by (stage) (controltower_stream_behind_seconds{stage=~"$stage"})',
                            "{{stage}}",
                        ),
                    ),
                    "s",
                    steps=((None, "transparent"), (60, "red")),
                ),
                graph(
                    "Stalls",
                    "For how long the slowest partition of each stage has owed a commit. At 60 s the stage ends itself.",
                    (('max by (stage) (controltower_stream_busy_seconds{stage=~"$stage"})', "{{stage}}"),),
                    "s",
                    steps=((None, "transparent"), (60, "red")),
                ),
                graph(
                    "Time not fresh",
                    "Share of the last hour in which the clock was more than a minute behind the wall; 0.5 % may be. The alert "
                    "PictureStale fires from 7.2 %.",
                    (("controltower:stale:ratio1h", "stale"),),
                    "percentunit",
                    steps=((None, "transparent"), (0.072, "red")),
                ),
                graph(
                    "Committed records",
                    "Input records per second whose transaction committed.",
                    (('controltower:committed:rate5m{stage=~"$stage"}', "{{stage}}"),),
                    "cps",
                ),
                graph(
                    "Duration of transactions",
                    "99th percentile and median. The broker aborts a transaction open for longer than 15 s.",
                    tuple(
                        (
                            f"histogram_quantile({q}, sum by (stage, le) (rate("
                            'controltower_stream_transaction_seconds_bucket{stage=~"$stage"}[$__rate_interval])))',
                            f"{{{{stage}}}} {name}",
                        )
                        for q, name in ((0.99, "p99"), (0.5, "median"))
                    ),
                    "s",
                ),
                graph(
                    "Ticks",
                    "Ticks per second that reach the routes. None for 4 min: stream time stands still, see the "
                    "runbook ClockStalled.",
                    (("controltower:ticks:rate2m", "ticks"),),
                    "cps",
                ),
                graph(
                    "Clock of each partition",
                    "Stream time behind the wall, by partition; one that parts from the others lacks a source.",
                    (("time() - max by (partition) (controltower_track_clock_seconds)", "{{partition}}"),),
                    "s",
                ),
                graph(
                    "Rebalances and refused writes",
                    "New assignments, and writes refused because another process owns the partition.",
                    (
                        (
                            "sum by (stage) (increase(controltower_stream_rebalances_total"
                            '{stage=~"$stage"}[$__rate_interval]))',
                            "{{stage}} new assignment",
                        ),
                        (
                            "sum by (stage) (increase(controltower_stream_fenced_total"
                            '{stage=~"$stage"}[$__rate_interval]))',
                            "{{stage}} refused",
                        ),
                    ),
                ),
                graph(
                    "Restores",
                    "Changelog entries per second read when partitions were taken over.",
                    (
                        (
                            "sum by (stage) (rate(controltower_stream_restored_entries_total"
                            '{stage=~"$stage"}[$__rate_interval]))',
                            "{{stage}}",
                        ),
                    ),
                    "cps",
                ),
                graph(
                    "Memory",
                    "Resident memory of each process.",
                    (('sum by (stage) (process_resident_memory_bytes{stage=~"$stage"})', "{{stage}}"),),
                    "bytes",
                ),
                graph(
                    "CPU",
                    "Cores used by each process.",
                    (
                        (
                            'sum by (stage) (rate(process_cpu_seconds_total{stage=~"$stage"}[$__rate_interval]))',
                            "{{stage}}",
                        ),
                    ),
                ),
            ),
        ),
    ),
)
