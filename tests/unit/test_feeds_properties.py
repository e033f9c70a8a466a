"""Whatever outsiders send: normalize answers for every record, and does not care how records are batched."""

from __future__ import annotations

import json
from copy import deepcopy
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from controltower.feeds.identity import hash_event
from controltower.feeds.paths import _through, compile_path, compile_steps
from controltower.feeds.rejection import Rejected
from controltower.streaming.stage import Record
from schemas import action, clock, feed_health, plan, scan, topics
from tests.unit.payloads import FEEDS, NOW_MS, clock_mark, fold_in_parts, new_fold, position, samples_of
from tests.unit.test_feeds_normalize import a_command, a_plan

MODELS: dict[str, type[BaseModel]] = {
    "controltower.scan/1": scan.Scan,
    "controltower.plan/1": plan.Plan,
    "controltower.tick/1": clock.Tick,
    "controltower.assignment/1": clock.Assignment,
    "controltower.vehicle-moved/1": clock.VehicleMoved,
    "controltower.command/1": action.Command,
    "controltower.feedback/1": action.Feedback,
    "controltower.feed-pulse/1": feed_health.FeedPulse,
}
FEEDBACK = {
    "schema": "controltower.feedback/1",
    "action_id": "a",
    "home": "route:R-1",
    "state": "ACCEPTED",
    "occurred_at": "2026-03-02T08:00:00Z",
}
INTAKE_SAMPLES: list[tuple[str, Any]] = [
    *((feed, sample) for feed in sorted(FEEDS) for sample in samples_of(feed)),
    (topics.PLANS, a_plan()),
    (topics.COMMANDS, a_command("resolve")),
    (topics.COMMANDS, a_command("approve")),
    (topics.DISPATCH_FEEDBACK, FEEDBACK),
]

odd_numbers = st.sampled_from([0, -1, 10**30, -(10**18), 1e308, 1.5, 2**63, 91, 181])
odd_times = st.sampled_from(["2026-03-02T08:15:10Z", "0001-01-01T00:00:00+14:00", "31.12.9999 23:59:59"])
odd_texts = st.sampled_from(["", " ", "\x00", "é" * 300, "²", "\ud800", "\udc00a", "\ud83d\ude00"])
odd_values = odd_times | odd_numbers | odd_texts
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | odd_values,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
)


