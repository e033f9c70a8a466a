"""Every question to the delay models is answered once; the answers themselves are part of the log."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from controltower.offline.verify.findings import Check, Difference
from controltower.offline.verify.rules import Header
from controltower.streaming.stage import Record

_NAME = "answers of the delay model"
_SCORES = ("controltower.score/1", "controltower.haul-score/1")


class _Request(msgspec.Struct):
    """A question; records of changed models stand between them and have no id."""

    request_id: str = ""


_request_of = msgspec.json.Decoder(_Request).decode
_header_of = msgspec.json.Decoder(Header).decode


def check_answers(asked: Iterable[Record], owed: Iterable[Record], log: Iterable[Record]) -> Check:
    """`asked`: all questions; `owed`: those that the score stage has read; `log`: where answers stand."""
    questions = {_request_of(record.value).request_id for record in asked if record.value} - {""}
    answered: set[str] = set()
    try:
        for record in log:
            if record.value and _header_of(record.value).schema in _SCORES:
                answered.add(_take(record, record.value, questions, answered))
        answers = {*answered, ""}
        missing = [r.offset for r in owed if r.value and _request_of(r.value).request_id not in answers]
        if missing:
            raise Difference(f"{len(missing)} questions without an answer, first at offset {missing[0]}")
    except Difference as difference:
        return Check(_NAME, len(answered), "answers", str(difference))
    return Check(_NAME, len(answered), "answers")


def _take(record: Record, value: bytes, questions: set[str], answered: set[str]) -> str:
    request_id = _request_of(value).request_id
    place = f"{record.topic}/{record.partition} offset {record.offset}"
    if request_id in answered:
        raise Difference(f"{place}: {request_id} is answered twice")
    if request_id not in questions:
        raise Difference(f"{place}: nobody asked {request_id}")
    return request_id
