"""Where we may connect to: allowed hosts, at addresses that are not inside. Checked when we connect.

A name is resolved here, every address of it is checked, and the connection goes to a checked address, so a
name that resolves differently a moment later leads nowhere else.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Collection, Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any, Final

import httpcore

Address = IPv4Address | IPv6Address
#: (host, port) -> its addresses as text; raises OSError.
Resolve = Callable[[str, int], Awaitable[list[str]]]
_NAT64: Final = IPv6Network("64:ff9b::/96")


class Forbidden(Exception):
    """The host is not allowed, or leads to an address that is not; one line."""


class Guard:
    """`own_network`: hosts that may have private addresses."""

    def __init__(
        self,
        hosts: Collection[str],
        *,
        allow_loopback: bool = False,
        own_network: Collection[str] = (),
        resolve: Resolve | None = None,
    ) -> None:
        self._hosts = frozenset(hosts)
        self._allow_loopback = allow_loopback
        self._own_network = frozenset(own_network)
        self._resolve = resolve or _resolve

    async def addresses(self, host: str, port: int) -> list[str]:
        """All addresses of the host. Raises Forbidden where one of them may not be reached, and OSError."""
        name = host.lower()
        if name not in self._hosts:
            raise Forbidden(f"{name} is not among the allowed hosts")
        found = await self._resolve(name, port)
        for text in found:
            if not self._may_reach(ip_address(text), name in self._own_network):
                raise Forbidden(f"{name} leads to an address that is not public")
        return found

    def _may_reach(self, address: Address, inside: bool) -> bool:
        inner = _inner(address)
        if inner is not address:
            return self._may_reach(inner, inside)
        if address.is_loopback:
            return self._allow_loopback
        if inside and address.is_private:
            return not (address.is_link_local or address.is_unspecified or address.is_reserved)
        return address.is_global and not address.is_multicast

    async def connect(self, host: str, port: int) -> socket.socket:
        """A connected socket. Raises Forbidden, and OSError where no address answers."""
        loop = asyncio.get_running_loop()
        failed: OSError = ConnectionError(f"{host} has no address")
        for address in await self.addresses(host, port):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            sock = socket.socket(family, socket.SOCK_STREAM)
            sock.setblocking(False)
            try:
                await loop.sock_connect(sock, (address, port))
                return sock
            except OSError as error:
                sock.close()
                failed = error
            except BaseException:
                sock.close()
                raise
        raise failed


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """How httpcore connects, through a guard; TLS goes on checking the name of the URL."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        failed: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in await self._guard.addresses(host, port):
            try:
                return await self._backend.connect_tcp(address, port, timeout, local_address, socket_options)
            except httpcore.ConnectError as error:
                failed = error
        raise failed

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, where it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, address))[1]


async def _resolve(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(place[0]) for *_, place in found))
