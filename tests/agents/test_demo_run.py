"""The demo as a user starts it, on a small city: it ends by itself, adds up, and leaves no process behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from controltower.offline.recording import open_recording
from schemas.topics import EXCEPTIONS

SMALL = ("--vans", "8", "--parcels", "300", "--hours", "1", "--seconds", "12", "--plain")


def _start(folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "agents.cli", "demo", *SMALL, "--out", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "CONTROLTOWER_LOG_LEVEL": "info"},
        preexec_fn=_hear_ctrl_c,
    )


def _hear_ctrl_c() -> None:
    """Tests that a shell put into the background ignore SIGINT, and so would all that they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _stages_of(folder: Path) -> list[int]:
    """Processes that write their log into the folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            written = (process / "fd" / "1").readlink()
        except OSError:
            continue
        if folder in written.parents:
            found.append(int(process.name))
    return found


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks for processes in /proc")
def test_the_demo_ends_by_itself_and_adds_up(tmp_path: Path) -> None:
    """Exit code 0, a summary, a recording that holds exceptions, and no stage left."""
    demo = _start(tmp_path / "out")
    output, _ = demo.communicate(timeout=270)
    assert demo.returncode == 0, output
    assert "first exception" in output
    assert "DOES NOT ADD UP" not in output
    assert "LONG_HALT" in (tmp_path / "out" / "summary.txt").read_text()
    recording = open_recording(tmp_path / "out" / "recording")
    assert any(recording.records_of(EXCEPTIONS, p) for p in range(recording.partitions))
    assert _stages_of(tmp_path / "out") == []


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks for processes in /proc")
def test_an_interrupted_demo_leaves_no_process(tmp_path: Path) -> None:
    """Ctrl-C as soon as the stages run: exit code 130, everything reaped."""
    demo = _start(tmp_path / "out")
    assert demo.stdout is not None
    seen: list[str] = []
    while not seen or "stages are ready" not in seen[-1]:
        seen.append(demo.stdout.readline())
        assert seen[-1], "".join(seen)
    assert _stages_of(tmp_path / "out") != []
    demo.send_signal(signal.SIGINT)
    rest, _ = demo.communicate(timeout=120)
    assert demo.returncode == 130, "".join(seen) + rest
    assert _stages_of(tmp_path / "out") == []
