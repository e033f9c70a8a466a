"""One exception told in plain words and drawn, from a recording."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest

from agents.cli import EXIT_WRONG_USE, main
from controltower.explain.picture import draw
from controltower.explain.story import ReadTopic, StoryError, find_story
from controltower.explain.words import duration, show_number, tell
from controltower.offline.recording import RecordingWriter
from controltower.streaming.stage import Record
from schemas import wire
from schemas.topics import BY_NAME
from schemas.vocabulary import ExceptionCode
from tests.unit.recorded_afternoon import PARTITIONS, run_afternoon
from tests.unit.test_areas import JAM, log_of, new_fold


@pytest.fixture(scope="module")
def day() -> list[Record]:
    return run_afternoon()[0]


def reader_of(records: Iterable[Record]) -> ReadTopic:
    by_topic: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_topic[record.topic].append(record)
    return lambda topic: by_topic[topic]


def halt_in(day: list[Record]) -> wire.ExceptionRecord:
    records = [wire.decode_any(r.value) for r in day if r.topic == "exceptions" and r.value]
    return next(
        r for r in records if isinstance(r, wire.ExceptionRecord) and r.code is ExceptionCode.LONG_HALT
    )


def test_a_halt_is_told_from_its_beginning_to_its_end(day: list[Record], tmp_path: Path) -> None:
    """What, where, who answers, every transition by time; and a picture with the fixes."""
    story = find_story(halt_in(day).exception_id[:12], reader_of(day))
    text = "\n".join(tell(story))
    told = ("LONG_HALT", "no stop, depot or break is planned", "dispatch, with the carrier", "halt ")
    assert all(words in text for words in told)
    lines, steps = text.splitlines(), ("OPENED", "UPDATED", "RESOLVED")
    order = [lines.index(next(line for line in lines if step in line)) for step in steps]
    assert order == sorted(order)
    assert len(story.sightings) > 10
    assert draw(story, tmp_path / "halt.svg")
    assert ET.parse(tmp_path / "halt.svg").getroot().tag.endswith("svg")
    assert draw(story, tmp_path / "halt.png")


def test_a_parent_shows_its_children(tmp_path: Path) -> None:
    """A parent has no route: its children are listed and drawn."""
    outs = new_fold().fold(log_of(JAM)).outputs
    (parent,) = [wire.decode_any(out.value or b"") for out in outs if out.topic == "exceptions"]
    assert isinstance(parent, wire.ExceptionRecord)
    for child in JAM:
        child.parent_id = parent.exception_id
    values = [wire.encode(record) for record in (parent, *JAM)]
    records = [Record("exceptions", 0, i, 0, None, value) for i, value in enumerate(values)]
    for child in JAM:
        child.parent_id = None
    story = find_story(parent.exception_id, reader_of(records))
    assert "children (3):" in "\n".join(tell(story))
    assert draw(story, tmp_path / "jam.svg")


def test_what_is_not_there_is_said(day: list[Record]) -> None:
    """Unknown, ambiguous or too short: one line and a way out."""
    for wrong in ("ffffffff-0000", "abc"):
        with pytest.raises(StoryError):
            find_story(wrong, reader_of(day))


def test_the_command_reads_a_recording(
    day: list[Record], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Words on the terminal, the picture where asked; an unknown id is wrong use."""
    folder, picture = tmp_path / "rec", tmp_path / "x.svg"
    with RecordingWriter(folder, PARTITIONS, dict.fromkeys(BY_NAME)) as writer:
        for record in day:
            writer.append(record)
    exception_id = halt_in(day).exception_id
    assert main(["explain", exception_id, "--recording", str(folder), "--picture", str(picture)]) == 0
    assert "RESOLVED" in capsys.readouterr().out
    assert picture.stat().st_size > 1000
    assert main(["explain", "ffffffff", "--recording", str(folder)]) == EXIT_WRONG_USE
    wrong = ["explain", exception_id, "--recording", str(folder), "--picture", "x.gif"]
    assert main(wrong) == EXIT_WRONG_USE


def test_numbers_say_their_units() -> None:
    """The unit stands in the name; long times are told in minutes and hours."""
    assert show_number("halt_s", 605.0) == "halt 10 min 5 s"
    assert show_number("deviation_m", 303.4) == "deviation 303.4 m"
    assert show_number("p_late", 0.71) == "p late 0.71"
    assert show_number("basis", "path") == "basis path"
    assert (duration(59), duration(7500)) == ("59 s", "2 h 5 min")
