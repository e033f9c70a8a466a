"""`controltower status`: the read model for a person."""

from __future__ import annotations

import json

import pytest
from rich.console import Console

from agents.cli import EXIT_WRONG_USE, main
from agents.commands.status import render, render_line
from controltower.embedded.redis import EmbeddedRedis
from controltower.readmodel.overview import overview
from controltower.readmodel.store import connect
from tests.unit.readmodel_records import as_record, begun
from tests.unit.readmodel_store import DictStore
from tests.unit.recovery_day import exception


def test_it_shows_the_worst_first_and_how_many_there_are() -> None:
    """Counts in one line, then the rows; more than fit are told."""
    store = DictStore()
    begun(store).fold([as_record(exception(0))])
    seen = overview(store)
    assert render_line(seen) == "0 routes under way, 1 open exceptions, 0 actions wait for a person"
    console = Console(width=120, file=None, record=True)
    console.print(render(seen))
    shown = console.export_text()
    assert seen.exceptions[0]["code"] in shown
    assert seen.exceptions[0]["home"] in shown


def test_the_command_reads_redis(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """As JSON with the rows' own fields; without a Redis one line and where to look."""
    with EmbeddedRedis() as redis:
        monkeypatch.setenv("CONTROLTOWER_REDIS_URL", redis.url)
        begun(connect(redis.url)).fold([as_record(exception(0))])
        assert main(["status", "--json"]) == 0
        seen = json.loads(capsys.readouterr().out)
        assert seen["exceptions_open"] == 1
        assert "record" not in seen["exceptions"][0]
        assert main(["status"]) == 0
        assert "1 open exceptions" in capsys.readouterr().out
    assert main(["status"]) == EXIT_WRONG_USE
    assert "hint: controltower doctor" in capsys.readouterr().err
