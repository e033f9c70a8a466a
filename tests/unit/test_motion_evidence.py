"""Moving or parked without a plan: the evidence of LONG_HALT, on files of traces."""

from __future__ import annotations

import csv
import math
import random
from pathlib import Path

import pytest

from agents.cli import main
from controltower.detect.trace import Point, find_parked
from controltower.offline.traces import read_traces
from controltower.route.limits import DEFAULT_LIMITS
from tests.unit.recorded_afternoon import STARTS_AT

GOAL = Path(__file__).parents[3] / "shared" / "data" / "goal" / "trajectories_0000_0499.csv"
#: The best plain rule on these traces: way over 30 s below a fixed speed.
BEST_PLAIN_RULE = 0.885


def walk_round(
    every_s: int, drive_s: int, stop_s: int, rounds: int, scatter_m: float
) -> list[tuple[Point, bool]]:
    """Drives at 8 m/s and stops in turn; at a stop the fixes scatter. True where it is parked."""
    chance = random.Random(7)
    out: list[tuple[Point, bool]] = []
    along, at = 0.0, 0
    for _ in range(rounds):
        for length_s, parked in ((drive_s, False), (stop_s, True)):
            for _ in range(0, length_s, every_s):
                noise = chance.gauss(0, scatter_m), chance.gauss(0, scatter_m)
                out.append((Point(at * 1000, along + noise[0], noise[1]), parked))
                at += every_s
                along += 0 if parked else 8.0 * every_s
    return out


@pytest.mark.parametrize(
    ("every_s", "drive_s", "stop_s", "scatter_m"),
    [(5, 120, 60, 2), (10, 300, 240, 5), (30, 900, 900, 10), (120, 3600, 3600, 15), (300, 7200, 7200, 20)],
)
def test_stops_are_found_at_any_rhythm(every_s: int, drive_s: int, stop_s: int, scatter_m: float) -> None:
    """From one fix in 5 s to one in 5 min, nine of ten fixes are told right."""
    day = walk_round(every_s, drive_s, stop_s, 4, scatter_m)
    told = find_parked([point for point, _ in day], DEFAULT_LIMITS)
    assert sum(a == b for a, (_, b) in zip(told, day, strict=True)) / len(day) > 0.9


def test_the_speed_of_the_clock_and_the_place_do_not_matter() -> None:
    """The same trace an hour later and 10 km away is judged the same."""
    points = [point for point, _ in walk_round(5, 120, 60, 3, 2)]
    moved = [Point(p.at_ms + 3_600_000, p.x + 10_000, p.y - 10_000) for p in points]
    assert find_parked(points, DEFAULT_LIMITS) == find_parked(moved, DEFAULT_LIMITS)


def test_few_points_are_no_fault() -> None:
    """No point, one, two, or all at one instant."""
    assert find_parked([], DEFAULT_LIMITS) == []
    assert len(find_parked([Point(0, 0, 0)], DEFAULT_LIMITS)) == 1
    assert len(find_parked([Point(0, 0, 0)] * 3, DEFAULT_LIMITS)) == 3


def test_degrees_and_metres_give_the_same(tmp_path: Path) -> None:
    """A file with lat and lon and ISO times is judged as the one with x, y and seconds."""
    points = [point for point, _ in walk_round(5, 120, 60, 2, 2)]
    flat, round_ = tmp_path / "flat.csv", tmp_path / "round.csv"
    starts_s = STARTS_AT.timestamp()
    flat.write_text("t,x,y\n" + "".join(f"{starts_s + p.at_ms / 1000},{p.x},{p.y}\n" for p in points))
    with round_.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("timestamp", "lat", "lon"))
        for p in points:
            at = STARTS_AT.timestamp() + p.at_ms / 1000
            writer.writerow((at, 52 + p.y / 111_195, 13 + p.x / (111_195 * math.cos(math.radians(52)))))
    [one], [other] = read_traces(flat), read_traces(round_)
    assert [p.at_ms for p in one.points] == [p.at_ms for p in other.points]
    assert find_parked(one.points, DEFAULT_LIMITS) == find_parked(other.points, DEFAULT_LIMITS)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,b\n1,2\n", "row 1: needs the columns t and x, y"),
        ("t,x,y\n0,1,2\nsoon,1,2\n", "row 3, column t: is neither seconds"),
        ("t,x,y\n0,1,far\n", "row 2, column y: is no number"),
        ("t,lat,lon\n0,91,0\n", "row 2, column lat: is outside"),
        ("t,x,y,label\n0,1,2,asleep\n", "row 2, column label: is neither parked"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(
    text: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error is one line that names file, row and column."""
    file = tmp_path / "trace.csv"
    file.write_text(text)
    assert main(["evaluate", "motion", str(file)]) == 2
    [line, *_] = capsys.readouterr().err.splitlines()
    assert told in line
    assert "trace.csv" in line


@pytest.mark.skipif(not GOAL.is_file(), reason="the labelled traces are not beside the repository")
@pytest.mark.parametrize("half", [0, 1])
def test_labelled_traces_are_judged_better_than_by_the_best_plain_rule(
    half: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the half that the thresholds were chosen on, and on the other; every position is written."""
    lines = GOAL.read_text().splitlines()
    chosen = [line for line in lines[1:] if int(line.partition(",")[0]) % 2 == half]
    file, out = tmp_path / "half.csv", tmp_path / "told.csv"
    file.write_text("\n".join([lines[0], *chosen]))
    assert main(["evaluate", "motion", str(file), "--out", str(out)]) == 0
    scored = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("balanced"))
    assert float(scored.split()[-1]) > BEST_PLAIN_RULE
    rows = list(csv.DictReader(out.open()))
    assert len(rows) == len(chosen)
    assert {row["motion"] for row in rows} == {"parked", "moving"}
