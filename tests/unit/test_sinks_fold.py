"""The stage deliver without a broker: what is taken on, kept, told, given up, and told again after a kill."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controltower.sinks.config import ExceptionChoice, Sink
from controltower.sinks.delivery import Attempt, Delivery, Outcome, Undelivered, judge, pause_s
from controltower.sinks.fold import DeliverFold, request
from controltower.sinks.outbox import Outbox
from controltower.streaming.stage import Commit, Record
from schemas.topics import DELIVERY_REQUESTS, UNDELIVERED
from tests.unit.readmodel_records import as_record
from tests.unit.recovery_day import exception

DAY_MS = 86_400_000
ALL = Sink(exceptions=ExceptionChoice())


class Clock:
    def __init__(self) -> None:
        self.ms = 1_000_000

    def __call__(self) -> int:
        return self.ms


class Deliver:
    """A fold with its changelog, which a kill leaves as the last commit did."""

    def __init__(self, **sinks: Sink) -> None:
        self.clock, self.sinks = Clock(), sinks
        self.changelog: dict[bytes, bytes] = {}
        self.given_up: list[tuple[str, str]] = []
        self.begin()

    def begin(self) -> None:
        self.outbox = Outbox(lambda: None)
        self.fold = DeliverFold(2, self.sinks, self.outbox, self.clock, Random(1))
        for key, value in self.changelog.items():
            self.fold.restore(key, value)
        self.fold.restored()
        self._commit(Commit(changes=self.fold.begin()))
        self.fold.go_on()

    def happen(self, *records: Record) -> Commit:
        return self._commit(self.fold.fold(records))

    def idle(self) -> Commit:
        return self._commit(self.fold.idle({}) or Commit())

    def _commit(self, commit: Commit) -> Commit:
        for key, value in commit.changes:
            self.changelog.pop(key, None) if value is None else self.changelog.update({key: value})
        for out in commit.outputs:
            headers = dict(out.headers)
            assert (out.topic, out.partition) == (UNDELIVERED, 2)
            self.given_up.append((headers["ct-id"].decode(), headers["ct-reason"].decode()))
        return commit

    def take(self, sink: str = "desk", most: int = 100) -> list[Delivery]:
        return self.outbox.take(sink, self.clock.ms, most)

    def waiting(self) -> int:
        return sum(key.startswith(b"d/") for key in self.changelog)


def told(name: str, seq: int = 1, ms: int = 2_000_000) -> Record:
    record = as_record(exception(0, seq, name=name))
    return Record(record.topic, 2, seq, ms, record.key, record.value)


def names(deliveries: Sequence[Delivery]) -> list[str]:
    return [delivery.event_id for delivery in deliveries]


def test_an_event_is_taken_on_with_its_position_and_gone_with_the_answer() -> None:
    """One entry of the changelog from the record until the receiver has it."""
    deliver = Deliver(desk=ALL)
    deliver.happen(told("e1"))
    (delivery,) = deliver.take()
    assert (delivery.event_id, deliver.waiting()) == ("e1-1", 1)
    deliver.outbox.tell([(delivery, Attempt(Outcome.DELIVERED))])
    deliver.idle()
    assert deliver.waiting() == 0


def test_after_a_kill_what_was_not_recorded_is_told_again_with_its_id() -> None:
    """The answer came, the commit did not."""
    deliver = Deliver(desk=ALL)
    deliver.happen(told("e1"))
    (first,) = deliver.take()
    deliver.outbox.tell([(first, Attempt(Outcome.DELIVERED))])
    deliver.begin()
    (again,) = deliver.take()
    assert (again.event_id, again.body) == (first.event_id, first.body)


def test_a_failure_is_tried_again_later_and_kept_over_a_restart() -> None:
    """Not before its time; with the attempts counted on."""
    deliver = Deliver(desk=ALL)
    deliver.happen(told("e1"))
    deliver.outbox.tell([(d, Attempt(Outcome.SERVER_ERROR)) for d in deliver.take()])
    deliver.idle()
    deliver.begin()
    assert deliver.take() == []
    deliver.clock.ms += 6_001
    assert [d.attempts for d in deliver.take()] == [1]


def test_nothing_is_sent_while_the_partition_is_not_ours() -> None:
    """Between give_up and go_on the outbox is closed."""
    deliver = Deliver(desk=ALL)
    deliver.happen(told("e1"))
    deliver.fold.give_up()
    assert deliver.take() == []
    deliver.fold.go_on()
    assert names(deliver.take()) == ["e1-1"]


def test_a_new_sink_is_told_what_happens_from_now_on() -> None:
    """By the time of the record; and what happened while the stage was down is told."""
    deliver = Deliver(desk=ALL)
    deliver.happen(told("old", ms=999_999), told("new", ms=1_000_000))
    assert names(deliver.take()) == ["new-1"]
    deliver.clock.ms += 2 * DAY_MS
    deliver.begin()
    deliver.happen(told("meanwhile", ms=1_000_001))
    assert "meanwhile-1" in names(deliver.take())


def test_a_new_sink_is_told_what_came_before_a_kill_at_its_very_beginning() -> None:
    """Nothing was folded yet, so nothing was committed but what the takeover itself wrote."""
    deliver = Deliver(desk=ALL)
    deliver.clock.ms += 5_000
    deliver.begin()
    deliver.happen(told("meanwhile", ms=1_000_001))
    assert names(deliver.take()) == ["meanwhile-1"]


@pytest.mark.parametrize("outcome", [Outcome.GONE, Outcome.TOO_LARGE])
def test_what_no_attempt_can_mend_is_given_up_at_once(outcome: Outcome) -> None:
    """With its reason."""
    deliver = Deliver(desk=ALL)
    deliver.happen(told("e1"))
    deliver.outbox.tell([(d, Attempt(outcome)) for d in deliver.take()])
    deliver.idle()
    assert deliver.given_up == [("e1-1", outcome.value)]
    assert deliver.waiting() == 0


def test_after_days_of_failures_an_event_is_given_up() -> None:
    """Three days by default, in about ten attempts."""
    deliver, attempts = Deliver(desk=ALL), 0
    deliver.happen(told("e1"))
    while not deliver.given_up and attempts < 50:
        for delivery in deliver.take():
            attempts += 1
            deliver.outbox.tell([(delivery, Attempt(Outcome.TIMEOUT))])
        deliver.idle()
        deliver.clock.ms += 600_000
    assert deliver.given_up == [("e1-1", Undelivered.GAVE_UP)]
    assert 8 <= attempts <= 12


def test_what_never_had_its_turn_is_given_up_too() -> None:
    """A receiver that is down for days must not fill the state for ever."""
    deliver = Deliver(desk=ALL)
    deliver.happen(told("e1"))
    deliver.clock.ms += 3 * DAY_MS + 1
    deliver.idle()
    assert deliver.given_up == [("e1-1", Undelivered.GAVE_UP)]
    assert deliver.take() == []


def test_a_full_queue_gives_up_the_newest() -> None:
    """What waits already keeps its place."""
    deliver = Deliver(desk=ALL.model_copy(update={"largest_queue": 1}))
    deliver.happen(told("e1"), told("e2"))
    assert names(deliver.take()) == ["e1-1"]
    assert deliver.given_up == [("e2-1", Undelivered.QUEUE_FULL)]


def test_a_sink_that_is_no_more_gives_up_what_waited_for_it() -> None:
    """It can be told again once the sink is back."""
    deliver = Deliver(desk=ALL, leads=ALL)
    deliver.happen(told("e1"))
    del deliver.sinks["leads"]
    deliver.begin()
    deliver.idle()
    assert deliver.given_up == [("e1-1", Undelivered.NO_SUCH_SINK)]
    assert names(deliver.take()) == ["e1-1"]


def test_an_event_is_told_again_on_request_and_once_at_a_time() -> None:
    """With the same id; a request for what still waits changes nothing."""
    deliver = Deliver(desk=ALL)
    asked = request("desk", "e1-1", b"{}", 2)
    record = Record(DELIVERY_REQUESTS, 2, 0, 0, asked.key, asked.value, asked.headers)
    deliver.happen(record, record)
    assert names(deliver.take()) == ["e1-1"]
    deliver.happen(record)
    assert deliver.take() == []


def test_what_is_no_message_of_ours_stops_nothing() -> None:
    """It is counted."""
    deliver = Deliver(desk=ALL)
    record = told("e1")
    commit = deliver.happen(
        Record(record.topic, 2, 0, 2_000_000, b"k", b"\xff"),
        Record(DELIVERY_REQUESTS, 2, 0, 0, b"k", b"x"),
        Record(record.topic, 2, 0, 2_000_000, b"k", None),
        record,
    )
    assert commit.tallies["unreadable",] == 2
    assert names(deliver.take()) == ["e1-1"]


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("happen"), st.integers(0, 8)),
        st.tuples(st.just("try"), st.sampled_from(Outcome)),
        st.tuples(st.just("wait"), st.integers(1, 90_000_000)),
        st.tuples(st.sampled_from(("kill", "idle")), st.just(0)),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(_STEPS)
def test_nothing_is_lost_whatever_happens(steps: list[tuple[str, object]]) -> None:
    """Every event taken on is delivered, waits, or stands in undelivered; and none of them twice."""
    deliver, taken_on, delivered = Deliver(desk=ALL), set[str](), set[str]()
    deliver.idle()
    for what, value in steps:
        if what == "happen":
            deliver.happen(told(f"e{value}"))
            taken_on.add(f"e{value}-1")
        elif what == "try":
            batch = deliver.take()
            deliver.outbox.tell([(d, Attempt(Outcome(str(value)))) for d in batch])
            deliver.idle()
            delivered |= set(names(batch)) if value is Outcome.DELIVERED else set()
        elif what == "wait":
            assert isinstance(value, int)
            deliver.clock.ms += value
        elif what == "kill":
            deliver.begin()
        else:
            deliver.idle()
    waiting = {key.decode().removeprefix("d/desk/") for key in deliver.changelog if key.startswith(b"d/")}
    assert taken_on == delivered | waiting | {name for name, _ in deliver.given_up}


@settings(deadline=None)
@given(st.integers(0, 30), st.integers(0, 10_000_000), st.sampled_from(Outcome))
def test_a_wait_is_spread_and_honours_the_receiver(attempts: int, patience_ms: int, outcome: Outcome) -> None:
    """Within a fifth of the schedule, or what was asked for up to an hour; never in the past."""
    delivery = Delivery("desk", "e", b"", 0, 0, attempts)
    sink = Sink(exceptions=ExceptionChoice(), give_up_after_s=14 * 86_400)
    judged = judge(delivery, Attempt(outcome, patience_ms), sink, 1_000, Random(attempts))
    if isinstance(judged, Delivery):
        schedule_ms = 1000 * sink.retry_s[min(attempts, len(sink.retry_s) - 1)]
        least = max(0.8 * schedule_ms, min(patience_ms, 3_600_000))
        assert least - 1 <= judged.due_ms - 1_000 <= max(1.2 * schedule_ms, min(patience_ms, 3_600_000)) + 1
        assert judged.attempts == attempts + 1


def test_a_receiver_that_is_down_is_left_alone_ever_longer() -> None:
    """Not for single failures, from the fifth in a row on, and at most for five minutes."""
    assert [pause_s(n) for n in range(8)] == [0, 0, 0, 0, 0, 5, 10, 20]
    assert pause_s(60) == 300
