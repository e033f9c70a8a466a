"""Pollers against a local server that misbehaves: slow, busy, broken, cut off, elsewhere."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from google.transit import gtfs_realtime_pb2

from controltower.feeds.payload import LARGEST_PAYLOAD_BYTES
from controltower.gateway.refusal import Refusal, Refused
from controltower.pollers.config import PolledSource, read_headers, read_poll_file
from controltower.pollers.fetch import Outcome
from controltower.pollers.poller import FAILED_TURNS, Poller
from controltower.pollers.split import split_message
from controltower.settings import SettingsError
from controltower.streaming.stage import Out
from schemas.topics import CARRIER_EVENTS

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """Answers each request by the next of `answers`, the last one for ever; notes what was asked."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.asked: list[dict[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append({**dict(self.headers), "path": self.path})
                answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                answer(self)

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/positions"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def say(status: int, body: bytes = b"", **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def cut_off(handler: BaseHTTPRequestHandler) -> None:
    """Promises more than it sends."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"half of")
    handler.close_connection = True


def drip(handler: BaseHTTPRequestHandler) -> None:
    """A byte now and then, for longer than anybody waits."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    for _ in range(40):
        try:
            handler.wfile.write(b"x")
            handler.wfile.flush()
        except OSError:
            return
        time.sleep(0.05)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


class Written:
    """Stands in for Kafka; `refuses` so many times first."""

    def __init__(self, refuses: int = 0) -> None:
        self.outs: list[Out] = []
        self._refuses = refuses

    async def write(self, outs: Sequence[Out]) -> None:
        if self._refuses:
            self._refuses -= 1
            raise Refused(Refusal.NOT_STORED)
        self.outs += outs


def poll(server: Server, answers: list[Answer], turns: int, **changed: object) -> tuple[list[str], Written]:
    """The outcomes of so many turns, and what was written."""
    server.answers = answers
    written = changed.pop("written", None) or Written()
    open_for_s = changed.pop("open_for_s", 60.0)
    settings = {"url": server.url, "feed": "gtfs-rt", "timeout_s": 1.0, "attempts": 3, **changed}
    source = PolledSource.model_validate(settings)
    outcomes: list[str] = []

    async def run() -> None:
        async with httpx.AsyncClient() as client:
            poller = Poller(
                "p",
                source,
                client,
                written.write,  # type: ignore[attr-defined]
                lambda name, outcome, size: outcomes.append(outcome.value),
                backoff_s=0.01,
                open_for_s=open_for_s,  # type: ignore[arg-type]
            )
            for _ in range(turns):
                await poller.turn()

    asyncio.run(run())
    return outcomes, written  # type: ignore[return-value]


def test_a_body_is_stored_as_it_came(server: Server) -> None:
    """With the feed in its header and as its key."""
    outcomes, written = poll(server, [say(200, b"\x0a\x00\xff")], 1)
    assert outcomes == ["NEW"]
    assert written.outs == [Out(CARRIER_EVENTS, b"gtfs-rt", b"\x0a\x00\xff", headers=(("feed", b"gtfs-rt"),))]


def test_requests_are_conditional(server: Server) -> None:
    """What the server names as its version is sent back, and 304 stores nothing."""
    first = say(200, b"one", ETag='"v1"', Last_Modified="Mon, 02 Mar 2026 08:00:00 GMT")
    outcomes, written = poll(server, [first, say(304), say(200, b"two")], 3)
    assert outcomes == ["NEW", "UNCHANGED", "NEW"]
    assert server.asked[1]["If-None-Match"] == '"v1"'
    assert server.asked[1]["If-Modified-Since"] == "Mon, 02 Mar 2026 08:00:00 GMT"
    assert [out.value for out in written.outs] == [b"one", b"two"]


def test_the_same_body_is_stored_once(server: Server) -> None:
    """A server that knows no conditions sends it again and again."""
    outcomes, written = poll(server, [say(200, b"same")], 3)
    assert outcomes == ["NEW", "UNCHANGED", "UNCHANGED"]
    assert len(written.outs) == 1


def test_what_was_not_stored_is_asked_for_again(server: Server) -> None:
    """A version counts as seen once it is in Kafka."""
    answers = [say(200, b"one", ETag='"v1"')]
    outcomes, written = poll(server, answers, 2, written=Written(refuses=1))
    assert outcomes == ["NOT_STORED", "NEW"]
    assert "If-None-Match" not in server.asked[1]
    assert len(written.outs) == 1


