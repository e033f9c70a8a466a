"""Operations wall: what burns now."""

from __future__ import annotations

from panels import bars, board, choice, graph, listing, number

_EXCEPTIONS = (
    ("severity", "severity", "number"),
    ("code", "code", "string"),
    ("home", "where", "string"),
    ("carrier", "carrier", "string"),
    ("status", "status", "string"),
    ("team", "owner", "string"),
    ("detected_at", "detected", "timestamp"),
    ("respond_by", "respond by", "timestamp"),
    ("shipments_at_risk", "shipments at risk", "number"),
    ("suppressed_by", "suppressed by", "string"),
)

BOARD = board(
    "controltower-wall",
    "Control tower: operations wall",
    "What burns now: open exceptions, routes in trouble, approvals that wait, and whether the picture is whole.",
    (choice("code", "Exception", "controltower_track_exceptions_total"),),
    (
        (
            "Now",
            (
                number(
                    "Open exceptions",
                    "Exceptions that are not over, from the read model. Snoozed and suppressed ones included.",
                    'sum(max by (code, severity, status) (controltower_board_exceptions{code=~"$code"})) '
                    "or max(controltower_board_readable_bool - 1)",
                    steps=((None, "red"), (0, "green"), (20, "orange"), (100, "red")),
                ),
                number(
                    "Critical",
                    "Open exceptions of severity 1: parcels are lost for today unless somebody acts now.",
                    'sum(max by (code, status) (controltower_board_exceptions{severity="1", code=~"$code"})) '
                    "or max(controltower_board_readable_bool - 1)",
                    steps=((None, "red"), (0, "green"), (1, "red")),
                ),
                number(
                    "Routes under way",
                    "Routes that have left and have not ended.",
                    'sum(max by (carrier, motion) (controltower_board_routes{phase="UNDERWAY"})) '
                    "or max(controltower_board_readable_bool - 1)",
                ),
                number(
                    "Share at risk",
                    "Routes under way with a stop whose p(late) is at least 0.5, of all under way. The alert "
                    "RoutesAtRisk fires from 25 %.",
                    "max(controltower:routes_at_risk:ratio)",
                    "percentunit",
                    ((None, "green"), (0.1, "orange"), (0.25, "red")),
                    1,
                ),
                number(
                    "Waiting for a person",
                    "Recovery actions that are proposed or need an approval.",
                    'sum(max by (action, state) (controltower_board_actions{state=~"PROPOSED|PENDING_APPROVAL"})) '
                    "or max(controltower_board_readable_bool - 1)",
                    steps=((None, "red"), (0, "green"), (10, "orange")),
                ),
                number(
                    "The picture is whole",
                    "1 while every stage is ready and the read model answers. Below 1 the numbers beside are old.",
                    'min(controltower_board_readable_bool) * (count(count by (stage) (controltower_stream_ready_bool{stage!="deliver"} == 1)) >= bool 6)',
                    steps=((None, "red"), (1, "green")),
                ),
            ),
        ),
        (
            "Open exceptions",
            (
                listing(
                    "Worst and oldest first",
                    "Every exception that is not over. Empty: nothing is open, or the read API is down (see "
                    "the panel The picture is whole).",
                    "exceptions?limit=200",
                    _EXCEPTIONS,
                ),
            ),
        ),
        (
            "What changes",
            (
                graph(
                    "Opened by code",
                    "Exceptions opened in each interval of the graph.",
                    (
                        (
                            "sum by (code) (increase(controltower_track_exceptions_total"
                            '{code=~"$code", transition="OPENED"}[$__rate_interval]))',
                            "{{code}}",
                        ),
                    ),
                    stacked=True,
                ),
                graph(
                    "Open by code",
                    "Exceptions that are not over, as the read model has them.",
                    (
                        (
                            "sum by (code) (max by (code, severity, status) "
                            '(controltower_board_exceptions{code=~"$code"}))',
                            "{{code}}",
                        ),
                    ),
                    stacked=True,
                ),
                bars(
                    "Routes in trouble",
                    "Routes under way that are at risk, late or off their path; a route may be all three.",
                    "sum by (trouble) (max by (carrier, trouble) (controltower_board_troubled_routes))",
                    "{{trouble}}",
                    width=12,
                ),
                graph(
                    "Scan to exception",
                    "Time from the scan or the deadline to the published exception, over live feeds.",
                    (
                        ("controltower:exception_latency:p50", "median"),
                        ("controltower:exception_latency:p99", "p99"),
                    ),
                    "s",
                    steps=((None, "transparent"), (30, "red")),
                ),
            ),
        ),
    ),
)
