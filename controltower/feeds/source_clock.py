"""What is kept of the clock of an intake source. Apart from what moves it, since a struct is not compiled."""

from __future__ import annotations

import msgspec


class SourceClock(msgspec.Struct, array_like=True, gc=False):
    """Never goes back. `recorded` is True while the source replays a day, whose time is not the wall's.

    `empty` until the first record: till then the time is only the wall's, and the first record starts anew,
    so a worker may run long before somebody replays a day of last winter. `over` once the day that is
    replayed has no more records.
    """

    at_ms: int = 0
    ticked_ms: int = 0
    recorded: bool = False
    empty: bool = True
    over: bool = False
