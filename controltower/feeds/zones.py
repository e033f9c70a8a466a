"""Which time zone a time without an offset is in: what the payload says, the place, or the feed's setting."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field
from tzfpy import get_tz

from controltower.feeds.countries import country_code, zone_rows
from controltower.feeds.fields import FieldRule, compile_field
from controltower.feeds.paths import Chain, Getter, Paths
from controltower.feeds.regions import region_zone

#: Offsets from UTC in minutes of the abbreviations that mean one zone only; CST is taken as North America's.
_ABBREVIATIONS = {
    **dict.fromkeys(("UTC", "GMT", "Z", "WET"), 0),
    **dict.fromkeys(("BST", "WEST", "CET", "MEZ"), 60),
    **dict.fromkeys(("CEST", "MESZ", "EET", "SAST"), 120),
    **dict.fromkeys(("EEST", "MSK"), 180),
    **dict.fromkeys(("AWST", "HKT", "SGT", "PHT"), 480),
    **dict.fromkeys(("JST", "KST"), 540),
    "ACST": 570,
    "AEST": 600,
    "ACDT": 630,
    "AEDT": 660,
    "NZST": 720,
    "NZDT": 780,
    "NST": -210,
    "NDT": -150,
    "AST": -240,
    "ADT": -180,
    "EST": -300,
    "EDT": -240,
    "CST": -360,
    "CDT": -300,
    "MST": -420,
    "MDT": -360,
    "PST": -480,
    "PDT": -420,
    "AKST": -540,
    "AKDT": -480,
    "HST": -600,
}
#: Countries whose other zones are islands far off or exclaves, where hardly any parcel is scanned.
_MAINLY = {
    "DE": "Europe/Berlin",
    "ES": "Europe/Madrid",
    "PT": "Europe/Lisbon",
    "NZ": "Pacific/Auckland",
    "CN": "Asia/Shanghai",
    "MY": "Asia/Kuala_Lumpur",
    "UA": "Europe/Kyiv",
    "CL": "America/Santiago",
    "AR": "America/Argentina/Buenos_Aires",
}
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2}):?(\d{2})?")


class FieldZone(BaseModel):
    """A zone that the payload names: an IANA name, an offset or an abbreviation, or a key of `zones`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    field: FieldRule | Paths
    zones: dict[str, str] = Field(default_factory=dict, description="what the payload says -> IANA zone")


class CountryZone(BaseModel):
    """The zone of a country (ISO 3166, two or three letters, or a name) that has one only, or of its region.

    Regions are the states and provinces of the US, Canada and Australia; the zone of most of their people
    is taken. Without a region a country of several zones says nothing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    country: FieldRule | Paths
    region: FieldRule | Paths | None = None


#: An IANA zone, `place` for the zone of the event's coordinates, or where the payload says it.
ZoneSource = FieldZone | CountryZone | Literal["place"] | str


class Zone(NamedTuple):
    """`assumed` is the name of a zone that the payload itself does not give."""

    info: tzinfo
    assumed: str | None


ZoneFinder = Callable[[Chain], Zone | None]


def compile_zones(sources: tuple[ZoneSource, ...], find_lat: Getter, find_lon: Getter) -> ZoneFinder:
    """The first source that knows. Raises ValueError for an unknown zone or a wrong path."""
    finders = [_compile_source(source, find_lat, find_lon) for source in sources]

    def find_zone(chain: Chain) -> Zone | None:
        return next((zone for finder in finders if (zone := finder(chain))), None)

    return find_zone if len(finders) != 1 else finders[0]


def _compile_source(source: ZoneSource, find_lat: Getter, find_lon: Getter) -> ZoneFinder:
    if isinstance(source, FieldZone):
        return _compile_field(source)
    if isinstance(source, CountryZone):
        find_country = compile_field(source.country)
        find_region = compile_field(source.region) if source.region else lambda chain: None
        return lambda chain: _zone_of_country(_as_text(find_country(chain)), _as_text(find_region(chain)))
    if source == "place":
        return lambda chain: _zone_of_place(find_lat(chain), find_lon(chain))
    fixed = _iana(source)
    return lambda chain: fixed


def _compile_field(source: FieldZone) -> ZoneFinder:
    find = compile_field(source.field)
    table = {name.casefold(): _iana(zone) for name, zone in source.zones.items()}

    def find_zone(chain: Chain) -> Zone | None:
        text = _as_text(find(chain))
        return (table.get(text.casefold()) or read_zone(text)) if text else None

    return find_zone


def _as_text(value: Any) -> str:
    return value.strip() if type(value) is str else ""


def _iana(name: str) -> Zone:
    try:
        return Zone(ZoneInfo(name), name)
    except (KeyError, ValueError, OSError):
        hint = ": name the carrier's time zone, such as Europe/Paris" if name == "CHANGE" else ""
        raise ValueError(f"{name!r} is no time zone{hint}") from None


@lru_cache(maxsize=1024)
def read_zone(text: str) -> Zone | None:
    """An offset such as -05:00 or GMT+1, an abbreviation such as EST, or an IANA name."""
    minutes = _ABBREVIATIONS.get(text.upper())
    if minutes is not None:
        return Zone(UTC if minutes == 0 else timezone(timedelta(minutes=minutes)), None)
    if found := _OFFSET.fullmatch(text.upper()):
        offset = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
        if offset <= timedelta(hours=14):
            return Zone(timezone(-offset if found[1] == "-" else offset), None)
        return None
    try:
        return Zone(ZoneInfo(text), None) if "/" in text else None
    except (KeyError, ValueError, OSError):
        return None


@lru_cache(maxsize=64)
def _named(name: str) -> Zone:
    return _iana(name)


def _zone_of_place(lat: Any, lon: Any) -> Zone | None:
    try:
        lat_deg, lon_deg = float(lat), float(lon)
    except (TypeError, ValueError, OverflowError):
        return None
    if not (-90 <= lat_deg <= 90 and -180 <= lon_deg <= 180):
        return None
    name = get_tz(lon_deg, lat_deg)
    try:
        return _named(name) if name else None
    except ValueError:
        return None


@lru_cache(maxsize=1)
def _only_zones() -> dict[str, str]:
    """Country -> its zone, for countries with one zone."""
    found: dict[str, list[str]] = {}
    for country, _, zone, *_ in zone_rows("zone.tab"):
        found.setdefault(country, []).append(zone)
    only = {country: zones[0] for country, zones in found.items() if len(zones) == 1}
    return _MAINLY | only


@lru_cache(maxsize=1024)
def _zone_of_country(country: str, region: str) -> Zone | None:
    code = country_code(country)
    name = region_zone(code, region) or _only_zones().get(code)
    return _named(name) if name else None
