"""Keep a simulated day: the intake topics as a recording of ours, and beside it what truly happened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from controltower.offline.intake_records import arrival_record, mark_records, plan_records, planned_end_ms
from controltower.offline.logs import Logs
from controltower.offline.recording import RecordingWriter
from controltower.offline.timeline import PLANS_AHEAD_MS, Mark, with_marks
from controltower.simulate.day import Day
from controltower.simulate.truth import StopOutcome, TrueEvent
from controltower.streaming.stage import Out
from schemas.topics import CARRIER_EVENTS, PLANS

TRUTH_FILE = "truth.json"
OUTCOMES_FILE = "outcomes.json"
GARBAGE_FILE = "garbage.json"


def write_day(day: Day, folder: Path, partitions: int) -> None:
    """Write plans, arrivals and clock marks as the streamer of the day would, plus truth and labels.

    `folder` must be empty or absent. Raises RecordingError.
    """
    logs = Logs(partitions, ())
    with RecordingWriter(folder / "intake", partitions, {PLANS: None, CARRIER_EVENTS: None}) as writer:
        for out, at_ms in _intake(day, partitions):
            writer.append(logs.append(out, at_ms))
    write_truth(day, folder)


def write_truth(day: Day, folder: Path) -> None:
    """Truth, labels and the count of spoilt payloads by reason, as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    reasons: dict[str, int] = {}
    for spoilt in day.spoilt:
        reasons[spoilt.reason] = reasons.get(spoilt.reason, 0) + 1
    _write_json(folder / TRUTH_FILE, day.truth)
    _write_json(folder / OUTCOMES_FILE, day.outcomes)
    _write_json(folder / GARBAGE_FILE, reasons)


def read_truth(folder: Path) -> list[TrueEvent]:
    """The inverse of `write_truth` for the events."""
    return msgspec.json.decode((folder / TRUTH_FILE).read_bytes(), type=list[TrueEvent])


def _intake(day: Day, partitions: int) -> Iterator[tuple[Out, int]]:
    planned_at_ms = day.starts_at_ms - PLANS_AHEAD_MS
    for out in plan_records(day.plans, planned_at_ms):
        yield out, planned_at_ms
    for event in with_marks(day.arrivals, planned_end_ms(day.plans)):
        if isinstance(event, Mark):
            for out in mark_records(event, partitions):
                yield out, event.at_ms
        else:
            yield arrival_record(event, partitions), event.received_at_ms


def _write_json(path: Path, content: Sequence[TrueEvent] | Sequence[StopOutcome] | dict[str, int]) -> None:
    path.write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n")
