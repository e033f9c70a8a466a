"""Governance under random playbooks, days, interleavings, crashes and restores: what must never be broken."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controltower.recovery.governance import MUTEX_GROUP
from controltower.recovery.policy import Playbook
from controltower.recovery.quota import decode_quota
from schemas import wire
from schemas.vocabulary import (
    TERMINAL_ACTION_STATES,
    ActionState,
    CommandKind,
    ExceptionCode,
    FeedbackState,
    SwitchMode,
    Transition,
)
from tests.unit.recovery_day import at, exception, feedback, resolved
from tests.unit.recovery_tower import PARTITIONS, Tower

ROUTES = ("r0", "r1", "r2", "r3")
CODES = (ExceptionCode.LONG_HALT, ExceptionCode.SLA_AT_RISK)
END_S = 20 * 3600
SENT = ActionState.DISPATCHED


def vehicle_of(route: str) -> str:
    """Two routes share one van."""
    return f"v{ROUTES.index(route) // 2}"


@st.composite
def playbooks(draw: st.DrawFn) -> Playbook:
    """Any limits, around two rules whose steps wait for each other."""

    def step(action: str, tier: str, **more: Any) -> dict[str, Any]:
        return {
            "action": action,
            "tier": tier,
            "why": "test",
            "ttl_s": draw(st.sampled_from((60, 900))),
            "cooldown_s": draw(st.sampled_from((1, 600, 3600))),
            "max_attempts": draw(st.integers(1, 3)),
            "cost": draw(st.sampled_from((0.0, 1.0, 5.0))),
            **more,
        }

    undo = {"action": "NOTIFY_CUSTOMER", "why": "undo", "after": ["CLEARED", "FAILED"], "ttl_s": 60}
    notify = step("NOTIFY_CUSTOMER", "AUTO_EXECUTE", compensate=undo, pass_on=["stops"])
    rescue = step("DISPATCH_RESCUE", draw(st.sampled_from(("AUTO_EXECUTE", "ACT_WITH_APPROVAL"))))
    caps = [
        {"name": "day", "per": "tenant", "within": "day", "most": draw(st.integers(0, 4))},
        {"name": "van", "per": "vehicle", "within": "open", "actions": ["DISPATCH_RESCUE"], "most": 1},
        {"name": "hour", "per": "carrier", "within": "hour", "most_cost": draw(st.integers(0, 8))},
    ]
    return Playbook.model_validate(
        {
            "name": "random",
            "cost_cap": draw(st.sampled_from((2.0, 50.0))),
            "two_persons_above": 4.0
            if rescue["tier"] == "ACT_WITH_APPROVAL" and notify["cost"] < 5
            else None,
            "customer_messages": {"most": draw(st.integers(1, 2))},
            "caps": draw(st.lists(st.sampled_from(caps), unique_by=lambda cap: cap["name"])),
            "rules": {
                "LONG_HALT": {"why": "x", "steps": [step("CONTACT_DRIVER", "AUTO_EXECUTE", cost=0), rescue]},
                "SLA_AT_RISK": {"why": "x", "steps": [notify]},
            },
        }
    )


class Day:
    """Random events for a tower, told by people, routes and a dispatch system."""

    def __init__(self, tower: Tower, data: st.DataObject) -> None:
        self.tower, self._data, self._seconds, self._count = tower, data, 0, 0
        self._open: dict[str, dict[str, Any]] = {}

    def happen(self) -> None:
        """One event, a moment after the last."""
        self._count += 1
        self._seconds += self._draw((0, 1, 60, 700))
        kind = self._draw(("open", "open", "change", "end", "answer", "answer", "decide", "switch", "tick"))
        actions = [action for _, action in self.tower.told]
        if kind in ("change", "end") and self._open:
            self._go_on(self._draw(sorted(self._open)), ends=kind == "end")
        elif kind in ("answer", "decide") and actions:
            self._answer(self._draw(actions), decides=kind == "decide")
        elif kind == "switch":
            mode = self._draw((SwitchMode.OFF, SwitchMode.SHADOW, SwitchMode.ACT, SwitchMode.ACT))
            said = at(self._seconds)
            self.tower.broadcast(wire.Switch(mode=mode, by="op", why="x", issued_at=said, received_at=said))
        elif kind == "tick":
            self.tower.tick(at(self._seconds))
        else:
            self._begin()

    def end(self) -> None:
        """Everything is over, and a day goes by."""
        self._seconds += 1
        for name in sorted(self._open):
            self._go_on(name, ends=True)
        self.tower.drain()
        self.tower.tick(at(END_S))
        self.tower.drain()

    def _draw(self, choices: Any) -> Any:
        return self._data.draw(st.sampled_from(choices))

    def _begin(self) -> None:
        route, name = self._draw(ROUTES), f"e{self._count}"
        self._open[name] = {
            "seq": 0,
            "code": self._draw(CODES),
            "route": route,
            "vehicle_id": vehicle_of(route),
            "carrier": "c",
            "metrics": {"stops": "s1,s2"},
            "occurrence_count": 1,
        }
        self._tell(name, Transition.OPENED)

    def _go_on(self, name: str, *, ends: bool) -> None:
        fields = self._open[name]
        if ends:
            del self._open[name]
            fields["seq"] += 1
            self.tower.append(resolved(self._seconds, name=name, **fields), f"route:{fields['route']}")
            return
        change = self._draw(("clear", "return", "worse", "escalate"))
        if change == "clear":
            fields["cleared_at"] = at(self._seconds)
        elif change == "return":
            fields["cleared_at"] = None
            fields["occurrence_count"] += 1
        elif change == "worse":
            fields["severity"] = 1
        self._tell(name, Transition.ESCALATED if change == "escalate" else Transition.UPDATED)

    def _tell(self, name: str, transition: Transition) -> None:
        fields = self._open[name]
        fields["seq"] += 1
        record = exception(self._seconds, transition=transition, name=name, **fields)
        self.tower.append(record, f"route:{fields['route']}")

    def _answer(self, action: wire.Action, *, decides: bool) -> None:
        event: wire.RecoveryEvent
        if decides:
            event = wire.Command(
                command_id=f"c{self._count}",
                kind=self._draw((CommandKind.APPROVE, CommandKind.APPROVE, CommandKind.REFUSE)),
                action_id=action.action_id,
                home=action.home,
                by=self._draw(("mara", "jon")),
                why="x",
                issued_at=at(self._seconds),
            )
        else:
            state = self._draw(list(FeedbackState))
            event = feedback(self._seconds, action.action_id, state, action.home)
        self.tower.append(event, action.home)


def run_day(playbook: Playbook, data: st.DataObject) -> Tower:
    """Events come while both partitions read at their own pace, and crash before or between commits."""
    tower = Tower(playbook)
    day = Day(tower, data)
    tower.tick(at(0))
    for _ in range(data.draw(st.integers(1, 30))):
        day.happen()
        for number in range(PARTITIONS):
            how = data.draw(st.sampled_from(("wait", "one", "all", "all", "crash", "restart")))
            if how == "crash":
                tower.step(number, 1000, crash=True)
            elif how == "restart":
                tower.restart(number)
            elif how != "wait":
                tower.step(number, 1 if how == "one" else 1000)
    day.end()
    return tower


@given(playbooks(), st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_limit_is_ever_broken(playbook: Playbook, data: st.DataObject) -> None:
    """Caps, cooldowns, exclusions, attempts, costs and budgets hold, and every action has one end."""
    tower = run_day(playbook, data)
    actions = [action for _, action in tower.told]
    _check_lives(actions)
    _check_caps(playbook, actions)
    _check_homes(playbook, actions)
    _check_ends(tower)
    for number in range(PARTITIONS):
        quotas = [decode_quota(v) for k, v in tower.changelog(number).items() if k.startswith(b"q/")]
        assert [key for quota in quotas for key in quota.buckets if key.endswith("|open")] == []


def _check_lives(actions: list[wire.Action]) -> None:
    """seq without a gap, one end, and that is the last record; two persons where two are needed."""
    lives: dict[str, list[wire.Action]] = defaultdict(list)
    for action in actions:
        lives[action.action_id].append(action)
    for life in lives.values():
        assert [action.seq for action in life] == list(range(1, len(life) + 1))
        ends = [action.state in TERMINAL_ACTION_STATES for action in life]
        assert ends == [False] * (len(life) - 1) + [True]
        if life[-1].approvals_needed and any(action.state is SENT for action in life):
            approved = {said.by for said in life[-1].approvals if said.approved}
            assert len(approved) >= life[-1].approvals_needed


def _check_caps(playbook: Playbook, actions: list[wire.Action]) -> None:
    """Counted from what was sent, in the order in which it was written, over both partitions."""
    counts: Counter[tuple[str, str, str]] = Counter()
    costs: Counter[tuple[str, str, str]] = Counter()
    under_way: dict[str, Counter[str]] = defaultdict(Counter)
    sent = set[str]()
    for action in actions:
        vehicle = vehicle_of(action.home.partition(":")[2])
        for cap in playbook.caps:
            if not cap.counts(action.action, action.cost):
                continue
            if cap.within == "open":
                if action.state is SENT:
                    under_way[cap.name][vehicle] += 1
                    assert under_way[cap.name][vehicle] <= (cap.most or 0)
                elif action.state in TERMINAL_ACTION_STATES and action.action_id in sent:
                    under_way[cap.name][vehicle] -= 1
            elif action.state is SENT:
                place = (cap.name, action.tenant, _window(cap.within, action.decided_at))
                counts[place] += 1
                costs[place] += int(action.cost)
                assert cap.most is None or counts[place] <= cap.most
                assert cap.most_cost is None or costs[place] <= cap.most_cost
        if action.state is SENT:
            sent.add(action.action_id)


def _window(within: str, decided_at: datetime) -> str:
    return decided_at.strftime("%Y-%m-%d %H" if within == "hour" else "%Y-%m-%d")


def _check_homes(playbook: Playbook, actions: list[wire.Action]) -> None:
    """What holds within a home: cooldown, exclusion, attempts, cost, messages."""
    begun: dict[str, wire.Action] = {}
    last: dict[tuple[str, str], wire.Action] = {}
    open_: dict[str, dict[str, wire.Action]] = defaultdict(dict)
    attempts: Counter[tuple[str, str]] = Counter()
    spent: Counter[str] = Counter()
    messages: Counter[tuple[str, str]] = Counter()
    steps = {step.action: step for _, step in playbook.all_steps()}
    for action in actions:
        begun.setdefault(action.action_id, action)
        if action.state in TERMINAL_ACTION_STATES:
            open_[action.home].pop(action.action_id, None)
        else:
            open_[action.home][action.action_id] = action
            groups = Counter(MUTEX_GROUP[other.action] for other in open_[action.home].values())
            assert max(groups.values()) == 1
        if action.state is not SENT:
            continue
        spent[action.home] += int(action.cost)
        assert spent[action.home] <= playbook.cost_cap
        for stop in str(action.parameters.get("stops", "")).split(",") if "NOTIFY" in action.action else ():
            messages[action.home, stop] += 1
            assert playbook.customer_messages is not None
            assert not stop or messages[action.home, stop] <= playbook.customer_messages.most
        if action.compensates is None:
            step, place = steps[action.action], (action.home, action.action.value)
            attempts[action.exception_id, action.action.value] += 1
            assert attempts[action.exception_id, action.action.value] <= step.max_attempts
            if place in last:
                waited = begun[action.action_id].decided_at - begun[last[place].action_id].decided_at
                assert waited.total_seconds() >= step.cooldown_s
            last[place] = action


def _check_ends(tower: Tower) -> None:
    """Folded again record by record: after an end or a switch that stops, nothing goes further."""
    for number, log in enumerate(tower.logs):
        again = Tower(tower.playbook)
        again.logs[number] = list(log)
        ended, off, told = set[str](), False, list[wire.Action]()
        while again.owes(number):
            event = wire.decode_recovery_event(again.next_value(number))
            if isinstance(event, wire.Switch):
                off = event.mode is not SwitchMode.ACT
            fresh = again.step(number, echo=False)
            told += fresh
            going_on = [a for a in fresh if a.state not in TERMINAL_ACTION_STATES]
            assert [a for a in going_on if a.exception_id in ended] == []
            assert [a for a in going_on if off and a.state is SENT] == []
            if isinstance(event, wire.ExceptionRecord) and event.resolved_at is not None:
                mine = [a for a in going_on if a.exception_id == event.exception_id]
                assert [a for a in mine if a.decided_at > event.resolved_at] == []  # was due before
                ended.add(event.exception_id)
        assert told == [action for place, action in tower.told if place == number]


def test_two_workers_share_a_cap_that_is_nearly_used_up() -> None:
    """Twenty routes ask at once for the last three of a day: three are sent, and nobody asks twice."""
    contact = {
        "action": "CONTACT_DRIVER",
        "tier": "AUTO_EXECUTE",
        "why": "ask",
        "ttl_s": 900,
        "cooldown_s": 60,
    }
    playbook = Playbook.model_validate(
        {
            "name": "tight",
            "cost_cap": 9,
            "caps": [{"name": "three", "per": "tenant", "within": "day", "most": 3}],
            "rules": {"LONG_HALT": {"why": "x", "steps": [contact]}},
        }
    )
    tower = Tower(playbook)
    for number in range(20):
        tower.append(exception(0, name=f"e{number}", route=f"r{number}"), f"route:r{number}")
    tower.drain(1)
    last = {action.action_id: action for _, action in tower.told}
    assert Counter(action.state for action in last.values()) == {"DISPATCHED": 3, "SUPPRESSED": 17}
    assert {a.limit for a in last.values() if a.state == "SUPPRESSED"} == {"three"}
    assert len({number for number, action in tower.told if action.state == "DISPATCHED"}) == PARTITIONS
