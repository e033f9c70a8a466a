"""Whether nearly everything is rejected, so that going on would only empty the intake into dead-letters."""

from __future__ import annotations

from typing import Final

import msgspec

#: So many rejected records does each accepted one make up for: the balance grows where more than nine of
#: ten are rejected, and stays near zero where fewer are.
FORGIVEN: Final = 9
SURGE_KEY: Final = b"c/surge"


class Surge(msgspec.Struct, array_like=True, gc=False):
    """Rejected records beyond nine per accepted one, per intake topic of one partition.

    Kept in the changelog: a process that is started again without a mend stops at the same record, instead
    of rejecting so many more. `limit` 0: nothing is counted.
    """

    balances: dict[str, int] = msgspec.field(default_factory=dict)

    def accepted(self, topic: str) -> bool:
        """Whether the balance changed."""
        balance = self.balances.get(topic, 0)
        if not balance:
            return False
        self.balances[topic] = max(0, balance - FORGIVEN)
        return True

    def rejected(self, topic: str, limit: int) -> bool:
        """Count a rejected record; whether the limit is passed."""
        balance = self.balances.get(topic, 0) + 1
        self.balances[topic] = balance
        return balance > limit
