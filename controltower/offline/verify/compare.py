"""Three ways in which what a fold writes again must equal what stands in a topic."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from controltower.offline.verify.findings import Difference
from controltower.offline.verify.records import (
    comparable,
    comparable_state,
    fingerprint,
    first_difference,
    name_of,
)
from controltower.streaming.stage import Out, Record


def compare_in_order(where: str, expected: Sequence[Out], settled: int, found: Sequence[Record]) -> None:
    """`found` must be the first records of `expected`, and at least the first `settled` of them."""
    for number, (one, other) in enumerate(zip(expected, found, strict=False), start=1):
        if one.key != other.key:
            raise Difference(
                f"{where}, record {number} at offset {other.offset}: live is {name_of(other.value)}, "
                f"the replay has {name_of(one.value)}"
            )
        if tuple(one.headers) != tuple(other.headers):
            raise Difference(
                f"{where}, record {number} at offset {other.offset} ({name_of(other.value)}): "
                f"headers are {other.headers} live and {one.headers} in the replay"
            )
        replayed, live = comparable(one.value), comparable(other.value)
        if replayed != live:
            raise Difference(
                f"{where}, record {number} at offset {other.offset} ({name_of(other.value)}): "
                f"{first_difference(replayed, live)}"
            )
    if len(found) > len(expected):
        extra = found[len(expected)]
        raise Difference(
            f"{where}: live has {len(found)} records and the replay {len(expected)}; the first too many "
            f"is at offset {extra.offset}: {name_of(extra.value)}"
        )
    if len(found) < settled:
        raise Difference(
            f"{where}: live has {len(found)} records and the replay {settled}; the first missing is "
            f"{name_of(expected[len(found)].value)}"
        )


def compare_as_sets(
    where: str, settled: Sequence[Out], later: Sequence[Out], found: Sequence[Record]
) -> None:
    """As `compare_in_order`, where several writers share a topic and only the content counts."""
    names = {name_of(out.value): out.value for out in settled}
    owed = Counter((out.key, fingerprint(out.value)) for out in settled)
    allowed = owed + Counter((out.key, fingerprint(out.value)) for out in later)
    for record in found:
        what = (record.key, fingerprint(record.value))
        if not allowed[what]:
            raise Difference(f"{where}, offset {record.offset}: {_not_written(record, names)}")
        allowed[what] -= 1
        owed[what] -= 1
    missing = next((value for (_, value), count in owed.items() if count > 0), None)
    if missing is not None:
        raise Difference(f"{where}: live lacks {name_of(missing)}")


def _not_written(record: Record, names: Mapping[str, bytes | None]) -> str:
    """Says which field differs where the replay has a record of the same name."""
    name, live = name_of(record.value), comparable(record.value)
    replayed = comparable(names.get(name))
    if replayed is None or replayed == live:
        return f"the replay does not write (or not so often) {name}"
    return f"{name}: {first_difference(replayed, live)}"


def compare_latest(where: str, expected: Sequence[Out], settled: int, found: Sequence[Record]) -> None:
    """The last record per key must be the last of the settled ones, or one that came after them."""
    allowed: defaultdict[bytes | None, list[Out]] = defaultdict(list)
    for number, out in enumerate(expected):
        if number < settled:
            allowed[out.key] = [out]
        else:
            allowed[out.key].append(out)
    latest = {record.key: record for record in found}
    for key, record in latest.items():
        if key not in allowed:
            raise Difference(f"{where}: the replay has none of {name_of(record.value)}")
        live = comparable(record.value)
        if not any(comparable(out.value) == live for out in allowed[key]):
            replayed = comparable(allowed[key][0].value)
            raise Difference(f"{where}, {name_of(record.value)}: {first_difference(replayed, live)}")
    for out in expected[:settled]:
        if out.key not in latest:
            raise Difference(f"{where}: live lacks {name_of(out.value)}")


def compare_state(where: str, expected: Mapping[bytes, bytes], found: Mapping[bytes, bytes]) -> None:
    """The live entries of a changelog must be the state of the fold at the same position."""
    for key in [*expected, *(key for key in found if key not in expected)]:
        one, other = expected.get(key), found.get(key)
        shown = key.decode(errors="replace")
        if one is None or other is None:
            raise Difference(f"{where}, key {shown}: {'only live' if one is None else 'only in the replay'}")
        if one != other and (replayed := comparable_state(one)) != (live := comparable_state(other)):
            raise Difference(f"{where}, key {shown}: {first_difference(replayed, live)}")
