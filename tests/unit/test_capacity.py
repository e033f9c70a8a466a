"""The capacity estimate: its arithmetic by hand, its growth, its command."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.cli import EXIT_WRONG_USE, main
from controltower.capacity.estimate import Demand, explain, size
from controltower.capacity.figures import Figure, Figures, load_figures
from schemas.topics import STAGES, changelog_of


def figures(**values: float) -> Figures:
    """Ten microseconds per position and stage, twenty per scan, unless told."""
    known = {f"position_us.{stage}": 10.0 for stage in STAGES}
    known |= {f"scan_us.{stage}": 20.0 for stage in STAGES}
    known |= {"position_bytes.route-events": 900.0, f"position_bytes.{changelog_of('track')}": 100.0}
    known |= {"scan_bytes.shipment-events": 500.0}
    known |= {"route_resident_bytes": 2.0**20, "shipment_resident_bytes": 0.0}
    known |= {"route_changelog_bytes": 1.0, "shipment_changelog_bytes": 1.0, "restore_records_s": 1.0}
    return Figures("a test", {name: Figure(value, "", "") for name, value in (known | values).items()})


def test_the_arithmetic_is_that_of_the_page() -> None:
    """3,000 vehicles at 30 s and 36,000 parcels: 100 positions and 20 scans a second at peak."""
    demand = Demand(3_000, 30.0, 36_000, 2)
    found = size(demand, figures())
    assert found.reports_s == pytest.approx(120)
    assert found.cores["track"] == pytest.approx((100 * 10 + 20 * 20) / 1e6)
    assert set(found.processes.values()) == {1}
    assert found.partitions == 4
    assert found.written_bytes_s == pytest.approx(100 * 1000 + 20 * 500)
    assert found.changelog_bytes_s == pytest.approx(100 * 100)
    assert found.memory_gib == pytest.approx((3_000 + 6 * 160) / 1024)
    assert (found.brokers, found.cells) == (3, 1)


def test_the_busiest_stage_sets_the_partitions() -> None:
    """A stage that needs 2.6 cores has six processes at half a core each, so 24 partitions, rounded to 32."""
    found = size(Demand(30_000, 30.0, 0, 2), figures(**{"position_us.track": 2_600.0}))
    assert found.processes["track"] == 6
    assert found.partitions == 32


def test_beyond_twelve_brokers_the_answer_is_cells() -> None:
    """Bytes alone can ask for more brokers than one cluster should have."""
    found = size(Demand(3_000_000, 30.0, 0, 2), figures(**{"position_bytes.route-events": 10_000.0}))
    assert found.brokers > 12
    assert found.cells == -(-found.brokers // 12)


@given(st.integers(0, 10**6), st.integers(0, 10**7), st.integers(0, 10**5))
def test_more_work_never_needs_less(vehicles: int, parcels: int, more: int) -> None:
    """Every number grows with vehicles and parcels, on the shipped figures."""
    shipped = load_figures()
    small = size(Demand(vehicles, 30.0, parcels, 5), shipped)
    large = size(Demand(vehicles + more, 30.0, parcels + more, 5), shipped)
    for name in ("reports_s", "partitions", "memory_gib", "written_bytes_s", "changelog_bytes_s", "brokers"):
        assert getattr(small, name) <= getattr(large, name)
    assert sum(small.processes.values()) <= sum(large.processes.values())


def test_every_shipped_figure_has_an_origin() -> None:
    """A command or a source, and a unit."""
    shipped = load_figures()
    assert all(figure.origin and figure.unit and figure.value >= 0 for figure in shipped.figures.values())


def test_every_step_is_explained() -> None:
    """Each line has an amount and the arithmetic behind it."""
    lines = list(explain(Demand(1_000_000, 30.0, 10_000_000, 50), load_figures()))
    assert all(line.amount and line.because for line in lines)
    assert {"positions", "partitions", "memory of the stages", "brokers", "cells"} <= {x.what for x in lines}


def test_the_command_prints_the_steps(capsys: pytest.CaptureFixture[str]) -> None:
    """One line a step; --figures lists what they stand on."""
    assert main(["capacity", "--vehicles", "3000", "--ping-interval", "30"]) == 0
    assert "100/s   3,000 vehicles / 30 s" in capsys.readouterr().out
    assert main(["capacity", "--figures"]) == 0
    assert "position_us.track" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", [("--vehicles", "-1"), ("--ping-interval", "0"), ("--carriers", "0"), ("--hours", "nan")]
)
def test_a_day_that_cannot_be_is_refused(words: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """In one line that names the option."""
    assert main(["capacity", *words]) == EXIT_WRONG_USE
    assert words[0] in capsys.readouterr().err
