"""How the feeds do, from the topic feed-status."""

from __future__ import annotations

import json
from collections.abc import Iterable
from operator import attrgetter

import msgspec
from rich.console import Console
from rich.table import Table

from controltower.feedhealth.slots import DELAY_BOUNDS_S
from controltower.streaming.stage import Record
from schemas.vocabulary import FeedState
from schemas.wire import FeedStatus

_STYLES = {FeedState.UP: "green", FeedState.QUIET: "dim", FeedState.DOWN: "bold red"}
_decode = msgspec.json.Decoder(FeedStatus).decode


def latest(records: Iterable[Record]) -> list[FeedStatus]:
    """The newest status of each feed, by carrier and feed."""
    found: dict[bytes, FeedStatus] = {}
    for record in records:
        if record.value is not None:
            found[record.key or b""] = _decode(record.value)
    return sorted(found.values(), key=attrgetter("carrier", "feed"))


def print_status(statuses: list[FeedStatus], *, as_json: bool) -> None:
    """A line per feed; shares in per cent of the last half to full hour."""
    if as_json:
        print(json.dumps(msgspec.to_builtins(statuses), indent=2))
        return
    if not statuses:
        print("no feed has been heard of yet")
        return
    columns = ("carrier", "feed", "state", "last heard", "late", "unmapped", "future", "disorder")
    table = Table(box=None, pad_edge=False)
    for column in (*columns, "copies", "rejected", "discipline"):
        table.add_column(column)
    for status in statuses:
        table.add_row(*_cells(status), style=_STYLES[status.state])
    Console(highlight=False).print(table)


def _cells(status: FeedStatus) -> list[str]:
    heard = status.last_heard_at
    shares = (
        _late_share(status),
        status.unmapped_share,
        status.future_share,
        status.disordered_share,
        status.duplicate_share,
        status.rejected_share,
    )
    return [
        status.carrier,
        status.feed,
        status.state.value,
        "-" if heard is None else f"{heard:%Y-%m-%d %H:%M:%S}",
        *map(_percent, shares),
        "-" if status.discipline is None else f"{status.discipline:.3f}",
    ]


def _late_share(status: FeedStatus) -> float | None:
    """Scans that came more than 5 min after their event."""
    on_time = status.delays[: DELAY_BOUNDS_S.index(300) + 1]
    total = sum(status.delays)
    return 1 - sum(on_time) / total if total else None


def _percent(found: float | None) -> str:
    return "-" if found is None else f"{found:.1%}"