@pytest.mark.parametrize(
    "fault",
    [say(500), say(502, b"<html>"), say(429, Retry_After="0"), cut_off, drip],
    ids=["500", "502", "429", "cut off", "slow"],
)
def test_passing_faults_are_tried_again(server: Server, fault: Answer) -> None:
    """Within the same turn, and nothing of the fault is stored."""
    outcomes, written = poll(server, [fault, say(200, b"well")], 1)
    assert outcomes == ["NEW"]
    assert [out.value for out in written.outs] == [b"well"]


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [(drip, "TIMEOUT"), (cut_off, "BROKEN"), (say(503), "BUSY"), (say(500), "SERVER_ERROR")],
    ids=["slow", "cut off", "503", "500"],
)
def test_a_fault_that_stays_ends_the_turn(server: Server, fault: Answer, outcome: str) -> None:
    """After all attempts, with its name."""
    patience_s = 0.15 if fault is drip else 30.0
    outcomes, written = poll(server, [fault], 1, timeout_s=patience_s)
    assert outcomes == [outcome]
    assert len(server.asked) == 3
    assert written.outs == []


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (say(404), "REFUSED"),
        (say(401), "REFUSED"),
        (say(302, Location="http://127.0.0.2:1/elsewhere"), "REDIRECTED"),
        (say(302, Location="https://127.0.0.1/elsewhere"), "REDIRECTED"),
        (say(302, Location="/positions"), "REDIRECTED"),
        (say(200, b"x" * 2000), "TOO_LARGE"),
    ],
    ids=["404", "401", "other host", "other scheme", "loop", "large"],
)
def test_what_will_not_pass_is_not_tried_again(server: Server, fault: Answer, outcome: str) -> None:
    """At once, and nothing is stored; a redirect elsewhere is never followed."""
    outcomes, written = poll(server, [fault], 1, largest_bytes=1000)
    assert outcomes == [outcome]
    assert written.outs == []


def test_a_redirect_within_the_origin_is_followed(server: Server) -> None:
    """Another path of the same server."""
    outcomes, _ = poll(server, [say(301, Location="/v2/positions"), say(200, b"moved")], 1)
    assert outcomes == ["NEW"]
    assert server.asked[1]["path"] == "/v2/positions"


def test_after_failed_turns_the_server_is_left_alone(server: Server) -> None:
    """The circuit opens, closes again after its time, and nothing is asked meanwhile."""
    outcomes, _ = poll(server, [say(500)], FAILED_TURNS + 2, attempts=1)
    assert outcomes == ["SERVER_ERROR"] * FAILED_TURNS + ["CIRCUIT_OPEN"] * 2
    assert len(server.asked) == FAILED_TURNS
    again = [*[say(500)] * FAILED_TURNS, say(200, b"back")]
    outcomes, _ = poll(server, again, FAILED_TURNS + 1, attempts=1, open_for_s=0.0)
    assert outcomes[-1] == "NEW"


def message(entities: int, name: str = "v") -> bytes:
    feed = gtfs_realtime_pb2.FeedMessage()
    feed.header.gtfs_realtime_version = "2.0"
    feed.header.timestamp = 1_772_439_340
    for number in range(entities):
        entity = feed.entity.add()
        entity.id = f"{name}{number}"
        entity.vehicle.vehicle.label = "x" * 200
    return bytes(feed.SerializeToString())


def test_a_large_gtfs_message_is_split_by_its_entities() -> None:
    """Each part is a message with the same header; all entities are there once, in order."""
    body = message(12_000)
    parts = split_message(body)
    assert len(parts) > 1
    ids = []
    for part in parts:
        assert len(part) <= LARGEST_PAYLOAD_BYTES
        read = gtfs_realtime_pb2.FeedMessage.FromString(part)
        assert read.header.timestamp == 1_772_439_340
        ids += [entity.id for entity in read.entity]
    assert ids == [f"v{number}" for number in range(12_000)]


def test_what_fits_or_is_no_message_stays_as_it_came() -> None:
    """normalize judges it."""
    for body in (message(3), b"\xff" * (LARGEST_PAYLOAD_BYTES + 1)):
        assert split_message(body) == [body]


def test_the_file_is_checked(tmp_path: Path) -> None:
    """The field is named; a user name in an address and secrets stay out of the message."""
    file = tmp_path / "sources.yaml"
    file.write_text("sources: {city: {url: 'https://user:secret@example.org/x', feed: gtfs-rt}}")
    with pytest.raises(SettingsError, match=r"sources\.city\.url") as refused:
        read_poll_file(file)
    assert "secret" not in str(refused.value)
    (tmp_path / "headers").write_text("X-Api-Key: abc\n")
    assert read_headers(tmp_path / "headers") == {"X-Api-Key": "abc"}
    (tmp_path / "headers").write_text("abc")
    with pytest.raises(SettingsError, match="headers"):
        read_headers(tmp_path / "headers")


def test_every_outcome_is_explained_to_users() -> None:
    """docs/pollers.md names each."""
    text = (Path(__file__).parents[2] / "docs" / "pollers.md").read_text(encoding="utf-8")
    for outcome in Outcome:
        assert f"| `{outcome}` |" in text
