"""Free loopback ports for servers that are started a moment later."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack, closing, suppress

#: Below the ports that Linux (32768), macOS and Windows (49152) give to outgoing connections: one of those
#: that is free now may belong to a client a moment later. Above those that services are usually given.
_FIRST, _LAST = 20_000, 32_000
_TRIES = 200


def find_free_port() -> int:
    """One port that is free now. Raises OSError when none was found."""
    return find_free_ports(1)


def find_free_ports(count: int) -> int:
    """The first of `count` ports in a row that are free now. Raises OSError when none were found."""
    # By chance, so that two processes that look at the same time seldom find the same.
    pick = random.SystemRandom()
    for _ in range(_TRIES):
        first = pick.randrange(_FIRST, _LAST - count)
        with ExitStack() as held, suppress(OSError):
            for port in range(first, first + count):
                held.enter_context(closing(socket.socket())).bind(("127.0.0.1", port))
            return first
    raise OSError(f"no {count} free ports in a row on loopback")
