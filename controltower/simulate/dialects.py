"""Write observations as the carriers would: the two demo dialects of `controltower/feeds/mappings`.

The payloads name people where real ones do (a courier, who signed): nothing of that may leave normalize.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from controltower.simulate.clock import SimulatedClock
from controltower.simulate.observe import Observation
from schemas.vocabulary import Milestone, Reason

#: Invented; a test looks for them in everything that leaves normalize.
PEOPLE: Final = ("Ottilie Brandmayer", "Kasimir Wendelin", "Roswitha Lauterbach", "Benedikt Aschauer")
#: Codes that neither mapping knows.
UNDOCUMENTED_CODES: Final = {"swiftpost": "QX", "metroline": "77"}

_SWIFTPOST: Final[dict[tuple[Milestone, Reason | None], tuple[str, str]]] = {
    (Milestone.LOADED, None): ("LD", "loaded"),
    (Milestone.OUT_FOR_DELIVERY, None): ("OD", "out for delivery"),
    (Milestone.DELIVERED, None): ("DL", "delivered to recipient"),
    (Milestone.ATTEMPT_FAILED, Reason.CONSIGNEE_ABSENT): ("NH", "nobody home"),
    (Milestone.ATTEMPT_FAILED, Reason.CONSIGNEE_REFUSED): ("RF", "refused"),
    (Milestone.ATTEMPT_FAILED, Reason.CONSIGNEE_ADDRESS): ("BA", "address not found"),
    (Milestone.UNMAPPED, None): (UNDOCUMENTED_CODES["swiftpost"], "quality check"),
}
_METROLINE: Final[dict[tuple[Milestone, Reason | None], tuple[int, str]]] = {
    (Milestone.LOADED, None): (35, "Verladen"),
    (Milestone.OUT_FOR_DELIVERY, None): (40, "In Zustellung"),
    (Milestone.DELIVERED, None): (50, "Zugestellt"),
    (Milestone.ATTEMPT_FAILED, Reason.CONSIGNEE_ABSENT): (60, "Niemand angetroffen"),
    (Milestone.ATTEMPT_FAILED, Reason.CONSIGNEE_REFUSED): (61, "Annahme verweigert"),
    (Milestone.ATTEMPT_FAILED, Reason.CONSIGNEE_ADDRESS): (62, "Adresse nicht gefunden"),
    (Milestone.UNMAPPED, None): (int(UNDOCUMENTED_CODES["metroline"]), "Sonderfahrt"),
}

_encode = msgspec.json.Encoder().encode


def write_payload(observations: Sequence[Observation], clock: SimulatedClock, sent_s: float) -> bytes:
    """One payload in the dialect of the observations' carrier; only swiftpost takes more than one."""
    if observations[0].tour.carrier.feed == "swiftpost":
        events = [_swiftpost_event(observation, clock) for observation in observations]
        return _encode({"v": "2", "sent": _iso(clock.local(sent_s)), "events": events})
    (observation,) = observations
    return _encode(_metroline_record(observation, clock))


def _iso(local: datetime) -> str:
    return local.isoformat(timespec="seconds")


def _person(observation: Observation) -> str:
    return PEOPLE[observation.number % len(PEOPLE)]


def _swiftpost_event(observation: Observation, clock: SimulatedClock) -> dict[str, Any]:
    tour = observation.tour
    event: dict[str, Any] = {
        "uid": f"{tour.route_id}-E{observation.number:05d}",
        "rev": 1,
        "at": _iso(clock.local(observation.at_s)),
    }
    if observation.milestone is None:
        geo = {
            "lat": observation.lat,
            "lng": observation.lon,
            "acc": observation.accuracy_m,
            "mps": observation.speed_mps,
        }
        if observation.bearing_deg is not None:
            geo["head"] = observation.bearing_deg
        return event | {"what": {"code": "PS"}, "tour": _swiftpost_tour(observation), "geo": geo}
    code, text = _SWIFTPOST[observation.milestone, observation.reason]
    event |= {"what": {"code": code, "text": text}, "items": list(observation.shipment_ids)}
    if observation.milestone is Milestone.DELIVERED:
        event["pod"] = {"signed_by": _person(observation)}
    return event


def _swiftpost_tour(observation: Observation) -> dict[str, str]:
    tour = observation.tour
    return {"no": tour.route_id, "van": tour.vehicle_id, "courier": PEOPLE[len(tour.drops) % len(PEOPLE)]}


def _metroline_record(observation: Observation, clock: SimulatedClock) -> dict[str, Any]:
    tour = observation.tour
    record: dict[str, Any] = {
        "satzart": "POS" if observation.milestone is None else "SCAN",
        "version": 3,
        "nr": observation.number,
        "zeit": clock.local(observation.at_s).strftime("%d.%m.%Y %H:%M:%S"),
        "fahrzeug": tour.vehicle_id,
        "fahrer": PEOPLE[len(tour.drops) % len(PEOPLE)],
    }
    if observation.milestone is None:
        record |= {"tour": tour.route_id, "breite": observation.lat, "laenge": observation.lon}
        record |= {"genauigkeit": observation.accuracy_m, "tempo": _kmh(observation.speed_mps)}
        record["kurs"] = "" if observation.bearing_deg is None else observation.bearing_deg
        return record
    (parcel,) = observation.shipment_ids
    status, text = _METROLINE[observation.milestone, observation.reason]
    record |= {"tour": "", "halt": "", "sendung": parcel, "status": status, "statustext": text}
    if observation.milestone is Milestone.DELIVERED:
        record["empfaenger"] = _person(observation)
    return record


def _kmh(speed_mps: float | None) -> float:
    return round((speed_mps or 0.0) * 3.6, 1)
