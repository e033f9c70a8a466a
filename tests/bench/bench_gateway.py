"""CPU of the HTTP gateway per request of one event and per event of a batch, on the embedded broker.

python -m tests.bench.bench_gateway [--requests 3000] [--batches 60] [--batch 500] [--clients 8]

The gateway is a process of its own, so its CPU time (user and system) holds neither clients nor broker. Each
figure leaves out a warm-up, and the cost of a request is taken out of that of a batch by counting both.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from pathlib import Path

import httpx

from controltower.embedded.broker import EmbeddedBroker
from schemas.topics import TOPICS
from tests.gateway_site import BEARER, NEW_SECRET, GatewayProcess, running_gateway, scan, sign, write_site

PLAIN, SIGNED = "/v1/feeds/plain/events", "/v1/feeds/swiftpost/events"


async def send_all(url: str, path: str, bodies: list[bytes], headers: dict[str, str], clients: int) -> None:
    """All bodies, by so many senders that each wait for their answer."""
    waiting = iter(bodies)

    async def send() -> None:
        async with httpx.AsyncClient(base_url=url, headers=headers) as client:
            for body in waiting:
                answer = await client.post(path, content=body)
                assert answer.status_code == 202, answer.text

    await asyncio.gather(*(send() for _ in range(clients)))


def measure(
    gateway: GatewayProcess, path: str, bodies: list[bytes], headers: dict[str, str], clients: int
) -> float:
    """CPU microseconds per request."""
    asyncio.run(send_all(gateway.url, path, bodies[: len(bodies) // 5 or 1], headers, clients))
    began = gateway.cpu_s()
    asyncio.run(send_all(gateway.url, path, bodies, headers, clients))
    return (gateway.cpu_s() - began) / len(bodies) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=3000)
    parser.add_argument("--batches", type=int, default=60)
    parser.add_argument("--batch", type=int, default=500)
    parser.add_argument("--clients", type=int, default=8)
    options = parser.parse_args()
    batch = b"[%s]" % b",".join(scan(number) for number in range(options.batch))
    with tempfile.TemporaryDirectory() as folder, EmbeddedBroker() as broker:
        broker.create_topics([topic.name for topic in TOPICS])
        file = write_site(Path(folder), events_per_s=100_000, burst=1_000_000)
        with running_gateway(broker.brokers, file) as gateway:
            single = [scan(number) for number in range(options.requests)]
            one_us = measure(gateway, PLAIN, single, BEARER, options.clients)
            batch_us = measure(gateway, PLAIN, [batch] * options.batches, BEARER, options.clients)
            body = scan(1)
            signed_us = measure(
                gateway, SIGNED, [body] * options.requests, sign(NEW_SECRET, body), options.clients
            )
    print(f"one event, bearer token:     {one_us:6.0f} us CPU per request")
    print(f"one event, signed:           {signed_us:6.0f} us CPU per request")
    print(f"batch of {options.batch}, bearer token: {batch_us / options.batch:6.1f} us CPU per event")


if __name__ == "__main__":
    main()
