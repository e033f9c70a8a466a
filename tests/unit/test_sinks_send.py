"""Sending for real: over HTTP to a receiver that misbehaves, over SMTP to a server on loopback."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from email import message_from_string
from random import Random

import pytest
from standardwebhooks.webhooks import Webhook

from controltower.clock import wall_ms
from controltower.embedded.ports import find_free_port
from controltower.sinks.config import ExceptionChoice, MailSink, WebhookSink
from controltower.sinks.courier import Courier
from controltower.sinks.delivery import Attempt, Delivery, Outcome
from controltower.sinks.examples import example_deliveries
from controltower.sinks.guard import Guard
from controltower.sinks.mail import MailSender, read_template
from controltower.sinks.webhook import WebhookSender
from tests.unit.receivers import SECRET, HttpReceiver, http_receiver, mail_server

ROTATED = "whsec_" + "YW5vdGhlci1zZWNyZXQtZm9yLXJvdGF0aW9uLTQ1Ng=="
LOOPBACK = Guard(["127.0.0.1"], allow_loopback=True)


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as made:
        yield made


def hook(url: str, timeout_s: float = 5.0) -> WebhookSender:
    sink = WebhookSink(url=url, secret_variables=("S",), timeout_s=timeout_s, exceptions=ExceptionChoice())
    return WebhookSender(sink, [SECRET, ROTATED], LOOPBACK, wall_ms)


def delivery(name: str = "e1-1", sink: str = "desk") -> Delivery:
    return Delivery(sink, name, b'{"type":"exception.opened"}', wall_ms(), 0)


def send(sender: WebhookSender, *deliveries: Delivery) -> list[Attempt]:
    async def run() -> list[Attempt]:
        try:
            return await sender.send(deliveries)
        finally:
            await sender.close()

    return asyncio.run(run())


@pytest.mark.parametrize("secret", [SECRET, ROTATED])
def test_a_receiver_can_verify_what_it_gets(receiver: HttpReceiver, secret: str) -> None:
    """By the package of the standard, with either secret of a rotation; an altered body is found."""
    assert send(hook(receiver.url), delivery()) == [Attempt(Outcome.DELIVERED)]
    ((headers, body),) = receiver.requests
    assert Webhook(secret).verify(body, headers) == {"type": "exception.opened"}
    assert headers["webhook-id"] == "e1-1"
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(secret).verify(body + b" ", headers)


@pytest.mark.parametrize(
    ("status", "headers", "outcome"),
    [
        (200, {}, Attempt(Outcome.DELIVERED)),
        (500, {}, Attempt(Outcome.SERVER_ERROR)),
        (503, {"Retry-After": "7"}, Attempt(Outcome.BUSY, 7_000)),
        (429, {"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}, Attempt(Outcome.BUSY)),
        (401, {}, Attempt(Outcome.REFUSED)),
        (410, {}, Attempt(Outcome.GONE)),
        (413, {}, Attempt(Outcome.TOO_LARGE)),
    ],
)
def test_an_answer_is_its_status(
    receiver: HttpReceiver, status: int, headers: dict[str, str], outcome: Attempt
) -> None:
    """2xx is success, 410 and 413 are final, the rest is tried again."""
    receiver.behave = lambda *_: (status, headers)
    assert send(hook(receiver.url), delivery()) == [outcome]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(receiver: HttpReceiver, status: int) -> None:
    """Wherever it leads."""
    receiver.behave = lambda *_: (status, {"Location": "/elsewhere"})
    assert send(hook(receiver.url), delivery()) == [Attempt(Outcome.REDIRECTED)]
    assert len(receiver.requests) == 1


def test_a_receiver_that_refuses_or_is_not_there(receiver: HttpReceiver) -> None:
    """Nobody listens; or the address is not allowed, which is found before anything is sent."""
    assert send(hook(f"http://127.0.0.1:{find_free_port()}/"), delivery()) == [Attempt(Outcome.UNREACHABLE)]
    sender = hook(receiver.url)
    closed = WebhookSender(sender._sink, [SECRET], Guard(["127.0.0.1"]), wall_ms)
    assert send(closed, delivery()) == [Attempt(Outcome.FORBIDDEN_ADDRESS)]
    assert receiver.requests == []


def test_a_receiver_that_never_answers_costs_the_timeout() -> None:
    """One that accepts the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        sender = hook(f"http://127.0.0.1:{server.getsockname()[1]}/", timeout_s=0.2)
        assert send(sender, delivery()) == [Attempt(Outcome.TIMEOUT)]


def test_no_proxy_of_the_environment_is_used(receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would connect to what we may not."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{find_free_port()}")
    assert send(hook(receiver.url), delivery()) == [Attempt(Outcome.DELIVERED)]


def test_a_hanging_receiver_only_delays_itself(receiver: HttpReceiver) -> None:
    """Two sinks in one courier: the one is told everything while the other says nothing."""
    go = threading.Event()
    with http_receiver() as hanging:
        hanging.behave = lambda *_: (204, {}) if go.wait(60) else (500, {})
        courier = Courier({"slow": hook(hanging.url, 60.0), "quick": hook(receiver.url)}, wall_ms, Random(1))
        outbox = courier.outbox(0)
        outbox.open = True
        outbox.put(delivery(f"e{number}-1", sink) for number in range(50) for sink in ("slow", "quick"))
        receiver.wait_for(lambda: len(receiver.requests) == 50)
        assert hanging.requests == []
        go.set()
        hanging.wait_for(lambda: len(hanging.requests) == 50)
        assert set(hanging.ids()) == set(receiver.ids())


