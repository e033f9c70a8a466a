"""A story as lines of plain words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from controltower.explain.story import Story
from schemas import wire
from schemas.vocabulary import ExceptionCode as Code
from schemas.vocabulary import Resolution, Transition

#: What each rule means; the numbers follow from the record.
_MEANS: Final[dict[Code, str]] = {
    Code.SLA_AT_RISK: "a promise will probably break: p(late) was high in two evaluations running",
    Code.SLA_BREACHED: "a promised time passed without a delivery",
    Code.ETA_SLIP: "the ETA has slipped against the promise that was frozen with the plan",
    Code.LATE_DEPARTURE: "the route should have left its first stop and has not",
    Code.MISSED_PICKUP: "the window of a pickup is over",
    Code.MISSED_CONNECTION: "the ETA at the hub is after its cut-off",
    Code.LONG_HALT: "the vehicle stands where no stop, depot or break is planned, while its signal is fresh",
    Code.EXCESS_DWELL: "the vehicle stays at a planned stop for longer than service there usually takes",
    Code.ROUTE_DEVIATION: "the vehicle left the corridor around its path for several fixes in a row",
    Code.STOP_SKIPPED: "a later stop was served and this one was not",
    Code.SEQUENCE_BREAK: "stops were served in another order and the slack is gone",
    Code.SLOW_PROGRESS: "the vehicle moves far slower than expected on this stretch",
    Code.SIGNAL_LOST: "no fix came for far longer than this tracker usually takes",
    Code.MILESTONE_STALLED: "no scan came for far longer than usual in this phase",
    Code.CARRIER_FEED_DOWN: "a whole feed is silent against its own rhythm",
    Code.HUB_DISRUPTION: "several routes are stuck at the same hub at the same time",
    Code.AREA_DISRUPTION: "several vehicles stand or leave their path at the same place at the same time",
}
_TOLD: Final[dict[Transition, str]] = {
    Transition.OPENED: "it is certain",
    Transition.ESCALATED: "nobody took it in time, or a person asked: one level up",
    Transition.ACKNOWLEDGED: "somebody has it",
    Transition.UNACKNOWLEDGED: "nobody has it any more",
    Transition.SNOOZED: "a person wants quiet",
    Transition.SUPPRESSED: "one of many of the same cause: its parent is answered instead",
    Transition.RECOVERY_STARTED: "an action went out",
    Transition.CLOSED: "archived",
}
_ENDED: Final[dict[Resolution, str]] = {
    Resolution.AUTO: "the condition is over",
    Resolution.MANUAL: "a person ended it",
    Resolution.SUPERSEDED: "a new plan has no such stop",
    Resolution.RETRACTED: "it was not true: late data or a person says so",
    Resolution.EXPIRED: "the plan ran out while it was open",
}
_UNITS: Final = (("_mps", "m/s"), ("_min", "min"), ("_m", "m"), ("_s", "s"))
#: From here on seconds are easier to read as minutes.
_MINUTES_FROM_S: Final = 120.0


def tell(story: Story) -> Iterator[str]:
    """Head, timeline, children."""
    yield from _head(story)
    yield ""
    yield from _timeline(story)
    if story.children:
        yield ""
        yield f"children ({len(story.children)}):"
        for child in story.children:
            yield f"  {child.exception_id}  {child.code.value:<16} {child.home}"


def _head(story: Story) -> Iterator[str]:
    first, last = story.life[0], story.last
    yield f"{last.code.value}  {last.exception_id}"
    yield f"  {_MEANS.get(last.code, 'see the numbers below')}"
    about = f"{last.subject_type.value} {last.subject_id}"
    yield f"about        {about}{f', vehicle {last.vehicle_id}' if last.vehicle_id else ''}, {last.home}"
    delay_s = (first.detected_at - first.onset_at).total_seconds()
    yield f"began        {_time(first.onset_at)}, certain {duration(delay_s)} later"
    yield f"where        {_place(first)}"
    yield f"how urgent   severity {last.severity}{_respond_by(first)}"
    if first.impact is not None:
        stops, shipments = first.impact.stops_at_risk, first.impact.shipments_at_risk
        yield f"how much     {stops} stops, {shipments} shipments ahead"
    if last.owner is not None:
        yield f"who answers  {last.owner.team}{f', with the {last.owner.party}' if last.owner.party else ''}"
    yield f"decided by   {last.rule_version}{f', model {last.model_version}' if last.model_version else ''}"


def _respond_by(record: wire.ExceptionRecord) -> str:
    if record.respond_by is None:
        return ""
    return f", an answer helps until {_time(record.respond_by)}"


def _place(record: wire.ExceptionRecord) -> str:
    where = record.location
    if where is None or where.lat is None or where.lon is None:
        return "not known"
    parts = [f"{where.lat:.5f}, {where.lon:.5f}"]
    if where.along_m is not None:
        parts.append(f"{where.along_m / 1000:.2f} km along")
    if where.stop_before and where.stop_after:
        parts.append(f"between stops {where.stop_before} and {where.stop_after}")
    if record.zone:
        parts.append(f"zone {record.zone}")
    return ", ".join(parts)


def _timeline(story: Story) -> Iterator[str]:
    """Records and actions by stream time; a record before the action that answers it."""
    steps: list[tuple[datetime, int, str]] = [(r.updated_at, 0, _step(r)) for r in story.life]
    steps += [(a.decided_at, 1, _action(a)) for a in story.actions]
    for at, _, text in sorted(steps, key=lambda step: step[:2]):
        yield f"{at:%H:%M:%S}  {text}"


def _step(record: wire.ExceptionRecord) -> str:
    numbers = ", ".join(show_number(name, value) for name, value in record.metrics.items())
    parts = [f"{record.transition.value:<17}{_meaning(record)}"]
    if numbers and record.transition in (Transition.OPENED, Transition.UPDATED, Transition.RESOLVED):
        parts.append(numbers)
    if record.flags:
        parts.append(f"flags {', '.join(record.flags)}")
    parts += [_evidence(record)] if record.evidence else []
    return "; ".join(parts)


def _meaning(record: wire.ExceptionRecord) -> str:
    if record.resolution is not None and record.transition is Transition.RESOLVED:
        ended = f" at {_time(record.resolved_at)}" if record.resolved_at else ""
        return f"{record.resolution.value}: {_ENDED[record.resolution]}{ended}"
    if record.transition is Transition.UPDATED:
        if record.cleared_at is not None:
            return "over for now; it may come back as the same one"
        return f"goes on, severity {record.severity}, opening number {record.occurrence_count}"
    if record.transition is Transition.ESCALATED:
        return f"{_TOLD[Transition.ESCALATED]}, level {record.escalation_level}"
    return _TOLD[record.transition]


def _evidence(record: wire.ExceptionRecord) -> str:
    shown = [f"{e.topic}/{e.partition}@{e.offset}" for e in record.evidence[:3]]
    return f"rests on {', '.join(shown)}{', ...' if len(record.evidence) > 3 else ''}"


def _action(action: wire.Action) -> str:
    because = f" ({action.suppressed_because.value})" if action.suppressed_because else ""
    return f"  {action.action.value} {action.state.value}{because}: {action.reason}"


def show_number(name: str, value: Any) -> str:
    """`halt_s` 605.0 -> `halt 10 min 5 s`: the unit stands in the name."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{name.replace('_', ' ')} {value}"
    for suffix, unit in _UNITS:
        if name.endswith(suffix):
            text = duration(value) if unit == "s" else f"{value:,.6g} {unit}"
            return f"{name.removesuffix(suffix).replace('_', ' ')} {text}"
    return f"{name.replace('_', ' ')} {value:,.6g}"


def duration(seconds: float) -> str:
    """For people: seconds, minutes, hours."""
    if abs(seconds) < _MINUTES_FROM_S:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}Z"
