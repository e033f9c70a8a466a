"""The read API on a real Redis, as a client sees it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from controltower.embedded.redis import EmbeddedRedis
from controltower.readapi.app import make_app
from controltower.readapi.tokens import Tokens, read_tokens
from controltower.readmodel.fold import ProjectFold
from controltower.readmodel.store import connect
from controltower.settings import SettingsError
from schemas.vocabulary import Phase
from tests.unit.readmodel_records import as_record, begun, routed_shipment, shipment_status, status, story
from tests.unit.recovery_day import at

pytestmark = pytest.mark.skipif(shutil.which("redis-server") is None, reason="needs redis-server on the PATH")
TOKEN = "a-token-of-a-wall-screen"
DOCUMENT = Path(__file__).parents[2] / "docs" / "read-api.json"


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedRedis]:
    with EmbeddedRedis() as running:
        yield running


class Clock:
    """Stands until it is moved."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def later() -> datetime:
    """A minute after the story began; its action has waited since second 20."""
    return at(60)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def fold(server: EmbeddedRedis) -> ProjectFold:
    with redis.Redis.from_url(server.url) as client:
        client.flushall()
    fold = begun(connect(server.url))
    fold.fold(story())
    return fold


@pytest.fixture
def app(server: EmbeddedRedis, fold: ProjectFold, clock: Clock) -> FastAPI:
    return make_app(connect(server.url), Tokens([TOKEN]), clock, later)


@pytest.fixture
def client(app: FastAPI) -> TestClient:
    return TestClient(app, headers={"Authorization": f"Bearer {TOKEN}"}, raise_server_exceptions=False)


def test_what_is_not_over_stands_on_its_board(client: TestClient) -> None:
    """The route under way, the open exception and the action that waits; the ended exception is gone."""
    (route,) = client.get("/v1/routes").json()["items"]
    assert (route["route_id"], route["stops_done"]) == ("r1", 2)
    (exception,) = client.get("/v1/exceptions").json()["items"]
    assert (exception["exception_id"], exception["severity"]) == ("e1", 1)
    (action,) = client.get("/v1/actions", params={"state": "PENDING_APPROVAL"}).json()["items"]
    assert action["exception_id"] == "e1"
    assert client.get("/v1/exceptions", params={"severity": 3}).json() == {
        "total": 0,
        "items": [],
        "next": None,
    }


def test_a_record_is_the_one_on_the_topic(client: TestClient) -> None:
    """By id the whole latest record, also of what has ended; an unknown id is 404 with a reason."""
    assert client.get("/v1/exceptions/e1").json()["status"] == "OPEN"
    assert client.get("/v1/exceptions/e2").json()["status"] == "RESOLVED"
    missing = client.get("/v1/routes/nobody")
    assert missing.status_code == 404
    assert "no route of this id" in missing.json()["detail"]


def test_a_shipment_tells_its_newest_probability(client: TestClient, fold: ProjectFold) -> None:
    """With the version of the model, by id and on the board of its tenant, until a route carries it."""
    fold.fold([as_record(shipment_status(1, 0.25), 1), as_record(shipment_status(2, 0.5), 2)])
    fold.fold([as_record(shipment_status(1, 0.75, shipment_id="P-2", tenant="other"), 3)])
    record = client.get("/v1/shipments/P-1").json()
    assert (record["p_late"], record["model_version"], record["scored_by"]) == (0.5, "m", "MODEL")
    (line,) = client.get("/v1/shipments", params={"tenant": "t"}).json()["items"]
    assert (line["shipment_id"], line["p_late"], line["model_version"]) == ("P-1", 0.5, "m")
    assert client.get("/v1/shipments/nobody").status_code == 404


def test_shipments_come_soonest_promised_first(client: TestClient, fold: ProjectFold) -> None:
    """Page by page, and only those that are wanted: of a phase, a carrier, a model, or that missed."""
    told = [
        shipment_status(1, 0.25, shipment_id="P-1", promised_by=at(900)),
        shipment_status(1, shipment_id="P-2", promised_by=at(300), carrier="other", missed=True),
        shipment_status(1, shipment_id="P-3", promised_by=at(600), phase=Phase.PLANNED),
    ]
    fold.fold([as_record(message, offset) for offset, message in enumerate(told, 1)])

    def ids(**wanted: Any) -> tuple[list[str], str | None]:
        page = client.get("/v1/shipments", params=wanted).json()
        return [line["shipment_id"] for line in page["items"]], page.get("next")

    first, after = ids(limit=2)
    assert first == ["P-2", "P-3"]
    assert ids(limit=2, after=after)[0] == ["P-1"]
    assert ids(missed=True)[0] == ids(carrier="other")[0] == ["P-2"]
    assert ids(phase="PLANNED")[0] == ["P-3"]
    assert ids(model_version="m")[0] == ["P-1"]


def test_a_shipment_on_a_route_is_off_the_board(client: TestClient, fold: ProjectFold) -> None:
    """Its record still says which route that is."""
    fold.fold([as_record(shipment_status(1, 0.25), 1), as_record(routed_shipment(2), 2)])
    assert client.get("/v1/shipments").json()["items"] == []
    assert client.get("/v1/shipments/P-1").json()["route_id"] == "r1"


def test_a_timeline_tells_each_change_once(client: TestClient, fold: ProjectFold) -> None:
    """Statuses that change nothing, and reading the topic again, add no step; an unknown route has none."""
    ended = as_record(status(9, Phase.ENDED), 300)
    fold.fold([as_record(status(5), 200)])
    fold.fold([ended])
    fold.fold([ended, as_record(status(5), 200)])
    steps = client.get("/v1/routes/r1/timeline").json()["items"]
    assert [(step["phase"], step["motion"]) for step in steps] == [
        ("UNDERWAY", "MOVING"),
        ("ENDED", "MOVING"),
    ]
    assert client.get("/v1/routes/nobody/timeline").json()["items"] == []


