"""The state of one route, as small as it can be, and its bytes in the changelog.

What the fixes say is kept as a base snapshot, from shortly before the last 90 s, and the fixes after it;
the snapshots after those are rebuilt on reading, so that the bytes stay few.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from struct import Struct

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from controltower.exceptions.episode import Episode, Trigger
from controltower.route.answers import Answers, Steadied
from controltower.route.evidence import Slipping
from controltower.route.fixes import NO_FIXES
from controltower.route.packed import (
    AS_USUAL,
    NO_ENTRIES,
    open_shares,
    open_snapshot,
    pack,
    pack_snapshot,
)
from controltower.stamped import open_stamped, stamp
from schemas.vocabulary import Motion, RouteEnd

#: 2: a byte for the schema, and the plan's instants in the state, so that a restore needs no plan.
SCHEMA = 2
#: Of an entry of `foretold`: the stop's index, and p(late) in thousandths.
FORETOLD = Struct(">IH")


class Slip(msgspec.Struct, array_like=True):
    """Where the memory of ETA_SLIP stood before it came into the snapshots: read once, then left empty."""

    level: int = 0
    since_ms: int = 0
    above: int = 0
    above_since_ms: int = 0


class Load(msgspec.Struct, array_like=True):
    """Memory of ROUTE_OVERLOADED; `p_done`: of the last answer, P(all stops done by the shift's end).

    `on` to `high_since_ms`: from before answers were steadied; read once, then left empty.
    """

    on: bool = False
    since_ms: int = 0
    high: int = 0
    low: int = 0
    high_since_ms: int = 0
    p_done: float | None = None
    #: P(not done by then)
    answers: Answers = msgspec.field(default_factory=Answers)


class Risk(msgspec.Struct, array_like=True, gc=False):
    """What the last scores said, and when the next one is worth asking for; `Raw`: see packed.py.

    `high` to `since_ms`, `high_since_ms` and `severe`: from before answers were steadied; read once, then
    left empty.
    """

    asked_ms: int = 0
    asked_slip_ms: int = 0
    asked: int = 0
    high: int = 0
    low: int = 0
    on: bool = False
    since_ms: int = 0
    model_version: str | None = None
    #: stop index -> p(late) of the last answer
    p_late: Raw = NO_ENTRIES
    #: stop index -> the model's median against the ETA of the rule, and how far its 10 % and 90 % lie from it
    arrivals: Raw = NO_ENTRIES
    high_since_ms: int = 0
    severe: bool = False
    #: SLA_BREACHED: the stops, one bit each, and when the next promise to a customer is looked at; 0: none
    missed: int = 0
    promise_due_ms: int = 0
    #: `Slip` and `Load`
    slip: Raw = AS_USUAL
    load: Raw = AS_USUAL
    #: since when it has been slower than its plan; 0 where it is not
    slower_since_ms: int = 0
    #: stop index -> p(late), as `foretold` stood before it was packed: read once, then left empty
    awaited: Raw = NO_ENTRIES
    #: when an ETA_SLIP was ended otherwise than by being over: its evidence counts from here on
    slip_ended_ms: int = 0
    #: what was said first of stops, until it is known what came true; see outcomes.py
    foretold: bytes = b""
    #: `Answers`: p(late) of the promises at risk
    answers: Raw = AS_USUAL
    #: the question that `p_late` and `arrivals` answer: its moment (ms), and which of the route it is
    answered: tuple[int, int] = (0, 0)


class Told(msgspec.Struct, array_like=True, gc=False):
    """What route-status said last, to tell only what is new."""

    seq: int = 0
    at_ms: int = 0
    motion: Motion | None = None
    #: of the open exceptions, the sum of their opening times: another set has another sum
    open_sum_ms: int = 0
    underway: bool = False
    slip_ms: int = 0
    #: how far the slip may move until the next ETA leaves the band that was told; 0: see Limits
    band_ms: int = 0


class Unjudged(msgspec.Struct, array_like=True):
    """A silence that is due and waits for the verdict about its feed; `ended_ms`: a fix came meanwhile."""

    due_ms: int
    since_ms: int
    metrics: dict[str, float | str]
    ended_ms: int = 0
    delayed: bool = False


class Unsettled(msgspec.Struct, array_like=True):
    """A scan that served a stop, while earlier ones may still be on their way; see serving.py."""

    received_ms: int
    stop: int
    trigger: Trigger
    #: when it was served
    served_ms: int = 0


class RouteState(msgspec.Struct, array_like=True, gc=False):
    """Everything that is kept of a route. Times in ms since the epoch, 0 where unknown."""

    route_id: str
    tenant: str = "default"
    carrier: str | None = None
    vehicle_id: str | None = None
    plan_version: int = 0
    plan_received_ms: int = 0
    #: stream time of this route: never falls
    clock_ms: int = 0
    #: newest received_at of a fix, and the intake partition it came through
    heard_ms: int = 0
    source: str = ""
    #: `Snapshot` and the fixes after it, see packed.py and fixes.py; empty while its `Trail` holds them
    base: Raw = AS_USUAL
    tail: Raw = NO_FIXES
    #: stops served by a scan, one bit per stop
    served: int = 0
    episodes: tuple[Episode, ...] = ()
    silent: bool = False
    late_departure: bool = False
    risk: Risk = msgspec.field(default_factory=Risk)
    told: Told = msgspec.field(default_factory=Told)
    ended_ms: int = 0
    ended_because: RouteEnd | None = None
    #: of the plan in force: when it ends, and when it leaves its first stop
    plan_ends_ms: int = 0
    plan_departs_ms: int = 0
    #: whose fixes tell where it is
    feed: str = ""
    unjudged: tuple[Unjudged, ...] = ()
    #: when a silence that its feed's outage holds back is told after all
    release_ms: int = 0
    #: what was usual when the plan came, see detect/habits.py: it stays so for the route
    learned: Mapping[str, tuple[float, int]] = {}
    unsettled: tuple[Unsettled, ...] = ()
    #: ends of promises that wait for the scans received by then
    promises_waiting: tuple[int, ...] = ()


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(RouteState).decode
_decode_slip = msgspec.msgpack.Decoder(Slip).decode
_decode_load = msgspec.msgpack.Decoder(Load).decode


def encode_state(state: RouteState) -> bytes:
    """Bytes for the changelog: the schema, then msgpack with fields by position."""
    return stamp(SCHEMA, _encode(state))


def read_state(data: bytes) -> RouteState:
    """The state from its bytes, as they are: to look at and to let go of.

    A state of schema 1 lacks what its plan says (`lacks_plan_times`). Raises Refused where the schema is
    newer, msgspec.ValidationError where they are no state.
    """
    _, data = open_stamped(data, SCHEMA, "a route")
    return _decode(data)


def decode_state(data: bytes) -> RouteState:
    """The state from its bytes, to go on with, whichever version wrote them; names that many routes share are
    kept once. Raises as read_state()."""
    state = read_state(data)
    if state.risk.slip != AS_USUAL:
        _move_slip(state, _decode_slip(state.risk.slip))
    _keep_own(state.risk)
    if state.risk.on:
        _move_risk(state.risk)
    if state.risk.load != AS_USUAL:
        _move_load(state.risk)
    state.tenant, state.source = sys.intern(state.tenant), sys.intern(state.source)
    state.feed = sys.intern(state.feed)
    if state.carrier is not None:
        state.carrier = sys.intern(state.carrier)
    if state.risk.model_version is not None:
        state.risk.model_version = sys.intern(state.risk.model_version)
    return state


def pack_foretold(said: Mapping[int, float]) -> bytes:
    """Stop index -> p(late), in 6 bytes each: many routes wait for many stops."""
    return b"".join([FORETOLD.pack(stop, round(p * 1000)) for stop, p in said.items()])


def open_load(risk: Risk) -> Load:
    """To be packed again where it changes."""
    return _decode_load(risk.load)


def _keep_own(risk: Risk) -> None:
    """What is empty is there once for all routes, and nothing holds on to all the bytes that were read."""
    if risk.awaited != NO_ENTRIES:
        risk.foretold = pack_foretold(open_shares(risk.awaited))
    risk.slip, risk.awaited = AS_USUAL, NO_ENTRIES
    risk.p_late = _own(risk.p_late, NO_ENTRIES)
    risk.arrivals = _own(risk.arrivals, NO_ENTRIES)
    risk.answers = _own(risk.answers, AS_USUAL)
    risk.load = _own(risk.load, AS_USUAL)


def _own(read: Raw, usual: Raw) -> Raw:
    return usual if read == usual else Raw(bytes(read))


def _move_slip(state: RouteState, old: Slip) -> None:
    """An ETA_SLIP that was told by a version that kept its memory beside the snapshots."""
    if old.level:
        base = open_snapshot(bytes(state.base))
        slipping = Slipping(base.progress.at_ms, base.progress.slip_ms, old.level, old.since_ms)
        state.base = Raw(pack_snapshot(replace(base, slipping=slipping)))


def _move_risk(risk: Risk) -> None:
    """What was told by a version that counted answers goes on, as if it had been certain."""
    told = Steadied(risk.since_ms, 1.0, True, risk.since_ms, risk.severe)
    risk.answers = pack(Answers(told))
    risk.on, risk.since_ms, risk.high, risk.low, risk.severe = False, 0, 0, 0, False


def _move_load(risk: Risk) -> None:
    """So does a ROUTE_OVERLOADED of such a version; its empty load is none."""
    load = open_load(risk)
    if load.on:
        told = Steadied(load.since_ms, 1.0, True, load.since_ms)
        risk.load = pack(Load(p_done=load.p_done, answers=Answers(told)))
    elif load == Load():
        risk.load = AS_USUAL


def lacks_plan_times(state: RouteState) -> bool:
    """True for a state of schema 1 that has a plan."""
    return bool(state.plan_version) and not state.plan_ends_ms
