"""An unknown code goes on as UNMAPPED; a new mapping in the log corrects it, and nothing happens twice."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from controltower.feeds.event_reader import REVISIONS_PER_VERSION
from controltower.feeds.fold import NormalizeFold
from controltower.feeds.registry import SHIPPED
from controltower.feeds.renormalize import Renormalizing
from controltower.feeds.unmapped import MOST_CODES, OTHER_CODE, UNMAPPED_KEY, decode_codes
from controltower.feeds.versions import MAPPING_HEADER, MAPPING_KEY, Version, write_versions
from controltower.route.fold import TrackFold
from controltower.shipment.fold import AssignFold
from controltower.streaming.stage import Commit, Out, Record
from schemas import topics
from schemas.vocabulary import Milestone
from schemas.wire import Scan
from tests.unit.payloads import FEEDS, NOW_MS, carrier_event, intake, sent
from tests.unit.test_feeds_normalize import a_plan

METROLINE = (SHIPPED / "metroline.yaml").read_text()
EXTENDED = METROLINE.replace("codes:\n", 'codes:\n  "95": DELIVERED\n')
M = Milestone


def scanned(status: Any, n: int = 1, **changes: Any) -> Record:
    event = {
        "satzart": "SCAN",
        "version": 3,
        "nr": n,
        "zeit": "02.03.2026 09:15:20",
        "fahrzeug": "ML-1",
        "sendung": "P-1",
        "status": status,
        "statustext": "Ablage",
    }
    return carrier_event({**event, **changes}, "metroline", offset=n)


def version(number: int, text: str = EXTENDED, offset: int = 50) -> Record:
    [out] = write_versions(FEEDS["metroline"], Version(number, text), 1)
    return Record(out.topic, 0, offset, NOW_MS, out.key, out.value, out.headers)


def new_fold(changelog: dict[bytes, bytes] | None = None) -> NormalizeFold:
    fold = NormalizeFold(0, 1, FEEDS)
    for key, value in (changelog or {}).items():
        fold.restore(key, value)
    fold.restored()
    return fold


def scans_of(commit: Commit) -> list[Scan]:
    return [record for record in sent(commit, topics.SHIPMENT_EVENTS) if isinstance(record, Scan)]


def state_of(*commits: Commit) -> dict[bytes, bytes]:
    changelog: dict[bytes, bytes] = {}
    for commit in commits:
        for key, value in commit.changes:
            if value is None:
                changelog.pop(key, None)
            else:
                changelog[key] = value
    return changelog


def copies(records: Iterable[Record]) -> list[Record]:
    """What `feeds renormalize` appends for these records."""
    work = Renormalizing(FEEDS["metroline"], read_now())
    return [as_record(work.copy(record), 100 + n) for n, record in enumerate(work.choose(records))]


def read_now() -> Any:
    fold = new_fold()
    fold.fold([version(1)])
    return fold._feeds["metroline"]


def as_record(out: Out, offset: int) -> Record:
    return Record(out.topic, out.partition or 0, offset, NOW_MS, out.key, out.value, out.headers)


def test_an_unknown_code_goes_on_and_is_counted() -> None:
    """With its raw code, per feed and code, with the carrier's words and when it came."""
    commit = new_fold().fold([scanned(95), scanned(95, 2), scanned(50, 3)])
    assert [(scan.milestone, scan.raw_code) for scan in scans_of(commit)] == [
        (M.UNMAPPED, "95"),
        (M.UNMAPPED, "95"),
        (M.DELIVERED, "50"),
    ]
    assert commit.tallies["unmapped_codes", "metroline", "95"] == 2
    codes = decode_codes(state_of(commit)[UNMAPPED_KEY + b"metroline"])
    assert {code: (found.events, found.text) for code, found in codes.items()} == {"95": (2, "Ablage")}


def test_codes_are_bounded() -> None:
    """A carrier that sends ever new codes fills neither the changelog nor the labels of a metric."""
    commit = new_fold().fold([scanned(1000 + n, n) for n in range(MOST_CODES + 20)])
    codes = decode_codes(state_of(commit)[UNMAPPED_KEY + b"metroline"])
    assert len(codes) == MOST_CODES + 1
    assert codes[OTHER_CODE].events == 20


