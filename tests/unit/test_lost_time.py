"""What a route has lost to trouble is told apart from its pace: the one is over, the other goes on."""

from __future__ import annotations

import pytest

from controltower.risk.features import FEATURES
from schemas import topics, wire
from tests.unit.roads import Ping, day_of, drive, new_fold, stand

NAMES = [name for name, _ in FEATURES]
TICKS = range(0, 6000, 10)


def questions_of(pings: list[Ping]) -> list[dict[str, float | None]]:
    """The next stop's row of each question that a day asks, by name."""
    outs = new_fold().fold(day_of(pings, TICKS)).outputs
    asked = [wire.decode_score_request(o.value or b"") for o in outs if o.topic == topics.SCORE_REQUESTS]
    return [
        dict(zip(NAMES, question.rows[0].features + question.situation, strict=True))
        for question in asked
        if question.rows
    ]


@pytest.mark.parametrize("minutes", [20, 35])
def test_a_halt_is_lost_time_and_no_pace(minutes: int) -> None:
    """While it stands and after it left, the halt counts as lost; what is left of the slip is the pace."""
    until = 900 + minutes * 60
    rows = questions_of(drive(0, 900, 0) + stand(930, until, 7500) + drive(until + 30, until + 210, 7750))
    last = rows[-1]
    assert last["lost_s"] == pytest.approx(minutes * 60, abs=90)
    assert last["slip_s"] == pytest.approx(minutes * 60, abs=90)
    assert abs(last["pace_s"] or 0.0) < 400
    known = [row["lost_s"] or 0.0 for row in rows if row["departed"]]
    assert known == sorted(known)
    assert rows[0]["lost_s"] is None or rows[0]["lost_s"] == 0.0


def test_a_detour_is_lost_time() -> None:
    """What a detour cost, measured by the slip from where it left its path, stays after it is back."""
    away = [Ping(900 + i * 30, 7500, 400.0) for i in range(20)]
    rows = questions_of(drive(0, 870, 0) + away + drive(1500, 1680, 7500))
    assert rows[-1]["lost_s"] == pytest.approx(600, abs=120)


def test_a_day_without_trouble_loses_nothing() -> None:
    """Slow is a pace, not a loss."""
    slow = [Ping(i * 30, i * 30 * 6.0) for i in range(60)]
    rows = questions_of(slow)
    assert {row["lost_s"] for row in rows} <= {None, 0.0}
    assert (rows[-1]["pace_s"] or 0.0) > 600
