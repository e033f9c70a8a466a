"""Drafts a mapping from one payload: where its events are, and which value is likely which field.

A draft is a guess for a person to check, so it says everything that it found and marks what it could not
tell with CHANGE. Nothing in production guesses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from controltower.feeds.events import KEY, compile_events
from controltower.feeds.formats import CsvSpec, decode_csv, decode_ndjson
from controltower.feeds.paths import compile_paths
from controltower.feeds.payload import decode_payload
from controltower.feeds.rejection import Rejected
from controltower.feeds.spec import FieldName
from controltower.feeds.time_patterns import compile_pattern
from controltower.feeds.xml_payload import decode_xml

#: Field -> what the last name of its path looks like, the most telling first.
_LOOKS: dict[FieldName, tuple[str, ...]] = {
    "shipment_ids": (
        r"(track(ing)?|parcel|shipment|package|article|consignment)_?-?(number|no|nr|id|code)$",
        r"waybill|awb|barcode|sendung|colis|^pin$|consignment|^ref(erence)?$",
        r"^@?(nr|no|num|number|id)$|#key",
    ),
    "occurred_at": (
        r"occurred|event_?-?(date_?-?)?time|time_?stamp|date_?-?time|scan_?(date|time)",
        r"^@?(date|time|at|when|zeit|datum|ts|d)$|created_at|_at$|time$|date$",
        r".",
    ),
    "code": (
        r"(event|status|scan|state)_?-?code|^code$",
        r"(event|status|scan)_?-?(type|id)",
        r"^@?(status|state|event|type|typ|kind|st|art|step)$",
    ),
    "text": (r"desc|message|^text$|status_?text", r"detail|remark|label|^status$"),
    "lat": (r"^lat(itude)?$|breite",),
    "lon": (r"^(lon|lng)(gitude)?$|^long$|laenge",),
    "place_name": (r"city|^ort$|town|place_?name", r"location|place|facility|site"),
    "hub": (r"(hub|depot|station|facility|location|terminal)_?-?(code|id)|^(hub|depot)$",),
    "vehicle_id": (r"vehicle|truck|^van|fahrzeug",),
    "route_id": (r"route|tour|^trip",),
    "reason_code": (r"reason|exception_?code|cause",),
    "recorded_at": (r"record(ed)?_?at|received_?at|processed_?at",),
}
_PERSONAL = re.compile(
    r"name|sign(ed|at)|phone|^tel|e-?mail$|mail_?address|street|address_?line|recipient|receiver|consignee$"
    r"|contact|attention",
    re.IGNORECASE,
)
#: Names of a value's own part, which tell less than the name of what holds it.
_HOLLOW = ("content", "value", "#text", "id")
_TIME_NAME = re.compile(r"time|zeit|heure|hora|^@?t$", re.IGNORECASE)
_TIME_OF_DAY = (
    (r"[0-2]\d[0-5]\d", " %H%M"),
    (r"\d{1,2}:\d{2}:\d{2}", " %H:%M:%S"),
    (r"\d{1,2}:\d{2}", " %H:%M"),
    (r"\d{6}", " %H%M%S"),
)
_PATTERNS = (
    "%Y%m%d",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y%m%d%H%M%S",
    "%Y%m%d %H%M%S",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%y %H:%M:%S",
    "%d.%m.%y %H:%M",
    "%d.%m.%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %I:%M %p",
    "%d %b %Y %H:%M:%S",
    "%d %b %Y %H:%M",
    "%b %d, %Y %I:%M %p",
    "%a, %d %b %Y %H:%M:%S %z",
)
_Leaf = tuple[str, Any]


def draft_mapping(feed: str, carrier: str, sample: bytes, suffix: str) -> str:
    """The text of a mapping file. Raises nothing: what cannot be read is said in a comment."""
    kind, payload = _decode(sample, suffix)
    if payload is None:
        return f"# CHANGE: the sample could not be read as JSON, NDJSON, XML or CSV\nfeed: {feed}\n"
    events, chain = find_events(payload)
    found = _choose_fields(chain)
    joined = _join_time_of_day(chain, found)
    lines = [
        f"# A draft from one payload. Check every line; what says CHANGE could not be told.\nfeed: {feed}"
    ]
    lines.append(f"carrier: {carrier}\ntenant: default")
    lines += [f"format: {kind}"] if kind != "json" else []
    lines += _csv_lines(sample) if kind == "csv" else []
    lines += [f"events: {_quoted(events)}"] if events and kind not in ("csv", "ndjson") else []
    lines += [
        "fields:",
        *_field_lines(found),
        *_time_lines(found, joined),
        *_code_lines(payload, events, found),
    ]
    lines += _rest_lines(chain, found)
    return "\n".join(lines) + "\n"


def _decode(sample: bytes, suffix: str) -> tuple[str, Any]:
    text = sample.lstrip()
    attempts: dict[str, Any] = {"xml": decode_xml, "json": decode_payload, "ndjson": decode_ndjson}
    if not text.startswith(b"<"):
        attempts.pop("xml")
    if suffix == ".csv" or text[:1] not in b"<[{":
        attempts = {"csv": lambda value: decode_csv(value, CsvSpec(delimiter=_delimiter(value)))}
    for kind, decode in attempts.items():
        try:
            return kind, decode(sample)
        except Rejected:
            continue
    return "json", None


def _delimiter(sample: bytes) -> str:
    head = sample.split(b"\n", 1)[0].decode("utf-8", errors="replace")
    return max(",;\t|", key=head.count)


def _csv_lines(sample: bytes) -> list[str]:
    delimiter = _delimiter(sample)
    return [] if delimiter == "," else [f"csv: {{delimiter: {_quoted(delimiter)}}}"]


def find_events(payload: Any) -> tuple[str, list[tuple[str, Any]]]:
    """The path of the list whose members look most like events, and (start of path, object) from the event
    outwards."""
    best: tuple[int, str, list[Any]] = (0, "", [payload])
    for path, chain in _lists(payload, "", [payload]):
        score = _score(chain[-1]) + path.count("[]") + path.count("{}")
        if score > best[0]:
            best = (score, path, chain)
    _, path, chain = best
    outward = [("^" * distance, node) for distance, node in enumerate(reversed(chain))]
    return path, [(f"{start}." if start else "", node) for start, node in outward if isinstance(node, dict)]


def _lists(node: Any, path: str, chain: list[Any]) -> Iterator[tuple[str, list[Any]]]:
    """Every list of objects with the path to it; an object that looks like an event counts as one too."""
    if isinstance(node, list):
        member = next((member for member in node if isinstance(member, dict)), None)
        if member is not None:
            yield f"{path}[]", [*chain, member]
            yield from _lists(member, f"{path}[]", [*chain, member])
        return
    if isinstance(node, dict) and _is_map(node):
        member = {KEY: next(iter(node)), **next(value for value in node.values() if isinstance(value, dict))}
        yield f"{path}{{}}", [*chain, member]
        yield from _lists(member, f"{path}{{}}", [*chain, member])
    elif isinstance(node, dict):
        if path and "[]" in path and not path.endswith("[]") and _score(node) > 6:
            yield f"{path}[]", [*chain, node]
        for name, value in node.items():
            step = _quoted_name(name)
            inner = f"{path}.{step}" if path else step
            if isinstance(value, (dict, list)):
                yield from _lists(value, inner, chain)


def _is_map(node: dict[str, Any]) -> bool:
    """Objects under keys that are numbers of something, and not names."""
    held = [name for name, value in node.items() if isinstance(value, dict)]
    return len(held) > 1 and len(held) == len(node) and all(re.search(r"\d", name) for name in held)


def _score(event: Any) -> int:
    """An event has a time, and a code or a text."""
    names = [path.rsplit(".", 1)[-1] for path, value in leaves(event) if _is_plain(value)]
    has_time = any(_find_format(value) for _, value in leaves(event) if _is_plain(value))
    matched = sum(
        any(re.search("|".join(looks), name, re.IGNORECASE) for name in names) for looks in _LOOKS.values()
    )
    return matched + (6 if has_time else 0)


def leaves(node: Any, path: str = "") -> Iterator[_Leaf]:
    """Every plain value within an object, with its path; lists within are left out."""
    for name, value in node.items() if isinstance(node, dict) else ():
        inner = f"{path}.{_quoted_name(name)}" if path else _quoted_name(name)
        if isinstance(value, dict):
            yield from leaves(value, inner)
        elif _is_plain(value):
            yield inner, value


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _quoted_name(name: str) -> str:
    return name if re.fullmatch(r"[^\s.\[\]{}$^'=#]+", name) else f"'{name}'"


def _choose_fields(chain: list[tuple[str, Any]]) -> dict[FieldName, _Leaf]:
    """The likeliest value of each field: nearer to the event, and a name that looks like it."""
    found: dict[FieldName, _Leaf] = {}
    taken: set[str] = set()
    for field, looks in _LOOKS.items():
        for look in looks:
            leaf = _find_leaf(chain, field, re.compile(look, re.IGNORECASE), taken)
            if leaf:
                found[field] = leaf
                taken.add(leaf[0])
                break
    return found


def _find_leaf(
    chain: list[tuple[str, Any]], field: FieldName, look: re.Pattern[str], taken: set[str]
) -> _Leaf | None:
    near = chain if field in ("shipment_ids", "vehicle_id", "route_id") else chain[:1]
    for start, node in near:
        for path, value in leaves(node):
            full = f"{start}{path}"
            if full in taken or not look.search(_telling_name(path).strip("'")):
                continue
            is_time = field in ("occurred_at", "recorded_at")
            if field == "shipment_ids" or is_time == bool(_find_format(value)):
                return full, value
    return None


def _telling_name(path: str) -> str:
    *outer, name = path.split(".")
    return outer[-1] if outer and name.lower() in _HOLLOW else name


def _join_time_of_day(chain: list[tuple[str, Any]], found: dict[FieldName, _Leaf]) -> str | None:
    """Where date and time stand apart: joins them, and the format of both; None where they do not."""
    path, value = found.get("occurred_at", ("", None))
    date_format = {8: "%Y%m%d"}.get(len(str(value)), _find_format(value))
    if date_format not in ("%Y-%m-%d", "%Y%m%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y"):
        return None
    for other, text in leaves(chain[0][1]):
        if other == path or not isinstance(text, str) or not _TIME_NAME.search(other):
            continue
        for shape, time_format in _TIME_OF_DAY:
            if re.fullmatch(shape, text):
                found["occurred_at"] = (f"{{{path}}} {{{other}}}", f"{value} {text}")
                return date_format + time_format
    return None


def _find_format(value: Any) -> str | None:
    """The first time format that fits, or None."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "epoch_s" if 1e9 < value < 4e9 else "epoch_ms" if 1e12 < value < 4e12 else None
    if not isinstance(value, str) or len(value) < 8:
        return None
    for pattern in _PATTERNS:
        try:
            compile_pattern(pattern)(value)
        except ValueError:
            continue
        return pattern
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return _find_epoch_text(value)
    return "iso" if len(value) > 10 else "%Y-%m-%d"


