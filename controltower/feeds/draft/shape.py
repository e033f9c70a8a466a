"""Where in a sample the events stand, and the plain values of an object."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from controltower.feeds.draft.times import find_format
from controltower.feeds.events import KEY, compile_events
from controltower.feeds.paths import Chain
from controltower.feeds.rejection import Rejected

_EVENT_NAME = re.compile(
    r"event|scan|activit|checkpoint|histor|occurrence|status(es|_?info|_?data|_?hist)|movement|etat|ereignis",
    re.IGNORECASE,
)
#: Lists that have times too, and are not what happened.
_NO_EVENT_NAME = re.compile(
    r"timeline|milestone|reference|dimension|address|document|option|estimat|deliver(y|ies)date",
    re.IGNORECASE,
)
_MEANING = re.compile(r"code|status|state|type|desc|message|text|label|event|remark|detail", re.IGNORECASE)


class Leaf(NamedTuple):
    """A plain value and its path from the event on."""

    path: str
    value: Any


class Found(NamedTuple):
    """The path of the events, one of them, and what encloses it, outwards: (start of path, object)."""

    events: str
    around: list[tuple[str, dict[str, Any]]]


def find_events(payload: Any, *, is_xml: bool) -> Found:
    """The list whose members look most like events; a payload without one is the event."""
    candidates = [("", [payload]), *_lists(payload, "", "", [payload], is_xml=is_xml)]
    path, chain = max(candidates, key=lambda candidate: _score(*candidate))
    outward = [("^" * distance, node) for distance, node in enumerate(reversed(chain))]
    around = [(f"{start}." if start else "", node) for start, node in outward if isinstance(node, dict)]
    levels = path.count("[]") + path.count("{}")
    return Found(f"{path}?" if levels > 1 else path, around)


def _lists(
    node: Any, path: str, name: str, chain: list[Any], *, is_xml: bool
) -> Iterator[tuple[str, list[Any]]]:
    """Every list of objects with the path to it; an object that looks like the only one of a list too."""
    if isinstance(node, list):
        member = next((member for member in node if isinstance(member, dict)), None)
        if member is not None:
            yield from _within(member, f"{path}[]", name, chain, is_xml=is_xml)
    elif isinstance(node, dict) and _is_map(node):
        member = {KEY: next(iter(node)), **next(value for value in node.values() if isinstance(value, dict))}
        yield from _within(member, f"{path}{{}}", name, chain, is_xml=is_xml)
    elif isinstance(node, dict):
        for key, value in node.items():
            inner = f"{path}.{quoted_name(key)}" if path else quoted_name(key)
            if isinstance(value, dict) and _is_only_member(name, key, value, is_xml=is_xml):
                yield from _within(value, f"{inner}[]", key, chain, is_xml=is_xml)
            elif isinstance(value, dict | list):
                yield from _lists(value, inner, key, chain, is_xml=is_xml)


def _within(
    member: dict[str, Any], path: str, name: str, chain: list[Any], *, is_xml: bool
) -> Iterator[tuple[str, list[Any]]]:
    yield path, [*chain, member]
    yield from _lists(member, path, name, [*chain, member], is_xml=is_xml)


def _is_only_member(outer: str, name: str, value: dict[str, Any], *, is_xml: bool) -> bool:
    """`Scans.Scan`, `PackageList.Package`; also whatever is called an event, has a time and is no list."""
    plurals = {f"{name}{ending}".lower() for ending in ("s", "es", "List", "Infos")}
    holds = [inner for key, inner in value.items() if not key.startswith("@")]
    is_wrapper = len(holds) == 1 and isinstance(holds[0], dict | list)
    return is_xml and (
        outer.lower() in plurals
        or (_EVENT_NAME.search(name) is not None and not is_wrapper and any(_times(value)))
    )


def _is_map(node: dict[str, Any]) -> bool:
    """Objects under keys that are numbers of something, and not names."""
    held = [name for name, value in node.items() if isinstance(value, dict)]
    return len(held) > 1 and len(held) == len(node) and all(re.search(r"\d", name) for name in held)


def _times(event: Any) -> Iterator[str]:
    return (path for path, value in leaves(event) if find_format([value]))


def _score(path: str, chain: list[Any]) -> int:
    """An event has a time and a code or a text, stands in a list with a telling name, and deep rather than
    not."""
    event = chain[-1]
    name = re.split(r"[.\[\]{}]+", path.rstrip("[]{}"))[-1]
    score = 3 * (path.count("[]") + path.count("{}"))
    score += 8 if any(_times(event)) else 0
    score += 4 if any(_MEANING.search(leaf.path.rpartition(".")[2]) for leaf in leaves(event)) else 0
    score += 6 if _EVENT_NAME.search(name) else 0
    return score - (8 if _NO_EVENT_NAME.search(name) else 0)


def leaves(node: Any, path: str = "") -> Iterator[Leaf]:
    """Every plain value within an object, with its path; lists within are left out."""
    for name, value in node.items() if isinstance(node, dict) else ():
        inner = path if name == "#text" else f"{path}.{quoted_name(name)}" if path else quoted_name(name)
        if isinstance(value, dict):
            yield from leaves(value, inner)
        elif isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
            yield Leaf(inner, value)


def quoted_name(name: str) -> str:
    """A name as it stands in a path."""
    return name if re.fullmatch(r"[^\s.\[\]{}$^'=#]+", name) else f"'{name}'"


def walk_events(payload: Any, events: str) -> list[Chain]:
    """Every event of the sample."""
    try:
        return list(compile_events(events or None)((payload,)))
    except Rejected:
        return []
