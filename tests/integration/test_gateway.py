"""The gateway as a carrier and a planner see it, on the embedded broker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from agents.commands.gateway import document
from controltower.clock import wall_ms
from controltower.embedded.broker import EmbeddedBroker
from controltower.feeds.intake import read_haul_plan
from controltower.feeds.registry import load_feeds
from controltower.gateway.app import make_app
from controltower.gateway.config import read_gateway_file
from controltower.gateway.doors import open_doors
from controltower.gateway.letters import Rejections
from controltower.gateway.refusal import MEANINGS, Refusal
from controltower.gateway.store import Store
from controltower.intake import DETAIL_HEADER, REASON_HEADER, SOURCE_HEADER
from controltower.settings import SettingsError
from controltower.streaming.client import read_topic
from controltower.streaming.stage import Record
from schemas.base import Source
from schemas.haul import HaulPlan
from schemas.topics import CARRIER_EVENTS, DEAD_LETTERS, PLANS
from tests.gateway_site import (
    BEARER,
    NEW_SECRET,
    OLD_SECRET,
    PLANNER,
    TOKEN,
    running_gateway,
    scan,
    sign,
    write_site,
)
from tests.unit.recorded_afternoon import make_plan

ROOT = Path(__file__).parents[2]
EVENTS = "/v1/feeds/plain/events"


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as running:
        running.create_topics([CARRIER_EVENTS, PLANS, DEAD_LETTERS])
        yield running


class Site:
    """A gateway in this process, and what came of it since it was made."""

    def __init__(self, brokers: str, folder: Path, **plain: Any) -> None:
        file = write_site(folder, **plain)
        self.rejections = Rejections(["plain", "swiftpost"])
        doors = open_doors(read_gateway_file(file), folder, load_feeds())
        self._brokers = brokers
        self.client = TestClient(make_app(doors, Store(brokers, {}), self.rejections, wall_ms))
        self._before = len(self._all())

    def _all(self) -> list[Record]:
        return sorted(read_topic(self._brokers, [CARRIER_EVENTS, PLANS]), key=lambda r: r.timestamp_ms)

    def stored(self) -> list[bytes]:
        return [record.value or b"" for record in self._all()[self._before :]]

    def newest(self) -> Record:
        return self._all()[-1]


@pytest.fixture
def site(broker: EmbeddedBroker, tmp_path: Path) -> Iterator[Site]:
    site = Site(broker.brokers, tmp_path)
    with site.client:  # one event loop for all requests of a test
        yield site


def test_one_event_is_stored_as_it_came(site: Site) -> None:
    """Same bytes, the feed in its header, the key that the file names; not even white space changes."""
    body = b'  {"event_id":"e",  "vehicle_id": "V-9"}\n'
    answer = site.client.post(EVENTS, content=body, headers=BEARER)
    assert (answer.status_code, answer.json()) == (202, {"stored": 1})
    assert site.stored() == [body]
    assert site.newest().headers == (("feed", b"plain"),)
    assert site.newest().key == b"V-9"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"[%s , %s]" % (scan(1), scan(2)), "application/json"),
        (b"%s\n\n%s\n" % (scan(1), scan(2)), "application/x-ndjson"),
    ],
    ids=["array", "lines"],
)
def test_a_batch_becomes_its_events(site: Site, body: bytes, kind: str) -> None:
    """Each member of an array and each line of NDJSON is a record of its own, byte for byte."""
    answer = site.client.post(EVENTS, content=body, headers={**BEARER, "Content-Type": kind})
    assert answer.json() == {"stored": 2}
    assert sorted(site.stored()) == [scan(1), scan(2)]


def test_bytes_that_are_no_json_are_stored_for_normalize_to_judge(site: Site) -> None:
    """The gateway reads nothing that it need not: a dialect may be anything."""
    assert site.client.post(EVENTS, content=b"\x0a\x0d\x00\xff", headers=BEARER).status_code == 202
    assert site.stored() == [b"\x0a\x0d\x00\xff"]
    assert site.newest().key == b"plain"


def problem(answer: httpx.Response) -> str:
    """The reason of a refusal, which is well-formed."""
    assert answer.headers["content-type"] == "application/problem+json"
    content = answer.json()
    assert content["status"] == answer.status_code == MEANINGS[Refusal(content["reason"])].status
    return str(content["reason"])


@pytest.mark.parametrize(
    ("body", "headers", "reason"),
    [
        (b"", BEARER, "EMPTY"),
        (b"[]", BEARER, "EMPTY"),
        (b"[{]", BEARER, "NOT_PARSABLE"),
        (b"x" * 2001, BEARER, "TOO_LARGE"),
        (b"[%s]" % (b"x" * 1500).join([b'"', b'"']), BEARER, "TOO_LARGE"),
        (b"[1,2,3,4,5,6,7,8,9,10,11]", BEARER, "TOO_MANY"),
        (b"{}", {**BEARER, "Content-Encoding": "gzip"}, "ENCODED"),
        (b"{}", {}, "UNAUTHENTICATED"),
        (b"{}", {"Authorization": f"Bearer {TOKEN}x"}, "UNAUTHENTICATED"),
        (b"{}", {"Authorization": f"Basic {TOKEN}"}, "UNAUTHENTICATED"),
    ],
)
def test_what_is_not_taken_says_why_and_stores_nothing(
    broker: EmbeddedBroker, tmp_path: Path, body: bytes, headers: dict[str, str], reason: str
) -> None:
    """A reason from the closed list, as problem+json."""
    limits = {"largest_request_bytes": 2000, "largest_event_bytes": 1000, "most_events": 10}
    site = Site(broker.brokers, tmp_path, **limits)
    with site.client:
        assert problem(site.client.post(EVENTS, content=body, headers=headers)) == reason
    assert site.stored() == []


def test_an_endless_body_is_given_up(broker: EmbeddedBroker, tmp_path: Path) -> None:
    """The size is watched while the body streams, without a Content-Length too."""
    site = Site(broker.brokers, tmp_path, largest_request_bytes=10_000)
    with site.client:
        endless = (b"x" * 1000 for _ in range(1_000))
        assert problem(site.client.post(EVENTS, content=endless, headers=BEARER)) == "TOO_LARGE"


def test_a_feed_has_its_rate(broker: EmbeddedBroker, tmp_path: Path) -> None:
    """Beyond the burst: 429 and when to come again; what was refused is not charged."""
    site = Site(broker.brokers, tmp_path, events_per_s=0.5, burst=10, most_events=10)
    with site.client:
        batch = b"[%s]" % b",".join([scan(1)] * 8)
        assert site.client.post(EVENTS, content=batch, headers=BEARER).status_code == 202
        refused = site.client.post(EVENTS, content=batch, headers=BEARER)
        assert problem(refused) == "RATE_LIMITED"
        assert int(refused.headers["retry-after"]) == 12
        assert site.client.post(EVENTS, content=scan(2), headers=BEARER).status_code == 202


def test_signatures_by_either_secret_pass_during_a_rotation(site: Site) -> None:
    """Old and new secret pass; a third, a changed body, a stale time and nonsense do not."""
    url, body = "/v1/feeds/swiftpost/events", b'{"v": "2", "events": []}'
    for secret in (OLD_SECRET, NEW_SECRET):
        assert site.client.post(url, content=body, headers=sign(secret, body)).status_code == 202
    stale = datetime.now(UTC) - timedelta(minutes=6)
    wrong = [
        (body, sign("whsec_" + "QUJD" * 10, body)),
        (body + b" ", sign(NEW_SECRET, body)),
        (body, sign(NEW_SECRET, body, stale)),
        (body, {**sign(NEW_SECRET, body), "webhook-signature": "v1,***"}),
        (body, {**sign(NEW_SECRET, body), "webhook-signature": "nonsense"}),
        (b"\xff\xfe", sign(NEW_SECRET, body)),
        (body, BEARER),
    ]
    for content, headers in wrong:
        assert problem(site.client.post(url, content=content, headers=headers)) == "UNAUTHENTICATED"


def test_a_dry_run_says_what_each_event_becomes_and_stores_nothing(site: Site) -> None:
    """Scans as normalize would write them, or the reason of the rejection."""
    body = b"[%s, {}]" % scan(1)
    answer = site.client.post(f"{EVENTS}?dry_run=true", content=body, headers=BEARER)
    first, second = answer.json()["events"]
    assert answer.status_code == 200
    assert first["scans"][0]["route_id"] == "R-1"
    assert second["reason"] == "MISSING_FIELD"
    assert site.stored() == []


def letter(feed: bytes, number: int) -> Record:
    headers = (
        ("feed", feed),
        (REASON_HEADER, b"MISSING_FIELD"),
        (DETAIL_HEADER, b"occurred_at is missing"),
        (SOURCE_HEADER, b"carrier-events/1/%d" % number),
    )
    return Record(DEAD_LETTERS, 0, number, 1_772_439_340_000 + number, None, b"secret", headers)


def test_a_carrier_sees_its_own_rejections(site: Site) -> None:
    """The newest first, without payloads; neither those of others nor records that are no letters."""
    for number in range(300):
        site.rejections.take(letter(b"plain", number))
        site.rejections.take(letter(b"swiftpost", number))
    site.rejections.take(Record(DEAD_LETTERS, 0, 1, 0, None, b"no letter"))
    answer = site.client.get("/v1/feeds/plain/rejections?limit=2", headers=BEARER)
    found = answer.json()["rejections"]
    assert [one["source"] for one in found] == ["carrier-events/1/299", "carrier-events/1/298"]
    assert "secret" not in answer.text
    assert problem(site.client.get("/v1/feeds/swiftpost/rejections", headers=BEARER)) == "UNAUTHENTICATED"
    assert problem(site.client.get("/v1/feeds/other/rejections", headers=BEARER)) == "UNKNOWN_FEED"
    everything = site.client.get("/v1/feeds/plain/rejections?limit=200", headers=BEARER)
    assert len(everything.json()["rejections"]) == 200


def plan_body(**changed: Any) -> bytes:
    from schemas.wire import encode

    content = json.loads(encode(make_plan("R-7"))) | changed
    return json.dumps(content).encode()


def test_a_plan_goes_to_its_topic(site: Site) -> None:
    """As it came, keyed by its route."""
    body = plan_body()
    answer = site.client.put("/v1/routes/R-7/plan", content=body, headers=PLANNER)
    assert (answer.status_code, answer.json()) == (202, {"route_id": "R-7", "version": 1, "stops": 8})
    assert (site.newest().topic, site.newest().key, site.newest().value) == (PLANS, b"R-7", body)


def test_a_wrong_plan_is_refused_with_every_reason(site: Site) -> None:
    """All at once; another route than the address's, and whoever is no planner, too."""
    wrong = plan_body(version=0, carrier="")
    answer = site.client.put("/v1/routes/R-7/plan", content=wrong, headers=PLANNER)
    assert problem(answer) == "BAD_PLAN"
    assert {fault["detail"].partition(":")[0] for fault in answer.json()["faults"]} >= {"version", "carrier"}
    other = site.client.put("/v1/routes/R-8/plan", content=plan_body(), headers=PLANNER)
    assert problem(other) == "ROUTE_MISMATCH"
    assert problem(site.client.put("/v1/routes/R-7/plan", content=plan_body(), headers=BEARER)) == (
        "UNAUTHENTICATED"
    )
    assert site.stored() == []


