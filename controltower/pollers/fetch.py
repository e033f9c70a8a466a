"""One conditional request, within limits of time and size, on one origin."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import httpx

from controltower.pollers.config import PolledSource

#: Within one origin; more is a loop.
_MOST_REDIRECTS: Final = 3
#: A server that asks for more patience than this is asked again at the next turn.
_LONGEST_PATIENCE_S: Final = 60.0


class Outcome(StrEnum):
    """What became of a turn."""

    NEW = "NEW"
    UNCHANGED = "UNCHANGED"
    TIMEOUT = "TIMEOUT"
    BROKEN = "BROKEN"
    BUSY = "BUSY"
    SERVER_ERROR = "SERVER_ERROR"
    REFUSED = "REFUSED"
    REDIRECTED = "REDIRECTED"
    TOO_LARGE = "TOO_LARGE"
    CIRCUIT_OPEN = "CIRCUIT_OPEN"
    NOT_STORED = "NOT_STORED"


class PollFailed(Exception):
    """A request without a body for us. `patience_s`: how long the server asked to be left alone."""

    def __init__(self, outcome: Outcome, *, passing: bool, patience_s: float = 0.0) -> None:
        super().__init__(outcome.value)
        self.outcome = outcome
        self.passing = passing
        self.patience_s = patience_s


@dataclass(slots=True, frozen=True)
class Fetched:
    """A body, and what to ask with next time so that it need not be sent again."""

    body: bytes
    conditions: dict[str, str]


async def fetch(
    client: httpx.AsyncClient, source: PolledSource, conditions: dict[str, str]
) -> Fetched | None:
    """The body, or None where it is the one that `conditions` are about. Raises PollFailed.

    timeout_s holds for the whole answer: a server that sends a byte now and then is given up too.
    """
    try:
        async with asyncio.timeout(source.timeout_s):
            return await _fetch(client, source, conditions)
    except (TimeoutError, httpx.TimeoutException):
        raise PollFailed(Outcome.TIMEOUT, passing=True) from None
    except (httpx.TransportError, httpx.DecodingError):  # refused, cut off, or not HTTP
        raise PollFailed(Outcome.BROKEN, passing=True) from None


async def _fetch(
    client: httpx.AsyncClient, source: PolledSource, conditions: dict[str, str]
) -> Fetched | None:
    url = httpx.URL(source.url)
    for _ in range(_MOST_REDIRECTS + 1):
        async with client.stream("GET", url, headers=conditions, follow_redirects=False) as answer:
            if not answer.has_redirect_location:
                return await _read(answer, source)
            url = _on_same_origin(url, answer)
    raise PollFailed(Outcome.REDIRECTED, passing=False)


def _on_same_origin(url: httpx.URL, answer: httpx.Response) -> httpx.URL:
    """A redirect to another scheme, host or port is refused: what it sends is not the carrier's."""
    target = url.join(answer.headers["location"])
    if (target.scheme, target.host, target.port) != (url.scheme, url.host, url.port):
        raise PollFailed(Outcome.REDIRECTED, passing=False)
    return target


async def _read(answer: httpx.Response, source: PolledSource) -> Fetched | None:
    status = answer.status_code
    if status == httpx.codes.NOT_MODIFIED:
        return None
    if status == httpx.codes.TOO_MANY_REQUESTS or status == httpx.codes.SERVICE_UNAVAILABLE:
        patience_s = _patience_s(answer.headers.get("retry-after", ""))
        raise PollFailed(Outcome.BUSY, passing=True, patience_s=patience_s)
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        raise PollFailed(Outcome.SERVER_ERROR, passing=True)
    if status != httpx.codes.OK:
        raise PollFailed(Outcome.REFUSED, passing=False)
    parts: list[bytes] = []
    size = 0
    async for part in answer.aiter_bytes():  # unpacked, so that a bomb counts with its full size
        size += len(part)
        if size > source.largest_bytes:
            raise PollFailed(Outcome.TOO_LARGE, passing=False)
        parts.append(part)
    return Fetched(b"".join(parts), _conditions(answer.headers))


def _conditions(headers: httpx.Headers) -> dict[str, str]:
    found = {"If-None-Match": headers.get("etag"), "If-Modified-Since": headers.get("last-modified")}
    return {name: value for name, value in found.items() if value}


def _patience_s(retry_after: str) -> float:
    """Seconds; a date is taken as the longest patience."""
    if not retry_after:
        return 0.0
    return min(float(retry_after), _LONGEST_PATIENCE_S) if retry_after.isdigit() else _LONGEST_PATIENCE_S
