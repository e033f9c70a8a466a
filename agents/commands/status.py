"""What stands where right now: routes, open exceptions, actions that wait, from the read model in Redis."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from agents.errors import CommandError
from controltower.readmodel.overview import Fields, Overview, overview
from controltower.readmodel.store import Store, StoreDown, connect
from controltower.settings import Settings

HELP = "what stands where: routes, exceptions, actions"
_STYLES = {"1": "bold red", "2": "red", "3": "yellow", "4": "dim"}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--watch", action="store_true", help="look again and again, until Ctrl-C")
    parser.add_argument("--every", type=float, default=2.0, metavar="S", help="with --watch (%(default)s)")
    parser.add_argument("--limit", type=int, default=15, metavar="N", help="rows of each kind (%(default)s)")
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")


def run(args: argparse.Namespace, settings: Settings) -> int:
    try:
        return _run(args, connect(settings.redis_url, **settings.redis_sign_in()))
    except StoreDown as down:
        raise CommandError(f"the read model does not answer: {down}", "controltower doctor") from None


def _run(args: argparse.Namespace, store: Store) -> int:
    console = Console(highlight=False)
    if args.json:
        print(json.dumps(_without_records(overview(store, args.limit)), indent=2))
    elif args.watch and console.is_terminal:
        _watch(store, console, args.every, args.limit)
    elif args.watch:
        while True:
            print(render_line(overview(store, 0)), flush=True)
            time.sleep(args.every)
    else:
        console.print(render(overview(store, args.limit)))
    return 0


def _watch(store: Store, console: Console, every_s: float, limit: int) -> None:
    """A Redis that goes away is waited for."""
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            try:
                live.update(render(overview(store, limit)), refresh=True)
            except StoreDown as down:
                live.update(Text(f"the read model does not answer: {down}", "red"), refresh=True)
            time.sleep(every_s)


def render_line(seen: Overview) -> str:
    """The counts in one line."""
    return (
        f"{seen.routes_underway:,} routes under way, {seen.exceptions_open:,} open exceptions, "
        f"{seen.actions_waiting:,} actions wait for a person"
    )


def render(seen: Overview) -> RenderableType:
    """Counts, the worst exceptions, the actions that expire first."""
    parts: list[RenderableType] = [Text(render_line(seen), "bold")]
    columns = ("severity", "code", "status", "home", "detected_at")
    if seen.exceptions:
        parts.append(_table("open exceptions", columns, seen.exceptions, seen.exceptions_open))
    if seen.actions:
        names = ("action", "state", "code", "home", "expires_at")
        parts.append(_table("actions that wait for a person", names, seen.actions, seen.actions_waiting))
    return Group(*parts)


def _table(title: str, columns: tuple[str, ...], rows: list[Fields], total: int) -> Table:
    more = f", the first {len(rows)} of {total:,}" if total > len(rows) else ""
    table = Table(title=Text(title + more), title_justify="left", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column.replace("_", " "))
    for row in rows:
        style = _STYLES.get(row.get("severity", ""), "")
        table.add_row(*(Text(_cell(column, row), style) for column in columns))
    return table


def _cell(column: str, row: Fields) -> str:
    text = row.get(column, "")
    return text[:19].replace("T", " ") if column.endswith("_at") else text


def _without_records(seen: Overview) -> dict[str, object]:
    """The rows' own fields; whole records are for programs that read the topic."""
    content = asdict(seen)
    for kind in ("exceptions", "actions"):
        for row in content[kind]:
            row.pop("record", None)
    return content
