"""How each carrier stands, from the lines of its routes and exceptions."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from controltower.readmodel.board import ExceptionLine, RouteLine
from schemas.vocabulary import Motion, Phase

#: Routes whose carrier the plan does not name.
UNNAMED = "unknown"


class CarrierLine(msgspec.Struct):
    """Counts of one carrier. A route is late when a promise is already behind its ETA."""

    carrier: str
    routes: int = 0
    underway: int = 0
    late: int = 0
    halted: int = 0
    silent: int = 0
    exceptions: int = 0
    critical: int = 0


def carrier_lines(routes: Iterable[RouteLine], exceptions: Iterable[ExceptionLine]) -> list[CarrierLine]:
    """One line per carrier, by name."""
    found: dict[str, CarrierLine] = {}
    for route in routes:
        line = _of(found, route.carrier)
        line.routes += 1
        line.underway += route.phase is Phase.UNDERWAY
        line.late += route.slack_s is not None and route.slack_s < 0
        line.halted += route.motion is Motion.HALTED
        line.silent += route.motion is Motion.SIGNAL_LOST
    for exception in exceptions:
        line = _of(found, exception.carrier)
        line.exceptions += 1
        line.critical += exception.severity == 1
    return [found[carrier] for carrier in sorted(found)]


def _of(found: dict[str, CarrierLine], carrier: str | None) -> CarrierLine:
    name = carrier or UNNAMED
    return found.setdefault(name, CarrierLine(name))