def haul_body(**changed: Any) -> bytes:
    content = json.loads(
        (ROOT / "schemas" / "examples" / "plans" / "line_haul_of_a_shipment.json").read_text()
    )
    return json.dumps(
        {name: value for name, value in (content | changed).items() if value is not None}
    ).encode()


def test_the_plan_of_a_line_haul_goes_to_the_same_topic(site: Site) -> None:
    """As it came, keyed by its shipment, so that normalize takes it; the answer tells the promise."""
    body = haul_body()
    shipment_id = json.loads(body)["shipment_id"]
    answer = site.client.put(f"/v1/shipments/{shipment_id}/plan", content=body, headers=PLANNER)
    [out] = read_haul_plan(body, datetime.now(UTC), Source(topic=PLANS, partition=0, offset=0))
    promised_by = HaulPlan.model_validate_json(out.value or b"").promised_by
    assert answer.status_code == 202
    told = answer.json()
    assert datetime.fromisoformat(told.pop("promised_by")) == promised_by
    assert told == {"shipment_id": shipment_id, "version": 1}
    assert (site.newest().topic, site.newest().key, site.newest().value) == (
        PLANS,
        shipment_id.encode(),
        body,
    )


def test_a_wrong_plan_of_a_line_haul_is_refused_with_every_reason(site: Site) -> None:
    """Also without its schema, by which normalize knows it; and what is no planner's, or another's."""
    put = partial(site.client.put, f"/v1/shipments/{json.loads(haul_body())['shipment_id']}/plan")
    answer = put(content=haul_body(version=0, carrier="", schema=None), headers=PLANNER)
    assert problem(answer) == "BAD_PLAN"
    assert [fault["detail"] for fault in answer.json()["faults"]] == [
        "schema is missing",
        "version: greater_than_equal",
        "carrier: string_too_short",
    ]
    assert problem(put(content=plan_body(), headers=PLANNER)) == "BAD_PLAN"
    assert problem(put(content=b"[]", headers=PLANNER)) == "BAD_PLAN"
    assert problem(put(content=haul_body(shipment_id="another"), headers=PLANNER)) == "SHIPMENT_MISMATCH"
    assert problem(put(content=haul_body(), headers=BEARER)) == "UNAUTHENTICATED"
    assert site.stored() == []


