"""The dashboard "Control tower: operations" as data; prints its JSON.

python deploy/grafana/operations.py > deploy/grafana/dashboards/operations.json
"""

from __future__ import annotations

import json

from panels import Panel, Row, Variable, dashboard

_OPENED = 'controltower_track_exceptions_total{code=~"$code", transition="OPENED"}'
_RESOLVED = 'controltower_track_exceptions_total{code=~"$code", transition="RESOLVED"}'

ROWS = (
    Row(
        "Now",
        (
            Panel(
                "Stages ready",
                "Processes that joined their group and restored their state. Less than one per stage: see "
                "the runbooks StageDown and StageNotReady.",
                (("sum(controltower_stream_ready_bool)", "ready"),),
                "none",
                4,
                "stat",
                steps=((None, "red"), (6, "green")),
            ),
            Panel(
                "Open exceptions",
                "Opened minus resolved since the stage track started; what was open before that is missing. "
                "The exact list is in the read model.",
                ((f"clamp_min(sum({_OPENED}) - (sum({_RESOLVED}) or vector(0)), 0)", "open"),),
                "none",
                4,
                "stat",
            ),
            Panel(
                "Scans per second",
                "Normalized scans of the chosen feeds; one payload may hold several.",
                (
                    (
                        'sum(rate(controltower_normalize_scans_total{feed=~"$feed"}[$__rate_interval]))',
                        "scans",
                    ),
                ),
                "cps",
                4,
                "stat",
                decimals=1,
            ),
            Panel(
                "Rejected share",
                "Rejected of received payloads over 5 min. The alert RejectionsSurge fires from 5 %.",
                (
                    (
                        'sum(controltower:rejected:rate5m{feed=~"$feed"}) '
                        '/ sum(controltower:received:rate5m{feed=~"$feed"})',
                        "rejected",
                    ),
                ),
                "percentunit",
                4,
                "stat",
                steps=((None, "green"), (0.05, "red")),
                decimals=2,
            ),
            Panel(
                "Unaccounted records",
                "received - accepted - rejected. Anything but 0 for longer than 2 min is a fault.",
                (("sum(controltower:unaccounted:records)", "unaccounted"),),
                "none",
                4,
                "stat",
                steps=((None, "green"), (1, "red")),
            ),
            Panel(
                "Longest way behind",
                "The stage that needs longest to work off its backlog at its present pace.",
                (('max(controltower:lag_drain:seconds{stage=~"$stage"})', "behind"),),
                "s",
                4,
                "stat",
                steps=((None, "green"), (60, "red")),
                decimals=1,
            ),
        ),
    ),
    Row(
        "Exceptions and actions",
        (
            Panel(
                "Exceptions opened by code",
                "How many opened in each interval of the graph.",
                ((f"sum by (code) (increase({_OPENED}[$__rate_interval]))", "{{code}}"),),
                "none",
                stacked=True,
            ),
            Panel(
                "Open now by code",
                "Opened minus resolved since the stage track started; a restart begins at 0 again.",
                (
                    (
                        f"clamp_min(sum by (code) ({_OPENED}) - "
                        f"(sum by (code) ({_RESOLVED}) or sum by (code) ({_OPENED}) * 0), 0)",
                        "{{code}}",
                    ),
                ),
                "none",
                stacked=True,
            ),
            Panel(
                "Actions by state",
                "Transitions of recovery actions; SUPPRESSED ones were held back, for the reasons beside.",
                (
                    (
                        "sum by (state) (increase(controltower_recover_actions_total[$__rate_interval]))",
                        "{{state}}",
                    ),
                ),
                "none",
                stacked=True,
            ),
            Panel(
                "Actions held back by reason",
                "Which rule of the playbook said no.",
                (
                    (
                        "sum by (reason) (increase(controltower_recover_suppressed_total[$__rate_interval]))",
                        "{{reason}}",
                    ),
                ),
                "none",
                stacked=True,
            ),
        ),
    ),
    Row(
        "Intake",
        (
            Panel(
                "Scans by feed",
                "Normalized scans per second.",
                (
                    (
                        'sum by (feed) (rate(controltower_normalize_scans_total{feed=~"$feed"}'
                        "[$__rate_interval]))",
                        "{{feed}}",
                    ),
                ),
                "cps",
            ),
            Panel(
                "Rejections by reason",
                "Payloads per second that went to dead-letters, where bytes and reason can be looked up.",
                (
                    (
                        'sum by (feed, reason) (rate(controltower_normalize_rejected_total{feed=~"$feed"}'
                        "[$__rate_interval]))",
                        "{{feed}} {{reason}}",
                    ),
                ),
                "cps",
                stacked=True,
            ),
        ),
    ),
    Row(
        "Stream",
        (
            Panel(
                "Behind in seconds",
                "Backlog over the pace of the last 5 min. The alert LagGrowing fires above 60 s if it grows.",
                (('controltower:lag_drain:seconds{stage=~"$stage"}', "{{stage}}"),),
                "s",
            ),
            Panel(
                "Behind in records",
                "Offsets between what is committed and the end of the log, control records included, so a "
                "few per partition always remain.",
                (('controltower:lag:records{stage=~"$stage"}', "{{stage}}"),),
                "none",
            ),
            Panel(
                "Committed records",
                "Input records per second whose transaction committed.",
                (('controltower:committed:rate5m{stage=~"$stage"}', "{{stage}}"),),
                "cps",
            ),
            Panel(
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
            Panel(
                "Ticks",
                "Ticks per second that reach the routes. None for 4 min: stream time stands still, see the "
                "runbook ClockStalled.",
                (("controltower:ticks:rate2m", "ticks"),),
                "cps",
            ),
            Panel(
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
                "none",
            ),
        ),
    ),
    Row(
        "Risk",
        (
            Panel(
                "Scores by source",
                "Answers per second. Anything but MODEL means that a rule stands in: see the runbook "
                "ScoreFallback.",
                (
                    (
                        "sum by (source) (rate(controltower_score_requests_total[$__rate_interval]))",
                        "{{source}}",
                    ),
                ),
                "cps",
                stacked=True,
            ),
            Panel(
                "Stops scored",
                "Stops per second that got a chance of being late.",
                (("sum(rate(controltower_score_rows_total[$__rate_interval]))", "stops"),),
                "cps",
            ),
        ),
    ),
)

VARIABLES = (
    Variable("feed", "Feed", "controltower_normalize_received_total"),
    Variable("code", "Exception", "controltower_track_exceptions_total"),
    Variable("stage", "Stage", "controltower_stream_records_total"),
)

if __name__ == "__main__":
    shown = dashboard(
        "controltower-operations",
        "Control tower: operations",
        "What comes in, what goes wrong, what is done about it, and whether the stages keep up.",
        VARIABLES,
        ROWS,
    )
    print(json.dumps(shown, indent=2))