def _find_epoch_text(value: str) -> str | None:
    return _find_format(int(value)) if value.isdigit() and len(value) in (10, 13) else None


def _field_lines(found: dict[FieldName, _Leaf]) -> list[str]:
    lines = []
    for field in ("shipment_ids", "occurred_at"):
        if field not in found:
            lines.append(f"  {field}: CHANGE  # not found in the sample")
    return [
        *lines,
        *(f"  {field}: {_quoted(path)}  # {value!r}"[:120] for field, (path, value) in found.items()),
    ]


def _time_lines(found: dict[FieldName, _Leaf], joined: str | None) -> list[str]:
    value = found.get("occurred_at", ("", None))[1]
    time_format = joined or _find_format(value) or "iso"
    has_offset = time_format.startswith("epoch") or "%z" in time_format or _has_offset(value)
    zone = "" if has_offset else "\n  zone: [place, CHANGE]  # these times have no offset: the carrier's zone"
    other = ""
    if "%m/%d" in time_format or "%d/%m" in time_format:
        other = "  # CHANGE if day and month are the other way round"
    return [f"time:\n  format: {_quoted(time_format)}{other}{zone}"]


def _has_offset(value: Any) -> bool:
    return isinstance(value, str) and re.search(r"(Z|[+-]\d{2}:?\d{2})$", value) is not None


