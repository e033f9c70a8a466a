"""Exceptions and recovery: how good the alerts are, and what was done about them."""

from __future__ import annotations

from panels import bars, board, choice, graph, listing, number

_LIFE = "controltower_track_exception_seconds_bucket"
_ACTIONS = (
    ("action", "action", "string"),
    ("state", "state", "string"),
    ("tier", "tier", "string"),
    ("code", "exception", "string"),
    ("subject", "subject", "string"),
    ("reason", "because", "string"),
    ("cost", "cost", "number"),
    ("decided_at", "decided", "timestamp"),
    ("expires_at", "expires", "timestamp"),
)


def _span(span: str, quantile: float) -> str:
    return (
        f"histogram_quantile({quantile}, sum by (code, le) (increase({_LIFE}"
        f'{{span="{span}", code=~"$code"}}[1h])))'
    )


def _all(span: str, quantile: float) -> str:
    """Over all codes."""
    return (
        f'histogram_quantile({quantile}, sum by (le) (increase({_LIFE}{{span="{span}", code=~"$code"}}[1h])))'
    )


BOARD = board(
    "controltower-exceptions",
    "Control tower: exceptions and recovery",
    "How early and how right the alerts are, how long they live, and what recovery did about them.",
    (choice("code", "Exception", "controltower_track_exceptions_total"),),
    (
        (
            "Quality of alerts",
            (
                number(
                    "Retracted share",
                    "Ended exceptions that late data or a person took back, over an hour. Above 2 % people "
                    "stop believing.",
                    "max(controltower:retracted:ratio1h)",
                    "percentunit",
                    ((None, "green"), (0.02, "orange"), (0.1, "red")),
                    1,
                ),
                number(
                    "Opened in an hour",
                    "Exceptions opened over the last hour.",
                    'sum(increase(controltower_track_exceptions_total{code=~"$code", transition="OPENED"}[1h]))',
                ),
                number(
                    "Actions in an hour",
                    "Recovery actions sent to dispatch over the last hour.",
                    'sum(increase(controltower_recover_actions_total{state="DISPATCHED"}[1h]))',
                ),
                number(
                    "Longest wait",
                    "How long the longest waiting action has waited for a person.",
                    "max(controltower_board_oldest_approval_seconds)",
                    "s",
                    ((None, "green"), (600, "orange"), (900, "red")),
                ),
            ),
        ),
        (
            "How long it takes",
            (
                graph(
                    "From onset to detection",
                    "Median in stream time over an hour; what the rules need to be sure.",
                    ((_span("ONSET_TO_DETECTION", 0.5), "{{code}}"),),
                    "s",
                ),
                graph(
                    "From detection to publication",
                    "Median and 99th percentile over all codes, live feeds only.",
                    (
                        ("controltower:exception_latency:p50", "median"),
                        ("controltower:exception_latency:p99", "p99"),
                    ),
                    "s",
                ),
                graph(
                    "From detection to the end",
                    "Median in stream time over an hour.",
                    ((_span("DETECTION_TO_END", 0.5), "{{code}}"),),
                    "s",
                ),
                graph(
                    "Time before the breach",
                    "Median and the tenth with the least: from the detection until the tightest promise of the route is broken, "
                    "over an hour. What people have to act.",
                    (
                        (_all("DETECTION_TO_BREACH", 0.5), "median"),
                        (_all("DETECTION_TO_BREACH", 0.1), "least tenth"),
                    ),
                    "s",
                ),
                graph(
                    "From detection to acknowledgement",
                    "Median in stream time over an hour. Empty: nobody acknowledged anything.",
                    ((_span("DETECTION_TO_ACKNOWLEDGEMENT", 0.5), "{{code}}"),),
                    "s",
                ),
                graph(
                    "How they end",
                    "Ends in each interval by resolution; RETRACTED ones were told by mistake.",
                    (
                        (
                            "sum by (resolution) (increase(controltower_track_resolutions_total"
                            '{code=~"$code"}[$__rate_interval]))',
                            "{{resolution}}",
                        ),
                    ),
                    stacked=True,
                ),
            ),
        ),
        (
            "What people make of them",
            (
                graph(
                    "Disputed, flapping, held back",
                    "In an hour: disputed as false alarms, flapped (four openings or more, counted at the end), suppressed by a "
                    "parent. Empty: none of it.",
                    (
                        ("sum(increase(controltower_track_disputed_exceptions_total[1h]))", "disputed"),
                        ("sum(increase(controltower_track_flapping_exceptions_total[1h]))", "flapping"),
                        (
                            'sum(increase(controltower_track_exceptions_total{transition="SUPPRESSED"}[1h]))',
                            "suppressed",
                        ),
                    ),
                ),
                graph(
                    "Commands of people",
                    "In each interval, with what became of them.",
                    (
                        (
                            "sum by (kind, outcome) (increase(controltower_track_commands_total[$__rate_interval]))",
                            "{{kind}} {{outcome}}",
                        ),
                    ),
                    stacked=True,
                ),
            ),
        ),
        (
            "Recovery",
            (
                graph(
                    "Actions by state",
                    "Transitions in each interval; SUPPRESSED ones were held back, for the reasons below.",
                    (
                        (
                            "sum by (state) (increase(controltower_recover_actions_total[$__rate_interval]))",
                            "{{state}}",
                        ),
                    ),
                    stacked=True,
                ),
                bars(
                    "Held back by reason",
                    "Which rule of the playbook said no, over the last hour.",
                    "sum by (reason) (increase(controltower_recover_suppressed_total[1h]))",
                    "{{reason}}",
                    width=12,
                ),
                graph(
                    "Asked for permission",
                    "Questions in each interval about what spans routes (caps per carrier, vehicle, tenant and day), with the answer. "
                    "Empty: no action needed one.",
                    (
                        (
                            "sum by (outcome) (increase(controltower_recover_permits_total[$__rate_interval]))",
                            "{{outcome}}",
                        ),
                    ),
                    stacked=True,
                ),
                graph(
                    "Approvals and switches",
                    "Commands of people about actions, and switches turned, in each interval. Empty: none.",
                    (
                        (
                            "sum by (kind, outcome) (increase(controltower_recover_commands_total[$__rate_interval]))",
                            "{{kind}} {{outcome}}",
                        ),
                        (
                            "sum by (mode) (increase(controltower_recover_switches_total[$__rate_interval]))",
                            "switch {{mode}}",
                        ),
                    ),
                ),
                listing(
                    "Waiting for a person",
                    "Oldest first. Empty: nobody has to decide anything.",
                    "actions?state=PENDING_APPROVAL&limit=200",
                    _ACTIONS,
                ),
            ),
        ),
        (
            "Told by webhook and e-mail (empty where the stage deliver does not run)",
            (
                graph(
                    "Attempts by outcome",
                    "Per second. Anything but DELIVERED is tried again, over three days; the runbook SinkBehind has the list.",
                    (
                        (
                            "sum by (sink, outcome) (rate(controltower_deliver_attempts_total[$__rate_interval]))",
                            "{{sink}} {{outcome}}",
                        ),
                    ),
                    "cps",
                    stacked=True,
                ),
                graph(
                    "Until the receiver has it",
                    "95th percentile from taking an event on to the receiver's answer.",
                    (
                        (
                            "histogram_quantile(0.95, sum by (sink, le) (rate("
                            "controltower_deliver_event_seconds_bucket[10m])))",
                            "{{sink}}",
                        ),
                    ),
                    "s",
                ),
                graph(
                    "Events that wait",
                    "By sink. A digest gathers them on purpose.",
                    (
                        (
                            "sum by (sink) (max by (sink, partition) (controltower_deliver_waiting_records))",
                            "{{sink}}",
                        ),
                    ),
                ),
                graph(
                    "Longest wait of an event",
                    "By sink. The alert SinkBehind fires above 15 min.",
                    (("max by (sink) (controltower_deliver_late_seconds)", "{{sink}}"),),
                    "s",
                    steps=((None, "transparent"), (900, "red")),
                ),
                graph(
                    "Given up",
                    "Events in an hour that went to undelivered; `controltower sinks replay` tells them again. Empty: none.",
                    (
                        (
                            "sum by (sink, reason) (increase(controltower_deliver_undelivered_total[1h]))",
                            "{{sink}} {{reason}}",
                        ),
                    ),
                ),
            ),
        ),
    ),
)
