"""Free ports for servers that are started a moment later."""

from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path

import pytest

from controltower.embedded.ports import find_free_port, find_free_ports

OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")


def test_ports_are_free_and_in_a_row() -> None:
    """Each of them can be bound right away."""
    first = find_free_ports(4)
    for port in range(first, first + 4):
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", port))


@pytest.mark.skipif(not OUTGOING.exists(), reason="only Linux tells which ports outgoing connections take")
def test_no_outgoing_connection_takes_the_port_meanwhile() -> None:
    """The kernel gives clients other ports than these."""
    low, high = map(int, OUTGOING.read_text().split())
    assert find_free_port() not in range(low, high + 1)
