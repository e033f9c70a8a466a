"""Logs are structured, say their stage, and hold no secret and no personal data."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from controltower.logs import NoRepeats, bind_stage, keep_private, logger, set_up_logs


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the lines go; the logging of the test run is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def _lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_and_says_its_stage(stream: io.StringIO) -> None:
    """One event is one JSON object with level, instant, stage and its own fields, from any thread."""
    set_up_logs("info", "json", stream)
    bind_stage("track")
    thread = threading.Thread(target=lambda: logger("restore").info("restored", entries=3))
    thread.start()
    thread.join()
    (line,) = _lines(stream)
    assert line["event"] == "restored"
    assert (line["stage"], line["logger"], line["entries"], line["level"]) == ("track", "restore", 3, "info")
    assert line["timestamp"].endswith("Z")


def test_secrets_are_masked_and_personal_data_dropped(stream: io.StringIO) -> None:
    """A password shows as ***, a phone number not at all, a URL without its sign-in; nested ones too."""
    set_up_logs("info", "json", stream)
    logger("x").info(
        "connect redis://me:geheim@cache:6379", password="geheim", config={"token": "geheim"}, phone="+49 170"
    )
    (line,) = _lines(stream)
    assert line["password"] == "***"
    assert line["config"] == {"token": "***"}
    assert "phone" not in line
    assert line["event"] == "connect redis://***@cache:6379"
    assert "geheim" not in stream.getvalue()


def test_lines_of_libraries_take_the_same_way(stream: io.StringIO) -> None:
    """What a library logs through the standard library is JSON too and is masked as well."""
    set_up_logs("info", "json", stream)
    logging.getLogger("some.library").warning("lost %s", "sasl://u:p@host", extra={"email": "a@b.example"})
    (line,) = _lines(stream)
    assert line["event"] == "lost sasl://***@host"
    assert "email" not in line


def test_what_a_library_repeats_is_said_once_in_ten_seconds(stream: io.StringIO) -> None:
    """A broker that is away makes no flood of lines; the next one tells how many were left out."""
    set_up_logs("info", "json", stream)
    now_s = [0.0]
    logging.getLogger().handlers[0].filters[:] = [NoRepeats(lambda: now_s[0])]
    lost = logging.getLogger("aiokafka.conn")
    for second in range(25):
        now_s[0] = second / 2
        lost.warning("lost node %s", second)
        logger("ours").info("ours")
    ours, theirs = [], []
    for line in _lines(stream):
        (ours if line["event"] == "ours" else theirs).append(line)
    assert len(ours) == 25
    assert [line["event"] for line in theirs] == ["lost node 0", "lost node 20"]
    assert [line.get("left_out") for line in theirs] == [None, 19]


def test_level_and_console(stream: io.StringIO) -> None:
    """Below the level nothing is written; the console format is a plain line."""
    set_up_logs("warning", "console", stream)
    logger("x").info("unseen")
    logger("x").warning("seen", topic="dispatch")
    assert "unseen" not in stream.getvalue()
    assert "seen" in stream.getvalue()
    assert "topic=dispatch" in stream.getvalue()


def test_an_exception_is_told(stream: io.StringIO) -> None:
    """A logged exception is in the line as text."""
    set_up_logs("info", "json", stream)
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        logger("x").exception("failed")
    assert "RuntimeError: broken" in _lines(stream)[0]["exception"]


def test_a_logger_may_be_made_before_logging_is_set_up(stream: io.StringIO) -> None:
    """Modules make theirs when they are imported."""
    early = logger("early")
    set_up_logs("info", "json", stream)
    early.info("late")
    assert _lines(stream)[0]["logger"] == "early"


def test_other_fields_stay() -> None:
    """The processor touches nothing else."""
    assert keep_private(None, "info", {"event": "e", "route_id": "r"}) == {"event": "e", "route_id": "r"}