def test_a_dead_receiver_is_not_flooded() -> None:
    """Of a thousand that wait, a handful is tried, and then the sink is left alone."""
    port = find_free_port()
    courier = Courier({"desk": hook(f"http://127.0.0.1:{port}/")}, wall_ms, Random(1))
    outbox = courier.outbox(0)
    outbox.open = True
    outbox.put(delivery(f"e{number}-1") for number in range(1000))
    tried: list[object] = []
    deadline = time.monotonic() + 60
    while len(tried) < 5 and time.monotonic() < deadline:
        tried += outbox.attempts()
    assert 5 <= len(tried) <= 12


def mailer(port: int, digest_s: float = 0.0, template: str | None = None) -> MailSender:
    sink = MailSink(
        host="127.0.0.1",
        port=port,
        tls="none",
        sender="tower@example.com",
        recipients=("lead@example.com", "desk@example.com"),
        digest_s=digest_s,
        timeout_s=5.0,
        exceptions=ExceptionChoice(),
    )
    text = template or read_template(None, digest=digest_s > 0)
    return MailSender(sink, None, text, LOOPBACK, wall_ms)


def test_each_event_is_a_mail_that_reads_well() -> None:
    """Subject, recipients and an id that a repetition would have again."""
    examples = list(example_deliveries("leads"))
    with mail_server() as (mailbox, port):
        for _ in range(2):
            for example in examples:
                assert asyncio.run(mailer(port).send([example])) == [Attempt(Outcome.DELIVERED)]
    mails = [message_from_string(text) for text in mailbox.mails]
    subjects = [mail["Subject"] for mail in mails[:3]]
    assert subjects[0] == "[2] LONG_HALT opened: route:SP-0302-01"
    assert "CARRIER_FEED_DOWN" in subjects[1]
    assert "pending_approval" in subjects[2]
    assert mails[0]["To"] == "lead@example.com, desk@example.com"
    assert "controltower explain" in mails[0].get_payload()
    ids = [mail["Message-ID"] for mail in mails]
    assert ids[:3] == ids[3:]
    assert len(set(ids)) == 3


def test_a_digest_gathers() -> None:
    """Once one is due, what waits in all partitions is one mail."""
    now = [1_000_000]
    with mail_server() as (mailbox, port):
        courier = Courier({"leads": mailer(port, 900.0)}, lambda: now[0], Random(1))
        boxes = [courier.outbox(partition) for partition in range(2)]
        for number, example in enumerate(example_deliveries("leads")):
            boxes[number % 2].put([Delivery("leads", f"e{number}", example.body, 0, 1_000_500 + number)])
        for box in boxes:
            box.open = True
        now[0] = 1_000_501
        attempts: list[object] = []
        deadline = time.monotonic() + 60
        while len(attempts) < 3 and time.monotonic() < deadline:
            attempts += [told for box in boxes for told in box.attempts()]
    (mail,) = [message_from_string(text) for text in mailbox.mails]
    assert mail["Subject"] == "3 events of the control tower"
    assert mail.get_payload().count("\n20") + mail.get_payload().startswith("20") == 3


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("451 try later", Outcome.BUSY),
        ("552 too large", Outcome.TOO_LARGE),
        ("554 no", Outcome.REFUSED),
    ],
)
def test_a_mail_server_that_does_not_want_it(answer: str, outcome: Outcome) -> None:
    """4yz passes, 5yz is a refusal."""
    with mail_server() as (mailbox, port):
        mailbox.answer = answer
        attempts = asyncio.run(mailer(port).send([delivery_of_example()]))
    assert attempts == [Attempt(outcome)]
    assert mailbox.mails == []


def test_a_mail_server_that_is_not_there() -> None:
    """Refused at once."""
    attempts = asyncio.run(mailer(find_free_port()).send([delivery_of_example()]))
    assert attempts == [Attempt(Outcome.UNREACHABLE)]


def test_a_template_cannot_add_headers() -> None:
    """Whatever stands in the first line is one subject."""
    sender = mailer(1, template="evil\x0bBcc: all@example.com\ntext")
    message = sender.message([delivery_of_example()])
    assert message["Subject"] == "evil Bcc: all@example.com"
    assert message["Bcc"] is None


def delivery_of_example() -> Delivery:
    return next(iter(example_deliveries("leads")))


def test_a_request_that_broke_off_in_its_body_was_no_request(receiver: HttpReceiver) -> None:
    """What these tests count as told came whole: half a body of a sender that died is not kept."""
    host, port = receiver.url.removeprefix("http://").removesuffix("/hook").split(":")
    with socket.create_connection((host, int(port))) as half:
        half.sendall(b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
        half.shutdown(socket.SHUT_WR)
        assert half.recv(1) == b""
    assert receiver.requests == []
