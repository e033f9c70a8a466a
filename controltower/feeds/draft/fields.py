"""Which value of a sample is likely which field."""

from __future__ import annotations

import re
from collections.abc import Iterator

from controltower.feeds.countries import country_code, zone_rows
from controltower.feeds.draft.shape import Leaf, leaves
from controltower.feeds.draft.times import find_format
from controltower.feeds.spec import FieldName
from controltower.feeds.zones import read_zone

Around = list[tuple[str, dict[str, object]]]
#: Field -> what the last name of its path looks like, the most telling first.
_LOOKS: dict[FieldName, tuple[str, ...]] = {
    "shipment_ids": (
        r"(track(ing)?|parcel|item|shipment|package|article|consignment|piece|mail_?piece)_?-?(number|num|no|nr|id|code)$",
        r"waybill|awb|bar_?code|sendung|colis|^id_?ship|^pin$|consignment|^(tn|trk|track)$|^ref(erence)?$|requested",
        r"track|suivi|skybill|envio|env[ií]o|zending|spedizione|przesylk|(number|nummer)$",
        r"^@?(nr|no|num|number|id)$|#key",
    ),
    "occurred_at": (
        r"occurred|event_?-?(date_?-?)?time|time_?stamp|date_?-?time|scan_?(date|time)",
        r"^@?(date|time|at|when|zeit|datum|fecha|ts|d|t)$|_at$|event_?date|time$|date$|datum|zeit",
        r".",
    ),
    "code": (
        r"(event|status|scan|state|activity|type)_?-?code|^(code|cd)$",
        r"(event|status|scan)_?-?(type|id)",
        r"^code",
        r"(?<!post)(?<!postal)(?<!zip)(?<!country)(?<!location)(?<!facility)(?<!reason)[_-]?code$",
        r"^@?(status|state|event|evt|ev|type|typ|kind|st|art|step)$",
    ),
    "text": (
        r"desc|message|^msg$|^text$|(status|event)_?text|beschreib|libell",
        r"detail|remark|label|^@?status$|event-?_?(name|status)",
    ),
    "lat": (r"^@?lat(itude)?$|breite",),
    "lon": (r"^@?(lon|lng)(gitude)?$|^@?long$|l(ae|ä)nge",),
    "place_name": (
        r"city|town|locality|ville|^ort$|^@?(event-)?location$|place_?name",
        r"location|place|facility|site|office|agence|depot_?name",
    ),
    "hub": (r"(hub|depot|station|facility|location|terminal)_?-?(code|id)|^(hub|depot)$",),
    "vehicle_id": (r"vehicle|truck|^van|fahrzeug",),
    "route_id": (r"route|tour|^trip",),
    "reason_code": (r"reason_?-?code|exception_?-?code|cause_?-?code",),
    "recorded_at": (r"record(ed)?_?at|received_?at|processed_?at",),
}
_PERSONAL = re.compile(
    r"(?<!place)(?<!depot)(?<!event)(?<!location)(?<!city)(?<!product)(?<!site)(?<!display)_?name$|sign(ed|at)|phone|^tel|e-?mail$"
    r"|street|address_?line|recipient|receiver|consignee$|contact|attention",
    re.IGNORECASE,
)
#: Times of something else than the event.
_OTHER_TIME = re.compile(r"estimat|expect|eta$|schedul|promis|insert|updat|creat|planned|due", re.IGNORECASE)
#: Names of a value's own part, which tell less than the name of what holds it.
_HOLLOW = ("content", "value")
_HALF_HOLLOW = ("id", "code", "name")
#: What a tracking number and a code look like, where their names say nothing.
_NUMBER = re.compile(r"(?=.*\d)[A-Z0-9-]{8,40}")
_CODE = re.compile(r"[A-Z][A-Z0-9_-]{1,15}")
_COUNTRY = re.compile(r"country(_?-?(code|iso\d?))?$|^land$|^pays$", re.IGNORECASE)
_REGION = re.compile(r"state|province|region|division|bundesland", re.IGNORECASE)
_ZONE = re.compile(r"time_?-?zone|^tz$|offset|^utc", re.IGNORECASE)