def test_a_version_takes_effect_where_it_stands_in_the_log() -> None:
    """What came before keeps its meaning, what comes after has the new one, through a restart as well."""
    records = [scanned(95, 1), version(1), scanned(95, 2)]
    whole = new_fold().fold(records)
    assert [scan.milestone for scan in scans_of(whole)] == [M.UNMAPPED, M.DELIVERED]
    assert [scan.revision for scan in scans_of(whole)] == [1, REVISIONS_PER_VERSION + 1]
    first = new_fold().fold(records[:2])
    assert MAPPING_KEY + b"metroline" in state_of(first)
    after = new_fold(state_of(first)).fold(records[2:])
    assert [scan.milestone for scan in scans_of(after)] == [M.DELIVERED]
    assert UNMAPPED_KEY + b"metroline" not in state_of(first), "the code is known now"


def test_an_older_version_changes_nothing() -> None:
    """Whoever publishes late does not take a newer mapping back."""
    commit = new_fold().fold([version(2), version(1, METROLINE), scanned(95)])
    assert [scan.milestone for scan in scans_of(commit)] == [M.DELIVERED]


@pytest.mark.parametrize(
    ("header", "text", "detail"),
    [
        ("metroline/x", EXTENDED, "header ct-mapping is not <feed>/<version>"),
        ("other/1", EXTENDED, "header ct-mapping names another feed than its value"),
        ("metroline/1", "feed: [", "mapping:"),
        ("metroline/1", EXTENDED.replace("DELIVERED", "DELIVRD", 1), "codes.95"),
    ],
)
def test_a_mapping_that_cannot_be_used_goes_to_dead_letters(header: str, text: str, detail: str) -> None:
    """And the one in force stays."""
    record = Record(
        topics.CARRIER_EVENTS, 0, 1, NOW_MS, None, text.encode(), ((MAPPING_HEADER, header.encode()),)
    )
    commit = new_fold().fold([record, scanned(50, 2)])
    letter = next(out for out in commit.outputs if out.topic == topics.DEAD_LETTERS)
    assert detail in dict(letter.headers)["ct-detail"].decode()
    assert [scan.milestone for scan in scans_of(commit)] == [M.DELIVERED]


def test_only_what_reads_differently_is_renormalized() -> None:
    """A known code, another feed and a copy of an earlier run are passed over."""
    known, unknown = scanned(50, 1), scanned(95, 2)
    [copy] = copies([known, unknown, carrier_event({"event_id": "x"})])
    assert copy.value == unknown.value
    assert copies([unknown, copy, version(1), scanned(95, 3)])[0].value == unknown.value
    assert len(copies([unknown, copy, version(1), scanned(95, 3)])) == 1


def test_a_second_run_appends_nothing() -> None:
    """The copy stands behind the version that reads it; what came under an older version is still to do."""
    unknown = scanned(95, 2)
    [copy] = copies([unknown, version(1)])
    assert copies([unknown, version(1), copy]) == []
    assert len(copies([unknown, scanned(95, 3), version(1), copy])) == 1


def through_all_stages(*polls: list[Record]) -> tuple[list[Scan], TrackFold, list[Commit]]:
    """normalize, assign and track, each poll after the other."""
    normalize, assign, track = new_fold(), AssignFold(0, 1, lambda: 0), TrackFold(0, 1, lambda: NOW_MS)
    assign.restored()
    track.restored()
    forwarded: list[Scan] = []
    tracked: list[Commit] = []
    for poll in polls:
        normalized = normalize.fold(poll)
        assigned = assign.fold(_records(normalized, topics.SHIPMENT_EVENTS))
        forwarded += [record for record in sent(assigned, topics.ROUTE_EVENTS) if isinstance(record, Scan)]
        tracked.append(
            track.fold([*_records(normalized, topics.ROUTE_EVENTS), *_records(assigned, topics.ROUTE_EVENTS)])
        )
    return forwarded, track, tracked


def _records(commit: Commit, topic: str) -> list[Record]:
    outs = [out for out in commit.outputs if out.topic == topic]
    return [Record(topic, 0, n, NOW_MS, out.key, out.value) for n, out in enumerate(outs)]


