"""Which children have a cause in common. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

from controltower.areas.state import AREA_CODES, HUB_CODES, Child, Disruption
from controltower.route.path import METRES_PER_DEGREE
from controltower.route.timeline import MINUTE_MS
from schemas.vocabulary import ExceptionCode

#: Two halts at one corner happen; three routes at once within a city block or two have one cause.
LEAST_ROUTES: Final = 3
#: It clears when fewer than so many still suffer: the second threshold.
STILL_ROUTES: Final = 2
#: A blocked junction holds up vehicles over a few hundred metres, and a fix is good to some tens.
RADIUS_M: Final = 400.0
#: What begins more than half an hour apart has no common beginning.
WINDOW_MS: Final = 30 * MINUTE_MS


class Cause(NamedTuple):
    """A parent to open: its code, its place in words, and the children that show it."""

    code: ExceptionCode
    place: str
    hub_id: str | None
    lat: float | None
    lon: float | None
    children: tuple[Child, ...]


def distance_m(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """Metres between two places near each other, as if the earth were flat there."""
    north = (other_lat - lat) * METRES_PER_DEGREE
    east = (other_lon - lon) * METRES_PER_DEGREE * math.cos(math.radians(lat))
    return math.hypot(north, east)


def belongs_to(child: Child, disruption: Disruption) -> bool:
    """True for one more of the same cause."""
    if child.tenant != disruption.tenant:
        return False
    if disruption.hub_id is not None:
        return child.hub_id == disruption.hub_id and child.code in HUB_CODES
    return child.code in AREA_CODES and _is_near(child, disruption.lat, disruption.lon)


def find_cause(child: Child, others: Iterable[Child]) -> Cause | None:
    """The cause that this child makes sure of, together with others that have no parent yet."""
    alike = [
        other
        for other in others
        if other.tenant == child.tenant
        and other.active
        and other.parent_id is None
        and abs(other.onset_ms - child.onset_ms) <= WINDOW_MS
    ]
    return _find_hub(child, alike) or _find_area(child, alike)


def _find_hub(child: Child, alike: list[Child]) -> Cause | None:
    if child.hub_id is None or child.code not in HUB_CODES:
        return None
    same = tuple(other for other in alike if other.hub_id == child.hub_id and other.code in HUB_CODES)
    if count_routes(same) < LEAST_ROUTES:
        return None
    return Cause(ExceptionCode.HUB_DISRUPTION, child.hub_id, child.hub_id, child.lat, child.lon, same)


def _find_area(child: Child, alike: list[Child]) -> Cause | None:
    if child.code not in AREA_CODES:
        return None
    near = tuple(o for o in alike if o.code in AREA_CODES and _is_near(o, child.lat, child.lon))
    if count_routes(near) < LEAST_ROUTES:
        return None
    lat = round(math.fsum(other.lat or 0.0 for other in near) / len(near), 5)
    lon = round(math.fsum(other.lon or 0.0 for other in near) / len(near), 5)
    return Cause(ExceptionCode.AREA_DISRUPTION, f"area@{lat},{lon}", None, lat, lon, near)


def _is_near(child: Child, lat: float | None, lon: float | None) -> bool:
    if child.lat is None or child.lon is None or lat is None or lon is None:
        return False
    return distance_m(child.lat, child.lon, lat, lon) <= RADIUS_M


def count_routes(children: Iterable[Child]) -> int:
    """Different routes among the children."""
    return len({child.route_id for child in children})
