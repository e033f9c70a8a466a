"""Paths of a mapping, compiled once to functions over one event of a payload.

`a.b` starts at the event, `$.a` at the whole payload, `^.a` at the object that encloses the event's list.
`{a}@{b}` joins several values, and is absent when one of them is. Of a list of paths the first that has a
value counts. null and "" stand for no value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from controltower.feeds.rejection import Rejected
from controltower.feeds.values import read_identifier
from schemas.vocabulary import RejectReason

#: The payload first, then what encloses the event, the event last.
Chain = tuple[Any, ...]
Getter = Callable[[Chain], Any]
Paths = str | list[str]

_NAME = r"[^\s.\[\]{}$^]+"
_PATH = re.compile(rf"(?:[$^]\.)?{_NAME}(?:\.{_NAME})*")
_EVENTS = re.compile(rf"{_NAME}(?:\.{_NAME})*\[\](?:\.{_NAME}(?:\.{_NAME})*\[\])*")
_HOLE = re.compile(r"\{([^{}]*)\}")
_START = {"$": 0, "^": -2}


def show_paths(paths: Paths) -> str:
    """Paths as a rejection's detail names them."""
    return paths if isinstance(paths, str) else " or ".join(paths)


def compile_paths(paths: Paths) -> Getter:
    """A function that finds the value of `paths`, or None. Raises ValueError for what is no path."""
    getters = [_compile_template(path) for path in ([paths] if isinstance(paths, str) else paths)]
    if len(getters) == 1:
        return getters[0]

    def find_first(chain: Chain) -> Any:
        for getter in getters:
            if (value := getter(chain)) is not None:
                return value
        return None

    return find_first


def _compile_template(template: str) -> Getter:
    holes = _HOLE.findall(template)
    if not holes:
        return _compile_path(template)
    getters = [_compile_path(hole) for hole in holes]
    between = _HOLE.split(template)[::2]

    def join(chain: Chain) -> str | None:
        text = between[0]
        for getter, after in zip(getters, between[1:], strict=True):
            value = getter(chain)
            if value is None:
                return None
            text += f"{read_identifier(value, template)}{after}"
        return text

    return join


def _compile_path(path: str) -> Getter:
    if not _PATH.fullmatch(path):
        raise ValueError(f"{path!r} is no path")
    names = path.split(".")
    start = _START.get(names[0], -1)
    if start != -1:
        names = names[1:]
    *above, last = names

    def find_here(chain: Chain) -> Any:
        value = chain[start].get(last)
        return None if value == "" else value

    def find(chain: Chain) -> Any:
        node = chain[start]
        for name in above:
            node = node.get(name)
            if type(node) is not dict:
                if node is None or node == "":
                    return None
                raise Rejected(RejectReason.WRONG_TYPE, f"{path} stands in something that is no object")
        value = node.get(last)
        return None if value == "" else value

    return find if above else find_here


def compile_events(events: str | None) -> Callable[[Chain], Iterator[Chain]]:
    """A function that walks the events of a payload (given as its chain), each with what encloses it.

    None: the payload is the one event. Raises ValueError for what is no path to a list.
    """
    if events is None:
        return lambda root: iter((root,))
    if not _EVENTS.fullmatch(events):
        raise ValueError(f"{events!r} is no path to a list such as a.b[] or a[].b[]")
    steps = [_compile_path(step.lstrip(".")) for step in events[:-2].split("[]")]
    return lambda root: _walk(root, steps, events)


def _walk(chain: Chain, steps: list[Getter], events: str) -> Iterator[Chain]:
    if not steps:
        yield chain
        return
    members = steps[0](chain)
    if members is None:
        raise Rejected(RejectReason.MISSING_FIELD, f"{events} is missing")
    if type(members) is not list:
        raise Rejected(RejectReason.WRONG_TYPE, f"{events} is no list")
    for member in members:
        yield from _walk((*chain, as_object(member, f"a member of {events}")), steps[1:], events)


def as_object(value: Any, what: str) -> dict[str, Any]:
    """The value itself; raises Rejected where it is no JSON object."""
    if type(value) is not dict:
        raise Rejected(RejectReason.WRONG_TYPE, f"{what} is no object")
    return value
