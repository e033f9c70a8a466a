"""Receivers on loopback for tests of sinks: one over HTTP that misbehaves as told, one over SMTP."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller

SECRET = "whsec_" + "c2VjcmV0LW9mLXRoZS10ZXN0cy1vbmx5LTEyMw=="
#: (headers, body) -> status and headers of the answer
Behaviour = Callable[[dict[str, str], bytes], tuple[int, dict[str, str]]]


class HttpReceiver:
    """Keeps every request that came whole: (headers, body) in order.

    A sender that dies in the middle of its body has sent no request (RFC 9112, section 8): nothing is kept
    and nothing is answered.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.behave: Behaviour = lambda headers, body: (204, {})
        self.heard = threading.Condition()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = self.rfile.read(length)
                if len(body) < length:
                    self.close_connection = True
                    return
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, extra = outer.behave(headers, body)
                with outer.heard:
                    outer.requests.append((headers, body))
                    outer.heard.notify_all()
                self.send_response(status)
                for name, value in {"Content-Length": "0", **extra}.items():
                    self.send_header(name, value)
                self.end_headers()

            do_GET = do_POST

            def log_message(self, format: str, *args: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def ids(self) -> list[str]:
        with self.heard:
            return [headers["webhook-id"] for headers, _ in self.requests]

    def wait_for(self, holds: Callable[[], bool], limit_s: float = 60.0) -> None:
        """Until it holds, looked at after every request."""
        with self.heard:
            assert self.heard.wait_for(holds, limit_s), f"in vain, after {len(self.requests)} requests"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def http_receiver() -> Iterator[HttpReceiver]:
    receiver = HttpReceiver()
    try:
        yield receiver
    finally:
        receiver.close()


class Mailbox:
    """What an SMTP server on loopback was handed; `answer` is what it says to each mail."""

    def __init__(self) -> None:
        self.mails: list[str] = []
        self.answer = "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.answer.startswith("250"):
            self.mails.append(envelope.content.decode())
        return self.answer


@contextmanager
def mail_server() -> Iterator[tuple[Mailbox, int]]:
    """The mailbox and the port."""
    from controltower.embedded.ports import find_free_port

    mailbox, port = Mailbox(), find_free_port()
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield mailbox, port
    finally:
        controller.stop()
