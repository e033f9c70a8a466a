"""What is kept of children and of the disruptions that they make up."""

from __future__ import annotations

from typing import Final

import msgspec

from controltower.exceptions.episode import Episode, Trigger
from schemas import wire
from schemas.vocabulary import ExceptionCode as Code
from schemas.vocabulary import Transition

CHILD_KEY: Final = b"c/"
DISRUPTION_KEY: Final = b"d/"

#: Vehicles that stand or leave their corridor near each other; what a stuck hub does to its routes.
AREA_CODES: Final = frozenset({Code.LONG_HALT, Code.ROUTE_DEVIATION})
HUB_CODES: Final = frozenset({Code.LATE_DEPARTURE, Code.EXCESS_DWELL, Code.LONG_HALT})
CHILD_CODES: Final = AREA_CODES | HUB_CODES


class Child(msgspec.Struct, array_like=True):
    """One exception of a route that may have a cause in common with others."""

    exception_id: str
    tenant: str
    route_id: str
    code: Code
    onset_ms: int
    at_ms: int
    trigger: Trigger
    lat: float | None = None
    lon: float | None = None
    hub_id: str | None = None
    zone: str | None = None
    #: its condition holds
    active: bool = True
    stops: int = 0
    shipments: int = 0
    respond_by_ms: int = 0
    parent_id: str | None = None


class Disruption(msgspec.Struct, array_like=True):
    """One parent. `members`: all children that it ever had, but for those that were retracted."""

    tenant: str
    place: str
    episode: Episode
    lat: float | None = None
    lon: float | None = None
    hub_id: str | None = None
    members: list[str] = []
    #: how many members were told last
    told_members: int = 0
    #: latest time of what it took: its records never go back
    at_ms: int = 0

    @property
    def home_id(self) -> str:
        return home_id_of(self.tenant, self.place)

    @property
    def home(self) -> str:
        return f"hub:{self.home_id}"


def home_id_of(tenant: str, place: str) -> str:
    """The tenant stands in front, since everything of a tenant meets in one partition."""
    return f"{tenant}/{place}"


encode_child = msgspec.msgpack.Encoder().encode
decode_child = msgspec.msgpack.Decoder(Child).decode
decode_disruption = msgspec.msgpack.Decoder(Disruption).decode
encode_disruption = encode_child

_TELLING: Final = frozenset({Transition.OPENED, Transition.UPDATED, Transition.RESOLVED})


def concerns_areas(record: wire.ExceptionRecord) -> bool:
    """Whether a record of a route's exception may show a cause that others share."""
    return record.code in CHILD_CODES and record.transition in _TELLING
