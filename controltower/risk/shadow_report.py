"""The candidate beside the live model, on the scores of a recorded day and what came true of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from controltower.clock import epoch_ms_of
from controltower.offline.recording import Recording
from controltower.risk.answers import ACTS_FROM
from controltower.risk.bootstrap import bootstrap_mean
from controltower.risk.history import Floats
from controltower.risk.measures import log_losses, squared_error
from controltower.risk.questions import RouteStory, Sampling, read_stories
from controltower.risk.sources.truth import arrivals_of
from controltower.route.limits import DEFAULT_LIMITS, Limits
from controltower.streaming.stage import Record
from schemas import wire
from schemas.topics import ROUTE_EVENTS

#: Minutes from the question to the arrival that came true: up to so many.
BANDS_MIN = (10, 20, 45, 90)
#: No question is wanted, only where the vehicles were.
_NO_QUESTIONS = Sampling(every_ms=2**62)


@dataclass(slots=True)
class Beside:
    """Stops that both models have scored and whose outcome is known, one entry each: p(late) of either, 1
    where the promise was missed, seconds until the arrival, and the route. versions: (live, candidate)."""

    live: list[float] = field(default_factory=list)
    candidate: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    ahead_s: list[float] = field(default_factory=list)
    route: list[str] = field(default_factory=list)
    versions: set[tuple[str, str]] = field(default_factory=set)


def read_beside(
    recording: Recording, advance: Callable[[], None] = lambda: None, limits: Limits = DEFAULT_LIMITS
) -> Beside:
    """Join the scores of a recording with what came true. `advance` hears each record. Raises
    RecordingError."""
    beside = Beside()
    for partition in range(recording.partitions):
        scores = list[wire.Score]()
        log = _aside(recording.read(ROUTE_EVENTS, partition), scores, advance)
        _join(beside, scores, read_stories(log, limits, _NO_QUESTIONS), limits)
    return beside


def _aside(log: Iterable[Record], scores: list[wire.Score], advance: Callable[[], None]) -> Iterator[Record]:
    """The log as it is; its scores with a candidate are kept aside."""
    for record in log:
        advance()
        if record.value is None:
            continue
        if b"shadow_version" in record.value:
            try:
                event = wire.decode_route_event(record.value)
            except msgspec.DecodeError:
                continue
            if isinstance(event, wire.Score) and event.shadow_version is not None:
                scores.append(event)
        yield record


def _join(
    beside: Beside, scores: Iterable[wire.Score], stories: dict[str, RouteStory], limits: Limits
) -> None:
    arrivals: dict[str, Floats] = {}
    for score in scores:
        story = stories.get(score.route_id)
        if story is None or story.plan is None:
            continue
        if score.route_id not in arrivals:
            arrivals[score.route_id] = arrivals_of(story, limits)
        beside.versions.add((score.model_version, score.shadow_version or ""))
        asked_ms = epoch_ms_of(score.as_of)
        for stop in score.stops:
            index = story.plan.stop_index.get(stop.stop_id)
            if index is None or stop.shadow_p_late is None:
                continue
            came_ms, promised_ms = arrivals[score.route_id][index], story.plan.stops[index].promised_ms
            if promised_ms is None or not came_ms > asked_ms:
                continue
            beside.live.append(stop.p_late)
            beside.candidate.append(stop.shadow_p_late)
            beside.late.append(float(came_ms > promised_ms))
            beside.ahead_s.append((came_ms - asked_ms) / 1000)
            beside.route.append(score.route_id)


def report_lines(beside: Beside) -> Iterator[str]:
    """One table: by minutes before the arrival, and all of it."""
    for live, candidate in sorted(beside.versions):
        yield f"candidate {candidate} beside {live}"
    yield (
        f"{len(beside.late):,} scored stops of {len(set(beside.route)):,} routes, "
        f"{100 * np.mean(beside.late):.1f} % of their promises missed; 95 % intervals over routes"
    )
    yield _row("min before", ("stops", "Brier live", "candidate", "log loss live", "candidate", "turned"), "")
    ahead_min = np.array(beside.ahead_s) / 60
    low = 0
    for high in (*BANDS_MIN, None):
        inside = (ahead_min >= low) & (ahead_min < (np.inf if high is None else high))
        yield from _compare(beside, inside, f"{low} to {high}" if high else f"from {low}")
        low = high or low
    yield from _compare(beside, ahead_min >= 0, "all")


def _compare(beside: Beside, inside: NDArray[np.bool_], name: str) -> Iterator[str]:
    if not inside.any():
        yield _row(name, ("no stops",), "")
        return
    live, candidate = np.array(beside.live)[inside], np.array(beside.candidate)[inside]
    late, route = np.array(beside.late)[inside], np.array(beside.route)[inside]
    turned = 100 * np.mean((live >= ACTS_FROM) != (candidate >= ACTS_FROM))
    cells, told = [f"{inside.sum():,}"], []
    for what, loss in (("Brier", squared_error), ("log loss", log_losses)):
        cells += [f"{loss(p, late).mean():.4f}" for p in (live, candidate)]
        paired = bootstrap_mean(loss(candidate, late) - loss(live, late), route)
        verdict = "better" if paired.high < 0 else "worse" if paired.low > 0 else "neither"
        told.append(f"{what} {paired.told(4)} {verdict}")
    yield _row(name, (*cells, f"{turned:.1f} %"), "  candidate less live: " + ", ".join(told))


def _row(name: str, cells: tuple[str, ...], remark: str) -> str:
    return f"  {name:<12}" + "".join(f"{cell:>15}" for cell in cells) + remark
