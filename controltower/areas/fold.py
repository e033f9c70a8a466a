"""The parents of one partition of area-events, where all exceptions of a tenant meet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

import msgspec

from controltower.areas import disruption as lives
from controltower.areas.grouping import belongs_to, find_cause
from controltower.areas.state import (
    CHILD_KEY,
    DISRUPTION_KEY,
    Child,
    Disruption,
    decode_child,
    decode_disruption,
    encode_child,
    encode_disruption,
)
from controltower.exceptions import commands, lifecycle
from controltower.exceptions.archive import Archive, Grave
from controltower.exceptions.episode import Trigger
from controltower.exceptions.machine import Step
from controltower.publishing import publish_exception, publish_reply
from controltower.route.clock import CLOCK_KEY, SourceClocks
from controltower.route.timeline import from_ms, to_ms
from controltower.streaming.stage import Commit, Out, Record
from schemas import topics, wire
from schemas.vocabulary import (
    ActionState,
    CommandKind,
    CommandOutcome,
    ExceptionStatus,
    Refusal,
    Resolution,
    Transition,
)

#: Who runs this fold.
_STAGE: Final = "assign"
_OVER: Final = frozenset({ExceptionStatus.RESOLVED, ExceptionStatus.CLOSED})


class AreaFold:
    """A PartitionFold. `wall_ms` goes into `published_at` and nothing else.

    Each child is answered in the log of its route: suppressed by this parent, or released. So a replay of
    the routes needs no other partition.
    """

    def __init__(
        self, partitions: int, wall_ms: Callable[[], int], partition_of: Callable[[bytes, int], int]
    ) -> None:
        self._partitions = partitions
        self._find_partition = partition_of
        self._wall_ms = wall_ms
        self._clocks = SourceClocks()
        self._archive = Archive()
        self._children: dict[str, Child] = {}
        self._parents: dict[str, Disruption] = {}
        self._changed: dict[bytes, None] = {}
        self._outputs: list[Out] = []
        self._tallies: Counter[tuple[str, ...]] = Counter()

    def restore(self, key: bytes, value: bytes) -> None:
        if key == CLOCK_KEY:
            self._clocks.restore(value)
        elif key.startswith(CHILD_KEY):
            child = decode_child(value)
            self._children[child.exception_id] = child
        elif key.startswith(DISRUPTION_KEY):
            parent = decode_disruption(value)
            self._parents[parent.episode.exception_id] = parent
        else:
            self._archive.restore(key, value)

    def restored(self) -> None:
        """Nothing to do."""

    def idle(self, ends: Mapping[str, int]) -> Commit | None:
        """Nothing happens without a record."""
        return None

    def fold(self, records: Sequence[Record]) -> Commit:
        self._outputs, self._tallies = [], Counter()
        for record in records:
            self._fold_one(record)
        return Commit(self._outputs, self._take_changes(), dict(self._tallies))

    def _fold_one(self, record: Record) -> None:
        try:
            event = wire.decode_area_event(record.value or b"")
        except msgspec.DecodeError:  # not written by us; it must not stop the partition
            self._tallies["unreadable",] += 1
            return
        match event:
            case wire.Tick():
                self._tick(event)
            case wire.ExceptionRecord():
                self._take(event, Trigger(record.topic, record.partition, record.offset))
            case wire.Command():
                self._command(event)
            case wire.Action():
                self._action(event)

    def _take(self, record: wire.ExceptionRecord, trigger: Trigger) -> None:
        """A child is new, has changed, or is over."""
        known, at_ms = self._children.get(record.exception_id), to_ms(record.updated_at)
        if known is None and record.status in _OVER:
            return
        child = _child_of(record, known, trigger, at_ms)
        self._keep(child)
        parent = self._parents.get(child.parent_id or "")
        if record.status in _OVER:
            del self._children[child.exception_id]
            if parent is not None and record.resolution is Resolution.RETRACTED:
                self._forget_member(parent, child, at_ms)
        if parent is not None:
            self._weigh(parent, at_ms)
        elif child.active:
            self._place(child, at_ms)

    def _place(self, child: Child, at_ms: int) -> None:
        """A child without a parent joins one, or makes sure of a new one."""
        for parent in list(self._parents.values()):
            over_ms = lives.hold_until_ms(parent)
            if over_ms is not None and over_ms < at_ms:
                self._end(parent, Resolution.AUTO, over_ms)
            elif belongs_to(child, parent):
                parent.members.append(child.exception_id)
                self._suppress(child, parent, at_ms)
                self._weigh(parent, at_ms)
                return
        cause = find_cause(child, self._children.values())
        if cause is None:
            return
        at_ms = max(one.at_ms for one in cause.children)
        parent = lives.open_disruption(cause, at_ms)
        self._parents[parent.episode.exception_id] = parent
        self._touch(parent)
        subject = lives.subject_of(parent, cause.children)
        self._tell(parent, lifecycle.tell(parent.episode, subject, Transition.OPENED, at_ms))
        for one in cause.children:
            self._suppress(one, parent, at_ms)

    def _weigh(self, parent: Disruption, at_ms: int) -> None:
        if parent.episode.exception_id in self._parents:
            at_ms = self._move_on(parent, at_ms)
            tell = partial(self._tell, parent)
            lives.weigh(parent, self._members(parent), at_ms, tell)

    def _move_on(self, parent: Disruption, at_ms: int) -> int:
        """The parent's time, which never goes back: its children's logs and the clock run apart."""
        parent.at_ms = max(parent.at_ms, at_ms)
        self._touch(parent)
        return parent.at_ms

    def _forget_member(self, parent: Disruption, child: Child, at_ms: int) -> None:
        """What late data took back shows nothing; with too little left the parent is taken back as well."""
        parent.members.remove(child.exception_id)
        self._touch(parent)
        if lives.is_mistaken(parent):
            self._end(parent, Resolution.RETRACTED, at_ms)

    def _end(self, parent: Disruption, resolution: Resolution, at_ms: int) -> None:
        """The end of a parent; children that are still open go on alone."""
        children = self._members(parent)
        at_ms = self._move_on(parent, at_ms)
        ended = lives.end(parent, children, resolution, at_ms)
        self._archive.keep(ended)
        self._tell(parent, ended)
        del self._parents[parent.episode.exception_id]
        for child in children:
            child.parent_id = None
            self._keep(child)
            self._answer(child, parent, at_ms, suppressed=False)

    def _members(self, parent: Disruption) -> list[Child]:
        return [self._children[name] for name in parent.members if name in self._children]

    def _suppress(self, child: Child, parent: Disruption, at_ms: int) -> None:
        child.parent_id = parent.episode.exception_id
        self._keep(child)
        self._answer(child, parent, at_ms, suppressed=True)

    def _answer(self, child: Child, parent: Disruption, at_ms: int, *, suppressed: bool) -> None:
        answer = wire.Suppression(
            route_id=child.route_id,
            exception_id=child.exception_id,
            parent_id=parent.episode.exception_id,
            parent_code=parent.episode.code,
            suppressed=suppressed,
            decided_at=from_ms(at_ms),
        )
        self._outputs.append(Out(topics.ROUTE_EVENTS, child.route_id.encode(), wire.encode(answer)))

    def _tick(self, tick: wire.Tick) -> None:
        now_ms = self._clocks.tick(tick)
        self._changed[CLOCK_KEY] = None
        if now_ms is None:
            return
        while (due := min(filter(None, map(_next_due, self._parents.values())), default=None)) is not None:
            if due[0] > now_ms:
                break
            self._fire(*due)
        for ended in self._archive.advance(now_ms, topics.EXCEPTIONS):
            self._put_away(ended)

    def _put_away(self, ended: wire.ExceptionRecord | Grave) -> None:
        """Its partition is that of its home, as long as it stands in the topic."""
        partition = self._partition_of(ended.home.partition(":")[2])
        if isinstance(ended, Grave):
            self._outputs.append(Out(ended.topic, ended.key.encode(), None, partition))
            return
        ended.published_at = from_ms(self._wall_ms())
        self._outputs.append(publish_exception(ended, _STAGE, partition, wire.encode(ended)))

    def _fire(self, at_ms: int, exception_id: str, step: Step) -> None:
        parent = self._parents[exception_id]
        if step is Step.RESOLVE:
            self._end(parent, Resolution.AUTO, at_ms)
            return
        subject = lives.subject_of(parent, self._members(parent))
        happen = lifecycle.wake if step is Step.WAKE else lifecycle.escalate
        self._tell(parent, happen(parent.episode, subject, self._move_on(parent, at_ms)))

    def _command(self, command: wire.Command) -> None:
        """As the owner of a route's exception does: obey and answer, or say why not."""
        parent = self._parents.get(command.exception_id or "")
        now_ms = max(to_ms(command.received_at or command.issued_at), self._clocks.now_ms or 0)
        if parent is not None and commands.is_copy(parent.episode, command):
            return
        refusal = commands.find_refusal(parent.episode, command, now_ms) if parent else Refusal.NOT_OPEN
        if parent is None or refusal is not None:
            self._reply(command, commands.answer(command, now_ms, refusal))
            return
        commands.note(parent.episode, command)
        at_ms = self._move_on(parent, now_ms)
        ending = commands.ENDINGS.get(command.kind)
        if ending is not None:
            self._end(parent, ending, at_ms)
        else:
            subject = lives.subject_of(parent, self._members(parent))
            self._tell(parent, commands.obey(parent.episode, command, subject, at_ms))
        if command.kind is CommandKind.DISPUTE:
            self._tallies["disputed", parent.episode.code.value] += 1
        self._reply(command, commands.answer(command, now_ms, None, parent.episode.seq))

    def _reply(self, command: wire.Command, reply: wire.CommandReply) -> None:
        reply.published_at = from_ms(self._wall_ms())
        partition = self._partition_of(command.home.partition(":")[2])
        self._outputs.append(publish_reply(reply, _STAGE, partition))
        outcome = reply.reason.value if reply.reason else CommandOutcome.ACCEPTED.value
        self._tallies["commands", reply.kind.value, outcome] += 1

    def _action(self, action: wire.Action) -> None:
        parent = self._parents.get(action.exception_id)
        if parent is None or action.state is not ActionState.DISPATCHED:
            return
        at_ms = self._move_on(parent, to_ms(action.decided_at))
        subject = lives.subject_of(parent, self._members(parent))
        self._tell(parent, lifecycle.start_recovery(parent.episode, subject, at_ms))

    def _tell(self, parent: Disruption, record: wire.ExceptionRecord | None) -> None:
        """Partition by home: there recovery and everybody else looks for it."""
        if record is None:
            return
        record.published_at = from_ms(self._wall_ms())
        value, partition = wire.encode(record), self._partition_of(parent.home_id)
        self._outputs.append(publish_exception(record, _STAGE, partition, value))
        self._outputs.append(Out(topics.RECOVERY_EVENTS, parent.home_id.encode(), value, partition))
        self._tallies["exceptions", record.code.value, record.transition.value] += 1

    def _partition_of(self, home_id: str) -> int:
        return self._find_partition(home_id.encode(), self._partitions)

    def _keep(self, child: Child) -> None:
        self._children[child.exception_id] = child
        self._changed[CHILD_KEY + child.exception_id.encode()] = None

    def _touch(self, parent: Disruption) -> None:
        self._changed[DISRUPTION_KEY + parent.episode.exception_id.encode()] = None

    def _take_changes(self) -> list[tuple[bytes, bytes | None]]:
        changes = [(key, self._state_of(key)) for key in self._changed] + self._archive.take_changes()
        self._changed = {}
        return changes

    def _state_of(self, key: bytes) -> bytes | None:
        if key == CLOCK_KEY:
            return self._clocks.encode()
        name = key[len(CHILD_KEY) :].decode()
        if key.startswith(CHILD_KEY):
            child = self._children.get(name)
            return encode_child(child) if child else None
        parent = self._parents.get(name)
        return encode_disruption(parent) if parent else None


def _child_of(record: wire.ExceptionRecord, known: Child | None, trigger: Trigger, at_ms: int) -> Child:
    """The child as the record has it; where it happened stays as it was told first."""
    place = record.location
    child = known or Child(
        record.exception_id,
        record.tenant,
        record.route_id or "",
        record.code,
        to_ms(record.onset_at),
        at_ms,
        trigger,
        place.lat if place else None,
        place.lon if place else None,
        record.hub_id,
        record.zone,
    )
    child.at_ms, child.trigger = at_ms, trigger
    child.active = record.cleared_at is None and record.status not in _OVER
    if record.impact is not None:
        child.stops, child.shipments = record.impact.stops_at_risk, record.impact.shipments_at_risk
    child.respond_by_ms = to_ms(record.respond_by) if record.respond_by else 0
    return child


def _next_due(parent: Disruption) -> tuple[int, str, Step] | None:
    episode, over_ms = parent.episode, lives.hold_until_ms(parent)
    dues = [episode.next_step()] + ([(over_ms, Step.RESOLVE)] if over_ms is not None else [])
    found = min(filter(None, dues), default=None)
    return (found[0], episode.exception_id, found[1]) if found else None
