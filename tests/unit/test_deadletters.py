"""Dead letters read back: what outsiders forged is kept apart from what we said, and each goes back once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controltower.deadletters.choose import Verdict, Wanted, judge
from controltower.deadletters.letter import (
    Letter,
    NotALetter,
    Place,
    marks_of,
    parse_place,
    put_back,
    read_letter,
)
from controltower.deadletters.replay import find_replayed, letters_among, replay
from controltower.feeds.fold import NormalizeFold
from controltower.streaming.stage import Commit, Headers, Out, Record
from schemas import topics
from tests.unit.payloads import FEEDS

names = st.text(min_size=1, max_size=12)
headers_given = st.lists(st.tuples(names, st.binary(max_size=20)), max_size=4).map(tuple)


def reject(record: Record, offset: int = 0) -> Letter:
    """The letter that normalize makes of a record, read back."""
    fold = NormalizeFold(record.partition, 4, FEEDS)
    fold.restored()
    (out,) = [out for out in fold.fold([record]).outputs if out.topic == topics.DEAD_LETTERS]
    return read_letter(
        Record(out.topic, out.partition or 0, offset, 1_700_000_000_000, out.key, out.value, out.headers)
    )


def bad(
    offset: int = 0, headers: Headers = (("feed", b"plain"),), topic: str = topics.CARRIER_EVENTS
) -> Record:
    return Record(topic, 2, offset, 1_700_000_000_000, b"key", b"no JSON", headers)


class Broker:
    """What was written to the intake, transaction by transaction; fails after `commits` of them."""

    def __init__(self, commits: int = 10**9) -> None:
        self.transactions: list[Sequence[Out]] = []
        self._commits = commits

    def write(
        self, commit: Commit, changelog: str, partition: int, positions: list[tuple[bytes, bytes]]
    ) -> None:
        if len(self.transactions) == self._commits:
            raise ConnectionError("the broker is gone")
        self.transactions.append(commit.outputs)

    def intake(self) -> list[Record]:
        outs = [out for transaction in self.transactions for out in transaction]
        return [
            Record(out.topic, out.partition or 0, 1000 + n, 0, out.key, out.value, out.headers)
            for n, out in enumerate(outs)
        ]


@given(
    key=st.none() | st.binary(max_size=8),
    value=st.none() | st.binary(max_size=30),
    headers=headers_given,
    topic=st.sampled_from(sorted({topics.PLANS, topics.COMMANDS, topics.DISPATCH_FEEDBACK})),
)
def test_what_goes_back_is_what_came(
    key: bytes | None, value: bytes | None, headers: Headers, topic: str
) -> None:
    """Key, value and headers in order, whatever they are named; only our mark is new."""
    letter = reject(Record(topic, 2, 7, 0, key, value, headers))
    back = put_back(letter)
    assert (back.topic, back.partition, back.key, back.value) == (topic, 2, key, value)
    assert back.headers == (*headers, ("ct-replay", f"{topic}/2/7".encode()))


def test_forged_headers_are_the_senders_not_ours() -> None:
    """An outsider's ct-reason and ct-source neither hide the true ones nor get lost."""
    forged = (("ct-reason", b"EMPTY"), ("ct-detail", b"x"), ("ct-source", b"plans/0/0"), ("feed", b"plain"))
    letter = reject(bad(5, forged))
    assert (letter.reason, str(letter.source)) == ("NOT_PARSABLE", "carrier-events/2/5")
    assert letter.headers == forged
    assert letter.feed == "plain"


def test_foreign_records_are_passed_over() -> None:
    """Somebody else's record in dead-letters is no letter and stops nothing."""
    foreign = Record(topics.DEAD_LETTERS, 0, 0, 0, None, b"?", (("ct-source", b"carrier-events/0/0"),))
    with pytest.raises(NotALetter):
        read_letter(foreign)
    assert list(letters_among([foreign])) == []


@pytest.mark.parametrize("text", ["", "plans", "plans/0", "plans/0/-1", "plans/0/x", "plans/\u0661/1"])
def test_what_is_no_place(text: str) -> None:
    """A place is a topic and two numbers in plain digits."""
    with pytest.raises(NotALetter):
        parse_place(text)


def test_names_from_outside_are_safe_to_print() -> None:
    """A feed header may hold anything, such as what clears a terminal."""
    assert reject(bad(headers=(("feed", b"\x1b[2J\xff"),))).feed == "\\x1b[2J\\xff"


def test_a_replay_puts_each_letter_back_once() -> None:
    """Also when it is run again, when a letter stands there twice, and when it broke off in the middle."""
    letters = [reject(bad(offset), offset) for offset in range(1200)]
    broken = Broker(commits=1)
    with pytest.raises(ConnectionError):
        replay([*letters, *letters], (), broken)
    done = find_replayed(broken.intake())
    assert 0 < len(done) < len(letters)
    second = Broker()
    counts = replay([*letters, *letters], done, second)
    assert counts == {Verdict.REPLAY: 1200 - len(done), Verdict.ALREADY: 1200 + len(done)}
    back = broken.intake() + second.intake()
    assert sorted(mark for record in back for mark in marks_of(record)) == sorted(
        str(letter.source) for letter in letters
    )
    assert replay(letters, find_replayed(back), None)[Verdict.REPLAY] == 0


def test_what_is_rejected_again_is_a_new_letter() -> None:
    """Its replay is a replay of the second letter; the first one stays done."""
    first = reject(bad(3))
    again = put_back(first)
    second = reject(Record(again.topic, 2, 99, 0, again.key, again.value, again.headers), offset=1)
    back = put_back(second)
    record = Record(back.topic, 2, 120, 0, back.key, back.value, back.headers)
    assert marks_of(record) == ["carrier-events/2/3", "carrier-events/2/99"]
    replayed = find_replayed([record])
    assert judge(first, replayed) is judge(second, replayed) is Verdict.ALREADY


def test_a_dry_run_writes_nothing_and_counts_the_same() -> None:
    """Without a writer."""
    letters = [reject(bad(offset), offset) for offset in range(3)]
    assert replay(letters, ["carrier-events/2/1"], None) == {Verdict.REPLAY: 2, Verdict.ALREADY: 1}


def test_what_cannot_go_back() -> None:
    """A letter without its bytes, and one that claims to come from a topic of ours."""
    huge = reject(Record(topics.CARRIER_EVENTS, 2, 1, 0, None, b" " * (8 << 20), (("feed", b"plain"),)))
    assert huge.omitted_bytes is not None
    assert judge(huge, ()) is Verdict.OMITTED
    source = Place(topics.ROUTE_EVENTS, 0, 0)
    ours = Letter(Place(topics.DEAD_LETTERS, 0, 0), source, 0, "EMPTY", "", None, None, ())
    assert judge(ours, ()) is Verdict.NO_INTAKE


def test_the_filter() -> None:
    """By reason, by feed (the topic where there is none), by time and by place; together they narrow."""
    scan = reject(bad(1), offset=4)
    command = reject(bad(1, (), topics.COMMANDS), offset=5)
    assert scan in Wanted()
    assert scan in Wanted(reasons=["NOT_PARSABLE"], feeds=["plain"], places={(2, 4)}, since_ms=0)
    assert scan not in Wanted(reasons=["EMPTY"])
    assert scan not in Wanted(places={(2, 5)})
    assert scan not in Wanted(since_ms=1_700_000_000_001)
    assert (command in Wanted(feeds=["commands"]), scan in Wanted(feeds=["commands"])) == (True, False)
