"""What the demo shows while it runs: a live table where there is a terminal, else a line now and then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from agents.demo.board import Board
from controltower.clock import instant_of
from controltower.simulate.day import CITY_ZONE
from schemas import wire
from schemas.vocabulary import Phase

_EXCEPTIONS_SHOWN = 12
_ACTIONS_SHOWN = 6
_WIDTHS = {"at": 5, "since": 5, "action": 16, "for": 18, "state": 16}
_STYLES = {1: "bold red", 2: "red", 3: "yellow", 4: "dim"}


@dataclass(frozen=True, slots=True)
class Moment:
    """One look at the running demo. Times in seconds since its start, the day's clock in epoch ms."""

    elapsed_s: float
    clock_ms: int
    sent: int
    per_s: float
    #: stage -> records it has not committed
    lag: Mapping[str, int]
    stages_ready: int
    #: the city stands still until the stages have caught up
    held: bool = False


def city_time(instant: datetime) -> str:
    """Hours and minutes as people in the city read them."""
    return instant.astimezone(ZoneInfo(CITY_ZONE)).strftime("%H:%M")


def count_routes(statuses: Iterable[wire.RouteStatus]) -> Counter[str]:
    """Routes by phase, those underway by motion."""
    return Counter(
        str(s.motion).lower().replace("_", " ") if s.phase is Phase.UNDERWAY else str(s.phase).lower()
        for s in statuses
    )


def render_line(moment: Moment, board: Board) -> str:
    """One line of progress."""
    counts = count_routes(board.statuses.values()).most_common()
    routes = ", ".join(f"{count} {name}" for name, count in counts) or "-"
    still_open = len(board.open_exceptions())
    return (
        f"{moment.elapsed_s:5.0f} s  city {city_time(instant_of(moment.clock_ms))}  "
        f"{moment.sent:,} records ({moment.per_s:,.0f}/s)  {_behind(moment)}  "
        f"open exceptions {still_open}  actions {len(board.actions)}  routes: {routes}"
    )


def _behind(moment: Moment) -> str:
    """How much work waits, and where most of it."""
    total = sum(moment.lag.values())
    worst = max(moment.lag, key=lambda stage: moment.lag[stage], default="")
    waits = ", the city waits" if moment.held else ""
    return f"lag {total:,} ({worst}){waits}" if total else "lag 0"


def render_live(moment: Moment, board: Board) -> RenderableType:
    """The whole picture."""
    return Group(_head(moment, board), _exceptions(board), _actions(board))


def _head(moment: Moment, board: Board) -> RenderableType:
    routes = Text("   ").join(
        Text.assemble((str(count), "bold"), f" {name}")
        for name, count in sorted(count_routes(board.statuses.values()).items())
    )
    clock = Text.assemble(
        ("city clock ", "dim"),
        (city_time(instant_of(moment.clock_ms)), "bold cyan"),
        (f"   {moment.elapsed_s:.0f} s   ", "dim"),
        f"{moment.sent:,} records   {moment.per_s:,.0f}/s   {_behind(moment)}   "
        f"{moment.stages_ready} stages ready",
    )
    return Panel(Group(clock, routes), title="control tower", border_style="cyan")


def _exceptions(board: Board) -> RenderableType:
    still_open = board.open_exceptions()
    table = Table(title=f"open exceptions: {len(still_open)}", expand=True, title_justify="left")
    _add_columns(table, ("since", "exception", "route", "status"), "what")
    for record in still_open[:_EXCEPTIONS_SHOWN]:
        table.add_row(
            city_time(record.onset_at),
            str(record.code),
            record.route_id or record.subject_id,
            str(record.status),
            _what(record),
            style=_STYLES.get(record.severity, ""),
        )
    return table


def _add_columns(table: Table, whole: Iterable[str], rest: str) -> None:
    """Columns shown whole, and one that takes what is left of the width."""
    for name in whole:
        table.add_column(name, no_wrap=True, min_width=_WIDTHS.get(name))
    table.add_column(rest, no_wrap=True, overflow="ellipsis", ratio=1)


def _what(record: wire.ExceptionRecord) -> str:
    numbers = (f"{k} {v:g}" for k, v in record.metrics.items() if isinstance(v, int | float))
    return ", ".join(numbers)


def _actions(board: Board) -> RenderableType:
    actions = sorted(board.actions.values(), key=lambda a: (a.decided_at, a.action_id), reverse=True)
    states = Counter(str(action.state).lower() for action in actions)
    title = ", ".join(f"{count} {state}" for state, count in states.most_common()) or "none yet"
    table = Table(title=f"actions: {title}", expand=True, title_justify="left")
    _add_columns(table, ("at", "action", "for", "state"), "why")
    for action in actions[:_ACTIONS_SHOWN]:
        why = str(action.suppressed_because) if action.suppressed_because else action.reason
        table.add_row(
            city_time(action.decided_at), str(action.action), action.subject, str(action.state), why
        )
    return table