def plan_of(**changes: Any) -> Record:
    stops = [
        {
            "stop_id": f"S{n}",
            "sequence": n,
            "lat": 52.5 + n / 100,
            "lon": 13.4,
            "planned_arrival": f"2026-03-02T09:0{n}:00Z",
            "planned_departure": f"2026-03-02T09:0{n}:30Z",
            "shipment_ids": [f"P-{n}"],
        }
        for n in (1, 2)
    ]
    return intake(topics.PLANS, {**a_plan(), "stops": stops, **changes})


def served_stops(track: TrackFold) -> int:
    """Bits of the stops that count as served."""
    route = track._routes.find("R-1")
    assert route is not None
    return route.state.served


def test_later_stages_correct_themselves_once() -> None:
    """The renormalized scan has the id of the first and a higher revision: it is passed on once more, the
    stop counts as served, and sending it yet again changes nothing."""
    unknown = scanned(95, 1)
    [copy] = copies([unknown])
    polls = [[plan_of()], [unknown], [version(1)], [copy], [as_copy(copy, 201)]]
    forwarded, track, tracked = through_all_stages(*polls)
    assert [(scan.milestone, scan.scan_id) for scan in forwarded] == [
        (M.UNMAPPED, forwarded[0].scan_id),
        (M.DELIVERED, forwarded[0].scan_id),
    ]
    assert forwarded[1].replaces is M.UNMAPPED
    assert served_stops(through_all_stages(*polls[:3])[1]) == 0
    assert served_stops(track) == 0b1
    assert tracked[4].outputs == []


def as_copy(record: Record, offset: int) -> Record:
    return Record(
        record.topic, record.partition, offset, record.timestamp_ms, record.key, record.value, record.headers
    )


def test_a_wrong_delivery_is_taken_back() -> None:
    """A mapping that called a parcel in the depot DELIVERED is corrected: the stop is not served any more."""
    corrected = METROLINE.replace('"50": DELIVERED', '"50": HELD')
    scan = scanned(50, 1)
    copy = Record(
        scan.topic, 0, 9, NOW_MS, scan.key, scan.value, (*scan.headers, ("ct-renormalized", b"x/0/1"))
    )
    polls = [[plan_of()], [scan], [version(1, corrected)], [copy]]
    forwarded, track, _ = through_all_stages(*polls)
    assert [one.milestone for one in forwarded] == [M.DELIVERED, M.HELD]
    assert forwarded[1].replaces is M.DELIVERED
    assert served_stops(through_all_stages(*polls[:2])[1]) == 0b1
    assert served_stops(track) == 0


def test_a_shipment_taken_out_of_a_plan_is_released() -> None:
    """By a null assignment that names the route it was taken from; one that stayed is assigned as before."""
    fold = new_fold()
    fold.fold([plan_of()])
    stop = json.loads(plan_of().value or b"")["stops"][0]
    commit = fold.fold([plan_of(version=4, stops=[stop])])
    told = {
        record.shipment_id: (record.route_id, record.taken_from)  # type: ignore[union-attr]
        for record in sent(commit, topics.SHIPMENT_EVENTS)
    }
    assert told == {"P-2": (None, "R-1"), "P-1": ("R-1", None)}


def test_a_parcel_that_another_plan_took_up_stays_there() -> None:
    """Its old plan's null assignment comes after its new plan."""
    stop = json.loads(plan_of().value or b"")["stops"][0]
    other = plan_of(route_id="R-2", version=1)
    forwarded, _, _ = through_all_stages(
        [plan_of()], [other], [plan_of(version=4, stops=[{**stop, "shipment_ids": []}])], [scanned(50, 1)]
    )
    assert [scan.route_id for scan in forwarded] == ["R-2"]


def test_a_release_survives_a_restart() -> None:
    """What a plan carried stands in the changelog."""
    first = new_fold().fold([plan_of()])
    commit = new_fold(state_of(first)).fold(
        [plan_of(version=4, stops=json.loads(plan_of().value or b"")["stops"][:1])]
    )
    released = [r for r in sent(commit, topics.SHIPMENT_EVENTS) if getattr(r, "route_id", "") is None]
    assert len(released) == 1
