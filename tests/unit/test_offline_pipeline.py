"""The stages in stream time: what comes out, and that nothing but the input decides it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from agents.app import build_offline_stages
from controltower.intake import Arrival
from controltower.offline.summary import Summary, intake_lines
from controltower.offline.timeline import TAIL_MS, Mark, with_marks
from controltower.settings import load_settings
from controltower.streaming.stage import Record
from schemas.topics import DEAD_LETTERS, DISPATCH, EXCEPTIONS, SCORE_REQUESTS
from tests.unit.recorded_afternoon import run_afternoon


@pytest.fixture(scope="module")
def afternoon() -> list[Record]:
    return run_afternoon()[0]


def told(records: list[Record], topic: str) -> Iterator[dict[str, object]]:
    return (json.loads(record.value) for record in records if record.topic == topic and record.value)


def test_a_halt_becomes_an_exception_an_action_and_an_end(afternoon: list[Record]) -> None:
    """The van that stands still is told once, answered (sent or held back), and resolved as it goes on."""
    halts = [line for line in told(afternoon, EXCEPTIONS) if line["code"] == "LONG_HALT"]
    assert {line["route_id"] for line in halts} == {"halts@20260302"}
    assert next(line["transition"] for line in halts) == "OPENED"
    assert [line["transition"] for line in halts].count("RESOLVED") == 1
    states = {line["state"] for line in told(afternoon, DISPATCH) if line["code"] == "LONG_HALT"}
    assert states
    assert "DISPATCHED" in {line["state"] for line in told(afternoon, DISPATCH)}


def test_every_question_is_answered_and_garbage_is_kept(afternoon: list[Record]) -> None:
    """One score per request comes back into the log; the broken payload is a dead letter."""
    asked = [line["request_id"] for line in told(afternoon, SCORE_REQUESTS)]
    answers = [line["request_id"] for line in told(afternoon, "route-events") if "scored_by" in line]
    assert asked
    assert sorted(asked) == sorted(answers)
    (letter,) = [record for record in afternoon if record.topic == DEAD_LETTERS]
    assert letter.value == b"\xff garbage"


def test_two_runs_are_the_same_bytes(afternoon: list[Record]) -> None:
    """Even published_at, since the wall clock of a replay is the end of its window."""
    assert run_afternoon()[0] == afternoon


def test_the_number_of_partitions_changes_no_exception(afternoon: list[Record]) -> None:
    """The same lives with one partition as with two, but for where the evidence stands."""

    def lives(records: list[Record]) -> list[str]:
        lines = [{**line, "evidence": None} for line in told(records, EXCEPTIONS)]
        return sorted(json.dumps(line, sort_keys=True) for line in lines)

    assert lives(run_afternoon(1)[0]) == lives(afternoon)


def test_the_summary_adds_up() -> None:
    """received = accepted + rejected, and each exception under its code."""
    records, pipeline = run_afternoon()
    summary = Summary()
    for record in records:
        summary.take(record)
    (feed, plans) = intake_lines(pipeline.tallies)
    assert " ".join(feed.split()) == "gtfs-rt 301 received = 300 accepted + 1 rejected (1 NOT_UTF8)"
    assert plans.split()[:3] == ["plans", "2", "received"]
    lines = "\n".join(summary.lines(3600))
    assert "LONG_HALT" in lines
    assert "1.0/h" in lines


def test_marks_stand_between_arrivals_and_after_the_day() -> None:
    """At every full 10 s up to the last arrival, then until 7 h after the last arrival or plan."""
    arrivals = [Arrival(at_ms, None, b"", "f") for at_ms in (5_000, 9_999, 10_000, 31_000)]
    events = list(with_marks(arrivals, planned_end_ms=100_000))
    shown = [event.at_ms if isinstance(event, Mark) else -event.received_at_ms for event in events]
    assert shown[:8] == [-5_000, -9_999, 10_000, -10_000, 20_000, 30_000, -31_000, 40_000]
    assert max(shown) >= 100_000 + TAIL_MS
    assert not list(with_marks([]))


def test_a_stage_that_is_not_asked_in_silence_has_nothing_to_say() -> None:
    """However late it is, the folds of such stages leave an idle call without an answer."""
    stages = build_offline_stages(load_settings({}), lambda: 0)
    silent = [stage for stage in stages if not stage.idles]
    assert {stage.name for stage in stages} - {stage.name for stage in silent} == {"normalize"}
    for stage in silent:
        assert stage.make_fold(0, 1).idle(dict.fromkeys(stage.inputs, 10**13)) is None
