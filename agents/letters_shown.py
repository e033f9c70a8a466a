"""Dead letters on a terminal or as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from controltower.clock import instant_of
from controltower.deadletters.letter import Letter, show_bytes
from controltower.offline.record_lines import encode_record
from controltower.streaming.stage import Record
from schemas.topics import DEAD_LETTERS

_PRIVATE = ("key", "key_base64", "value", "value_base64")


def print_list(letters: Iterable[Letter], limit: int, *, as_json: bool) -> None:
    """Counts by reason and feed, most first, and the newest letters."""
    counts: Counter[tuple[str, str]] = Counter()
    newest: list[Letter] = []
    for letter in letters:
        counts[letter.reason, letter.feed] += 1
        newest.append(letter)
        if len(newest) > 2 * max(limit, 500):
            newest = _newest(newest, limit)
    newest = _newest(newest, limit)
    if as_json:
        rows = [{"reason": reason, "feed": feed, "count": n} for (reason, feed), n in counts.most_common()]
        print(json.dumps({"counts": rows, "newest": [_described(letter) for letter in newest]}, indent=2))
        return
    if not counts:
        print("no dead letters")
        return
    print(f"{counts.total():,} dead letters")
    _print_table(("count", "reason", "feed"), [(f"{n:,}", *what) for what, n in counts.most_common()])
    print(f"the newest {len(newest)}; `controltower dead-letters show PARTITION/OFFSET` shows one")
    columns = ("rejected at", "letter", "reason", "feed", "detail", "original")
    _print_table(columns, [_row(letter) for letter in newest])


def _newest(letters: list[Letter], limit: int) -> list[Letter]:
    return sorted(letters, key=lambda letter: (letter.rejected_at_ms, letter.at), reverse=True)[:limit]


def _row(letter: Letter) -> tuple[str, ...]:
    at = f"{letter.at.partition}/{letter.at.offset}"
    return (_time(letter), at, letter.reason, letter.feed, letter.detail, str(letter.source))


def _time(letter: Letter) -> str:
    return instant_of(letter.rejected_at_ms).isoformat(timespec="seconds").replace("+00:00", "Z")


def _print_table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        justify: Literal["right", "left"] = "right" if column == "count" else "left"
        table.add_column(column, justify=justify, overflow="fold", no_wrap=column != "detail")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(highlight=False).print(table)


def _described(letter: Letter) -> dict[str, Any]:
    """A letter without its key and payload; header values as text."""
    return {
        "letter": f"{letter.at.partition}/{letter.at.offset}",
        "rejected_at": _time(letter),
        "reason": letter.reason,
        "detail": letter.detail,
        "feed": letter.feed,
        "original": str(letter.source),
        "bytes": len(letter.value or b"") if letter.omitted_bytes is None else letter.omitted_bytes,
        "headers": [[name, show_bytes(content)] for name, content in letter.headers],
    }


def print_letter(letter: Letter, *, payload: bool, as_json: bool) -> None:
    """Everything but key and payload, and with `payload` these too."""
    described = _described(letter) | (_private(letter) if payload else {})
    if as_json:
        print(json.dumps(described))
        return
    for name, value in described.items():
        for line in [f"{n}: {v}" for n, v in value] if name == "headers" else [value]:
            print(f"{name:<12} {line}")


def _private(letter: Letter) -> dict[str, Any]:
    """Key and payload: as text where they are UTF-8, else as base64, as in a recording."""
    record = Record(DEAD_LETTERS, letter.at.partition, letter.at.offset, 0, letter.key, letter.value)
    content = json.loads(encode_record(record))
    return {name: content[name] for name in _PRIVATE if name in content}
