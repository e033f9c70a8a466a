"""One source polled again and again: backoff with jitter (stamina), a circuit breaker (purgatory)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from typing import Final

import httpx
import stamina
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState

from controltower.gateway.refusal import Refused
from controltower.intake import FEED_HEADER
from controltower.pollers.config import PolledSource
from controltower.pollers.fetch import Fetched, Outcome, PollFailed, fetch
from controltower.pollers.split import split_message
from controltower.streaming.stage import Out
from schemas.topics import CARRIER_EVENTS

#: So many turns in a row without an answer open the circuit; it is tried again after so many seconds.
FAILED_TURNS: Final = 3
OPEN_FOR_S: Final = 120.0
_LONGEST_BACKOFF_S: Final = 10.0
#: All attempts of a turn together; a turn is not to run into the next ones for ever.
_TURN_S: Final = 180.0

#: Returns once all records are confirmed; raises Refused.
Write = Callable[[Sequence[Out]], Awaitable[None]]
Told = Callable[[str, Outcome, int], None]


class Poller:
    """`told(name, outcome, bytes)` hears of every turn. backoff_s: the first wait, tests make it short."""

    def __init__(
        self,
        name: str,
        source: PolledSource,
        client: httpx.AsyncClient,
        write: Write,
        told: Told,
        *,
        backoff_s: float = 0.5,
        open_for_s: float = OPEN_FOR_S,
    ) -> None:
        self._name, self._source = name, source
        self._client, self._write, self._told = client, write, told
        self._backoff_s = backoff_s
        self._breakers = AsyncCircuitBreakerFactory(default_threshold=FAILED_TURNS, default_ttl=open_for_s)
        self._conditions: dict[str, str] = {}
        self._digest = b""

    async def run(self) -> None:
        """Until cancelled. A turn that takes long puts off the next one; turns never overlap."""
        loop = asyncio.get_running_loop()
        while True:
            next_at = loop.time() + self._source.every_s
            await self.turn()
            await asyncio.sleep(max(0.0, next_at - loop.time()))

    async def turn(self) -> Outcome:
        """Ask, with retries, and store what is new."""
        size = 0
        try:
            async with await self._breakers.get_breaker(self._name):
                fetched = await self._ask()
            size = len(fetched.body) if fetched is not None else 0
            outcome = await self._store(fetched)
        except OpenedState:
            outcome = Outcome.CIRCUIT_OPEN
        except PollFailed as failed:
            outcome = failed.outcome
        except Refused:
            outcome = Outcome.NOT_STORED
        self._told(self._name, outcome, size)
        return outcome

    async def _ask(self) -> Fetched | None:
        caller = stamina.AsyncRetryingCaller(
            attempts=self._source.attempts,
            timeout=_TURN_S,
            wait_initial=self._backoff_s,
            wait_max=_LONGEST_BACKOFF_S,
            wait_jitter=self._backoff_s,
        )
        return await caller(_backoff, fetch, self._client, self._source, self._conditions)

    async def _store(self, fetched: Fetched | None) -> Outcome:
        """What was asked for is only remembered once it is stored, so that a failure asks for it again."""
        if fetched is None:
            return Outcome.UNCHANGED
        digest = sha256(fetched.body).digest()
        if digest == self._digest:  # a server without conditions sends the same again
            self._conditions = fetched.conditions
            return Outcome.UNCHANGED
        bodies = split_message(fetched.body) if self._source.kind == "gtfs-rt" else [fetched.body]
        feed = self._source.feed.encode()
        await self._write(
            [Out(CARRIER_EVENTS, feed, body, headers=((FEED_HEADER, feed),)) for body in bodies]
        )
        self._conditions, self._digest = fetched.conditions, digest
        return Outcome.NEW


def _backoff(error: Exception) -> bool | float:
    """Whether to try again, and after how long where the server said so."""
    if not isinstance(error, PollFailed) or not error.passing:
        return False
    return error.patience_s or True
