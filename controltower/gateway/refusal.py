"""Why a request is refused: one closed list, which is answer, metric label and documentation."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Refusal(StrEnum):
    """The field `reason` of a refusal."""

    UNKNOWN_FEED = "UNKNOWN_FEED"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    RATE_LIMITED = "RATE_LIMITED"
    TOO_LARGE = "TOO_LARGE"
    TOO_MANY = "TOO_MANY"
    ENCODED = "ENCODED"
    EMPTY = "EMPTY"
    NOT_PARSABLE = "NOT_PARSABLE"
    BAD_PLAN = "BAD_PLAN"
    ROUTE_MISMATCH = "ROUTE_MISMATCH"
    SHIPMENT_MISMATCH = "SHIPMENT_MISMATCH"
    BAD_PARAMETER = "BAD_PARAMETER"
    NOT_FOUND = "NOT_FOUND"
    NOT_STORED = "NOT_STORED"


class Meaning(NamedTuple):
    """HTTP status and one sentence."""

    status: int
    about: str


MEANINGS: dict[Refusal, Meaning] = {
    Refusal.UNKNOWN_FEED: Meaning(404, "there is no such feed here"),
    Refusal.UNAUTHENTICATED: Meaning(401, "neither a known bearer token nor a valid signature"),
    Refusal.RATE_LIMITED: Meaning(429, "more events than agreed; try again after Retry-After seconds"),
    Refusal.TOO_LARGE: Meaning(413, "the request or one of its events has too many bytes"),
    Refusal.TOO_MANY: Meaning(413, "too many events in one request"),
    Refusal.ENCODED: Meaning(415, "a body with a Content-Encoding is not taken"),
    Refusal.EMPTY: Meaning(400, "the body holds no event"),
    Refusal.NOT_PARSABLE: Meaning(400, "the body is no JSON array of events"),
    Refusal.BAD_PLAN: Meaning(422, "the plan is refused; `faults` has every reason"),
    Refusal.ROUTE_MISMATCH: Meaning(422, "the plan is of another route than the address"),
    Refusal.SHIPMENT_MISMATCH: Meaning(422, "the plan is of another shipment than the address"),
    Refusal.BAD_PARAMETER: Meaning(422, "a parameter of the request is wrong"),
    Refusal.NOT_FOUND: Meaning(404, "there is nothing at this address"),
    Refusal.NOT_STORED: Meaning(503, "Kafka did not confirm; send the same request again"),
}


class Refused(Exception):
    """A request that is not taken. `detail` names parts and rules, never values."""

    def __init__(
        self,
        reason: Refusal,
        detail: str = "",
        *,
        retry_after_s: int | None = None,
        faults: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail or MEANINGS[reason].about
        self.retry_after_s = retry_after_s
        #: (reason, detail) of everything that is wrong with a plan
        self.faults = faults

    @property
    def status(self) -> int:
        return MEANINGS[self.reason].status
