"""Feeds and what their payloads become, as text and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from controltower.feeds.explain import EventShown, PayloadShown
from controltower.feeds.registry import Feed

#: What `feeds test --json` writes; within a major version keys are only added.
SCHEMA = "controltower.feeds-test/1"
_SHOWN_CHARACTERS = 60


def print_feeds(feeds: Mapping[str, Feed], *, as_json: bool) -> None:
    """One line for each feed."""
    rows = [
        {
            "feed": feed.name,
            "carrier": feed.carrier,
            "tenant": feed.tenant,
            "format": feed.spec.format,
            "codes": feed.spec.codes if isinstance(feed.spec.codes, str) else _count_codes(feed),
        }
        for feed in feeds.values()
    ]
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{'feed':<18} {'carrier':<16} {'format':<14} codes")
    for row in rows:
        print(f"{row['feed']:<18} {row['carrier']:<16} {row['format']:<14} {row['codes']}")


def _count_codes(feed: Feed) -> int:
    spec = feed.spec
    return len(spec.codes) + len(spec.texts) + sum(len(lookup.codes) for lookup in spec.lookups)


def summarize(shown: Sequence[tuple[str, PayloadShown]]) -> dict[str, int]:
    """How many payloads and events of which kind."""
    verdicts = Counter(payload.verdict for _, payload in shown)
    events = [event for _, payload in shown for event in payload.events]
    return {
        "payloads": len(shown),
        **{verdict: verdicts[verdict] for verdict in ("accepted", "rejected", "nothing")},
        "events": sum(not event.rejected for event in events),
        "unmapped": sum(event.unmapped for event in events),
        "skipped": sum(payload.skipped for _, payload in shown),
    }


def _unmapped(shown: Sequence[tuple[str, PayloadShown]]) -> list[dict[str, Any]]:
    """Each unknown code with one of its texts, the most frequent first."""
    counts: Counter[tuple[str | None, str | None]] = Counter()
    for _, payload in shown:
        for event in payload.events:
            if event.unmapped:
                counts[event.code, event.text] += 1
    return [{"code": code, "text": text, "events": count} for (code, text), count in counts.most_common()]


def print_tests(feed: Feed, shown: Sequence[tuple[str, PayloadShown]], *, as_json: bool) -> None:
    """What each payload and each event became, what is unmapped, and a summary."""
    if as_json:
        files = [{"file": name, **payload.as_dict()} for name, payload in shown]
        told = {"schema": SCHEMA, "feed": feed.name, "carrier": feed.carrier, "files": files}
        print(json.dumps({**told, "unmapped": _unmapped(shown), "summary": summarize(shown)}, indent=1))
        return
    for name, payload in shown:
        why = f": {payload.reason}, {payload.detail}" if payload.reason else ""
        print(f"{name}: {payload.verdict}{why}")
        for nothing in payload.nothing:
            print(f"  {nothing['name']} {nothing['tracking_number'] or ''}".rstrip())
        for event in payload.events:
            print(f"  {_line(event)}")
        if payload.skipped:
            print(f"  {payload.skipped} entries that the mapping skips")
    for row in _unmapped(shown):
        print(f"unmapped: {row['code'] or '(no code)'} {row['text'] or ''} ({row['events']} times)")
    print("; ".join(f"{count:,} {what}" for what, count in summarize(shown).items() if count))


def _line(event: EventShown) -> str:
    if event.rejected:
        return f"{event.index:>3} REJECTED {event.rejected}: {event.detail}"
    zone = f" ({event.assumed_zone} assumed)" if event.assumed_zone else ""
    subject = event.tracking_number or event.route_id or ""
    said = " ".join(part for part in (event.code, event.text) if part)[:_SHOWN_CHARACTERS]
    meaning = f"{event.milestone or '-'}{f' [{event.reason}]' if event.reason else ''}"
    return f"{event.index:>3} {subject} {event.occurred_at}{zone} {meaning} <- {said or '-'}"
