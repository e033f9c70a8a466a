"""What is decided by scans of parcels waits until all scans that were received up to then are there.

Parcels of one route come through several partitions, and by one hop more than the fixes of their van. Where
one of them lags, a later stop is scanned before an earlier one, and a promise ends before the scan that kept
it is read. So stops left out, an order not kept, a promise broken and the last stop served are decided once
the logs of the parcels are read up to the moment in question: at most a tick later where nothing lags.
"""

from __future__ import annotations

from controltower.detect import sequence_break, stop_skipped
from controltower.exceptions.episode import Trigger
from controltower.route.deadlines import fire_before
from controltower.route.ending import end_route, is_finished
from controltower.route.judge import clear, find_episode, judge_served
from controltower.route.limits import Limits
from controltower.route.promises import judge_missed, unserved
from controltower.route.route import Effects, Route
from controltower.route.state import Unsettled
from schemas.vocabulary import RouteEnd


def note_served(
    route: Route,
    index: int,
    served_ms: int,
    received_ms: int,
    trigger: Trigger,
    limits: Limits,
    effects: Effects,
) -> None:
    """A scan served this stop: held against the order of the plan now, or once it is sure what lacks."""
    state, shipments = route.state, effects.shipments
    if shipments is None or shipments.read_ms is None:
        judge_served(route, state.served, state.clock_ms, state.clock_ms, trigger, limits, effects)
        return
    state.unsettled = (*state.unsettled, Unsettled(received_ms, index, trigger, served_ms))
    shipments.wait(state.route_id)
    _clear_served(route, limits, effects)
    if not shipments.is_behind(received_ms):
        settle_served(route, shipments.read_ms, limits, effects)


def forget_served(route: Route, index: int) -> None:
    """A scan was corrected and does not serve this stop any more."""
    state = route.state
    state.unsettled = tuple([scan for scan in state.unsettled if scan.stop != index])


def _clear_served(route: Route, limits: Limits, effects: Effects) -> None:
    """What was left out is served after all: that is sure at once."""
    plan, served = route.plan, route.state.served
    assert plan is not None, "only a plan has stops"
    for code, fewest in ((stop_skipped.CODE, limits.skipped_after), (sequence_break.CODE, 1)):
        episode = find_episode(route, code)
        if episode is None or episode.metrics.get("manner") == "reversed":
            continue
        if not sequence_break.find_left_out(plan.stops, served, served, fewest):
            clear(route, code, route.state.clock_ms, limits, effects)


def settle_served(route: Route, read_ms: int, limits: Limits, effects: Effects) -> None:
    """All scans that were received up to `read_ms` are there: decide what waited for that."""
    state, shipments = route.state, effects.shipments
    scans = [scan for scan in state.unsettled if scan.received_ms <= read_ms]
    promises = [due_ms for due_ms in state.promises_waiting if due_ms <= read_ms]
    for due_ms in promises:
        _judge_promises(route, due_ms, limits, effects)
    state.promises_waiting = tuple([due_ms for due_ms in state.promises_waiting if due_ms > read_ms])
    if scans:
        state.unsettled = tuple([scan for scan in state.unsettled if scan.received_ms > read_ms])
        _judge_scans(route, scans, limits, effects)
    if state.ended_ms:
        state.unsettled, state.promises_waiting = (), ()
    elif scans and not state.unsettled and is_finished(route):
        end_route(route, RouteEnd.LAST_STOP_SERVED, state.clock_ms, limits, effects)
    if shipments is not None and not state.unsettled and not state.promises_waiting:
        shipments.wait_no_more(state.route_id)


def _judge_scans(route: Route, scans: list[Unsettled], limits: Limits, effects: Effects) -> None:
    """As it was when the last of these scans was received: what is newer may be incomplete."""
    state, last = route.state, max(scans, key=lambda scan: scan.received_ms)
    fire_before(route, last.received_ms, limits, effects)
    if state.ended_ms:
        return
    state.clock_ms = max(state.clock_ms, last.received_ms)
    settled = state.served
    for scan in state.unsettled:
        settled &= ~(1 << scan.stop)
    judge_served(route, settled, last.received_ms, state.clock_ms, last.trigger, limits, effects)


def _judge_promises(route: Route, due_ms: int, limits: Limits, effects: Effects) -> None:
    """The promises that had ended by then, told now. A scan that was received later served its stop too late,
    but for one that says it was served in time."""
    state, plan = route.state, route.plan
    if state.ended_ms or plan is None:
        return
    left = set(unserved(route))
    for scan in state.unsettled:
        promised_ms = plan.stops[scan.stop].promised_ms
        if scan.received_ms > due_ms and promised_ms is not None and scan.served_ms > promised_ms:
            left.add(scan.stop)
    judge_missed(route, sorted(left), due_ms, max(state.clock_ms, due_ms), limits, effects)
