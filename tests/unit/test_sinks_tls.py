"""Sinks over TLS: the connection goes to a checked address, the certificate must be the name's."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from controltower.clock import wall_ms
from controltower.embedded.ports import find_free_port
from controltower.sinks.config import ExceptionChoice, MailSink, WebhookSink
from controltower.sinks.delivery import Attempt, Outcome
from controltower.sinks.examples import example_deliveries
from controltower.sinks.guard import Guard
from controltower.sinks.mail import MailSender, read_template
from controltower.sinks.webhook import WebhookSender
from tests.unit.receivers import SECRET, HttpReceiver, Mailbox

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl on the PATH")
NAME = "receiver.test"


async def _here(host: str, port: int) -> list[str]:
    return ["127.0.0.1"]


def guard(name: str = NAME) -> Guard:
    return Guard([name], allow_loopback=True, resolve=_here)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with key and certificate of the name."""
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={NAME}"]
    command += ["-addext", f"subjectAltName=DNS:{NAME}", "-keyout", str(file), "-out", f"{file}.crt"]
    subprocess.run(command, check=True, capture_output=True)
    file.write_text(file.read_text() + Path(f"{file}.crt").read_text())
    return file


@pytest.fixture
def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


@pytest.fixture
def serving(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def post(port: int, tls: ssl.SSLContext | None, name: str = NAME) -> list[Attempt]:
    url = f"https://{name}:{port}/hook"
    sink = WebhookSink(url=url, secret_variables=("S",), timeout_s=10, exceptions=ExceptionChoice())

    async def run() -> list[Attempt]:
        sender = WebhookSender(sink, [SECRET], guard(name), wall_ms, tls)
        try:
            return await sender.send(list(example_deliveries("desk"))[:1])
        finally:
            await sender.close()

    return asyncio.run(run())


def test_a_webhook_over_tls_is_for_the_name_in_its_url(
    serving: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    """Told where the certificate is trusted and the name's; else nothing is sent."""
    receiver = HttpReceiver(serving)
    try:
        port = int(receiver.url.rsplit(":", 1)[1].partition("/")[0])
        assert post(port, None) == [Attempt(Outcome.UNREACHABLE)]
        assert post(port, trusting, "another.test") == [Attempt(Outcome.UNREACHABLE)]
        assert receiver.requests == []
        assert post(port, trusting) == [Attempt(Outcome.DELIVERED)]
        assert receiver.requests[0][0]["host"] == f"{NAME}:{port}"
    finally:
        receiver.close()


def _sign_in(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    right = data.login == b"tower" and data.password == b"geheim"
    return AuthResult(success=right, handled=right)


class Knocked(Controller):
    """Looks whether it is there by a connection alone: its own way needs a client's context."""

    def _trigger_server(self) -> None:
        socket.create_connection((self.hostname, self.port), 10).close()


@contextmanager
def smtp(tls: ssl.SSLContext, mode: str) -> Iterator[tuple[Mailbox, int]]:
    mailbox, port = Mailbox(), find_free_port()
    how: dict[str, Any] = {"ssl_context": tls}
    if mode == "starttls":
        how = {"tls_context": tls, "require_starttls": True}
    how |= {"authenticator": _sign_in, "auth_required": True, "auth_require_tls": mode == "starttls"}
    controller = Knocked(mailbox, hostname="127.0.0.1", port=port, server_hostname=NAME, **how)
    controller.start()
    try:
        yield mailbox, port
    finally:
        controller.stop()


def mail(port: int, mode: str, tls: ssl.SSLContext | None, password: str = "geheim") -> list[Attempt]:
    sink = MailSink(
        host=NAME,
        port=port,
        tls=mode,  # type: ignore[arg-type]
        username="tower",
        password_variable="P",
        sender="tower@example.com",
        recipients=("lead@example.com",),
        exceptions=ExceptionChoice(),
    )
    sender = MailSender(sink, password, read_template(None, digest=False), guard(), wall_ms, tls)
    return asyncio.run(sender.send(list(example_deliveries("leads"))[:1]))


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("mode", ["tls", "starttls"])
def test_a_mail_is_handed_over_after_tls_and_sign_in(
    mode: str, serving: ssl.SSLContext, trusting: ssl.SSLContext
) -> None:
    """Not to a server whose certificate is not trusted, nor with a wrong password."""
    with smtp(serving, mode) as (mailbox, port):
        assert mail(port, mode, None) == [Attempt(Outcome.UNREACHABLE)]
        assert mail(port, mode, trusting, "falsch") == [Attempt(Outcome.REFUSED)]
        assert mailbox.mails == []
        assert mail(port, mode, trusting) == [Attempt(Outcome.DELIVERED)]
        assert len(mailbox.mails) == 1
