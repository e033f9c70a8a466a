"""Carriers: whose feed is whole, and how their routes stand."""

from __future__ import annotations

from panels import board, choice, graph, listing, number

_CARRIERS = (
    ("carrier", "carrier", "string"),
    ("routes", "routes", "number"),
    ("underway", "under way", "number"),
    ("late", "late", "number"),
    ("halted", "halted", "number"),
    ("silent", "silent", "number"),
    ("exceptions", "exceptions", "number"),
    ("critical", "critical", "number"),
)

BOARD = board(
    "controltower-carriers",
    "Control tower: carriers",
    "What each feed sends, what of it was refused and why, and how the routes of each carrier stand.",
    (choice("feed", "Feed", "controltower_normalize_received_total"),),
    (
        (
            "Now",
            (
                number(
                    "Scans per second",
                    "Normalized scans of the chosen feeds; one payload may hold several.",
                    'sum(rate(controltower_normalize_scans_total{feed=~"$feed"}[$__rate_interval]))',
                    "cps",
                    decimals=1,
                ),
                number(
                    "Rejected share",
                    "Rejected of received payloads over 5 min. The alert RejectionsSurge fires from 5 %.",
                    'sum(controltower:rejected:rate5m{feed=~"$feed"}) '
                    '/ sum(controltower:received:rate5m{feed=~"$feed"})',
                    "percentunit",
                    ((None, "green"), (0.05, "red")),
                    2,
                ),
                number(
                    "Unmapped share",
                    "Scans whose carrier code has no milestone, of all scans over an hour; `controltower feeds "
                    "unmapped` lists the codes.",
                    'sum(increase(controltower_normalize_unmapped_total{feed=~"$feed"}[1h])) '
                    '/ sum(increase(controltower_normalize_scans_total{feed=~"$feed"}[1h]))',
                    "percentunit",
                    ((None, "green"), (0.05, "orange")),
                    2,
                ),
                number(
                    "Unaccounted records",
                    "received - accepted - rejected. Anything but 0 for longer than 2 min is a fault.",
                    "sum(controltower:unaccounted:records)",
                    steps=((None, "green"), (1, "red")),
                ),
            ),
        ),
        (
            "Feeds",
            (
                graph(
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
                graph(
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
                graph(
                    "How late scans come",
                    "95th percentile from the event to its receipt, by feed.",
                    (
                        (
                            "histogram_quantile(0.95, sum by (feed, le) (rate("
                            'controltower_normalize_delays_total{feed=~"$feed"}[10m])))',
                            "{{feed}}",
                        ),
                    ),
                    "s",
                ),
                graph(
                    "Discipline",
                    "Reports per second that are older than the newest of their vehicle, of the very same time, or from the "
                    "future. Empty: none.",
                    tuple(
                        (
                            f'sum by (feed) (rate(controltower_normalize_{what}_total{{feed=~"$feed"}}[$__rate_interval]))',
                            f"{{{{feed}}}} {what}",
                        )
                        for what in ("disordered", "duplicates", "future")
                    ),
                    "cps",
                    stacked=True,
                ),
                graph(
                    "Unmapped codes",
                    "Scans per second whose carrier code has no milestone. They go on as UNMAPPED.",
                    (
                        (
                            'sum by (feed) (rate(controltower_normalize_unmapped_total{feed=~"$feed"}'
                            "[$__rate_interval]))",
                            "{{feed}}",
                        ),
                    ),
                    "cps",
                    stacked=True,
                ),
                graph(
                    "Silent routes by carrier",
                    "Routes under way whose vehicle has not been heard of; a whole feed shows as a step.",
                    (
                        (
                            "sum by (carrier) (max by (carrier, phase) "
                            '(controltower_board_routes{motion="SIGNAL_LOST"}))',
                            "{{carrier}}",
                        ),
                    ),
                    stacked=True,
                ),
            ),
        ),
        (
            "Carriers",
            (
                listing(
                    "How their routes stand",
                    "Counts over routes that have not ended and exceptions that are not over.",
                    "carriers",
                    _CARRIERS,
                ),
            ),
        ),
    ),
)
