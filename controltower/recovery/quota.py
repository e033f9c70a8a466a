"""What one target (a carrier, a vehicle, a tenant, ...) has been granted: counts per cap and bucket.

Each request brings the caps it is judged by, so a target needs no playbook, and a new version of it counts on
with what was granted under the one before.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from controltower.route.timeline import HOUR_MS, MINUTE_MS, from_ms, to_ms
from schemas import wire

QUOTA_KEY: Final = b"q/"
#: A bucket is kept this long after its end: a partition in a backlog may still ask for it. Who asks later
#: is refused, since what was granted then is forgotten.
KEEP_MS: Final = 48 * HOUR_MS
#: Of a cost; sums of floats are rounded to it, so that what is taken and given back leaves nothing.
_DECIMALS: Final = 6
#: When asking again for what is open may help; nobody can know when the others will be done.
_ASK_AGAIN_MS: Final = 5 * MINUTE_MS


class Bucket(msgspec.Struct, array_like=True):
    """`ends_ms` None: of what is open."""

    actions: int = 0
    cost: float = 0.0
    ends_ms: int | None = None


class Grant(msgspec.Struct, array_like=True):
    """What one action was granted, by the keys of its buckets."""

    cost: float
    buckets: list[str]


class Quota(msgspec.Struct, array_like=True):
    """All that was granted of one target."""

    target: str
    buckets: dict[str, Bucket] = {}
    grants: dict[str, Grant] = {}

    def is_forgotten(self) -> bool:
        return not (self.buckets or self.grants)


encode_quota = msgspec.msgpack.Encoder().encode
decode_quota = msgspec.msgpack.Decoder(Quota).decode


def ask(quota: Quota, request: wire.PermitRequest, horizon_ms: int) -> wire.Permit:
    """Grant all caps of the request or none. `horizon_ms`: buckets that ended before it are forgotten."""
    refusing = next(
        (cap for cap in request.caps if not _has_room(quota, cap, request.cost, horizon_ms)), None
    )
    granted = refusing is None or request.action_id in quota.grants
    if granted and request.action_id not in quota.grants:
        _take(quota, request)
    return wire.Permit(
        target=quota.target,
        action_id=request.action_id,
        home=request.home,
        granted=granted,
        cap=None if granted or refusing is None else refusing.name,
        again_at=None if granted or refusing is None else _again_at(refusing, request, horizon_ms),
        asked_at=request.asked_at,
    )


def give_back(quota: Quota, returned: wire.PermitReturn) -> None:
    """The action is over: what is open ends; what was not sent does not count at all."""
    grant = quota.grants.pop(returned.action_id, None)
    for key in grant.buckets if grant else ():
        bucket = quota.buckets.get(key)
        if bucket is None or grant is None or (returned.used and bucket.ends_ms is not None):
            continue
        bucket.actions -= 1
        bucket.cost = round(bucket.cost - grant.cost, _DECIMALS)
        if bucket.actions == 0:
            del quota.buckets[key]


def forget_ended(quota: Quota, horizon_ms: int) -> bool:
    """Drop what ended before the horizon; True where anything was."""
    gone = {key for key, b in quota.buckets.items() if b.ends_ms is not None and b.ends_ms <= horizon_ms}
    for key in gone:
        del quota.buckets[key]
    over = [name for name, grant in quota.grants.items() if not quota.buckets.keys() & set(grant.buckets)]
    for name in over:
        del quota.grants[name]
    return bool(gone or over)


def _key(cap: wire.CapAsked) -> str:
    return f"{cap.name}|{cap.bucket}"


def _has_room(quota: Quota, cap: wire.CapAsked, cost: float, horizon_ms: int) -> bool:
    if cap.ends_at is not None and to_ms(cap.ends_at) <= horizon_ms:
        return False
    bucket = quota.buckets.get(_key(cap), Bucket())
    if cap.most is not None and bucket.actions + 1 > cap.most:
        return False
    return cap.most_cost is None or round(bucket.cost + cost, _DECIMALS) <= cap.most_cost


def _take(quota: Quota, request: wire.PermitRequest) -> None:
    quota.grants[request.action_id] = Grant(request.cost, [_key(cap) for cap in request.caps])
    for cap in request.caps:
        ends_ms = None if cap.ends_at is None else to_ms(cap.ends_at)
        bucket = quota.buckets.setdefault(_key(cap), Bucket(ends_ms=ends_ms))
        bucket.actions += 1
        bucket.cost = round(bucket.cost + request.cost, _DECIMALS)


def _again_at(cap: wire.CapAsked, request: wire.PermitRequest, horizon_ms: int) -> datetime | None:
    """None for a home whose time is too far behind: it would only ask for the same bucket again."""
    if cap.ends_at is not None:
        return cap.ends_at if to_ms(cap.ends_at) > horizon_ms else None
    return from_ms(to_ms(request.asked_at) + _ASK_AGAIN_MS)
