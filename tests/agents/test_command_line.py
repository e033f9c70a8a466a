"""The command line: it reads well, and errors are one line with a way out, never a traceback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agents import options
from agents.cli import COMMANDS, EXIT_FAULT, EXIT_WRONG_USE, import_command, main, make_parser
from controltower.offline.recording import RecordingWriter
from controltower.streaming.exits import Exit
from schemas.topics import BY_NAME
from tests.unit.recorded_afternoon import PARTITIONS, run_afternoon
from tests.unit.test_gtfs_folder import TABLES

SILENT_BROKER = "127.0.0.1:1"


@pytest.fixture
def gtfs(tmp_path: Path) -> Path:
    folder = tmp_path / "gtfs"
    folder.mkdir()
    for name, text in TABLES.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    folder = tmp_path / "recording"
    with RecordingWriter(folder, PARTITIONS, dict.fromkeys(BY_NAME)) as writer:
        for record in run_afternoon()[0]:
            writer.append(record)
    return folder


def test_help_lists_every_command_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    """In the order of use, each with a line of its own."""
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    for name in COMMANDS:
        assert f"\n    {name} " in said
        assert import_command(name).HELP in " ".join(said.split())
    assert "examples:" in said


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Its docstring, and each option with a text."""
    with pytest.raises(SystemExit):
        make_parser({name: import_command(name)}).parse_args([name, "--help"])
    assert capsys.readouterr().out.startswith(f"usage: controltower {name}")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["replay", "/nowhere", "--out", "x"], "/nowhere: is no folder"),
        (["verify", "--recording", "/nowhere"], "/nowhere/recording.json: No such file"),
        (["stream", "/nowhere", "--brokers", "embedded"], "the embedded broker lives within"),
        (["--config", "/nowhere.toml", "topics", "docs"], "CONTROLTOWER_CONFIG: cannot read /nowhere.toml"),
        (["worker", "--stage", "track", "--brokers", "embedded"], "one stage alone"),
    ],
)
def test_wrong_use_is_one_line(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """On standard error, with exit code 2."""
    assert main(words) == EXIT_WRONG_USE
    captured = capsys.readouterr()
    assert said in captured.err
    assert "Traceback" not in captured.err
    assert all(line.startswith(("controltower: ", "  hint: ")) for line in captured.err.splitlines())


@pytest.mark.parametrize(
    "words",
    [
        ["topics", "check"],
        ["topics", "create"],
        ["reset", "--stage", "track", "--yes"],
        ["dead-letters", "list"],
        ["verify"],
        ["record", "--out", "x"],
        ["stream", "--simulate", "1"],
    ],
    ids=" ".join,
)
def test_a_broker_that_is_not_there_is_told_soon(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line with the client's own reason, a hint, and the code of a passing fault."""
    monkeypatch.setattr(options, "_REACHED_WITHIN_S", 0.3)
    assert main([*words, "--brokers", SILENT_BROKER]) == Exit.RESTART
    first, *hints = capsys.readouterr().err.splitlines()
    assert f"{SILENT_BROKER} does not answer" in first
    assert [hint[:8] for hint in hints] == ["  hint: "]


def test_a_wrong_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its variable."""
    monkeypatch.setenv("CONTROLTOWER_PARTITIONS", "many")
    assert main(["topics", "docs"]) == EXIT_WRONG_USE
    assert "CONTROLTOWER_PARTITIONS" in capsys.readouterr().err


def test_a_fault_of_ours_is_told_as_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not as wrong use; where it happened is shown when asked for."""
    monkeypatch.setattr(import_command("topics"), "run", lambda *_: 1 / 0)
    assert main(["topics", "docs"]) == EXIT_FAULT
    assert "a fault in the program: ZeroDivisionError" in capsys.readouterr().err
    monkeypatch.setenv("CONTROLTOWER_LOG_LEVEL", "debug")
    assert main(["topics", "docs"]) == EXIT_FAULT
    assert "Traceback" in capsys.readouterr().err


def test_replay_of_a_gtfs_folder_writes_the_published_records(
    gtfs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three files of JSON lines and a summary that adds up."""
    out = tmp_path / "results"
    assert main(["replay", str(gtfs), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "3 received = 3 accepted + 0 rejected" in " ".join(said.split())
    statuses = [json.loads(line) for line in (out / "route-status.jsonl").read_text().splitlines()]
    assert statuses[0]["route_id"] == "T1@20260216"
    assert (out / "exceptions.jsonl").exists()
    assert (out / "actions.jsonl").exists()
    assert not list(out.glob("*.part"))


def test_replay_of_a_recording_gives_the_recorded_exceptions(recording: Path, tmp_path: Path) -> None:
    """From the recorded logs alone, equal to what was published but for published_at."""
    out = tmp_path / "results"
    assert main(["replay", str(recording), "--out", str(out)]) == 0

    def lines(texts: list[str]) -> list[str]:
        return sorted(json.dumps({**json.loads(text), "published_at": None}) for text in texts)

    recorded = [
        record.value.decode()
        for partition in range(PARTITIONS)
        for record in run_afternoon()[0]
        if record.topic == "exceptions" and record.partition == partition and record.value
    ]
    assert recorded
    assert lines((out / "exceptions.jsonl").read_text().splitlines()) == lines(recorded)


def test_verify_of_a_recording(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """0 when live equals its replay, 1 and the first difference when it does not."""
    assert main(["verify", "--recording", str(recording)]) == 0
    assert "live equals its replay" in capsys.readouterr().out
    (path,) = [path for path in recording.glob("exceptions-*.ndjson") if b"LONG_HALT" in path.read_bytes()]
    path.write_text(path.read_text().replace("LONG_HALT", "EXCESS_DWELL", 1))
    assert main(["verify", "--recording", str(recording)]) == 1
    said = capsys.readouterr().out
    assert "DIFFERENT track -> exceptions" in said
    assert "code is 'EXCESS_DWELL' live and 'LONG_HALT' in the replay" in said
