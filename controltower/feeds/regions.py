"""The zone in which most people of a state or province live, for countries of several zones."""

from __future__ import annotations

_EASTERN, _CENTRAL, _MOUNTAIN, _PACIFIC = (
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
)
_BY_ZONE: dict[str, dict[str, str]] = {
    "US": {
        _EASTERN: "CT DC DE FL GA IN KY MA MD ME MI NC NH NJ NY OH PA RI SC VA VT WV",
        _CENTRAL: "AL AR IA IL KS LA MN MO MS ND NE OK SD TN TX WI",
        _MOUNTAIN: "CO ID MT NM UT WY",
        "America/Phoenix": "AZ",
        _PACIFIC: "CA NV OR WA",
        "America/Anchorage": "AK",
        "Pacific/Honolulu": "HI",
        "America/Puerto_Rico": "PR VI",
        "Pacific/Guam": "GU",
    },
    "CA": {
        "America/Toronto": "ON QC NU",
        "America/Winnipeg": "MB",
        "America/Regina": "SK",
        "America/Edmonton": "AB NT",
        "America/Vancouver": "BC",
        "America/Whitehorse": "YT",
        "America/Halifax": "NS NB PE",
        "America/St_Johns": "NL",
    },
    "AU": {
        "Australia/Sydney": "NSW ACT",
        "Australia/Melbourne": "VIC",
        "Australia/Brisbane": "QLD",
        "Australia/Adelaide": "SA",
        "Australia/Perth": "WA",
        "Australia/Hobart": "TAS",
        "Australia/Darwin": "NT",
    },
}
_ZONES = {
    (country, region): zone
    for country, zones in _BY_ZONE.items()
    for zone, regions in zones.items()
    for region in regions.split()
}


def region_zone(country: str, region: str) -> str | None:
    """The IANA zone of a region such as (US, NJ), or None."""
    return _ZONES.get((country.upper(), region.upper()))
