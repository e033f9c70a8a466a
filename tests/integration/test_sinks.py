"""The stage deliver on a real Kafka: killed again and again, every event arrives, repeats keep their id."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterator

import pytest
import yaml

from controltower.streaming.client import produce_all, read_topic
from controltower.streaming.stage import Out
from schemas import wire
from schemas.topics import DELIVER, EXCEPTIONS, changelog_of
from tests.integration.tower import Tower, fresh_topics, wait_until
from tests.kafka import RealKafka
from tests.unit.receivers import SECRET, HttpReceiver, http_receiver
from tests.unit.recovery_day import exception

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
EVENTS = 60
KILLS = 2
#: While nobody dies, and behind a stop.
QUIET, LAST = 40, 4
PUBLISHED = KILLS * EVENTS + QUIET + LAST


@pytest.fixture(scope="module")
def desk() -> Iterator[HttpReceiver]:
    with http_receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def gone() -> Iterator[HttpReceiver]:
    with http_receiver() as receiver:
        receiver.behave = lambda *_: (410, {})
        yield receiver


@pytest.fixture(scope="module")
def tower(
    real_kafka: RealKafka, tmp_path_factory: pytest.TempPathFactory, desk: HttpReceiver, gone: HttpReceiver
) -> Iterator[Tower]:
    folder = tmp_path_factory.mktemp("sinks")
    wanted = {"secret_files": ["secret"], "exceptions": {}, "retry_s": [0.2], "timeout_s": 20}
    hooks = {"desk": {"url": desk.url, **wanted}, "gone": {"url": gone.url, **wanted}}
    (folder / "secret").write_text(SECRET)
    (folder / "sinks.yaml").write_text(yaml.safe_dump({"allow_loopback": True, "webhooks": hooks}))
    fresh_topics(real_kafka.brokers)
    made = Tower(
        real_kafka.brokers,
        f"sinks-{uuid.uuid4().hex[:8]}",
        folder,
        "redis://127.0.0.1:1",
        sinks=str(folder / "sinks.yaml"),
    )
    yield made
    made.close()


def start(tower: Tower, name: str) -> None:
    tower.start(name, "worker", "--stage", "deliver")
    wait_until(f"{name} is ready", lambda: len(tower.ready_partitions(name)) == 4)


def waiting(tower: Tower) -> int:
    """Deliveries that the changelog has and has not seen the end of."""
    entries = {record.key: record.value for record in read_topic(tower.brokers, [changelog_of(DELIVER)])}
    return sum((key or b"").startswith(b"d/desk/") and value is not None for key, value in entries.items())


def knows_since(tower: Tower) -> set[int]:
    """Partitions whose changelog says since when the desk is told: that of one that is ready does."""
    entries = read_topic(tower.brokers, [changelog_of(DELIVER)])
    return {record.partition for record in entries if record.key == b"since/desk"}


def publish(tower: Tower, first: int, count: int) -> list[str]:
    """Exceptions on their topic, as track writes them; returns the ids that receivers are to see."""
    records = [exception(0, name=f"e{number}") for number in range(first, first + count)]
    outs = [
        Out(EXCEPTIONS, record.exception_id.encode(), wire.encode(record), number % 4)
        for number, record in enumerate(records)
    ]
    produce_all(tower.brokers, outs)
    return [f"{record.exception_id}-1" for record in records]


def test_kill_nine_loses_nothing_and_repeats_have_the_same_id(tower: Tower, desk: HttpReceiver) -> None:
    """A receiver that fails every third request, a stage that is killed while it tells it."""
    desk.behave = lambda *_: (500, {}) if len(desk.requests) % 3 == 0 else (204, {})
    expected: list[str] = []
    for life in range(KILLS):
        start(tower, f"deliver-{life}")
        assert knows_since(tower) == {0, 1, 2, 3}
        seen = len(desk.requests)
        expected += publish(tower, life * EVENTS, EVENTS)
        desk.wait_for(lambda seen=seen: len(desk.requests) >= seen + EVENTS // 3)  # type: ignore[misc]
        tower.kill_process(f"deliver-{life}")
    desk.behave = lambda *_: (204, {})
    start(tower, "deliver-last")
    desk.wait_for(lambda: set(expected) <= {headers["webhook-id"] for headers, _ in desk.requests})
    bodies: dict[str, set[bytes]] = {}
    for headers, body in desk.requests:
        bodies.setdefault(headers["webhook-id"], set()).add(body)
    assert set(bodies) == set(expected)
    assert max(map(len, bodies.values())) == 1


def test_what_is_told_is_told_once_while_nobody_dies(tower: Tower, desk: HttpReceiver) -> None:
    """No repetition without a failure; the stage settles to nothing that waits."""
    expected = publish(tower, 10_000, QUIET)
    desk.wait_for(lambda: set(expected) <= {h["webhook-id"] for h, _ in desk.requests})
    wait_until("nothing waits", lambda: waiting(tower) == 0)
    tower.stop("deliver-last")
    start(tower, "deliver-again")
    last = publish(tower, 20_000, LAST)
    desk.wait_for(lambda: set(last) <= {h["webhook-id"] for h, _ in desk.requests})
    counts = Counter(desk.ids())
    assert {counts[name] for name in (*expected, *last)} == {1}


def test_what_was_given_up_is_listed_and_told_again(
    tower: Tower, desk: HttpReceiver, gone: HttpReceiver
) -> None:
    """A receiver that said 410 gets it all once it is back; another span is told again by its time."""
    wait_until("all of the gone sink was given up", lambda: listed(tower) >= PUBLISHED)
    gone.behave = lambda *_: (204, {})
    before = len(gone.requests)
    assert tower.run("replay-letters", "sinks", "replay", "gone", "--undelivered") == 0
    total = listed(tower)
    gone.wait_for(lambda: len(gone.requests) >= before + total)
    told_before = Counter(desk.ids())
    assert tower.run("replay-span", "sinks", "replay", "desk", "--since", "1h") == 0
    desk.wait_for(
        lambda: all(
            Counter(h["webhook-id"] for h, _ in desk.requests)[n] > told_before[n] for n in told_before
        )
    )
    assert set(desk.ids()) == set(told_before)


def listed(tower: Tower) -> int:
    """Events that the command `undelivered` counts."""
    assert tower.run("undelivered", "sinks", "undelivered", "--json") == 0
    text = tower.log("undelivered")
    return sum(row["events"] for row in json.loads(text[text.index("[") :]))


def test_no_secret_is_in_a_log(tower: Tower) -> None:
    """Neither of the stage nor of the commands."""
    text = "".join(path.read_text(errors="replace") for path in tower.folder.glob("*.log"))
    assert text
    assert SECRET.removeprefix("whsec_") not in text
