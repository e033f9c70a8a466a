"""Files of plans: JSON (one plan or a list), NDJSON (one per line) or CSV (one line per stop).

JSON and NDJSON may hold plans of routes and of line hauls, CSV those of routes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from controltower.feeds.formats import CsvSpec, decode_csv, decode_ndjson
from controltower.feeds.payload import decode_payload
from controltower.feeds.rejection import Rejected
from controltower.plans.check import PlanFault, check_plan_object
from controltower.plans.hauls import check_haul_plan_object, looks_like_haul
from schemas.haul import HAUL_PLAN_SCHEMA, HaulPlan
from schemas.plan import PLAN_SCHEMA, Plan
from schemas.vocabulary import RejectReason

_TIMES = ("departs_at", "ends_by", "starts_at")
_STOP_TIMES = ("window_from", "window_to", "promised_by", "planned_arrival", "planned_departure")
_BREAK_TIMES = ("starts_at", "ends_at")
_STOP_FIELDS = (
    "stop_id",
    "sequence",
    "lat",
    "lon",
    *_STOP_TIMES,
    "service_s",
    "kind",
    "zone",
    "service_tier",
)
_NUMBERS = {"version": int, "sequence": int, "lat": float, "lon": float, "service_s": float}
#: A column or field with the IANA zone of all times of a plan that have no offset.
_ZONE = "time_zone"


class PlanRead(NamedTuple):
    """One plan of a file: where it stands, and the plan or everything that is wrong with it."""

    where: str
    plan: Plan | HaulPlan | None
    faults: tuple[PlanFault, ...]


def read_plans(name: str, content: bytes, zone: str | None = None) -> list[PlanRead]:
    """Every plan of a file; the ending .csv, .jsonl or .ndjson says how it is written, any other is JSON.

    zone: IANA name, for times without an offset where the plan names no zone itself.
    """
    try:
        payloads = list(_payloads(name, content))
    except Rejected as rejected:
        return [PlanRead(name, None, (PlanFault(rejected.reason, rejected.detail),))]
    return [_check(where, payload, zone) for where, payload in payloads]


def _payloads(name: str, content: bytes) -> Iterator[tuple[str, Any]]:
    if name.endswith(".csv"):
        yield from _routes_of(decode_csv(content, CsvSpec(delimiter=_delimiter(content))), name)
    elif name.endswith((".jsonl", ".ndjson")):
        yield from ((f"{name}:{n}", found) for n, found in enumerate(decode_ndjson(content), 1))
    else:
        payload = decode_payload(content)
        plans = payload if isinstance(payload, list) else [payload]
        yield from ((f"{name}[{n}]" if len(plans) > 1 else name, found) for n, found in enumerate(plans))


def _delimiter(content: bytes) -> str:
    head = content.split(b"\n", 1)[0].decode("utf-8", errors="replace")
    return max(",;\t", key=head.count)


def _routes_of(rows: list[dict[str, str]], name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Lines of one route and version become one plan; its own fields are those of its first line."""
    plans: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        filled = {column: _number(column, text) for column, text in row.items() if text}
        key = (row.get("route_id", ""), row.get("version", ""))
        own = {
            column: value for column, value in filled.items() if column not in (*_STOP_FIELDS, "shipment_ids")
        }
        plan = plans.setdefault(key, {"schema": PLAN_SCHEMA, "version": 1, **own, "stops": []})
        stop = {column: filled[column] for column in _STOP_FIELDS if column in filled}
        stop.setdefault("sequence", len(plan["stops"]) + 1)
        stop["shipment_ids"] = [
            part.strip() for part in row.get("shipment_ids", "").split(";") if part.strip()
        ]
        plan["stops"].append(stop)
    yield from ((f"{name}: route {route or '(none)'}", plan) for (route, _), plan in plans.items())


def _number(column: str, text: str) -> Any:
    """A number where the column has one; text that is none stays, to be refused by its field."""
    try:
        return _NUMBERS[column](text) if column in _NUMBERS else text
    except ValueError:
        return text


def _check(where: str, payload: Any, zone: str | None) -> PlanRead:
    if not isinstance(payload, dict):
        return PlanRead(where, None, (PlanFault(RejectReason.WRONG_TYPE, "the plan is no object"),))
    is_haul = looks_like_haul(payload)
    if "schema" not in payload:
        payload = {"schema": HAUL_PLAN_SCHEMA if is_haul else PLAN_SCHEMA, **payload}
    faults: tuple[PlanFault, ...] = ()
    named = payload.get(_ZONE, zone)
    if named is not None:
        try:
            payload = _localize(payload, ZoneInfo(str(named)))
        except (KeyError, ValueError, OSError):
            faults = (PlanFault(RejectReason.OUT_OF_RANGE, f"{_ZONE}: there is no such time zone"),)
    checked = check_haul_plan_object(payload) if is_haul else check_plan_object(payload)
    if isinstance(checked, tuple):
        return PlanRead(where, None, faults + checked)
    return PlanRead(where, None if faults else checked, faults)


def _localize(payload: dict[str, Any], zone: ZoneInfo) -> dict[str, Any]:
    """The plan with an offset at every time that had none."""
    found = _with_offsets(payload, _TIMES, zone)
    for name, times in (("stops", _STOP_TIMES), ("breaks", _BREAK_TIMES)):
        members = found.get(name)
        if isinstance(members, list):
            found[name] = [_with_offsets(m, times, zone) if isinstance(m, dict) else m for m in members]
    return found


def _with_offsets(part: dict[str, Any], times: tuple[str, ...], zone: ZoneInfo) -> dict[str, Any]:
    return {name: _with_offset(value, zone) if name in times else value for name, value in part.items()}


def _with_offset(value: Any, zone: ZoneInfo) -> Any:
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return value
    return at.replace(tzinfo=zone).isoformat() if at.tzinfo is None else value
