"""Drafts a mapping from one payload: where its events are, and which value is likely which field.

A draft is a guess for a person to check, so it says everything that it found and marks what it could not
tell with CHANGE. Nothing in production guesses.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from controltower.feeds.draft.codes import sounds_like
from controltower.feeds.draft.fields import (
    Around,
    choose_fields,
    find_country,
    find_zone_field,
    personal_paths,
    place_parts,
    unused_paths,
)
from controltower.feeds.draft.shape import Leaf, find_events, leaves, walk_events
from controltower.feeds.draft.times import date_alone, find_format, has_offset, is_ambiguous, time_of_day
from controltower.feeds.formats import LIST_FORMATS, CsvSpec, Encoding, Format, find_decode
from controltower.feeds.nested import NestedSpec, nested_texts, read_nested
from controltower.feeds.paths import Chain, compile_paths
from controltower.feeds.rejection import Rejected
from controltower.feeds.spec import FieldName

_WORDS = ("yes", "no", "on", "off", "true", "false", "null", "y", "n")
#: `c3` is the third column of a file without names.
_TIME_NAME = re.compile(r"time|zeit|heure|hora|uhr|^@?t$|^@?tm$|^c\d+$", re.IGNORECASE)
_MOST_UNUSED = 25


def draft_mapping(feed: str, carrier: str, sample: bytes, suffix: str, zone: str | None = None) -> str:
    """The text of a mapping file. Raises nothing: what cannot be read is said in a comment."""
    sample_read = _decode(sample, suffix)
    events, around = find_events(sample_read.payload, is_xml=sample_read.kind == "xml")
    if not around:
        return f"# CHANGE: the sample could not be read as JSON, NDJSON, XML or CSV\nfeed: {feed}\n"
    found, chains = choose_fields(around), walk_events(sample_read.payload, events)
    time_lines = _time_lines(around, found, chains, zone)
    lines = [
        f"# A draft from one payload. Check every line; what says CHANGE could not be told.\nfeed: {feed}",
        f"carrier: {carrier}\ntenant: default",
        *_format_lines(sample_read, events),
        "# nothing: what the carrier says where it has nothing or knows no such number, see docs/feeds.md",
        "fields:",
        *_field_lines(around, found),
        *time_lines,
        *_number_lines(sample_read.kind, found),
        *_code_lines(found, chains),
        *_rest_lines(around, found),
    ]
    return "\n".join(lines) + "\n"


class _Sample(NamedTuple):
    """A sample as it could be read; the payload is None where it could not."""

    kind: Format
    encoding: Encoding
    csv: CsvSpec
    payload: Any
    nested: tuple[NestedSpec, ...] = ()


def _format_lines(sample: _Sample, events: str) -> list[str]:
    lines = [f"format: {sample.kind}"] if sample.kind != "json" else []
    lines += [f"encoding: {sample.encoding}"] if sample.encoding != "utf-8" else []
    csv = [f"delimiter: {_quoted(sample.csv.delimiter)}"] if sample.csv.delimiter != "," else []
    csv += [f"columns: [{', '.join(sample.csv.columns)}]"] if sample.csv.columns else []
    lines += [f"csv: {{{', '.join(csv)}}}"] if csv else []
    lines += ["nested:"] if sample.nested else []
    lines += [f"  - {{path: {_quoted(spec.path)}, written: {spec.written}}}" for spec in sample.nested]
    is_said = not events or (sample.kind in LIST_FORMATS and events == "[]")
    return lines if is_said else [*lines, f"events: {_quoted(events)}"]


def _number_lines(kind: Format, found: dict[FieldName, Leaf]) -> list[str]:
    is_text = kind == "json" and "lat" in found and isinstance(found["lat"].value, str)
    return ["numbers: text"] if is_text else []


def _decode(sample: bytes, suffix: str) -> _Sample:
    text = sample.removeprefix(b"\xef\xbb\xbf").lstrip()
    is_table = suffix in (".csv", ".tsv") or (text[:1] not in (b"<", b"[", b"{") and b"\x00" not in text[:4])
    kinds: tuple[Format, ...] = ("csv",) if is_table else ("xml",) if text[:1] == b"<" else ("json", "ndjson")
    for encoding in ("utf-8", "windows-1252", "utf-16"):
        for kind in kinds:
            csv = CsvSpec(delimiter=_delimiter(sample)) if kind == "csv" else CsvSpec()
            try:
                found = find_decode(kind, csv, encoding)(sample)
                if kind == "csv" and found and _is_data(list(found[0])):
                    csv = CsvSpec(
                        delimiter=csv.delimiter, columns=tuple(f"c{n + 1}" for n in range(len(found[0])))
                    )
                    found = find_decode(kind, csv, encoding)(sample)
                return _Sample(kind, encoding, csv, *_unwrap(found))
            except Rejected:
                continue
    return _Sample("json", "utf-8", CsvSpec(), None)


def _unwrap(payload: Any) -> tuple[Any, tuple[NestedSpec, ...]]:
    """The sample with the JSON in its texts read, and in theirs, and where they stand."""
    specs: tuple[NestedSpec, ...] = ()
    while found := tuple(nested_texts(payload)):
        payload, specs = read_nested(payload, found), (*specs, *found)
    return payload, specs


def _is_data(head: list[str]) -> bool:
    """Whether what stands for the names of columns is a first row: a time or a number is no name."""
    return any(cell.isdigit() or find_format([cell]) for cell in head)


def _delimiter(sample: bytes) -> str:
    head = sample.split(b"\n", 1)[0].decode("utf-8", errors="replace")
    return max(",;\t|", key=head.count)


def _time_lines(
    around: Around, found: dict[FieldName, Leaf], chains: list[Chain], zone: str | None
) -> list[str]:
    """The format that all times of the sample have; joins date and time where they stand apart."""
    if "occurred_at" not in found:
        return ["time:", "  format: iso  # CHANGE", *_zone_lines(around, found, zone)]
    values = _values(found["occurred_at"].path, chains)
    time_format = find_format(values) or "iso"
    if date_alone(values):
        time_format = _join_time_of_day(around, found, chains) or time_format
        values = _values(found["occurred_at"].path, chains)
    other = "  # CHANGE if day and month are the other way round" if is_ambiguous(time_format, values) else ""
    lines = ["time:", f"  format: {_quoted(time_format)}{other}"]
    return lines if has_offset(time_format, values) else [*lines, *_zone_lines(around, found, zone)]


def _values(path: str, chains: list[Chain]) -> list[str]:
    find = compile_paths(path)
    try:
        return [str(value) for chain in chains if (value := find(chain)) is not None]
    except Rejected:
        return []


def _join_time_of_day(around: Around, found: dict[FieldName, Leaf], chains: list[Chain]) -> str | None:
    date, value = found["occurred_at"]
    date_format = date_alone(_values(date, chains))
    for path, text in leaves(around[0][1]):
        is_named = _TIME_NAME.search(path.rpartition(".")[2].strip("'"))
        if path != date and is_named and (part := time_of_day(str(text))):
            found["occurred_at"] = Leaf(f"{{{date}}} {{{path}}}", f"{value} {text}")
            return f"{date_format} {part}"
    return None


def _zone_lines(around: Around, found: dict[FieldName, Leaf], zone: str | None) -> list[str]:
    known = ["place"] if "lat" in found else []
    if (field := find_zone_field(around)) is not None:
        known.insert(0, f"{{field: {_quoted(field)}}}")
    elif (country := find_country(around)) is not None:
        region = f", region: {_quoted(country[1])}" if country[1] else ""
        known.insert(0, f"{{country: {_quoted(country[0])}{region}}}")
    last = [zone] if zone else [] if known else ["CHANGE"]
    remark = (
        "these times have no offset: name the carrier's zone" if not zone else "where the payload has none"
    )
    return [f"  zone: [{', '.join([*known, *last])}]  # {remark}"]


def _field_lines(around: Around, found: dict[FieldName, Leaf]) -> list[str]:
    missing = [field for field in ("shipment_ids", "occurred_at") if field not in found]
    lines = [f"  {field}: CHANGE  # not found in the sample" for field in missing]
    for field, (path, value) in found.items():
        written = _quoted(path)
        if field == "place_name" and len(parts := place_parts(around[0][1], path)) > 1:
            written = f"{{join: [{', '.join(map(_quoted, parts))}]}}"
        lines.append(f"  {field}: {written}  # {str(value)[:40]!r}")
    return lines


def _code_lines(found: dict[FieldName, Leaf], chains: list[Chain]) -> list[str]:
    """A table of every code of the sample, each for a person to fill in."""
    field: FieldName = "code" if "code" in found else "text"
    if field not in found:
        return ["# CHANGE: no code and no text was found, so every scan has no milestone"]
    find, find_text = (compile_paths(found.get(name, found[field]).path) for name in (field, "text"))
    said: dict[str, str | None] = {}
    for chain in chains:
        if (code := find(chain)) is not None:
            text = find_text(chain)
            said.setdefault(str(code), None if text is None or field == "text" else str(text))
    lines = [f"{'codes' if field == 'code' else 'texts'}:  # CHANGE: UNMAPPED to what each one means"]
    return [*lines, *(f"  {_quoted(code)}: UNMAPPED{_remark(code, text)}" for code, text in said.items())]


def _remark(code: str, text: str | None) -> str:
    meaning = sounds_like(code, text)
    parts = [
        part for part in (text[:60] if text and text != code else None, meaning and f"{meaning}?") if part
    ]
    return f"  # {' -> '.join(parts)}" if parts else ""


def _rest_lines(around: Around, found: dict[FieldName, Leaf]) -> list[str]:
    taken = {name for path, _ in found.values() for name in (re.findall(r"\{([^{}]+)\}", path) or [path])}
    personal = personal_paths(around, taken)
    lines = [f"personal: [{', '.join(map(_quoted, personal))}]"] if personal else []
    unused = unused_paths(around, taken | set(personal))
    more = f" and {len(unused) - _MOST_UNUSED} more" if len(unused) > _MOST_UNUSED else ""
    return [*lines, *([f"# not used: {', '.join(unused[:_MOST_UNUSED])}{more}"] if unused else [])]


def _quoted(text: str) -> str:
    """As YAML writes it where it has to be in quotes."""
    is_plain = re.fullmatch(r"[A-Za-z_][\w.-]*", text) and text.lower() not in _WORDS
    return (
        text
        if is_plain
        else "'" + text.replace("'", "''") + "'"
        if '"' in text or "\\" in text
        else f'"{text}"'
    )
