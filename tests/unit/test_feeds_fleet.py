"""How many vehicles are at work: counted as they come and go, the same as by looking at each of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from controltower.feeds.vehicles import FORGET_AFTER_MS, Fleet

FEEDS = ("a", "b")
WINDOW_MS = 600_000


def restarted(changelog: dict[bytes, bytes]) -> Fleet:
    """As a process that takes over knows them."""
    fleet = Fleet()
    for key, value in changelog.items():
        fleet.restore(key, value)
    fleet.restored()
    return fleet


@given(
    st.lists(
        st.tuples(
            st.integers(0, WINDOW_MS // 2) | st.just(FORGET_AFTER_MS),
            st.sampled_from(FEEDS),
            st.integers(0, 4),
            st.sampled_from(("see", "count", "forget", "restart")),
        ),
        max_size=40,
    )
)
def test_the_count_is_that_of_all_who_were_heard_lately(
    steps: list[tuple[int, str, int, str]],
) -> None:
    """Whatever was counted or forgotten before, and whether or not the process was started again."""
    fleet, changelog, seen_ms, now_ms = Fleet(), dict[bytes, bytes](), dict[tuple[str, int], int](), 10**12
    for later_ms, feed, number, what in steps:
        now_ms += later_ms
        if what == "see":
            seen_ms[feed, number] = now_ms
            assert fleet.see(feed, str(number), now_ms).seen_ms == now_ms
        elif what == "forget":
            fleet.forget_unseen(now_ms)
            seen_ms = {who: at_ms for who, at_ms in seen_ms.items() if at_ms > now_ms - FORGET_AFTER_MS}
        for key, value in fleet.take_changes():
            if value is None:
                del changelog[key]
            else:
                changelog[key] = value
        assert set(changelog) == {f"v/{feed}/{number}".encode() for feed, number in seen_ms}
        if what == "restart":
            fleet = restarted(changelog)
        if what in ("count", "restart"):
            since_ms = now_ms - WINDOW_MS
            lately = [who for who, at_ms in seen_ms.items() if at_ms >= since_ms]
            heard = fleet.count_heard(since_ms)
            assert {feed: heard.get(feed, 0) for feed in FEEDS} == {
                feed: sum(one == feed for one, _ in lately) for feed in FEEDS
            }
