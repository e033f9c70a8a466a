"""CPU of recovery per action and per tick, and what it adds to a scan: no broker, one process.

python -m tests.bench.bench_recover [--routes 2000]

Each route has one halt (contact) and one risk (a message that asks its tenant's budget), dispatch answers
both, and both end. Permits go through the same log. A scan never reaches recovery; a tick's cost is shown.
"""

from __future__ import annotations

import argparse
import time

from controltower.recovery.fold import RecoverFold
from controltower.recovery.playbook import load_playbook
from controltower.streaming.stage import Out, Record
from schemas import wire
from schemas.topics import DISPATCH, RECOVERY_EVENTS
from schemas.vocabulary import ExceptionCode, FeedbackState
from tests.unit.recovery_day import at, exception, feedback, resolved

LIMIT_MS = 1.0
_POLL = 500


class Bench:
    """One partition; what it writes into its own log comes back with the next poll."""

    def __init__(self) -> None:
        self.fold = RecoverFold(0, 1, load_playbook(), lambda: 0)
        self.cpu_s, self.records = 0.0, 0
        self.actions: dict[str, wire.Action] = {}

    def run(self, events: list[wire.RecoveryEvent]) -> None:
        waiting = [wire.encode(event) for event in events]
        while waiting:
            poll = [Record(RECOVERY_EVENTS, 0, 0, 0, None, value) for value in waiting[:_POLL]]
            began = time.process_time()
            outs = self.fold.fold(poll).outputs
            self.cpu_s += time.process_time() - began
            self.records += len(poll)
            waiting = waiting[_POLL:] + [
                out.value for out in outs if out.topic == RECOVERY_EVENTS and out.value
            ]
            self._listen(outs)

    def _listen(self, outs: list[Out]) -> None:
        for out in outs:
            if out.topic == DISPATCH and out.value:
                action = wire.decode_any(out.value)
                assert isinstance(action, wire.Action)
                self.actions[action.action_id] = action


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--routes", type=int, default=2000)
    routes = [f"r{number}" for number in range(parser.parse_args().routes)]
    bench, risk = Bench(), {"code": ExceptionCode.SLA_AT_RISK, "metrics": {"p_late": 0.8, "stops": "a,b"}}
    bench.run([exception(0, name=f"h/{route}", route=route) for route in routes])
    bench.run(_answers(bench, 60))
    bench.run([exception(100, name=f"s/{route}", route=route, **risk) for route in routes])
    bench.run(_answers(bench, 120))
    for name in ("h", "s"):
        bench.run([resolved(200, 2, f"{name}/{route}", route=route) for route in routes])
    per_action_ms = bench.cpu_s * 1000 / len(bench.actions)
    print(f"{bench.records:,} records, {len(bench.actions):,} actions, {bench.cpu_s:.2f} s CPU")
    print(f"per action {per_action_ms:.3f} ms: {per_action_ms / LIMIT_MS:.2f} of the limit of {LIMIT_MS} ms")
    began, ticks = time.process_time(), 1000
    bench.fold.fold(
        [
            Record(
                RECOVERY_EVENTS,
                0,
                0,
                0,
                None,
                wire.encode(wire.Tick(source="route-events/0", sources=1, upto=at(300 + 10 * number))),
            )
            for number in range(ticks)
        ]
    )
    print(f"per tick {(time.process_time() - began) * 1e6 / ticks:.0f} us; per scan nothing: none is read")


def _answers(bench: Bench, seconds: float) -> list[wire.RecoveryEvent]:
    """Dispatch accepts and does what was sent."""
    sent = [action for action in bench.actions.values() if action.state == "DISPATCHED"]
    return [
        feedback(seconds, action.action_id, state, action.home)
        for state in (FeedbackState.ACCEPTED, FeedbackState.SUCCEEDED)
        for action in sent
    ]


if __name__ == "__main__":
    main()
