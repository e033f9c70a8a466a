"""Each exception and each action tells its life without a gap, and ends at most once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from controltower.offline.verify.findings import Check, Difference
from controltower.streaming.stage import Record
from schemas.vocabulary import TERMINAL_ACTION_STATES, ActionState


class _ExceptionLine(msgspec.Struct):
    exception_id: str
    seq: int
    transition: str
    status: str


class _ActionLine(msgspec.Struct):
    action_id: str
    seq: int
    state: ActionState


@dataclass(slots=True)
class _Life:
    partition: int
    seq: int = 0
    ended: bool = False
    resolved: int = 0


def check_exceptions(records: Iterable[Record]) -> Check:
    """seq counts from 1, the first transition is OPENED, RESOLVED comes once, only CLOSED follows it."""
    decode = msgspec.json.Decoder(_ExceptionLine).decode
    lives: dict[str, _Life] = {}
    count = 0
    try:
        for record in records:
            if record.value is None:
                continue
            line = decode(record.value)
            life = _next(lives, record, line.exception_id, line.seq)
            _take_transition(life, line, _place(record, line.exception_id))
            count += 1
        for exception_id, life in lives.items():
            if life.ended and life.resolved != 1:
                raise Difference(f"exception {exception_id} ended with {life.resolved} RESOLVED records")
    except Difference as difference:
        return Check("lives of exceptions", count, "transitions", str(difference))
    return Check("lives of exceptions", count, f"transitions of {len(lives)} exceptions")


def check_actions(records: Iterable[Record]) -> Check:
    """seq counts from 1, and nothing follows a final state."""
    decode = msgspec.json.Decoder(_ActionLine).decode
    lives: dict[str, _Life] = {}
    count = 0
    try:
        for record in records:
            if record.value is None:
                continue
            line = decode(record.value)
            life = _next(lives, record, line.action_id, line.seq)
            if life.ended:
                raise Difference(f"{_place(record, line.action_id)}: {line.state} follows a final state")
            life.ended = line.state in TERMINAL_ACTION_STATES
            count += 1
    except Difference as difference:
        return Check("lives of actions", count, "transitions", str(difference))
    return Check("lives of actions", count, f"transitions of {len(lives)} actions")


def _next(lives: dict[str, _Life], record: Record, subject: str, seq: int) -> _Life:
    life = lives.setdefault(subject, _Life(record.partition))
    if life.partition != record.partition:
        raise Difference(f"{_place(record, subject)}: its earlier records are in partition {life.partition}")
    if seq != life.seq + 1:
        raise Difference(f"{_place(record, subject)}: seq {seq} follows seq {life.seq}")
    life.seq = seq
    return life


def _take_transition(life: _Life, line: _ExceptionLine, place: str) -> None:
    if (line.transition == "OPENED") != (line.seq == 1):
        raise Difference(f"{place}: {line.transition} is number {line.seq} of its life")
    if life.ended and line.transition != "CLOSED":
        raise Difference(f"{place}: {line.transition} after its end")
    life.resolved += line.transition == "RESOLVED"
    if life.resolved > 1:
        raise Difference(f"{place}: RESOLVED a second time")
    life.ended = life.ended or line.status in ("RESOLVED", "CLOSED")


def _place(record: Record, subject: str) -> str:
    return f"{record.topic}/{record.partition} offset {record.offset}, {subject}"
