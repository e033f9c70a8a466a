"""What stands in the read model at the moment of the scrape; the read API measures it."""

from __future__ import annotations

from typing import Final

from controltower.metrics.kinds import Kind, Label, Metric
from controltower.readmodel.board import Trouble
from schemas.vocabulary import (
    ActionName,
    ActionState,
    ExceptionCode,
    ExceptionStatus,
    Motion,
    Phase,
)

_CARRIER: Final = Label("carrier", None, "the carriers of the plans, else `unknown`")
BOARD_READABLE = Metric("controltower_board_readable_bool", Kind.GAUGE, "1 while the read model answers", "1")
BOARD_ROUTES = Metric(
    "controltower_board_routes",
    Kind.GAUGE,
    "routes that have not ended",
    "1",
    (_CARRIER, Label("phase", tuple(Phase)), Label("motion", tuple(Motion))),
)
BOARD_TROUBLED = Metric(
    "controltower_board_troubled_routes",
    Kind.GAUGE,
    "routes under way at risk (p(late) of a stop is at least 0.5), late (a promise before its ETA) or "
    "off their path (by more than 100 m); a route may be all three",
    "1",
    (_CARRIER, Label("trouble", tuple(Trouble))),
)
BOARD_EXCEPTIONS = Metric(
    "controltower_board_exceptions",
    Kind.GAUGE,
    "exceptions that are not over",
    "1",
    (
        Label("code", tuple(ExceptionCode)),
        Label("severity", ("1", "2", "3", "4")),
        Label("status", tuple(ExceptionStatus)),
    ),
)
BOARD_ACTIONS = Metric(
    "controltower_board_actions",
    Kind.GAUGE,
    "recovery actions that have not reached their end",
    "1",
    (Label("action", tuple(ActionName)), Label("state", tuple(ActionState))),
)
BOARD_OLDEST_APPROVAL = Metric(
    "controltower_board_oldest_approval_seconds",
    Kind.GAUGE,
    "how long the longest waiting action has waited for a person; 0 where none waits",
    "s",
)
BOARD: tuple[Metric, ...] = (
    BOARD_READABLE,
    BOARD_ROUTES,
    BOARD_TROUBLED,
    BOARD_EXCEPTIONS,
    BOARD_ACTIONS,
    BOARD_OLDEST_APPROVAL,
)
