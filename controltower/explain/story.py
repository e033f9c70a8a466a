"""Everything that the topics hold about one exception."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import msgspec

from controltower.route.path import METRES_PER_DEGREE
from controltower.streaming.stage import Record
from schemas import wire
from schemas.topics import DISPATCH, EXCEPTIONS, ROUTE_EVENTS

_Kind = TypeVar("_Kind")
#: topic -> its records, in order within each partition
ReadTopic = Callable[[str], Iterable[Record]]
#: A prefix that is shorter could be a typing mistake.
_LEAST_PREFIX = 6


class StoryError(Exception):
    """The exception cannot be told; the message is one line."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(slots=True, frozen=True)
class Sighting:
    """One position, degrees."""

    at: datetime
    lat: float
    lon: float


@dataclass(slots=True)
class Story:
    """`life`: its records by seq. `children`: of a parent, the first record of each."""

    life: list[wire.ExceptionRecord]
    children: list[wire.ExceptionRecord] = field(default_factory=list)
    actions: list[wire.Action] = field(default_factory=list)
    plan: wire.Plan | None = None
    sightings: list[Sighting] = field(default_factory=list)

    @property
    def last(self) -> wire.ExceptionRecord:
        return self.life[-1]


def find_story(exception_id: str, read: ReadTopic) -> Story:
    """The story of the exception with this id, or this beginning of an id. Raises StoryError."""
    if len(exception_id) < _LEAST_PREFIX:
        raise StoryError(f"{exception_id!r} is too short for an exception_id", "give at least 6 characters")
    story = _find_life(exception_id, read)
    known = story.last.exception_id
    for record in _decoded(read(DISPATCH), wire.Action):
        if record.exception_id == known:
            story.actions.append(record)
    if story.last.route_id is not None:
        _take_route(story, story.last.route_id, read)
    return story


def _find_life(exception_id: str, read: ReadTopic) -> Story:
    lives: dict[str, dict[int, wire.ExceptionRecord]] = {}
    children: dict[str, wire.ExceptionRecord] = {}
    for record in _decoded(read(EXCEPTIONS), wire.ExceptionRecord):
        if record.exception_id.startswith(exception_id):
            lives.setdefault(record.exception_id, {})[record.seq] = record
        elif record.parent_id is not None and record.parent_id.startswith(exception_id):
            children.setdefault(record.exception_id, record)
    if not lives:
        raise StoryError(f"no exception {exception_id}", "`controltower status` lists those that are open")
    if len(lives) > 1:
        raise StoryError(f"{len(lives)} exceptions begin with {exception_id}", "give more of the id")
    (life,) = lives.values()
    return Story([life[seq] for seq in sorted(life)], list(children.values()))


def _take_route(story: Story, route_id: str, read: ReadTopic) -> None:
    """The plan in force at the end, and the fixes in the order in which they were taken."""
    for record in read(ROUTE_EVENTS):
        if record.value is None or record.key != route_id.encode():
            continue
        try:
            event = wire.decode_route_event(record.value)
        except msgspec.DecodeError:
            continue
        if isinstance(event, wire.Plan):
            if story.plan is None or event.version > story.plan.version:
                story.plan = event
        elif isinstance(event, wire.Scan):
            place = event.place
            if place is not None and place.lat is not None and place.lon is not None:
                story.sightings.append(Sighting(event.occurred_at, place.lat, place.lon))
    story.sightings.sort(key=lambda sighting: sighting.at)


def _decoded(records: Iterable[Record], kind: type[_Kind]) -> Iterator[_Kind]:
    for record in records:
        if record.value is None:
            continue
        try:
            message = wire.decode_any(record.value)
        except msgspec.DecodeError:
            continue
        if isinstance(message, kind):
            yield message


def metres_per_degree_lon(lat: float) -> float:
    """How long a degree of longitude is here."""
    return METRES_PER_DEGREE * math.cos(math.radians(lat))
