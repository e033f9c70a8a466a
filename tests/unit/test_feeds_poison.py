"""normalize outlives what outsiders may send: each of it is one letter, null headers as well."""

from __future__ import annotations

import time

import pytest

from agents.normalize import build
from controltower.deadletters.letter import INTAKE
from controltower.settings import load_settings
from controltower.streaming.stage import Record
from schemas.topics import DEAD_LETTERS
from tests.integration.poison import Poison, poison_of


@pytest.mark.parametrize("poison", [bad for topic in sorted(INTAKE) for bad in poison_of(topic)])
def test_each_is_one_letter_with_its_reason(poison: Poison) -> None:
    """In process, so that the compiled fold is held to it, too: it checks what its types say."""
    fold = build(load_settings({})).make_fold(0, 1)
    headers, now_ms = poison.headers, int(time.time() * 1000)  # some of it says when it is from
    commit = fold.fold([Record(poison.topic, 0, 0, now_ms, poison.key, poison.value, headers)])
    (letter,) = [out for out in commit.outputs if out.topic == DEAD_LETTERS]
    assert letter.value == poison.value
    assert letter.headers[: len(headers)] == headers
    assert poison.reason is not None
    assert dict(letter.headers)["ct-reason"] == poison.reason.value.encode()
