"""Where the events of a payload stand, compiled once to a walk over them.

`a[].b[]` goes through every member of `a` and of its `b`. `[]` at the start: the payload itself is a list.
`a{}` goes through the values of an object, whose keys the path `#key` then gives. A `?` behind a list says
that it may be missing, which is then no event; else the payload is rejected. A single object in the place
of a list is a list of one. Several paths: the events of all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from controltower.feeds.paths import NAME, Chain, as_object, compile_steps
from controltower.feeds.rejection import Rejected
from schemas.vocabulary import RejectReason

KEY: Final = "#key"
#: The chain of a payload to the chains of its events.
Walk = Callable[[Chain], Iterator[Chain]]

_LISTS = re.compile(
    rf"(?:{NAME}(?:\.{NAME})*)?(?:\[\]|\{{\}})\??(?:\.?{NAME}(?:\.{NAME})*(?:\[\]|\{{\}})\??)*"
)
_LIST = re.compile(rf"\.?((?:{NAME}(?:\.{NAME})*)?)(\[\]|\{{\}})(\??)")


def compile_events(events: str | tuple[str, ...] | None) -> Walk:
    """A function that walks the events of a payload, each with what encloses it.

    None: the payload is the one event. Raises ValueError for what is no path to a list.
    """
    if events is None:
        return lambda root: iter(((as_object(root[0], "the payload"),),))
    walks = [_compile_walk(path) for path in ([events] if isinstance(events, str) else events)]
    if len(walks) == 1:
        return walks[0]

    def walk_all(root: Chain) -> Iterator[Chain]:
        for walk in walks:
            yield from walk(root)

    return walk_all


def _compile_walk(events: str) -> Walk:
    if not _LISTS.fullmatch(events):
        raise ValueError(f"{events!r} is no path to a list such as a.b[] or a[].b[]")
    levels = [
        (compile_steps(found[1], events), found[2] == "{}", bool(found[3]))
        for found in _LIST.finditer(events)
    ]

    def walk(chain: Chain, level: int) -> Iterator[Chain]:
        if level == len(levels):
            yield chain
            return
        steps, is_map, may_miss = levels[level]
        members = chain[-1]
        for step in steps:
            members = step(as_object(members, f"what holds {events}"))
            if members is None:
                break
        if members is None or members == "":
            if may_miss:
                return
            raise Rejected(RejectReason.MISSING_FIELD, f"{events} is missing")
        for member in _members(members, events, is_map=is_map):
            yield from walk((*chain, member), level + 1)

    return lambda root: walk(root, 0)


def _members(members: Any, events: str, *, is_map: bool) -> Iterator[dict[str, Any]]:
    if is_map:
        for key, value in as_object(members, events).items():
            for member in value if type(value) is list else (value,):
                yield {**as_object(member, f"a member of {events}"), KEY: key}
        return
    if type(members) is dict:
        members = [members]
    if type(members) is not list:
        raise Rejected(RejectReason.WRONG_TYPE, f"{events} is no list")
    for member in members:
        if type(member) is str and not member:
            continue  # an empty XML element beside full ones
        yield as_object(member, f"a member of {events}")
