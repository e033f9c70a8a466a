"""The targets of one partition: requests come in, answers go out into the log of each home."""

from __future__ import annotations

from controltower.recovery.quota import (
    KEEP_MS,
    QUOTA_KEY,
    Quota,
    ask,
    decode_quota,
    encode_quota,
    forget_ended,
    give_back,
)
from controltower.route.timeline import HOUR_MS
from controltower.streaming.stage import Out
from schemas import wire
from schemas.topics import RECOVERY_EVENTS


class Quotas:
    """What is granted is forgotten by the hour, so that a sweep costs little."""

    def __init__(self) -> None:
        self._quotas: dict[str, Quota] = {}
        self._touched: set[str] = set()

    def restore(self, key: bytes, value: bytes) -> bool:
        """Take an entry of the changelog, if it is one of ours."""
        if not key.startswith(QUOTA_KEY):
            return False
        quota = decode_quota(value)
        self._quotas[quota.target] = quota
        return True

    def ask(self, request: wire.PermitRequest, now_ms: int) -> wire.Permit:
        """The answer to a request; `now_ms` is the clock of the partition."""
        quota = self._quotas.setdefault(request.target, Quota(request.target))
        permit = ask(quota, request, _horizon_ms(now_ms))
        if quota.is_forgotten():
            del self._quotas[request.target]
        else:
            self._touched.add(request.target)
        return permit

    def take_back(self, returned: wire.PermitReturn) -> None:
        quota = self._quotas.get(returned.target)
        if quota is not None:
            give_back(quota, returned)
            self._settle(quota)

    def advance(self, was_ms: int, now_ms: int) -> None:
        """The clock moved; once an hour what ended long ago is dropped."""
        if was_ms // HOUR_MS == now_ms // HOUR_MS:
            return
        for quota in list(self._quotas.values()):
            if forget_ended(quota, _horizon_ms(now_ms)):
                self._settle(quota)

    def take_changes(self) -> list[tuple[bytes, bytes | None]]:
        """Entries for the changelog since the last call."""
        changes: list[tuple[bytes, bytes | None]] = []
        for target in sorted(self._touched):
            quota = self._quotas.get(target)
            changes.append((QUOTA_KEY + target.encode(), None if quota is None else encode_quota(quota)))
        self._touched.clear()
        return changes

    def _settle(self, quota: Quota) -> None:
        self._touched.add(quota.target)
        if quota.is_forgotten():
            del self._quotas[quota.target]


def _horizon_ms(now_ms: int) -> int:
    return now_ms // HOUR_MS * HOUR_MS - KEEP_MS


def home_key(home: str) -> bytes:
    """What decides the partition of a home: its id; of a hub the tenant is a part of it."""
    return home.partition(":")[2].encode()


def write_permit(record: wire.PermitRequest | wire.Permit | wire.PermitReturn) -> Out:
    """Questions go to the log of their target, answers to that of their home."""
    key = home_key(record.home) if isinstance(record, wire.Permit) else record.target.encode()
    return Out(RECOVERY_EVENTS, key, wire.encode(record))
