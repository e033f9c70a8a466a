"""The codes of a sample, each with what its text sounds like, for a person to decide."""

from __future__ import annotations

import re

#: What a text sounds like -> milestone, the first that fits; only ever a remark behind a line of the draft.
_SOUNDS_LIKE = (
    (r"return(ed|ing)? to|retour|rücksend|zurück", "RETURN_STARTED"),
    (
        r"not (home|deliver|available)|attempt|fail|unable|unsuccessful|absent"
        r"|nicht (zugestellt|angetroffen)|niet thuis",
        "ATTEMPT_FAILED",
    ),
    (r"refus|verweiger|geweigerd", "[ATTEMPT_FAILED, CONSIGNEE_REFUSED]"),
    (
        r"out for delivery|with (the )?(courier|driver)|on vehicle|in zustellung|zustellfahrzeug"
        r"|en livraison|en reparto|in consegna|\bofd\b",
        "OUT_FOR_DELIVERY",
    ),
    (
        r"(available|ready) for (pick|coll)|pick.?up point|abholbereit|parcel ?shop|locker",
        "AVAILABLE_FOR_PICKUP",
    ),
    (r"deliver|zugestellt|livr[ée]|entregad|consegnat|bezorgd|\bdlv\b|\bpod\b", "DELIVERED"),
    (r"(clear|releas).*customs|customs.*(clear|releas)|clearance complete", "CUSTOMS_RELEASED"),
    (r"customs\b|clearance|\bzoll|douane", "CUSTOMS_PRESENTED"),
    (r"damag|beschädigt", "[HELD, CARRIER_DAMAGED]"),
    (r"address|adresse", "[HELD, CONSIGNEE_ADDRESS]"),
    (r"hold|held|delay|verzöger|weather", "HELD"),
    (r"cancel|storniert", "CANCELLED"),
    (r"lost|verloren", "[LOST_OR_DESTROYED, CARRIER_LOST]"),
    (r"label|manifest|information|announced|pre.?advi|angekündigt|order (received|created)", "INFO_RECEIVED"),
    (r"picked up|pick.?up|collected|accepted|abgeholt|pris en charge|recogid", "PICKED_UP"),
    (r"depart|left|in transit|on its way|unterwegs|en route", "HUB_DEPARTED"),
    (r"delivery (depot|facility|base|office)|local depot|zustellbasis", "DEPOT_ARRIVED"),
    (r"arriv|processed|sort|hub|received at|eingetroffen|\bdepot\b", "HUB_ARRIVED"),
)


def sounds_like(code: str, text: str | None) -> str | None:
    """What a code and its text sound like, or None."""
    said = f"{code} {text or ''}".replace("_", " ").lower()
    return next((meaning for look, meaning in _SOUNDS_LIKE if re.search(look, said)), None)