def choose_fields(around: Around) -> dict[FieldName, Leaf]:
    """The likeliest value of each field: nearer to the event, and a name that looks like it; a number or code
    that no name tells, by its own look."""
    found: dict[FieldName, Leaf] = {}
    taken: set[str] = set()
    for field, looks in _LOOKS.items():
        leaf = next((leaf for look in looks if (leaf := _find(around, field, look, taken))), None)
        if leaf:
            found[field] = leaf
            taken.add(leaf.path)
    _add_by_look("shipment_ids", _NUMBER, [*around[1:], *around[:1]], found)
    if "text" not in found:
        _add_by_look("code", _CODE, around[:1], found)
    if ("lat" in found) != ("lon" in found):
        found = {field: leaf for field, leaf in found.items() if field not in ("lat", "lon")}
    return found


def _add_by_look(field: FieldName, look: re.Pattern[str], near: Around, found: dict[FieldName, Leaf]) -> None:
    taken = {leaf.path for leaf in found.values()}
    leaves_left = (leaf for leaf in _all(near) if leaf.path not in taken and _looks(leaf.value, look))
    if field not in found and (leaf := next(leaves_left, None)):
        found[field] = leaf


def _find(around: Around, field: FieldName, look: str, taken: set[str]) -> Leaf | None:
    is_subject = field in ("shipment_ids", "vehicle_id", "route_id")
    near = around if is_subject else around[:1]
    if field == "shipment_ids" and look.startswith("^@?"):
        near = [*around[1:], *around[:1]]  # an id within the event is rather the event's own
    for start, node in near:
        for path, value in leaves(node):
            full = f"{start}{path}"
            name = _telling_name(path)
            if full not in taken and re.search(look, name, re.IGNORECASE) and _may_be(field, name, value):
                return Leaf(full, value)
    return None


def _may_be(field: FieldName, name: str, value: object) -> bool:
    is_time = find_format([value]) is not None
    if field == "shipment_ids":
        return re.search(r"\d", str(value)) is not None and " " not in str(value)
    if field in ("occurred_at", "recorded_at"):
        return is_time and (field == "recorded_at" or not _OTHER_TIME.search(name))
    return not is_time


def _looks(value: object, look: re.Pattern[str]) -> bool:
    return look.fullmatch(str(value)) is not None and find_format([value]) is None


def _telling_name(path: str) -> str:
    *outer, name = [part.strip("'") for part in path.split(".")]
    if outer and name.lower() in _HOLLOW:
        return outer[-1]
    return f"{outer[-1]}_{name}" if outer and name.lower() in _HALF_HOLLOW else name


def place_parts(event: dict[str, object], city: str) -> list[str]:
    """The city with the region and country that stand beside it."""
    holder = city.rpartition(".")[0]
    beside = [leaf.path for leaf in leaves(event) if leaf.path.rpartition(".")[0] == holder]
    names = {path: path.rpartition(".")[2] for path in beside}
    region = next(
        (path for path in beside if _REGION.search(names[path]) and not _ZONE.search(names[path])), None
    )
    country = next((path for path in beside if _COUNTRY.search(names[path])), None)
    return [part for part in (city, region, country) if part is not None]


def find_zone_field(around: Around) -> str | None:
    """Where the event says its zone: a name, an offset or an abbreviation."""
    for path, value in leaves(around[0][1]):
        if _ZONE.search(path.rpartition(".")[2]) and isinstance(value, str) and read_zone(value.strip()):
            return path
    return None


def find_country(around: Around) -> tuple[str, str | None] | None:
    """Where the event says its country, and the region beside it."""
    codes = {code for code, *_ in zone_rows("iso3166.tab")}
    for path, value in leaves(around[0][1]):
        if _COUNTRY.search(path.rpartition(".")[2]) and country_code(str(value)) in codes:
            regions = [part for part in place_parts(around[0][1], path)[1:] if part != path]
            return path, regions[0] if regions else None
    return None


def personal_paths(around: Around, taken: set[str]) -> list[str]:
    """Values that may name a person."""
    return [
        leaf.path
        for leaf in _all(around)
        if leaf.path not in taken and _PERSONAL.search(_telling_name(leaf.path))
    ]


def unused_paths(around: Around, taken: set[str]) -> list[str]:
    """What no line of the draft reads, of the event itself and of what encloses it."""
    return [leaf.path for leaf in _all(around) if leaf.path not in taken]


def _all(around: Around) -> Iterator[Leaf]:
    """Every value once: what encloses the event also holds it."""
    seen: set[tuple[str, object]] = set()
    for start, node in around:
        for path, value in leaves(node):
            if not any((path[at:], value) in seen for at in _starts(path)) and path != "@name":
                yield Leaf(f"{start}{path}", value)
        seen |= {(path, value) for path, value in leaves(node)}


def _starts(path: str) -> list[int]:
    return [0, *(found.end() for found in re.finditer(r"[.]", path))]
