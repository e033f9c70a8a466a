"""Run a recorded day offline through the stages, without Kafka.

FOLDER is GTFS with vehicle_positions.csv (rows in order of arrival), or a recording of our topics.
Writes exceptions.jsonl, actions.jsonl and route-status.jsonl: the records as published, in order.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from agents.app import OFFLINE_STAGES, build_offline_stages, build_stage
from agents.errors import CommandError
from agents.progress import ProgressShown
from controltower.gtfs.folder import RecordedDay, read_recorded_day
from controltower.intake import Arrival
from controltower.offline.crew import Crew
from controltower.offline.pipeline import Pipeline, SteppedClock
from controltower.offline.recording import RecordingWriter, is_recording, open_recording
from controltower.offline.relive import records_to_relive, relive
from controltower.offline.rescore import RescoredRecording, rescored
from controltower.offline.results import FILES, Published, ResultFiles
from controltower.offline.summary import Summary, intake_lines
from controltower.settings import Settings
from controltower.streaming.stage import Record
from schemas.topics import BY_NAME

Tallies = Mapping[tuple[str, ...], int]

HELP = "run a recorded day offline, without Kafka"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="GTFS folder or recording")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the results go")
    parser.add_argument(
        "--workers",
        type=_count,
        default=1,
        metavar="N",
        help="processes, each with some of the partitions; the result is the same (%(default)s)",
    )
    parser.add_argument(
        "--rescore",
        action="store_true",
        help="of a recording: ask the delay model anew (CONTROLTOWER_MODEL_DIR names another one)",
    )
    parser.add_argument(
        "--record", type=Path, metavar="DIR", help="of a day: also write all topics, for verify and explain"
    )


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise ValueError
    return count


def run(args: argparse.Namespace, settings: Settings) -> int:
    if not args.folder.is_dir():
        raise CommandError(f"{args.folder}: is no folder", "a GTFS folder, or one that `record` wrote")
    if args.record is not None and (is_recording(args.folder) or args.workers > 1):
        raise CommandError(
            "--record: only of a GTFS day, and in one process", "leave --record or --workers out"
        )
    if args.rescore and (not is_recording(args.folder) or args.workers > 1):
        raise CommandError(
            "--rescore: only of a recording, and in one process", "a day always asks the model"
        )
    if is_recording(args.folder):
        lines = list(_replay_recording(args.folder, args.out, settings, args.workers, args.rescore))
    else:
        lines = list(_replay_day(args.folder, args.out, settings, args.workers, args.record))
    print("\n".join(lines))
    print(f"written to {args.out}: {', '.join(FILES.values())}")
    return 0


def _replay_day(
    folder: Path, out: Path, settings: Settings, workers: int, record: Path | None
) -> Iterator[str]:
    day, span = read_recorded_day(folder), _Span()
    with ProgressShown("replaying", "events", day.arrivals_total) as progress:
        arrivals = span.watch(day, progress.advance)
        replay = partial(_replay_here, record=record)
        if workers > 1:
            replay = partial(_replay_by_crew, workers=workers)
        summary, tallies = replay(day, arrivals, out, settings)
        seconds = progress.seconds
    yield f"events      {day.arrivals_total:>8,} in {seconds:.1f} s, {day.arrivals_total / seconds:,.0f}/s"
    yield from intake_lines(tallies)
    if day.unplanned:
        yield f"without a plan: {day.unplanned:,} trips that the schedule has no times for"
    yield from summary.lines(span.seconds)


def _replay_here(
    day: RecordedDay, arrivals: Iterable[Arrival], out: Path, settings: Settings, *, record: Path | None
) -> tuple[Summary, Tallies]:
    clock = SteppedClock()
    pipeline = Pipeline(build_offline_stages(settings, clock.now_ms), settings.partitions, clock)
    records = pipeline.run(day.plans, arrivals)
    recorded = records if record is None else _recorded(records, record, settings.partitions)
    return _write(recorded, out), pipeline.tallies


def _recorded(records: Iterable[Record], folder: Path, partitions: int) -> Iterator[Record]:
    with RecordingWriter(folder, partitions, dict.fromkeys(BY_NAME)) as writer:
        for record in records:
            writer.append(record)
            yield record


def _replay_by_crew(
    day: RecordedDay, arrivals: Iterable[Arrival], out: Path, settings: Settings, *, workers: int
) -> tuple[Summary, Tallies]:
    build = partial(build_offline_stages, settings)
    with Crew(build, len(OFFLINE_STAGES), settings.partitions, workers) as crew:
        return _write(crew.run(day.plans, arrivals), out), crew.tallies


def _replay_recording(
    folder: Path, out: Path, settings: Settings, workers: int, rescore: bool
) -> Iterator[str]:
    recording = open_recording(folder)
    build = partial(build_offline_stages, settings)
    if rescore:
        recording = rescored(recording, build_stage("score", settings))
    total = records_to_relive(recording, build(SteppedClock().now_ms))
    with ProgressShown("replaying", "records", total) as progress:
        summary = _write(relive(recording, build, workers, progress.advance), out)
        seconds = progress.seconds
    if isinstance(recording, RescoredRecording) and recording.kept:
        yield f"kept as recorded: {recording.kept.total():,} answers to questions that no model at hand knows"
    yield f"records     {total:>8,} in {seconds:.1f} s, {total / seconds:,.0f}/s"
    yield from summary.lines(0)


def _write(records: Iterable[Published], out: Path) -> Summary:
    summary = Summary()
    try:
        with ResultFiles(out) as files:
            for record in records:
                files.take(record)
                summary.take(record)
    except OSError as failed:
        raise CommandError(f"{out}: {failed.strerror}", "name a folder that can be written") from None
    return summary


class _Span:
    """How long the day's events last."""

    def __init__(self) -> None:
        self._first_ms: int | None = None
        self._last_ms = 0

    def watch(self, day: RecordedDay, advance: Callable[[], None]) -> Iterator[Arrival]:
        for arrival in day.arrivals():
            self._first_ms = arrival.received_at_ms if self._first_ms is None else self._first_ms
            self._last_ms = arrival.received_at_ms
            advance()
            yield arrival

    @property
    def seconds(self) -> float:
        return 0.0 if self._first_ms is None else (self._last_ms - self._first_ms) / 1000
