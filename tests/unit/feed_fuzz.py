"""Payloads that look like those of a mapping: its names, its lists, and junk for values."""

from __future__ import annotations

import json
import re
from typing import Any
from xml.sax.saxutils import escape

from hypothesis import strategies as st

from controltower.feeds.registry import Feed

#: Values that are somewhere between right and wrong.
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.sampled_from(
        ["", "x", "01", "OK", "52.5", "13.4", "1772439312000", "2026-03-02T08:15:12Z", "EST", "-05:00"]
    ),
    st.sampled_from(
        ["2026-03-02", "08:15:12", "20260302", "081512", "3/2/2026 8:15:12 PM", "DE", "US", "true"]
    ),
    st.text(max_size=12),
)


def names_of(feed: Feed) -> list[str]:
    """Every name in the paths of a mapping."""
    written = json.dumps(
        feed.spec.model_dump(mode="json", include={"fields", "skip", "nothing", "identity", "events"})
    )
    return sorted(set(re.findall(r"[@#A-Za-z][\w-]*", written)))


def payloads(feed: Feed) -> st.SearchStrategy[bytes]:
    """Bytes of a payload in the format of the feed."""
    names = st.sampled_from(names_of(feed))
    tree = st.recursive(
        VALUES,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=6),
        max_leaves=12,
    )
    event = st.dictionaries(names, tree, max_size=10)
    paths = feed.spec.event_paths or ("",)
    if feed.spec.format == "gtfs-realtime":
        return st.binary(max_size=200)
    if feed.spec.format == "csv":
        return st.lists(st.lists(VALUES, max_size=8), max_size=4).map(_as_csv)
    nested = st.tuples(st.sampled_from(paths), event, st.dictionaries(names, tree, max_size=3)).map(_nest)
    return (tree | nested).map(_as_xml if feed.spec.format == "xml" else _as_json)


def _nest(drawn: tuple[str, dict[str, Any], dict[str, Any]]) -> Any:
    """The event where the path says that events are, with something beside it on every level."""
    path, node, beside = drawn
    for step in reversed(re.findall(r"[^.?\[\]{}]+|\[\]|\{\}", path)):
        node = (
            [node, dict(beside)] if step == "[]" else {"K1": node} if step == "{}" else {**beside, step: node}
        )  # type: ignore[assignment]
    return node


def _as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _as_csv(rows: list[list[Any]]) -> bytes:
    head = "event_id,occurred_at,route_id,lat,lon,milestone"
    return "\n".join([head, *(",".join(map(str, row)) for row in rows)]).encode("utf-8", errors="replace")


def _as_xml(value: Any) -> bytes:
    return f"<wrapper>{_inner_xml(value)}</wrapper>".encode("utf-8", errors="replace")


def _inner_xml(value: Any) -> str:
    if isinstance(value, dict):
        return "".join(_element(name, inner) for name, inner in value.items())
    if isinstance(value, list):
        return "".join(map(_inner_xml, value))
    return escape(re.sub(r"[^\x20-\x7e]", "", str(value)))


def _element(name: str, inner: Any) -> str:
    tag = re.sub(r"\W", "", name) or "x"
    members = inner if isinstance(inner, list) else [inner]
    return "".join(f"<{tag}>{_inner_xml(member)}</{tag}>" for member in members)
