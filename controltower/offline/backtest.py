"""What a playbook would have done with a recorded day: recovery folded again with it, from its own log.

Exceptions, clocks and switches come as they were recorded. Answers of people and of dispatch are the recorded
ones too: they reach the same action of the same exception, and an action that was not taken that day meets
silence. With a dispatcher everybody answers as it plays instead. Permits are asked for and answered anew.
Playbooks published that day are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from controltower.dispatching.reference import Dispatcher
from controltower.latest import Latest
from controltower.recovery.fold import RecoverFold
from controltower.recovery.policy import Playbook
from controltower.route.timeline import to_ms
from controltower.streaming.partitioner import partition_of
from controltower.streaming.stage import Out, Record
from schemas import wire
from schemas.topics import DISPATCH, RECOVERY_EVENTS, ROUTE_EVENTS

_ANEW = (wire.PermitRequest, wire.Permit, wire.PermitReturn, wire.PlaybookPublished)
_ANSWERS = (wire.Feedback, wire.Command)
_decode_action = msgspec.json.Decoder(wire.Action).decode


@dataclass(slots=True)
class Outcome:
    """The last record of each action, and every record in order of its decision."""

    playbook: Playbook
    actions: Latest[wire.Action] = field(default_factory=Latest)
    told: list[wire.Action] = field(default_factory=list)

    def take(self, action: wire.Action) -> None:
        self.actions.take(action.action_id, action.seq, action)
        self.told.append(action)


def backtest(
    logs: Sequence[Sequence[Record]], playbook: Playbook, dispatcher: Dispatcher | None = None
) -> Outcome:
    """`logs`: recovery-events, one sequence per partition in order of offset."""
    day = _Day(len(logs), playbook, dispatcher)
    windows = [_windows(log, number, dispatcher is not None) for number, log in enumerate(logs)]
    for at_ms in sorted({at_ms for window in windows for at_ms in window}):
        for number, window in enumerate(windows):
            for record in window.get(at_ms, ()):
                day.fold(number, record, at_ms)
        for out in dispatcher.say(at_ms) if dispatcher is not None else ():
            day.answer(out, at_ms)
    return day.outcome


class _Day:
    """All partitions. A permit is answered before the next record, as it is live but for milliseconds."""

    def __init__(self, partitions: int, playbook: Playbook, dispatcher: Dispatcher | None) -> None:
        self._folds = [RecoverFold(number, partitions, playbook, lambda: 0) for number in range(partitions)]
        self._dispatcher = dispatcher
        self.outcome = Outcome(playbook)

    def fold(self, number: int, record: Record, at_ms: int) -> None:
        waiting = [(number, record)]
        while waiting:
            number, record = waiting.pop(0)
            for out in self._folds[number].fold([record]).outputs:
                if out.topic == RECOVERY_EVENTS:
                    waiting.append(self._place(out, out.key or b""))
                elif out.topic == DISPATCH and out.value is not None:
                    self._listen(_decode_action(out.value), at_ms)

    def answer(self, out: Out, at_ms: int) -> None:
        """What the played dispatch system or its people say, into the log of the action's home."""
        event = wire.decode_any(out.value or b"")
        assert isinstance(event, _ANSWERS)
        number, record = self._place(out, event.home.partition(":")[2].encode())
        self.fold(number, record, at_ms)

    def _place(self, out: Out, key: bytes) -> tuple[int, Record]:
        number = partition_of(key, len(self._folds))
        return number, Record(RECOVERY_EVENTS, number, 0, 0, out.key, out.value)

    def _listen(self, action: wire.Action, at_ms: int) -> None:
        self.outcome.take(action)
        if self._dispatcher is not None:
            self._dispatcher.hear(action, at_ms)


def _windows(log: Sequence[Record], partition: int, played: bool) -> dict[int, list[Record]]:
    """Records by the tick that ends their window; what comes after the last tick belongs to it."""
    windows: dict[int, list[Record]] = {}
    window: list[Record] = []
    at_ms = 0
    for record in log:
        event = _read(record)
        if event is None or isinstance(event, _ANEW) or (played and isinstance(event, _ANSWERS)):
            continue
        window.append(record)
        if isinstance(event, wire.Tick) and event.source == f"{ROUTE_EVENTS}/{partition}":
            at_ms = max(at_ms, to_ms(event.upto))
            windows.setdefault(at_ms, []).extend(window)
            window = []
    windows.setdefault(at_ms, []).extend(window)
    return windows


def _read(record: Record) -> wire.RecoveryEvent | None:
    try:
        return None if record.value is None else wire.decode_recovery_event(record.value)
    except msgspec.DecodeError:
        return None