def test_pages_hold_each_line_once_while_rows_come_and_go(
    client: TestClient, fold: ProjectFold, clock: Clock
) -> None:
    """A cursor names the last line seen, so a route that ends between two pages shifts nothing."""
    names = [f"r{number:03d}" for number in range(25)]
    fold.fold([as_record(status(1, route=name), 100 + place) for place, name in enumerate(names)])
    clock.now_s += 1
    first = client.get("/v1/routes", params={"limit": 10}).json()
    assert (first["total"], len(first["items"])) == (26, 10)
    fold.fold([as_record(status(2, Phase.ENDED, "r003"), 200)])
    clock.now_s += 1
    seen = [line["route_id"] for line in first["items"]]
    after = first["next"]
    while after:
        page = client.get("/v1/routes", params={"limit": 10, "after": after}).json()
        seen += [line["route_id"] for line in page["items"]]
        after = page["next"]
    assert seen == sorted([*names, "r1"])


def test_an_etag_saves_the_answer_until_something_changes(
    client: TestClient, fold: ProjectFold, clock: Clock
) -> None:
    """304 while the board stands; 200 with another ETag once a route moved on."""
    etag = client.get("/v1/routes").headers["etag"]
    assert client.get("/v1/routes", headers={"If-None-Match": etag}).status_code == 304
    fold.fold([as_record(status(3), 300)])
    clock.now_s += 1
    changed = client.get("/v1/routes", headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != etag


def test_the_boards_are_gauges(client: TestClient) -> None:
    """Counts by closed labels, and how long the oldest approval has waited."""
    text = client.get("/metrics").text
    assert 'controltower_board_routes{carrier="unknown",motion="MOVING",phase="UNDERWAY"} 1.0' in text
    assert 'controltower_board_exceptions{code="LONG_HALT",severity="1",status="OPEN"} 1.0' in text
    assert 'state="PENDING_APPROVAL"} 1.0' in text
    assert "controltower_board_oldest_approval_seconds 40.0" in text


def test_without_a_token_nothing_is_read(app: FastAPI) -> None:
    """401 as a problem document; health answers anybody."""
    stranger = TestClient(app)
    for place in ("routes", "shipments", "shipments/P-1"):
        refused = stranger.get(f"/v1/{place}", headers={"Authorization": "Bearer wrong"})
        assert refused.status_code == 401
    assert refused.headers["content-type"] == "application/problem+json"
    assert stranger.get("/readyz").status_code == 200


def test_it_says_when_redis_is_down(clock: Clock) -> None:
    """503 with a reason and Retry-After, also for /readyz; /healthz stays 200."""
    with EmbeddedRedis() as gone:
        app = make_app(connect(gone.url), Tokens([]), clock, later)
    client = TestClient(app, raise_server_exceptions=False)
    answer = client.get("/v1/exceptions")
    assert answer.status_code == 503
    assert "the read model does not answer" in answer.json()["detail"]
    assert answer.headers["retry-after"]
    assert client.get("/readyz").status_code == 503
    assert "controltower_board_readable_bool 0.0" in client.get("/metrics").text
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("cursor", ["x", "W10", "WyJhIiwgImIiXQ", "////"])
def test_a_strange_cursor_is_refused(client: TestClient, cursor: str) -> None:
    """422 that names the parameter."""
    answer = client.get("/v1/exceptions", params={"after": cursor})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("after:")


def test_the_document_in_docs_is_the_one_served(app: FastAPI) -> None:
    """docs/read-api.json is `controltower api --openapi`."""
    assert json.loads(DOCUMENT.read_text(encoding="utf-8")) == json.loads(json.dumps(app.openapi()))


def test_every_answer_is_as_the_document_says(app: FastAPI) -> None:
    """Generated requests: no 500, no undocumented status, every body valid by its schema.

    A cursor is opaque, so a made-up one may be refused although it is a valid string.
    """
    operations = schemathesis.openapi.from_asgi("/openapi.json", app).get_all_operations()
    for operation in operations:

        @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
        @given(case=operation.ok().as_strategy())
        def ask(case: schemathesis.Case) -> None:
            case.call_and_validate(
                excluded_checks=[positive_data_acceptance], headers={"Authorization": f"Bearer {TOKEN}"}
            )

        ask()


def test_tokens_come_from_a_file(tmp_path: Path) -> None:
    """One a line; a short one, an empty file and no file off loopback are refused by name."""
    file = tmp_path / "tokens"
    file.write_text(f"# wall\n{TOKEN}\n\n", encoding="utf-8")
    assert read_tokens(file, "0.0.0.0").admit(f"bearer {TOKEN}")
    assert read_tokens(None, "127.0.0.1").admit(None)
    for text, said in ((TOKEN[:10], "token 1"), ("# none\n", "has no token")):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(SettingsError, match=said) as refused:
            read_tokens(file, "127.0.0.1")
        assert TOKEN[:10] not in str(refused.value)
    with pytest.raises(SettingsError, match=r"needed to serve on 0\.0\.0\.0"):
        read_tokens(None, "0.0.0.0")
    assert read_tokens(None, "0.0.0.0", open_to_all=True).admit(None)


def test_the_command_serves_and_ends(server: EmbeddedRedis, fold: ProjectFold) -> None:
    """`controltower api` on a free port answers, and ends with 0 on SIGTERM."""
    environment = {**os.environ, "CONTROLTOWER_REDIS_URL": server.url}
    with subprocess.Popen(
        [sys.executable, "-m", "agents.cli", "api", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        assert httpx.get(url + "routes", timeout=10).json()["total"] == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(90) == 0
