"""What is in force in a partition: a playbook, and switches that stop or shadow what it would do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import msgspec

from controltower.recovery.playbook import parse_playbook
from controltower.recovery.policy import Mode, Playbook
from controltower.route.timeline import to_ms
from schemas import wire
from schemas.vocabulary import ActionName

PLAYBOOK_KEY: Final = b"b/playbook"
SWITCH_KEY: Final = b"k/"
_STRICTEST: Final = (Mode.OFF, Mode.SHADOW, Mode.ACT)

_read_playbook = msgspec.json.Decoder(wire.PlaybookPublished).decode
_read_switch = msgspec.json.Decoder(wire.Switch).decode
_Order = tuple[int, int, int]


@dataclass(slots=True)
class Regime:
    """`playbook` is the one that was published last, else the one of the settings.

    Records reach the partitions from several places, so each partition goes by the order in which the
    broker took them at the intake, not by the order of its own log.
    """

    playbook: Playbook
    published: wire.PlaybookPublished | None = None
    switches: dict[tuple[str | None, ActionName | None], wire.Switch] = field(default_factory=dict)

    def mode(self, tenant: str, action: ActionName) -> Mode:
        """The strictest of the playbook's mode and of all switches that cover the action."""
        modes = {self.playbook.mode}
        if self.switches:
            for scope in ((None, None), (tenant, None), (None, action), (tenant, action)):
                switch = self.switches.get(scope)
                if switch is not None:
                    modes.add(Mode(switch.mode.value))
        return next(mode for mode in _STRICTEST if mode in modes)

    def publish(self, record: wire.PlaybookPublished) -> bool:
        """Take a playbook; False where a later one is in force. Raises PlaybookError and changes nothing."""
        if self.published is not None and _order(record) < _order(self.published):
            return False
        self.playbook, self.published = parse_playbook(record.text, "published playbook"), record
        return True

    def turn(self, switch: wire.Switch) -> bool:
        """Take a switch; False where a later one of the same scope was turned."""
        scope = (switch.tenant, switch.action)
        known = self.switches.get(scope)
        if known is not None and _order(switch) < _order(known):
            return False
        self.switches[scope] = switch
        return True

    def restore(self, key: bytes, value: bytes) -> bool:
        """Take an entry of the changelog, if it is one of ours."""
        if key == PLAYBOOK_KEY:
            self.publish(_read_playbook(value))
        elif key.startswith(SWITCH_KEY):
            self.turn(_read_switch(value))
        else:
            return False
        return True


def switch_key(switch: wire.Switch) -> bytes:
    """The switch's entry in the changelog."""
    return SWITCH_KEY + f"{switch.tenant or ''}|{switch.action or ''}".encode()


def _order(record: wire.PlaybookPublished | wire.Switch) -> _Order:
    at_ms = to_ms(record.received_at or record.issued_at)
    source = record.source
    return (at_ms, source.partition, source.offset) if source else (at_ms, 0, 0)
