"""Where sinks may connect to."""

from __future__ import annotations

import asyncio

import pytest

from controltower.sinks.guard import Forbidden, Guard


def resolver(*addresses: str):  # type: ignore[no-untyped-def]
    async def resolve(host: str, port: int) -> list[str]:
        return list(addresses)

    return resolve


def ask(guard: Guard, host: str = "hooks.example.com") -> list[str]:
    return asyncio.run(guard.addresses(host, 443))


INSIDE = (
    "10.0.0.1",
    "172.16.9.9",
    "192.168.1.1",
    "127.0.0.1",
    "0.0.0.0",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fd00::1",
    "ff02::1",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "64:ff9b::a00:1",
    "2002:a00:1::",
)


@pytest.mark.parametrize("address", INSIDE)
def test_no_address_inside_is_reached(address: str) -> None:
    """Nor one that stands for such an address, also where a public one is beside it."""
    for found in ([address], ["93.184.216.34", address]):
        with pytest.raises(Forbidden):
            ask(Guard(["hooks.example.com"], resolve=resolver(*found)))


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822"])
def test_a_public_address_is_reached(address: str) -> None:
    """Of an allowed host."""
    assert ask(Guard(["hooks.example.com"], resolve=resolver(address))) == [address]


def test_another_host_is_not_even_resolved() -> None:
    """The list of hosts is looked at first."""

    async def resolve(host: str, port: int) -> list[str]:
        raise AssertionError("was resolved")

    with pytest.raises(Forbidden):
        ask(Guard(["hooks.example.com"], resolve=resolve), "other.example.com")


def test_loopback_and_the_own_network_are_opened_apart() -> None:
    """Each opens only itself, and a machine's own network never its metadata address."""
    loopback = Guard(["h"], allow_loopback=True, resolve=resolver("127.0.0.1"))
    assert ask(loopback, "h") == ["127.0.0.1"]
    inside = Guard(["h"], own_network=["h"], resolve=resolver("10.1.2.3"))
    assert ask(inside, "h") == ["10.1.2.3"]
    for guard in (
        Guard(["h"], allow_loopback=True, resolve=resolver("10.1.2.3")),
        Guard(["h"], own_network=["h"], resolve=resolver("127.0.0.1")),
        Guard(["h"], own_network=["h"], resolve=resolver("169.254.169.254")),
    ):
        with pytest.raises(Forbidden):
            ask(guard, "h")


def test_the_connection_goes_to_the_checked_address() -> None:
    """The name is resolved once; what it says a moment later is not asked."""
    answers = [["127.0.0.1"], ["10.0.0.1"]]

    async def resolve(host: str, port: int) -> list[str]:
        return answers.pop(0)

    async def connect() -> tuple[str, int]:
        server = await asyncio.start_server(lambda r, w: w.close(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        guard = Guard(["rebinding.example.com"], allow_loopback=True, resolve=resolve)
        sock = await guard.connect("rebinding.example.com", port)
        peer: tuple[str, int] = sock.getpeername()
        sock.close()
        server.close()
        return peer

    assert asyncio.run(connect())[0] == "127.0.0.1"
    assert len(answers) == 1
