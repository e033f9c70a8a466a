"""Why an intake record was refused."""

from __future__ import annotations

from schemas.vocabulary import RejectReason


class Rejected(Exception):
    """The record goes to dead-letters. `detail` names fields and rules, never values (maybe personal)."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail

    def within(self, where: str) -> Rejected:
        """The same refusal, told with the part of the payload it happened in."""
        return Rejected(self.reason, f"{where}: {self.detail}")
