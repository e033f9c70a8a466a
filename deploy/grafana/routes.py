"""Routes: where they are, which are in trouble, and what one of them did."""

from __future__ import annotations

from panels import board, graph, listing, number, states, text_choice, world

_ROUTES = (
    ("route_id", "route", "string"),
    ("carrier", "carrier", "string"),
    ("vehicle_id", "vehicle", "string"),
    ("phase", "phase", "string"),
    ("motion", "motion", "string"),
    ("stops_done", "stops done", "number"),
    ("stops_left", "stops left", "number"),
    ("slack_s", "slack (s)", "number"),
    ("slip_s", "slip (s)", "number"),
    ("p_late", "p(late)", "number"),
    ("signal_age_s", "signal age (s)", "number"),
    ("exceptions", "open exceptions", "number"),
    ("as_of", "as of", "timestamp"),
)
_PLACES = (*_ROUTES[:5], ("lat", "lat", "number"), ("lon", "lon", "number"))
_STATES = (("at", "at", "timestamp"), ("motion", "motion", "string"), ("phase", "phase", "string"))

BOARD = board(
    "controltower-routes",
    "Control tower: routes",
    "Where the routes are, which are in trouble, and what a single one did. Name one in the box Route.",
    (text_choice("route", "Route", "-"),),
    (
        (
            "Now",
            (
                number(
                    "Under way",
                    "Routes that have left and have not ended.",
                    'sum(max by (carrier, motion) (controltower_board_routes{phase="UNDERWAY"})) '
                    "or max(controltower_board_readable_bool - 1)",
                ),
                *(
                    number(
                        title,
                        about,
                        f'sum(max by (carrier) (controltower_board_troubled_routes{{trouble="{trouble}"}})) '
                        "or max(controltower_board_readable_bool - 1)",
                        steps=((None, "red"), (0, "green"), (1, "orange")),
                    )
                    for title, about, trouble in (
                        ("At risk", "A stop's p(late) is at least 0.5.", "AT_RISK"),
                        ("Late", "A promise lies before its ETA.", "LATE"),
                        (
                            "Off their path",
                            "The last fix is more than 100 m off the planned path.",
                            "OFF_PATH",
                        ),
                    )
                ),
                *(
                    number(
                        title,
                        about,
                        f'sum(max by (carrier, phase) (controltower_board_routes{{motion="{motion}"}})) '
                        "or max(controltower_board_readable_bool - 1)",
                        steps=((None, "red"), (0, "green"), (1, "orange")),
                    )
                    for title, about, motion in (
                        ("Halted", "Standing where no stop is planned.", "HALTED"),
                        (
                            "Silent",
                            "Not heard of for longer than the rhythm of the vehicle allows.",
                            "SIGNAL_LOST",
                        ),
                    )
                ),
            ),
        ),
        (
            "Where they are",
            (
                world(
                    "Map",
                    "The last known place of every route that has not ended.",
                    "routes?phase=UNDERWAY&limit=10000",
                    _PLACES,
                ),
            ),
        ),
        (
            "Routes",
            (
                listing(
                    "All under way",
                    "The latest status of each; sort by a heading. Slack: the tightest promise minus its ETA.",
                    "routes?phase=UNDERWAY&limit=10000",
                    _ROUTES,
                ),
                graph(
                    "Motion",
                    "How the routes under way stand to their plans.",
                    (
                        (
                            "sum by (motion) (max by (carrier, motion) "
                            '(controltower_board_routes{phase="UNDERWAY"}))',
                            "{{motion}}",
                        ),
                    ),
                    stacked=True,
                ),
                graph(
                    "Share at risk",
                    "Of the routes under way. The alert RoutesAtRisk fires from 25 %.",
                    (("controltower:routes_at_risk:ratio", "at risk"),),
                    "percentunit",
                    steps=((None, "transparent"), (0.25, "red")),
                ),
            ),
        ),
        (
            "One route",
            (
                states(
                    "What it did",
                    "Motion and phase of the route named above, from its status. Empty: no route of that name "
                    "in the last day.",
                    "routes/${route}/timeline",
                    _STATES,
                ),
            ),
        ),
    ),
)
