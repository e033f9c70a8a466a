"""How large an installation must be for a given day, as steps of arithmetic that can be followed.

All rates are those of the peak hour. Every constant here is a choice with its reason; what was measured
stands in measured.json.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from controltower.capacity.figures import Figures
from schemas.topics import (
    CARRIER_EVENTS,
    EXCEPTIONS,
    LOG_RETENTION_MS,
    RAW_RETENTION_MS,
    ROUTE_EVENTS,
    ROUTE_STATUS,
    SHIPMENT_EVENTS,
    STAGES,
    TOPICS,
    changelog_of,
)

#: A process is planned for so much of its core: the rest is room for catching up after a restart.
BUSY_SHARE = 0.5
#: So many partitions per process of the busiest stage, since the count never changes and the load grows.
ROOM_TO_GROW = 4
LEAST_PARTITIONS = 4
#: Copies of each topic.
REPLICATION = 3
#: What one broker takes in, copies from its neighbours included. Not measured: a common planning figure for
#: a broker with network disks of 125 MB/s, half used.
BROKER_BYTES_S = 60e6
#: Partition copies per broker that a cluster handles with ease (KRaft; not measured).
BROKER_REPLICAS = 4_000
#: Larger clusters are harder to upgrade and fail as one; from here on a second cell is the better way.
CELL_BROKERS = 12
CELL_PARTITIONS = 512
#: A process without state (interpreter, libraries, clients): measured resident size of a stage, rounded up.
PROCESS_MIB = 160
#: normalize counts each feed of a partition so often.
PULSE_S = 10
#: What every partition tells every other about time: ticks into three logs, how far parcels are read, and
#: which feeds are judged.
CLOCK_KINDS = 5
_DAY_S = 86_400


@dataclass(slots=True, frozen=True)
class Demand:
    """A day. `peak`: the busiest hour against the average one; `hours` on the road."""

    vehicles: int
    ping_interval_s: float
    parcels: int
    carriers: int
    hours: float = 10.0
    peak: float = 2.0
    scans_per_parcel: float = 10.0


@dataclass(slots=True, frozen=True)
class Line:
    """One step: what, how much, and how it was reckoned."""

    what: str
    amount: str
    because: str


@dataclass(slots=True, frozen=True)
class Sizes:
    """The answer as numbers."""

    reports_s: float
    cores: dict[str, float]
    processes: dict[str, int]
    partitions: int
    memory_gib: float
    written_bytes_s: float
    changelog_bytes_s: float
    brokers: int
    cells: int


def size(demand: Demand, figures: Figures) -> Sizes:
    """All numbers; rates at peak, bytes before copies."""
    positions_s, scans_s = positions_per_s(demand), scans_per_s(demand)
    cores = {
        stage: (positions_s * figures[f"position_us.{stage}"] + scans_s * figures[f"scan_us.{stage}"]) / 1e6
        for stage in STAGES
    }
    processes = {stage: max(1, math.ceil(used / BUSY_SHARE)) for stage, used in cores.items()}
    partitions = _power_of_two(max(LEAST_PARTITIONS, ROOM_TO_GROW * max(processes.values())))
    written = positions_s * figures.total("position_bytes.") + scans_s * figures.total("scan_bytes.")
    changelogs = tuple(f"_bytes.{changelog_of(stage)}" for stage in STAGES)
    changelog = sum(
        figure.value * (positions_s if name.startswith("position") else scans_s)
        for name, figure in figures.figures.items()
        if name.endswith(changelogs)
    )
    brokers = max(
        REPLICATION,
        math.ceil(written * REPLICATION / BROKER_BYTES_S),
        math.ceil(partitions * len(TOPICS) * REPLICATION / BROKER_REPLICAS),
    )
    cells = max(1, math.ceil(brokers / CELL_BROKERS), math.ceil(partitions / CELL_PARTITIONS))
    memory = memory_gib(demand, figures, sum(processes.values()))
    return Sizes(
        positions_s + scans_s, cores, processes, partitions, memory, written, changelog, brokers, cells
    )


def positions_per_s(demand: Demand) -> float:
    """Every vehicle on the road at once: the worst moment of a day, no peak on top of it."""
    return demand.vehicles / demand.ping_interval_s


def scans_per_s(demand: Demand) -> float:
    """Scans of parcels in the busiest hour."""
    return demand.parcels * demand.scans_per_parcel * demand.peak / (demand.hours * 3600)


def memory_gib(demand: Demand, figures: Figures, processes: int) -> float:
    """Processes, a route per vehicle, a shipment per parcel that is not delivered yet."""
    routes = demand.vehicles * figures["route_resident_bytes"]
    parcels = demand.parcels * figures["shipment_resident_bytes"]
    return (processes * PROCESS_MIB * 2**20 + routes + parcels) / 2**30


def _power_of_two(at_least: int) -> int:
    return 1 << (at_least - 1).bit_length()


def explain(demand: Demand, figures: Figures) -> Iterator[Line]:
    """The arithmetic, step by step."""
    sizes = size(demand, figures)
    positions_s, scans_s = positions_per_s(demand), scans_per_s(demand)
    yield Line(
        "positions",
        f"{positions_s:,.0f}/s",
        f"{demand.vehicles:,} vehicles / {demand.ping_interval_s:g} s, all on the road",
    )
    yield Line(
        "scans of parcels",
        f"{scans_s:,.0f}/s",
        f"{demand.parcels:,} parcels x {demand.scans_per_parcel:g} scans x {demand.peak:g} (peak hour) / "
        f"{demand.hours:g} h",
    )
    yield Line(
        "pulses of feeds",
        f"{demand.carriers * sizes.partitions / PULSE_S:,.0f}/s",
        f"{demand.carriers:,} carriers x {sizes.partitions} partitions / {PULSE_S} s at the most",
    )
    yield Line(
        "clock records",
        f"{CLOCK_KINDS * sizes.partitions**2 / PULSE_S:,.0f}/s",
        f"{CLOCK_KINDS} kinds x {sizes.partitions} partitions, each to {sizes.partitions}, / {PULSE_S} s",
    )
    yield from _explain_work(sizes, figures, positions_s, scans_s)
    yield from _explain_memory(demand, sizes, figures)
    yield from _explain_traffic(demand, sizes, figures, positions_s, scans_s)
    yield from _explain_cluster(sizes)


def _explain_work(sizes: Sizes, figures: Figures, positions_s: float, scans_s: float) -> Iterator[Line]:
    for stage in STAGES:
        position_us, scan_us = figures[f"position_us.{stage}"], figures[f"scan_us.{stage}"]
        yield Line(
            f"{stage}",
            f"{sizes.processes[stage]} processes",
            f"({positions_s:,.0f} x {position_us:.1f} us + {scans_s:,.0f} x {scan_us:.1f} us) = "
            f"{sizes.cores[stage]:.2f} cores, a process for every {BUSY_SHARE:g}",
        )
    yield Line(
        "cores in all",
        f"{math.ceil(sum(sizes.cores.values()) / BUSY_SHARE)}",
        f"{sum(sizes.cores.values()):.2f} used at peak / {BUSY_SHARE:g}",
    )
    yield Line(
        "partitions",
        f"{sizes.partitions}",
        f"{ROOM_TO_GROW} x {max(sizes.processes.values())} processes of the busiest stage, "
        f"the next power of two, at least {LEAST_PARTITIONS}; it can never change",
    )


def _explain_memory(demand: Demand, sizes: Sizes, figures: Figures) -> Iterator[Line]:
    route_kb, parcel_b = figures["route_resident_bytes"] / 1024, figures["shipment_resident_bytes"]
    yield Line(
        "memory of the stages",
        f"{sizes.memory_gib:,.1f} GiB",
        f"{sum(sizes.processes.values())} processes x {PROCESS_MIB} MiB + {demand.vehicles:,} routes x "
        f"{route_kb:.0f} KiB + {demand.parcels:,} parcels x {parcel_b:.0f} B",
    )
    live = demand.vehicles * figures["route_changelog_bytes"]
    live += demand.parcels * figures["shipment_changelog_bytes"]
    per_partition_s = (demand.vehicles * 2 + demand.parcels) / sizes.partitions / figures["restore_records_s"]
    yield Line(
        "live changelog",
        _shown(live),
        f"{demand.vehicles:,} routes x {figures['route_changelog_bytes']:.0f} B (state and plan) + "
        f"{demand.parcels:,} parcels x {figures['shipment_changelog_bytes']:.0f} B",
    )
    yield Line(
        "restore of a partition",
        f"{per_partition_s:.1f} s",
        f"its share of these records at {figures['restore_records_s']:,.0f} a second",
    )


def _explain_traffic(
    demand: Demand, sizes: Sizes, figures: Figures, positions_s: float, scans_s: float
) -> Iterator[Line]:
    yield Line(
        "written to Kafka",
        f"{_shown(sizes.written_bytes_s)}/s",
        f"{positions_s:,.0f} x {figures.total('position_bytes.'):,.0f} B + {scans_s:,.0f} x "
        f"{figures.total('scan_bytes.'):,.0f} B, all topics, uncompressed, before copies",
    )
    yield Line(
        "of it changelogs", f"{_shown(sizes.changelog_bytes_s)}/s", "one state per route and poll at the most"
    )
    yield Line(
        "to the brokers",
        f"{_shown(sizes.written_bytes_s * REPLICATION)}/s",
        f"x {REPLICATION} copies; read once by our stages, "
        f"{_shown(sizes.written_bytes_s - sizes.changelog_bytes_s)}/s",
    )
    daily_positions = positions_s * demand.hours * 3600
    daily_scans = demand.parcels * demand.scans_per_parcel
    raw = _kept(figures, (CARRIER_EVENTS,), daily_positions, daily_scans) * RAW_RETENTION_MS / 1000 / _DAY_S
    logs = (ROUTE_EVENTS, SHIPMENT_EVENTS, ROUTE_STATUS, EXCEPTIONS)
    kept = _kept(figures, logs, daily_positions, daily_scans) * LOG_RETENTION_MS / 1000 / _DAY_S
    yield Line(
        "disk",
        _shown((raw + kept) * REPLICATION),
        f"{RAW_RETENTION_MS / 1000 / _DAY_S:.0f} days of raw reports, {LOG_RETENTION_MS / 1000 / _DAY_S:.0f} "
        f"of logs and outputs, x {REPLICATION}",
    )


def _kept(figures: Figures, topics: tuple[str, ...], positions: float, scans: float) -> float:
    """Bytes a day on these topics."""
    return sum(
        figures.figures[f"{kind}_bytes.{topic}"].value * count
        for kind, count in (("position", positions), ("scan", scans))
        for topic in topics
        if f"{kind}_bytes.{topic}" in figures.figures
    )


def _explain_cluster(sizes: Sizes) -> Iterator[Line]:
    yield Line(
        "brokers",
        f"{sizes.brokers}",
        f"the most of {REPLICATION} (copies), bytes / {_shown(BROKER_BYTES_S)}/s a broker, and "
        f"{sizes.partitions} x {len(TOPICS)} topics x {REPLICATION} / {BROKER_REPLICAS:,} partitions a "
        "broker (planning figures, not measured)",
    )
    yield Line(
        "cells",
        f"{sizes.cells}",
        f"one cluster up to {CELL_BROKERS} brokers or {CELL_PARTITIONS} partitions; beyond, split by region",
    )


def _shown(amount: float) -> str:
    """Bytes in the unit that suits them."""
    for unit, scale in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if amount >= scale:
            return f"{amount / scale:,.1f} {unit}"
    return f"{amount / 1e3:,.1f} kB"
