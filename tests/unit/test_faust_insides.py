"""What of Faust and aiokafka is replaced is there to be replaced, and still has the fault that it has to be.

A version in which one of the second kind fails no longer needs the replacement that the page of decisions
names beside it; one in which a test of the first kind fails would run without it unnoticed.
"""

from __future__ import annotations

import asyncio
import importlib
import re
import tomllib
from pathlib import Path
from typing import Any

import aiokafka
import faust
import pytest
from faust.events import Event
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP
from faust.types.tuples import Message

from controltower.streaming.preflight import FAUST_VERSION

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
#: | `module.Class.name` | why | what tells |
REPLACED = re.findall(r"^\| `((?:faust|aiokafka)\.[\w.]+)` \|", PAGE, re.MULTILINE)


def test_the_page_lists_what_is_replaced() -> None:
    """Two dozen names of two libraries."""
    assert len(REPLACED) >= 20


@pytest.mark.parametrize("name", REPLACED)
def test_what_is_replaced_is_there(name: str) -> None:
    """Under its full name: otherwise our own would be one more method that nobody calls."""
    module, kind, attribute = name.rsplit(".", 2)
    found = getattr(importlib.import_module(module), kind)
    assert attribute in dir(found) or attribute in _set_in_constructor(found)


def _set_in_constructor(kind: type[Any]) -> set[str]:
    names: set[str] = set()
    for base in kind.__mro__:
        code = getattr(base.__dict__.get("__init__"), "__code__", None)
        names |= set(code.co_names if code else ())
    return names


def test_the_tests_that_tell_are_there() -> None:
    """Each test that the page names is a function of some file."""
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    rows = [line for line in PAGE.splitlines() if line.startswith(("| `faust.", "| `aiokafka."))]
    named = {name for row in rows for name in re.findall(r"`(test_\w+)`", row)}
    assert named
    assert [name for name in sorted(named) if f"def {name}(" not in sources] == []


@pytest.mark.parametrize("name", ["faust-streaming", "aiokafka"])
def test_the_versions_are_fixed(name: str) -> None:
    """One version each: in the requirements, and for Faust at the start of a stage too."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    (ours,) = [line for line in wanted if re.split(r"[=<>\[]", line)[0] == name]
    assert "==" in ours, ours
    if name == "faust-streaming":
        assert ours.endswith(f"=={FAUST_VERSION}")


@pytest.fixture
def stock_app() -> faust.App:
    """Faust as it comes."""
    return faust.App("stock", broker="kafka://127.0.0.1:1", store="memory://", autodiscover=False)


def test_stock_faust_acknowledges_what_its_agent_failed_at(stock_app: faust.App) -> None:
    """An exception that leaves the agent marks the event as done, so the next commit skips it for good."""
    message: Any = None

    async def fail_at_the_first() -> None:
        nonlocal message
        stock_app.flow_control.resume()
        generation = stock_app.consumer_generation_id
        message = Message("t", 0, 7, 0.0, 0, None, b"k", b"v", None, tp=TP("t", 0), generation_id=generation)
        message.incref()
        stream = stock_app.stream([Event(stock_app, b"k", b"v", None, message)])
        values = stream.__aiter__()
        await values.__anext__()
        assert not message.acked
        with pytest.raises(ZeroDivisionError):
            await values.athrow(ZeroDivisionError())

    asyncio.run(fail_at_the_first())
    assert message.acked


def test_stock_faust_reads_what_a_transaction_may_take_back(
    stock_app: faust.App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Uncommitted records, and from the beginning or end where its position is gone, without a word."""
    given: dict[str, Any] = {}
    monkeypatch.setattr(aiokafka, "AIOKafkaConsumer", lambda **settings: given.update(settings))
    thread = AIOKafkaConsumerThread.__new__(AIOKafkaConsumerThread)
    thread.app, thread.consumer = stock_app, stock_app.consumer
    thread._create_worker_consumer(stock_app.transport)
    assert given["isolation_level"] == "read_uncommitted"
    assert given["auto_offset_reset"] == "earliest"
