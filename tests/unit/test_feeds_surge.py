"""normalize stops when nearly everything is rejected, at the same record however often it starts again."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controltower.feeds.fold import LARGEST_LETTER_BYTES, NormalizeFold
from controltower.feeds.surge import FORGIVEN
from controltower.streaming.exits import Exit, Refused
from controltower.streaming.stage import Record
from schemas import topics
from tests.unit.payloads import FEEDS, carrier_event, intake, position

LIMIT = 20


def records_of(good: Sequence[bool]) -> list[Record]:
    """A carrier-events record per entry: one that is understood, or garbage."""
    return [
        carrier_event(position(n=number) if is_good else b"garbage", offset=number)
        for number, is_good in enumerate(good)
    ]


def new_fold(limit: int = LIMIT, changelog: dict[bytes, bytes] | None = None) -> NormalizeFold:
    fold = NormalizeFold(0, 2, FEEDS, limit)
    for key, value in (changelog or {}).items():
        fold.restore(key, value)
    fold.restored()
    return fold


def find_stop(good: Sequence[bool], poll: int, *, restart: bool = False) -> str | None:
    """What the fold said when it stopped, None where it folded everything."""
    fold, changelog = new_fold(), {}
    records = records_of(good)
    for start in range(0, len(records), poll):
        if restart:
            fold = new_fold(changelog=changelog)
        try:
            commit = fold.fold(records[start : start + poll])
        except Refused as refused:
            return str(refused)
        changelog.update({key: value for key, value in commit.changes if value is not None})
    return None


def test_it_stops_with_a_reason_and_a_way_out() -> None:
    """Exit code 3; topic, offset, reason and feed are named, and what to do; no payload is shown."""
    fold = new_fold()
    fold.fold(records_of([False] * LIMIT))
    with pytest.raises(Refused) as stopped:
        fold.fold([carrier_event(b"secret garbage", offset=LIMIT)])
    assert stopped.value.code == Exit.PERSON
    assert f"carrier-events/0 is rejected, at offset {LIMIT} because of NOT_PARSABLE (feed plain" in str(
        stopped.value
    )
    assert "secret" not in str(stopped.value)
    assert "controltower dead-letters list" in stopped.value.hint
    assert "CONTROLTOWER_REJECTED_LIMIT" in stopped.value.hint


def test_a_process_that_starts_again_stops_at_the_same_record() -> None:
    """Nothing of the poll was committed and the balance stands in the changelog: not one more dead letter."""
    fold, changelog = new_fold(), {}
    for record in records_of([False] * LIMIT):
        changelog.update({k: v for k, v in fold.fold([record]).changes if v is not None})
    again = new_fold(changelog=changelog)
    with pytest.raises(Refused):
        again.fold([carrier_event(b"garbage", offset=LIMIT)])
    mended = new_fold(changelog=changelog)
    assert mended.fold([carrier_event(position(), offset=LIMIT)]).tallies["accepted", "plain"] == 1


@pytest.mark.parametrize("accepted_of_10", [1, 2, 10])
def test_a_feed_with_some_sense_in_it_never_stops(accepted_of_10: int) -> None:
    """One accepted record of ten is enough, for ever."""
    pattern = [True] * accepted_of_10 + [False] * (10 - accepted_of_10)
    assert find_stop(pattern * 50, poll=7) is None


def test_topics_have_balances_of_their_own() -> None:
    """Commands that nobody understands are not outweighed by good scans."""
    fold = new_fold()
    fold.fold(records_of([True] * 50) + [intake(topics.COMMANDS, b"no", offset=n) for n in range(LIMIT)])
    with pytest.raises(Refused, match="commands/0"):
        fold.fold([intake(topics.COMMANDS, b"no", offset=LIMIT)])


def test_without_a_limit_everything_goes_to_dead_letters() -> None:
    """As in an offline replay: what is rejected is counted and stops nothing."""
    commit = new_fold(limit=0).fold(records_of([False] * 200))
    assert sum(out.topic == topics.DEAD_LETTERS for out in commit.outputs) == 200


@settings(deadline=None)
@given(good=st.lists(st.sampled_from([True, False, False, False]), max_size=120), poll=st.integers(1, 40))
def test_polls_and_restarts_do_not_move_the_stop(good: list[bool], poll: int) -> None:
    """The first record that is one too many is the same, record by record, in polls, and with restarts."""
    expected = find_stop(good, poll=1)
    assert find_stop(good, poll) == expected
    assert find_stop(good, poll, restart=True) == expected
    balance = 0
    for is_good in good:
        balance = max(0, balance - FORGIVEN) if is_good else balance + 1
        if balance > LIMIT:
            assert expected is not None
            return
    assert expected is None


def test_what_is_written_does_not_depend_on_the_limit() -> None:
    """As long as it does not stop, a fold with a limit writes the same records as one without."""
    records = records_of([True, False] * 100)
    assert new_fold(LIMIT).fold(records).outputs == new_fold(0).fold(records).outputs


def test_a_dead_letter_stands_in_the_partition_of_its_record() -> None:
    """A null key is hashed to no partition, and a replay must know where the letter is."""
    fold = NormalizeFold(3, 4, FEEDS)
    fold.restored()
    record = Record(topics.CARRIER_EVENTS, 3, 7, 1, None, b"garbage", (("feed", b"plain"),))
    (letter,) = [out for out in fold.fold([record]).outputs if out.topic == topics.DEAD_LETTERS]
    assert (letter.partition, letter.key, letter.value) == (3, None, b"garbage")


def test_a_record_that_grew_when_it_was_unpacked_stays_where_it_is() -> None:
    """A compressed batch may hold 100 MB; its dead letter says where the original is and how large."""
    value = b" " * (LARGEST_LETTER_BYTES + 1)
    letters = [
        out
        for out in new_fold().fold([carrier_event(value, offset=5)]).outputs
        if out.topic == topics.DEAD_LETTERS
    ]
    (letter,) = letters
    headers = dict(letter.headers)
    assert letter.value is None
    assert headers["ct-reason"] == b"TOO_LARGE"
    assert headers["ct-source"] == b"carrier-events/0/5"
    assert int(headers["ct-omitted"]) > LARGEST_LETTER_BYTES