def _code_lines(payload: Any, events: str, found: dict[FieldName, _Leaf]) -> list[str]:
    """A table of every code of the sample, each for a person to fill in."""
    field: FieldName = "code" if "code" in found else "text"
    if field not in found:
        return ["# CHANGE: no code and no text was found, so every scan has no milestone"]
    find, find_text = compile_paths(found[field][0]), compile_paths(found.get("text", found[field])[0])
    said: dict[str, Any] = {}
    try:
        for chain in compile_events(events or None)((payload,)):
            if (code := find(chain)) is not None:
                said.setdefault(str(code), find_text(chain))
    except Rejected:
        pass
    lines = [f"{'codes' if field == 'code' else 'texts'}:  # CHANGE: UNMAPPED to what each one means"]
    return [*lines, *(f"  {_quoted(code)}: UNMAPPED  # {text}"[:110] for code, text in said.items())]


def _rest_lines(chain: list[tuple[str, Any]], found: dict[FieldName, _Leaf]) -> list[str]:
    taken = {path for path, _ in found.values()}
    rest = [(f"{start}{path}", value) for start, node in chain for path, value in leaves(node)]
    personal = [path for path, _ in rest if path not in taken and _PERSONAL.search(_telling_name(path))]
    lines = [f"personal: [{', '.join(_quoted(path) for path in personal)}]"] if personal else []
    unused = [path for path, _ in rest if path not in taken and path not in personal]
    return [*lines, *(["# not used: " + ", ".join(unused)] if unused else [])]


def _quoted(text: str) -> str:
    """As YAML writes it where it has to be in quotes."""
    return text if re.fullmatch(r"[A-Za-z_][\w.-]*", text) and text.lower() not in _WORDS else f'"{text}"'


_WORDS = ("yes", "no", "on", "off", "true", "false", "null", "y", "n")
