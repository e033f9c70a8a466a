"""The transactions of a process: what its partitions have to write goes together, as often as possible.

A transaction costs much the same for one partition as for all, here and at the broker. The polls of a fetch
are folded one right after the other, so all of them go into one. What is folded while a transaction is under
way goes into the next.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from controltower.streaming.exits import Fenced
from controltower.streaming.observer import StreamObserver
from controltower.streaming.stage import StageSpec
from controltower.streaming.writer import Share, TransactionWriter

#: A share of so many records does not wait for other partitions to be folded: writing it takes long enough
#: to fold them meanwhile.
LARGE = 500


@dataclass(slots=True)
class _Waiting:
    share: Share
    records: int
    written: asyncio.Future[None]


class Transactions:
    """Lives in the event loop; one transaction at a time, in a thread."""

    def __init__(
        self, spec: StageSpec, writer: TransactionWriter, pool: ThreadPoolExecutor, observer: StreamObserver
    ) -> None:
        self._spec, self._writer, self._pool, self._observer = spec, writer, pool, observer
        self._waiting: list[_Waiting] = []
        self._under_way = False

    async def write(self, share: Share, records: int) -> None:
        """Return when it is committed; raises as TransactionWriter.write_all.

        records: of the inputs that it comes of.
        """
        loop = asyncio.get_running_loop()
        waiting = _Waiting(share, records, loop.create_future())
        self._waiting.append(waiting)
        if not self._under_way:
            self._under_way = True
            if share.size >= LARGE:
                self._begin()
            else:  # behind the partitions that were woken together with this one
                loop.call_soon(self._begin)
        await waiting.written

    def _begin(self) -> None:
        together, self._waiting = self._waiting, []
        shares = [waiting.share for waiting in together]
        call = asyncio.get_running_loop().run_in_executor(
            self._pool, self._writer.write_all, self._spec.changelog, shares
        )
        call.add_done_callback(partial(self._ended, together, time.monotonic()))

    def _ended(self, together: list[_Waiting], started: float, call: asyncio.Future[None]) -> None:
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
        self._under_way = bool(self._waiting)
        if self._waiting:
            self._begin()
