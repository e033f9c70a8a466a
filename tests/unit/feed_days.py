"""Days of one feed in slots: what the intake sources tell of it, as records of feed-health."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from controltower.clock import epoch_ms_of, instant_of
from controltower.feedhealth.fold import FeedHealthFold
from controltower.feedhealth.slots import SLOT_MS
from controltower.streaming.stage import Commit, Out, Record
from schemas import topics, wire

START_MS = epoch_ms_of(datetime(2026, 3, 2, 8, 0, tzinfo=UTC))
SOURCES = 2


def pulse(slot: int, source: int = 0, feed: str = "swiftpost", vehicles: int = 6, **counts: int) -> bytes:
    """What one source received in the slot, the first at its beginning, the last 5 s later."""
    begins_ms = START_MS + slot * SLOT_MS
    scans = counts.pop("scans", 4)
    return wire.encode(
        wire.FeedPulse(
            feed=feed,
            carrier="swiftpost",
            tenant="demo",
            source=f"carrier-events/{source}",
            slot_from=instant_of(begins_ms),
            first_at=instant_of(begins_ms),
            last_at=instant_of(begins_ms + 5_000),
            records=scans + counts.get("rejected", 0),
            scans=scans,
            vehicles=vehicles,
            delays=(scans, 0, 0, 0, 0, 0),
            **counts,
        )
    )


def tick(slot: int, source: int, *, over: bool = False) -> bytes:
    """The source is read up to the beginning of the slot."""
    upto = instant_of(START_MS + slot * SLOT_MS)
    return wire.encode(wire.Tick(source=f"carrier-events/{source}", sources=SOURCES, upto=upto, over=over))


def day(heard: Iterable[int], slots: int, **told: int) -> Iterator[bytes]:
    """Both sources, slot by slot: pulses in the slots `heard`, ticks in all."""
    heard = set(heard)
    for slot in range(slots):
        for source in range(SOURCES):
            if slot in heard:
                yield pulse(slot, source, **told)
            yield tick(slot + 1, source)


def to_records(values: Iterable[bytes]) -> list[Record]:
    return [Record(topics.FEED_HEALTH, 0, i, 0, None, value) for i, value in enumerate(values)]


def fold_day(values: Iterable[bytes], poll: int = 10_000) -> list[Out]:
    """All outputs of a fresh fold, restarted from its changelog after every poll."""
    state: dict[bytes, bytes] = {}
    outs: list[Out] = []
    records = to_records(values)
    for at in range(0, len(records), poll):
        fold = FeedHealthFold(0, SOURCES, lambda: 0)
        for key, value in state.items():
            fold.restore(key, value)
        fold.restored()
        commit: Commit = fold.fold(records[at : at + poll])
        outs += commit.outputs
        for key, changed in commit.changes:
            if changed is None:
                state.pop(key, None)
            else:
                state[key] = changed
    return outs


def exceptions(outs: Iterable[Out]) -> list[wire.ExceptionRecord]:
    found = [wire.decode_any(out.value or b"") for out in outs if out.topic == topics.EXCEPTIONS]
    return [record for record in found if isinstance(record, wire.ExceptionRecord)]


def verdicts(outs: Iterable[Out], partition: int = 0) -> list[wire.FeedsJudged]:
    wanted = [out for out in outs if out.topic == topics.ROUTE_EVENTS and out.partition == partition]
    found = [wire.decode_any(out.value or b"") for out in wanted]
    return [record for record in found if isinstance(record, wire.FeedsJudged)]


def statuses(outs: Iterable[Out]) -> list[wire.FeedStatus]:
    found = [wire.decode_any(out.value or b"") for out in outs if out.topic == topics.FEED_STATUS]
    return [record for record in found if isinstance(record, wire.FeedStatus)]


def seconds(at: datetime | None) -> float | None:
    """Since the start of the day."""
    return None if at is None else (epoch_ms_of(at) - START_MS) / 1000
