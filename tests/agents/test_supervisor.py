"""The worker's supervision of its stages, on small real processes."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.publisher import Pace
from agents.supervisor import Supervisor, needs_person, next_wait_s
from controltower.streaming.exits import Exit


def child(script: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", script, *arguments]


SLEEPER = child("import time; time.sleep(600)")
#: Ends with 75 the first time, then lives until SIGTERM.
STUMBLES = """
import pathlib, sys, time
mark = pathlib.Path(sys.argv[1])
with mark.open("a") as file: file.write("x")
if len(mark.read_text()) < 2: sys.exit(75)
time.sleep(600)
"""


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def terminate_once(is_so: Callable[[], bool]) -> None:
    """Send this process SIGTERM, as an operator does to the worker, once `is_so`."""

    def send() -> None:
        wait_until(is_so)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=send, daemon=True).start()


@pytest.fixture(autouse=True)
def handlers() -> object:
    """The supervisor takes SIGTERM and SIGINT: give them back after each test."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def test_a_passing_fault_is_started_again(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Exit code 75 means restart me; SIGTERM then ends all with 0."""
    mark = tmp_path / "starts"
    terminate_once(lambda: mark.exists() and len(mark.read_text()) == 2)
    assert Supervisor({"track": child(STUMBLES, str(mark)), "score": SLEEPER}, 1.0).run() == 0
    said = capfd.readouterr().err
    assert "track ended with code 75; starting it again" in said
    assert said.rstrip().endswith("all stages ended")


def test_a_refusal_ends_the_others(capfd: pytest.CaptureFixture[str]) -> None:
    """Exit code 3 needs a person: the worker passes it on and leaves nothing running."""
    refuses = child(f"import sys; sys.exit({Exit.PERSON:d})")
    assert Supervisor({"track": refuses, "score": SLEEPER}, 1.0).run() == Exit.PERSON
    assert "track ended with code 3 and needs a person" in capfd.readouterr().err


def test_restarts_slow_down_and_recover() -> None:
    """Twice the wait after each short life, up to half a minute; the shortest again after a steady one."""
    waits = [0.0]
    for _ in range(9):
        waits.append(next_wait_s(waits[-1], lived_s=1))
    assert waits[1:4] == [0.5, 1.0, 2.0]
    assert waits[-1] == 30
    assert next_wait_s(30, lived_s=61) == 0.5


@pytest.mark.parametrize(
    ("code", "needed"), [(0, False), (75, False), (-9, False), (1, False), (2, True), (3, True)]
)
def test_which_codes_need_a_person(code: int, needed: bool) -> None:
    """A killed process starts again; a wrong setting does not mend itself."""
    assert needs_person(code) is needed


def test_the_pace_follows_the_day() -> None:
    """60 s of the day take one second at speed 60, and a late caller is not held up."""
    now_s = [100.0]
    pace = Pace(0, 60, lambda: now_s[0], lambda wait_s: now_s.__setitem__(0, now_s[0] + wait_s))
    pace.wait_for(120_000, lambda: None)
    assert now_s[0] == pytest.approx(102, abs=0.01)
    now_s[0] = 200.0
    pace.wait_for(180_000, lambda: None)
    assert now_s[0] == 200.0


def test_a_day_that_stood_still_goes_on_as_much_later() -> None:
    """Nothing is caught up in a rush: what was due after 1 s is due after 1 s and the pause."""
    now_s = [100.0]
    pace = Pace(0, 60, lambda: now_s[0], lambda wait_s: now_s.__setitem__(0, now_s[0] + wait_s))
    pace.postpone(30.0)
    pace.wait_for(60_000, lambda: None)
    assert now_s[0] == pytest.approx(131, abs=0.01)
