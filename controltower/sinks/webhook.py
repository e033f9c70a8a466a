"""One event as a signed request (standardwebhooks): no redirect is followed, little of an answer is read."""

from __future__ import annotations

import asyncio
import binascii
import ssl
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import httpcore
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook

from controltower.clock import instant_of
from controltower.settings import SettingsError
from controltower.sinks.config import WebhookSink
from controltower.sinks.delivery import Attempt, Delivery, Outcome
from controltower.sinks.guard import Forbidden, Guard, GuardedBackend

#: An answer is its status; a little of its body is read so that the connection can be used again.
_MOST_ANSWER_BYTES: Final = 64 << 10
_OUTCOMES: Final = {
    408: Outcome.TIMEOUT,
    410: Outcome.GONE,
    413: Outcome.TOO_LARGE,
    429: Outcome.BUSY,
    503: Outcome.BUSY,
}


class WebhookSender:
    """Sends to one sink; used from one event loop. now_ms: the clock that the signature names."""

    gather = False
    most = 1

    def __init__(
        self,
        sink: WebhookSink,
        secrets: Sequence[str],
        guard: Guard,
        now_ms: Callable[[], int],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._sink, self._now_ms = sink, now_ms
        self._signers = _signers(secrets)
        self.parallel = sink.parallel
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls or ssl.create_default_context(),
            max_connections=sink.parallel,
            keepalive_expiry=30.0,
            network_backend=GuardedBackend(guard),
        )

    async def send(self, deliveries: Sequence[Delivery]) -> list[Attempt]:
        """One attempt per delivery, in order; never raises for what a receiver does."""
        return [await self._send(delivery) for delivery in deliveries]

    async def close(self) -> None:
        await self._pool.aclose()

    async def _send(self, delivery: Delivery) -> Attempt:
        try:
            async with asyncio.timeout(self._sink.timeout_s):
                return await self._post(delivery)
        except Forbidden:
            return Attempt(Outcome.FORBIDDEN_ADDRESS)
        except (TimeoutError, httpcore.TimeoutException):
            return Attempt(Outcome.TIMEOUT)
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError):  # refused, cut off, TLS, not HTTP
            return Attempt(Outcome.UNREACHABLE)

    async def _post(self, delivery: Delivery) -> Attempt:
        headers = self._headers(delivery, instant_of(self._now_ms()))
        async with self._pool.stream(
            "POST", self._sink.url, headers=headers, content=delivery.body
        ) as answer:
            size = 0
            async for part in answer.aiter_stream():
                size += len(part)
                if size > _MOST_ANSWER_BYTES:
                    break
            return _attempt(answer.status, dict(answer.headers))

    def _headers(self, delivery: Delivery, at: datetime) -> dict[bytes | str, bytes | str]:
        body = delivery.body.decode()
        signatures = [signer.sign(delivery.event_id, at, body) for signer in self._signers]
        return {
            "Content-Type": "application/json",
            "User-Agent": "controltower",
            "webhook-id": delivery.event_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(signatures),
        }


def _attempt(status: int, headers: dict[bytes, bytes]) -> Attempt:
    """Any 2xx is success; the specification also names 410, after which nothing more is sent."""
    if 200 <= status < 300:
        return Attempt(Outcome.DELIVERED)
    if 300 <= status < 400:
        return Attempt(Outcome.REDIRECTED)
    other = Outcome.SERVER_ERROR if status >= 500 else Outcome.REFUSED
    return Attempt(_OUTCOMES.get(status, other), _patience_ms(headers))


def _patience_ms(headers: dict[bytes, bytes]) -> int:
    """Of Retry-After in seconds; a date is left to our own schedule."""
    text = next((value for name, value in headers.items() if name.lower() == b"retry-after"), b"")
    return 1000 * int(text) if text.isdigit() and len(text) < 8 else 0


def _signers(secrets: Sequence[str]) -> list[Webhook]:
    """Raises SettingsError, without the secret."""
    try:
        return [Webhook(secret) for secret in secrets]
    except (binascii.Error, ValueError, EmptyWebhookSecretError):
        raise SettingsError("CONTROLTOWER_SINKS: a webhook's secret is not base64 (whsec_...)") from None