def test_without_a_broker_nothing_is_answered_202(tmp_path: Path) -> None:
    """503 and Retry-After; not ready, but alive."""
    doors = open_doors(read_gateway_file(write_site(tmp_path)), tmp_path, load_feeds())
    store = Store("127.0.0.1:1", {}, confirm_ms=300)
    with TestClient(make_app(doors, store, Rejections([]), wall_ms)) as client:
        refused = client.post(EVENTS, content=scan(1), headers=BEARER)
        assert problem(refused) == "NOT_STORED"
        assert int(refused.headers["retry-after"]) >= 1
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").status_code == 200


def test_health_and_metrics(site: Site) -> None:
    """Counted per feed of the file alone: an unknown name makes no label."""
    site.client.post(EVENTS, content=scan(1), headers=BEARER)
    site.client.post(EVENTS, content=scan(1))
    site.client.post("/v1/feeds/whoever/events", content=scan(1))
    text = site.client.get("/metrics").text
    assert 'controltower_gateway_events_total{feed="plain"} 1.0' in text
    assert 'controltower_gateway_refused_total{feed="plain",reason="UNAUTHENTICATED"} 1.0' in text
    assert 'controltower_gateway_refused_total{feed="unknown",reason="UNKNOWN_FEED"} 1.0' in text
    assert "whoever" not in text
    assert TOKEN not in text
    assert site.client.get("/readyz").status_code == 200