def places_in(content: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of a JSON value."""
    if not isinstance(content, dict | list):
        return []
    found = []
    for key, value in content.items() if isinstance(content, dict) else enumerate(content):
        found += [(content, key), *places_in(value)]
    return found


def replacements_of(value: Any) -> st.SearchStrategy[Any]:
    """Mostly an odd value of the same kind: those get furthest before they are noticed."""
    if isinstance(value, str):
        return odd_times | odd_texts | values
    return odd_numbers | values if isinstance(value, int | float) else values


@st.composite
def spoiled_samples(draw: st.DrawFn) -> tuple[str, bytes]:
    """A good payload of which one to three values are replaced or removed, sometimes its bytes damaged."""
    name, sample = draw(st.sampled_from(INTAKE_SAMPLES))
    content = deepcopy(sample)
    for _ in range(draw(st.integers(0, 3))):
        places = places_in(content)
        container, key = draw(st.sampled_from(places)) if places else (None, None)
        if isinstance(container, dict) and draw(st.integers(0, 3)) == 0:
            del container[key]
        elif container is not None:
            container[key] = draw(replacements_of(container[key]))
    value = json.dumps(content).encode()
    if draw(st.integers(0, 9)) == 0:
        cut = draw(st.integers(0, len(value)))
        value = value[:cut] + draw(st.binary(max_size=4)) + value[cut:]
    return name, value


times = st.integers(0, 200_000).map(lambda ms: str(NOW_MS + ms).encode())
names = st.sampled_from([*sorted(FEEDS), "nobody", topics.PLANS, topics.COMMANDS, topics.DISPATCH_FEEDBACK])
anything = st.tuples(names, st.none() | st.binary(max_size=40) | values.map(lambda v: json.dumps(v).encode()))


@st.composite
def intake_records(draw: st.DrawFn) -> Record:
    name, value = draw(spoiled_samples() | anything)
    headers = []
    if name in FEEDS or name == "nobody":
        headers.append(("feed", name.encode()))
    if draw(st.integers(0, 3)):
        headers.append(("received_at", draw(times)))
    elif draw(st.booleans()):
        headers.append(draw(st.sampled_from([("received_at", b""), ("clock", b"x"), ("clock", b"\xb2")])))
    topic = name if name in topics.BY_NAME else topics.CARRIER_EVENTS
    return Record(
        topic, 0, draw(st.integers(0, 99)), NOW_MS, draw(st.none() | st.binary()), value, tuple(headers)
    )


@settings(max_examples=400, deadline=None)
@given(st.lists(intake_records(), max_size=5))
def test_every_record_is_answered_for(records: list[Record]) -> None:
    """Nothing raises; received = accepted + rejected; a rejected record is a dead letter, byte for byte."""
    commit = new_fold().fold(records)
    count = dict.fromkeys(("received", "accepted", "rejected"), 0)
    for (what, *_), number in commit.tallies.items():
        count[what] = count.get(what, 0) + number
    assert count["received"] == len(records) == count["accepted"] + count["rejected"]
    letters = [out for out in commit.outputs if out.topic == topics.DEAD_LETTERS]
    assert len(letters) == count["rejected"]
    originals = [(record.key, record.value, record.headers) for record in records]
    for letter in letters:
        assert (letter.key, letter.value, letter.headers[:-3]) in originals


@settings(max_examples=400, deadline=None)
@given(st.lists(intake_records(), max_size=3))
def test_whatever_goes_on_fits_the_contract(records: list[Record]) -> None:
    """Every record that normalize writes into a log passes the pydantic model of its schema."""
    for out in new_fold().fold(records).outputs:
        if out.topic != topics.DEAD_LETTERS:
            content = json.loads(out.value or b"")
            MODELS[content["schema"]].model_validate(content)


@st.composite
def carrier_days(draw: st.DrawFn) -> list[Record]:
    """Fixes of two vehicles that change routes, with clock marks and garbage between, in disorder."""
    day = []
    for n in range(draw(st.integers(1, 25))):
        at_ms = NOW_MS + draw(st.integers(0, 60_000)) + n * 4000
        if draw(st.integers(0, 5)) == 0:
            day.append(clock_mark(at_ms + draw(st.sampled_from([0, 20_000, 200_000_000])), n))
            continue
        route, vehicle = draw(st.sampled_from("ABC")), draw(st.sampled_from("VW"))
        fix = position(route, vehicle, at=f"2026-03-02T08:{draw(st.integers(10, 17))}:00Z", n=n)
        value = b"?" if draw(st.integers(0, 9)) == 0 else json.dumps(fix).encode()
        headers = (("feed", b"plain"), ("received_at", str(at_ms).encode()))
        day.append(Record(topics.CARRIER_EVENTS, 0, n, at_ms, None, value, headers))
    return day


@settings(max_examples=200, deadline=None)
@given(carrier_days(), st.data())
def test_batches_and_restarts_change_nothing(day: list[Record], data: st.DataObject) -> None:
    """One poll, one record a poll, or any cut with a restore in between: same outputs, same changelog."""
    cut = data.draw(st.integers(0, len(day)))
    whole = fold_in_parts([day])
    assert fold_in_parts([[record] for record in day]) == whole
    assert fold_in_parts([day[:cut], day[cut:]], restart=True) == whole


nested = st.recursive(
    values, lambda inner: st.dictionaries(st.sampled_from(["a", "b", "c", "#text"]), inner, max_size=3)
)


@given(st.sampled_from(["a", "a.b", "a.b.c"]), nested)
def test_the_short_way_through_a_payload_finds_what_the_long_one_does(path: str, event: Any) -> None:
    """Names alone are looked up at once; what they find or refuse is what going step by step does."""
    if path == "a" and not isinstance(event, dict):
        assert compile_path(path)((event,)) is None  # events are objects; a single name never minds
        return
    assert found_by(compile_path(path), event) == found_by(_through(compile_steps(path, path)), event)


def found_by(find: Any, event: Any) -> Any:
    try:
        return repr(find((event,)))
    except Rejected as rejected:
        return (rejected.reason, rejected.detail)


@given(st.text(max_size=20), st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1)))
def test_the_id_of_a_scan_holds_the_time_as_it_always_did(identity: str, at: datetime) -> None:
    """Ids stay what they were in earlier versions, to the microsecond."""
    at = at.replace(tzinfo=UTC)
    content = f"{identity}\x1f{at.isoformat()}".encode()
    assert hash_event(identity, at) == sha256(content).hexdigest()[:24]
