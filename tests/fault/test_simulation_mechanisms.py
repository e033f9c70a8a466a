"""Each mechanism is there for a reason: without it the simulation finds a loss, a double or a wrong state."""

from __future__ import annotations

import pytest

from tests.fault.simulation.__main__ import workload_for
from tests.fault.simulation.history import find_harm, timeline
from tests.fault.simulation.mechanisms import ALL_ON, NAMES
from tests.fault.simulation.violation import HARM

SEED = 1
MOST_HISTORIES = 2_000


@pytest.mark.parametrize("mechanism", NAMES)
def test_without_it_harm_is_found(mechanism: str) -> None:
    """Found, made shorter, told in a timeline that ends with what is wrong; harmless with everything on."""
    finding = find_harm(workload_for(mechanism), ALL_ON.without(mechanism), SEED, MOST_HISTORIES)
    assert finding is not None
    shortest = finding.shrunk()
    assert len(shortest.steps) <= min(20, len(finding.history.steps))
    assert timeline(shortest)[-1].startswith("=> ")
    assert {violation.kind for violation in shortest.play()} & HARM
    assert not shortest.with_mechanisms(ALL_ON).play()
