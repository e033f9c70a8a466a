"""Poll carriers that must be asked: GTFS-realtime addresses or any HTTP source, from a YAML file.

controltower poll sources.yaml            until Ctrl-C or SIGTERM
controltower poll sources.yaml --once     one turn of each, exit code 1 where one failed

What a source answers goes to carrier-events as it came (docs/pollers.md).
"""

from __future__ import annotations

import argparse
import asyncio
import signal
from pathlib import Path

import httpx
import structlog

from agents.options import add_brokers, require_kafka
from controltower.gateway.store import Store
from controltower.logs import set_up_logs
from controltower.pollers.config import PollFile, read_headers, read_poll_file
from controltower.pollers.fetch import Outcome
from controltower.pollers.poller import Poller
from controltower.settings import Settings

HELP = "poll carriers that must be asked"
_FINE = (Outcome.NEW, Outcome.UNCHANGED)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE.yaml", help="what to poll")
    parser.add_argument("--once", action="store_true", help="one turn of each source, then end")
    add_brokers(parser)


def run(args: argparse.Namespace, settings: Settings) -> int:
    file = read_poll_file(args.file)
    set_up_logs(settings.log_level, settings.log_format)
    store = Store(require_kafka(settings), settings.security())
    try:
        return asyncio.run(_poll(file, args.file.parent, store, once=args.once))
    finally:
        store.close()


async def _poll(file: PollFile, folder: Path, store: Store, *, once: bool) -> int:
    log = structlog.get_logger()

    def told(name: str, outcome: Outcome, size: int) -> None:
        log.info("polled", source=name, outcome=outcome.value, bytes=size)

    clients = []
    pollers = []
    for name, source in file.sources.items():
        headers = read_headers(folder / source.headers_file if source.headers_file else None)
        client = httpx.AsyncClient(headers=headers, timeout=source.timeout_s)
        clients.append(client)
        pollers.append(Poller(name, source, client, store.write, told))
    try:
        if once:
            outcomes = await asyncio.gather(*(poller.turn() for poller in pollers))
            return 0 if all(outcome in _FINE for outcome in outcomes) else 1
        await _until_signal(pollers)
        return 0
    finally:
        for client in clients:
            await client.aclose()


async def _until_signal(pollers: list[Poller]) -> None:
    tasks = [asyncio.create_task(poller.run()) for poller in pollers]
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    stop = asyncio.create_task(ended.wait())
    done, _ = await asyncio.wait([stop, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for task in (stop, *tasks):
        task.cancel()
    await asyncio.gather(stop, *tasks, return_exceptions=True)
    for task in done - {stop}:  # a poller ends by itself only through a fault of ours
        task.result()
