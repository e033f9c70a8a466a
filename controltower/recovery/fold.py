"""The stage recover for one partition: routes events to their home or target and keeps the clock.

The clock is track's: normalize's ticks reach this log long before track has told what happened until
then, so an action would expire that the end of its exception has already called off. Track passes its
ticks on as source `route-events/<partition>`, behind everything it had to say; only these move time here.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from controltower.exceptions.archive import Archive, Grave
from controltower.publishing import publish_action, publish_reply
from controltower.recovery.actions import Effect
from controltower.recovery.apply import HomeEvent, apply
from controltower.recovery.approvals import obey
from controltower.recovery.deadlines import advance, next_due_ms
from controltower.recovery.permits import give_back, return_permits
from controltower.recovery.playbook import PlaybookError
from controltower.recovery.policy import Playbook
from controltower.recovery.quotas import Quotas, write_permit
from controltower.recovery.regime import PLAYBOOK_KEY, Regime, switch_key
from controltower.recovery.reweigh import release_policy, waits_for_policy
from controltower.recovery.state import HomeState, decode_home, encode_home
from controltower.route.timeline import HOUR_MS, from_ms, to_ms
from controltower.streaming.stage import Commit, Out, Record
from schemas import wire
from schemas.topics import AREA_EVENTS, DISPATCH, ROUTE_EVENTS, SHIPMENT_EVENTS
from schemas.vocabulary import TERMINAL_ACTION_STATES, CommandOutcome

CLOCK_KEY = b"c/clock"
_HOME_PREFIX = b"h/"
#: Keyed by its tenant, which stands before the slash.
_HUB = "hub"
#: Where the owner of a home reads what was decided about it.
_OWNER_LOG = {"route": ROUTE_EVENTS, "shipment": SHIPMENT_EVENTS}
#: After its end an action is deleted from dispatch.
KEEP_ACTIONS_MS = 30 * 24 * HOUR_MS


class RecoverFold:
    """A PartitionFold. `playbook` is in force until one is published; `wall_ms` only sets `published_at`."""

    def __init__(
        self, partition: int, partitions: int, playbook: Playbook, wall_ms: Callable[[], int]
    ) -> None:
        self._partition = partition
        self._clock_source = f"{ROUTE_EVENTS}/{partition}"
        self._regime = Regime(playbook)
        self._wall_ms = wall_ms
        self._homes: dict[str, HomeState] = {}
        self._quotas = Quotas()
        self._due: list[tuple[int, str]] = []
        self._planned: dict[str, int] = {}
        self._archive = Archive()
        self._now_ms = 0

    def restore(self, key: bytes, value: bytes) -> None:
        if key == CLOCK_KEY:
            self._now_ms = int(value)
        elif key.startswith(_HOME_PREFIX):
            home = decode_home(value)
            self._homes[home.home] = home
            self._plan(home)
        elif not (self._quotas.restore(key, value) or self._regime.restore(key, value)):
            self._archive.restore(key, value)

    def restored(self) -> None:
        """Nothing to do: the deadlines were planned while reading."""

    def fold(self, records: Sequence[Record]) -> Commit:
        """Fold one poll."""
        commit, touched, was_ms = Commit(), set[str](), self._now_ms
        for record in records:
            if record.value is not None:
                self._fold_one(record.value, commit, touched)
        commit.changes += (self._change(name) for name in sorted(touched))
        commit.changes += self._quotas.take_changes()
        commit.changes += self._archive.take_changes()
        if self._now_ms != was_ms:
            commit.changes.append((CLOCK_KEY, str(self._now_ms).encode()))
        return commit

    def idle(self, ends: Mapping[str, int]) -> Commit | None:
        """Nothing: time comes from the log."""
        return None

    def _fold_one(self, value: bytes, commit: Commit, touched: set[str]) -> None:
        try:
            event = wire.decode_recovery_event(value)
        except msgspec.DecodeError:  # not written by us; it must not stop the partition
            _count(commit, "unreadable")
            return
        if isinstance(event, wire.Tick):
            self._tick(event, commit, touched)
        elif isinstance(event, wire.PermitRequest):
            permit = self._quotas.ask(event, self._now_ms)
            _count(commit, "permits", "granted" if permit.granted else "refused")
            commit.outputs.append(write_permit(permit))
        elif isinstance(event, wire.PermitReturn):
            self._quotas.take_back(event)
        elif isinstance(event, wire.PlaybookPublished | wire.Switch):
            self._govern(event, value, commit, touched)
        else:
            self._event(event, commit, touched)

    def _govern(
        self, event: wire.PlaybookPublished | wire.Switch, value: bytes, commit: Commit, touched: set[str]
    ) -> None:
        """A playbook or a switch for everybody. What can't be read was stopped at the intake already."""
        if isinstance(event, wire.Switch):
            key, taken = switch_key(event), self._regime.turn(event)
            _count(commit, "switches", event.mode.value)
        else:
            try:
                key, taken = PLAYBOOK_KEY, self._regime.publish(event)
            except PlaybookError:
                _count(commit, "unreadable")
                return
            _count(commit, "playbooks")
        if not taken:
            return
        commit.changes.append((key, value))
        for name in sorted(self._homes):
            home = self._homes[name]
            if waits_for_policy(home):
                effects = release_policy(home, self._regime, self._now_ms)
                self._settle(home, [*effects, *return_permits(home, effects)], commit, touched)

    def _event(self, event: HomeEvent, commit: Commit, touched: set[str]) -> None:
        if isinstance(event, wire.Feedback):
            _count(commit, "feedback", event.state.value)
        home = self._homes.get(event.home)
        if home is None:
            if not isinstance(event, wire.ExceptionRecord):
                self._answer_for_nobody(event, commit)
                return
            home = self._homes[event.home] = HomeState(event.home)
        home, effects = apply(home, self._regime, event)
        self._settle(home, effects, commit, touched)

    def _answer_for_nobody(self, event: HomeEvent, commit: Commit) -> None:
        """About an action that ended long ago, or never was."""
        if isinstance(event, wire.Permit) and event.granted:
            self._tell(give_back(event, to_ms(event.asked_at)), commit)
        elif isinstance(event, wire.Command):
            at_ms = to_ms(event.received_at or event.issued_at)
            for effect in obey(HomeState(event.home, at_ms), self._regime, event, at_ms):
                self._tell(effect, commit)

    def _tick(self, tick: wire.Tick, commit: Commit, touched: set[str]) -> None:
        """Fire what is due up to the tick, over all homes in order of due time."""
        upto_ms = to_ms(tick.upto)
        if tick.source != self._clock_source or upto_ms <= self._now_ms:
            return
        while self._due and self._due[0][0] <= upto_ms:
            due_ms, name = heapq.heappop(self._due)
            if self._planned.get(name) == due_ms:
                del self._planned[name]
                home = self._homes[name]
                self._settle(home, advance(home, self._regime, due_ms), commit, touched)
        self._quotas.advance(self._now_ms, upto_ms)
        self._now_ms = upto_ms
        for grave in self._archive.advance(upto_ms, DISPATCH):
            assert isinstance(grave, Grave), "actions are never closed, only buried"
            commit.outputs.append(Out(grave.topic, grave.key.encode(), None, self._partition))

    def _settle(self, home: HomeState, effects: Iterable[Effect], commit: Commit, touched: set[str]) -> None:
        """Publish what was decided, plan the next deadline, forget a home that has nothing left."""
        for effect in effects:
            self._tell(effect, commit)
        touched.add(home.home)
        if home.is_forgotten():
            self._homes.pop(home.home, None)
            self._planned.pop(home.home, None)
        else:
            self._plan(home)

    def _plan(self, home: HomeState) -> None:
        """Its earlier entry in the heap, if any, is passed over when it is popped."""
        due_ms = next_due_ms(home)
        if due_ms is None:
            self._planned.pop(home.home, None)
        elif self._planned.get(home.home) != due_ms:
            self._planned[home.home] = due_ms
            heapq.heappush(self._due, (due_ms, home.home))

    def _tell(self, effect: Effect, commit: Commit) -> None:
        if isinstance(effect, wire.Action):
            self._publish(effect, commit)
        elif isinstance(effect, wire.CommandReply):
            reply = msgspec.structs.replace(effect, published_at=from_ms(self._wall_ms()))
            commit.outputs.append(publish_reply(reply, "recover", self._partition))
            outcome = reply.reason.value if reply.reason else CommandOutcome.ACCEPTED.value
            _count(commit, "commands", reply.kind.value, outcome)
        else:
            commit.outputs.append(write_permit(effect))

    def _publish(self, action: wire.Action, commit: Commit) -> None:
        value = wire.encode(msgspec.structs.replace(action, published_at=from_ms(self._wall_ms())))
        out = publish_action(action, "recover", self._partition, value)
        commit.outputs.append(out)
        kind, _, owner = action.home.partition(":")
        if kind == _HUB:
            commit.outputs.append(Out(AREA_EVENTS, owner.partition("/")[0].encode(), value))
        elif kind in _OWNER_LOG:
            commit.outputs.append(Out(_OWNER_LOG[kind], owner.encode(), value, self._partition))
        if action.state in TERMINAL_ACTION_STATES:
            self._archive.bury_at(
                Grave(out.topic, action.action_id), to_ms(action.decided_at) + KEEP_ACTIONS_MS
            )
        _count(commit, "actions", action.action.value, action.state.value)
        if action.suppressed_because is not None:
            _count(commit, "suppressed", action.suppressed_because.value)

    def _change(self, name: str) -> tuple[bytes, bytes | None]:
        home = self._homes.get(name)
        return _HOME_PREFIX + name.encode(), None if home is None else encode_home(home)


def _count(commit: Commit, *tally: str) -> None:
    commit.tallies[tally] = commit.tallies.get(tally, 0) + 1
