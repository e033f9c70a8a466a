"""Recovery actions: what was done, what was not, and why; approve, refuse, stop.

controltower actions list --state PENDING_APPROVAL      the latest record of each action
controltower actions show ACTION_ID                     its whole life
controltower actions why EXCEPTION_ID                   what was weighed, which rule decided, who approved
controltower actions approve ACTION_ID --by mara --role returns --why "the sender agreed"
controltower actions refuse ACTION_ID --by mara --why "the van is back"
controltower actions stop --by mara --why "messages go out twice" --tenant acme --action NOTIFY_CUSTOMER
controltower actions shadow --by mara --why "first a day of watching"     nothing is sent, all is told
controltower actions resume --by mara --why "mended"    takes back a stop of the same tenant and action

list, show and why read the broker, or with --recording a folder that `record` or `replay --record` wrote.
stop without --tenant and --action stops everything. The beginning of an id is enough where it is unique.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from uuid import uuid4

import msgspec

from agents.actions_shown import show_life, show_line, tell_why
from agents.commands.playbook import send_command
from agents.errors import CommandError
from agents.options import add_brokers, reach_kafka
from controltower.offline.recording import open_recording
from controltower.settings import Settings
from controltower.streaming.client import read_topic
from controltower.streaming.stage import Record
from schemas import wire
from schemas.topics import DISPATCH
from schemas.vocabulary import ActionName, ActionState, CommandKind, SwitchMode

HELP = "recovery actions: list, show, why; approve, refuse; stop, shadow, resume"
_MODES = {"stop": SwitchMode.OFF, "shadow": SwitchMode.SHADOW, "resume": SwitchMode.ACT}
_KINDS = {"approve": CommandKind.APPROVE, "refuse": CommandKind.REFUSE}
_decode = msgspec.json.Decoder(wire.Action).decode
Life = list[wire.Action]


def configure(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    listing = commands.add_parser("list", help="the latest record of each action")
    listing.add_argument("--state", type=ActionState, metavar="STATE")
    listing.add_argument("--action", type=ActionName, metavar="ACTION")
    listing.add_argument("--tenant", metavar="NAME")
    show = commands.add_parser("show", help="the whole life of one action")
    show.add_argument("id", metavar="ACTION_ID", help="or the beginning of it")
    why = commands.add_parser("why", help="what was weighed for an exception, and what decided")
    why.add_argument("id", metavar="EXCEPTION_ID", help="or the beginning of it")
    for name in _KINDS:
        decide = commands.add_parser(name, help=f"{name} an action that waits for a person")
        decide.add_argument("id", metavar="ACTION_ID", help="or the beginning of it")
        decide.add_argument("--role", metavar="ROLE", help="where the playbook asks for one")
    for name in _MODES:
        switch = commands.add_parser(name, help=f"{name} actions, of all or of a tenant or an action")
        switch.add_argument("--tenant", metavar="NAME")
        switch.add_argument("--action", type=ActionName, metavar="ACTION")
    for name, sub in commands.choices.items():
        add_brokers(sub)
        if name in ("list", "show", "why"):
            sub.add_argument("--recording", type=Path, metavar="DIR", help="read a recording instead")
        else:
            sub.add_argument("--by", required=True, metavar="NAME", help="who")
            sub.add_argument("--why", required=True, metavar="TEXT", help="what for")


def run(args: argparse.Namespace, settings: Settings) -> int:
    if args.what in _MODES:
        _turn(args, settings)
        return 0
    lives = _read_lives(_records(args, settings))
    if args.what in _KINDS:
        _decide(args, settings, _find(lives, args.id))
        return 0
    match args.what:
        case "list":
            _list(args, lives)
        case "show":
            print("\n".join(show_life(_find(lives, args.id))))
        case "why":
            found = [life for life in lives if life[0].exception_id.startswith(args.id)]
            if len({life[0].exception_id for life in found}) != 1:
                raise _unknown("exception", args.id, len(found))
            print("\n".join(tell_why(found)))
    return 0


def _records(args: argparse.Namespace, settings: Settings) -> Iterable[Record]:
    if getattr(args, "recording", None) is None:
        return read_topic(reach_kafka(settings), [DISPATCH], security=settings.security())
    recording = open_recording(args.recording)
    return chain.from_iterable(recording.read(DISPATCH, number) for number in range(recording.partitions))


def _read_lives(records: Iterable[Record]) -> list[Life]:
    """The records of each action by seq; the topic may hold a record twice, or only the last one."""
    lives: dict[str, dict[int, wire.Action]] = {}
    for record in records:
        if record.value is not None:
            action = _decode(record.value)
            lives.setdefault(action.action_id, {})[action.seq] = action
    return [[life[seq] for seq in sorted(life)] for life in lives.values()]


def _find(lives: list[Life], start: str) -> Life:
    found = [life for life in lives if life[0].action_id.startswith(start)]
    if len(found) != 1:
        raise _unknown("action", start, len(found))
    return found[0]


def _unknown(what: str, start: str, count: int) -> CommandError:
    if count:
        return CommandError(f"several {what}s begin with {start}", "give more of the id")
    return CommandError(f"no {what} with an action begins with {start}", "controltower actions list")


def _list(args: argparse.Namespace, lives: list[Life]) -> None:
    shown = 0
    for life in lives:
        last = life[-1]
        if (
            args.state in (None, last.state)
            and args.action in (None, last.action)
            and args.tenant in (None, last.tenant)
        ):
            shown += 1
            print(show_line(last))
    print(f"{shown} actions")


def _decide(args: argparse.Namespace, settings: Settings, life: Life) -> None:
    action = life[-1]
    command = wire.Command(
        command_id=str(uuid4()),
        kind=_KINDS[args.what],
        action_id=action.action_id,
        home=action.home,
        by=args.by,
        why=args.why,
        issued_at=datetime.now(UTC),
        role=args.role,
    )
    send_command(settings, wire.encode(command))
    print(f"told; what became of it stands in command-replies under {command.command_id}")


def _turn(args: argparse.Namespace, settings: Settings) -> None:
    switch = wire.Switch(
        mode=_MODES[args.what],
        tenant=args.tenant,
        action=args.action,
        by=args.by,
        why=args.why,
        issued_at=datetime.now(UTC),
    )
    send_command(settings, wire.encode(switch))
    scope = " of ".join(filter(None, (args.action or "every action", args.tenant or "everybody")))
    print(f"{args.what}: {scope}; it holds with its record in each partition of recovery")
