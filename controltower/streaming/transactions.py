"""The transactions of a process: what its partitions have to write goes together, as often as possible.

A transaction costs much the same for one partition as for all, here and at the broker. The polls of a fetch
are folded one right after the other, or at once in threads, so all of them go into one. Under load there are
several at once, and what is folded while all writers are busy goes into the next.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from controltower.streaming.exits import Fenced
from controltower.streaming.observer import StreamObserver
from controltower.streaming.stage import StageSpec
from controltower.streaming.writer import Share, TransactionWriter

#: A share of so many records does not wait for other partitions to be folded: writing it takes long enough
#: to fold them meanwhile. With 100 there were three transactions a fetch at 5,000 reports/s in place of one,
#: for 5 % of a core more and later results (docs/performance.md).
LARGE = 600
#: Others wait as long as this at most (s) for what threads are folding: one may wait for something outside.
COMPANY_S = 0.05


@dataclass(slots=True)
class _Waiting:
    share: Share
    records: int
    written: asyncio.Future[None]


class Transactions:
    """Lives in the event loop. As many transactions at once as there are writers, each in a thread."""

    def __init__(
        self,
        spec: StageSpec,
        writers: Sequence[TransactionWriter],
        pool: ThreadPoolExecutor,
        observer: StreamObserver,
    ) -> None:
        self._spec, self._pool, self._observer = spec, pool, observer
        self._idle = list(writers)
        self._waiting: list[_Waiting] = []
        self._begins = False
        #: folds in threads whose shares are to come
        self._folding = 0

    async def write(self, share: Share, records: int) -> None:
        """Return when it is committed; raises as TransactionWriter.write_all.

        records: of the inputs that it comes of. A partition's shares keep their order as long as it waits for
        each before the next.
        """
        loop = asyncio.get_running_loop()
        waiting = _Waiting(share, records, loop.create_future())
        self._waiting.append(waiting)
        if share.size >= LARGE:
            self._begin()
        elif self._folding:
            loop.call_later(COMPANY_S, self._begin)
        else:
            self._begin_soon()
        await waiting.written

    @contextmanager
    def folding(self) -> Iterator[None]:
        """While a thread folds what may have a share: small ones of other partitions wait for it."""
        self._folding += 1
        try:
            yield
        finally:
            self._folding -= 1
            if not self._folding:
                self._begin_soon()

    def _begin_soon(self) -> None:
        """Behind the partitions that were woken together with this one."""
        if not self._begins:
            self._begins = True
            asyncio.get_running_loop().call_soon(self._begin)

    def _begin(self) -> None:
        self._begins = False
        if not self._waiting or not self._idle:
            return
        together, self._waiting = self._waiting, []
        writer = self._idle.pop()
        shares = [waiting.share for waiting in together]
        call = asyncio.get_running_loop().run_in_executor(
            self._pool, writer.write_all, self._spec.changelog, shares
        )
        call.add_done_callback(partial(self._ended, together, writer, time.monotonic()))

    def _ended(
        self,
        together: Sequence[_Waiting],
        writer: TransactionWriter,
        started: float,
        call: asyncio.Future[None],
    ) -> None:
        failed = call.exception()
        for waiting in together:
            if failed is None:
                waiting.written.set_result(None)
            else:
                waiting.written.set_exception(failed)
        if failed is None:
            records = sum(waiting.records for waiting in together)
            outputs = sum(len(waiting.share.commit.outputs) for waiting in together)
            self._observer.transaction(self._spec.name, time.monotonic() - started, records, outputs)
        elif isinstance(failed, Fenced):
            self._observer.fenced(self._spec.name)
        self._idle.append(writer)
        self._begin()