def test_the_document_is_up_to_date() -> None:
    """`controltower gateway --openapi` prints docs/gateway-api.json."""
    assert (ROOT / "docs" / "gateway-api.json").read_text(encoding="utf-8") == document()


def test_every_reason_is_in_the_document_of_users() -> None:
    """docs/gateway.md explains each with its status."""
    text = (ROOT / "docs" / "gateway.md").read_text(encoding="utf-8")
    for reason, (status, _) in MEANINGS.items():
        assert f"| `{reason}` | {status} |" in text


def ask_all(operation: Any, headers: dict[str, str]) -> None:
    """Generated requests of one operation, with a proof, to a feed that exists."""

    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(case=operation.as_strategy())
    def ask(case: schemathesis.Case) -> None:
        if "feed" in case.path_parameters:
            case.path_parameters["feed"] = "plain"
        case.call_and_validate(excluded_checks=[positive_data_acceptance], headers=headers)

    ask()


def test_the_running_server_keeps_to_its_document(broker: EmbeddedBroker, tmp_path: Path) -> None:
    """Whatever fits the OpenAPI document or breaks it gets an answer of it; SIGTERM ends with 0."""
    file = write_site(tmp_path, events_per_s=100_000, burst=100_000)
    with running_gateway(broker.brokers, file) as gateway:
        source = schemathesis.openapi.from_url(f"{gateway.url}/openapi.json")
        for operation in source.get_all_operations():
            call = operation.ok()
            ask_all(call, PLANNER if "routes" in call.path else BEARER)
        assert gateway.end() == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"bearer": []}, "either hmac or bearer"),
        ({"bearer": ["nowhere"]}, "nowhere cannot be read"),
        ({"colour": "red"}, "Extra inputs"),
        ({"burst": 1}, "burst is below most_events"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    """One line with the place and what is wrong; never a secret."""
    file = write_site(tmp_path, **change)
    with pytest.raises(SettingsError, match=said) as refused:
        open_doors(read_gateway_file(file), tmp_path, load_feeds())
    assert TOKEN not in str(refused.value)
    assert "\n" not in str(refused.value)
