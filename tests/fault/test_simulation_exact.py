"""With everything on, no simulated history loses or doubles anything."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.fault.simulation.__main__ import WORKLOADS
from tests.fault.simulation.history import find_harm, histories, timeline
from tests.fault.simulation.mechanisms import ALL_ON
from tests.fault.simulation.violation import KINDS

SEED = 20_260
#: workload -> histories
SHORT: Mapping[str, int] = {"count": 600, "normalize": 200, "track": 60, "recover": 80}


@pytest.mark.parametrize("name", SHORT)
def test_every_history_ends_as_the_offline_fold_of_its_log(name: str) -> None:
    """Crashes, sleepers, rebalances, timeouts, aborts, compaction: outputs and states are right."""
    make_workload, _ = WORKLOADS[name]
    finding = find_harm(make_workload, ALL_ON, SEED, SHORT[name], KINDS)
    assert finding is None, "\n".join(
        [
            f"repeat: python -m tests.fault.simulation --workload {name} --seed {SEED}",
            *timeline(finding.shrunk()),
        ]
    )


@pytest.mark.parametrize("name", SHORT)
def test_a_history_is_the_same_each_time(name: str) -> None:
    """Everything follows from seed and steps, so a finding can be played again."""
    make_workload, _ = WORKLOADS[name]
    number_four = [h for h, _ in zip(histories(make_workload, ALL_ON, SEED), range(4), strict=False)][-1]
    assert timeline(number_four) == timeline(number_four)


def test_the_faults_of_the_steps_happen() -> None:
    """The histories are not quiet: each kind of trouble shows up in some of the first hundred timelines."""
    make_workload, _ = WORKLOADS["count"]
    lines = [
        line
        for history, _ in zip(histories(make_workload, ALL_ON, SEED), range(100), strict=False)
        for line in timeline(history)
    ]
    for trouble in (
        "is killed",
        "falls asleep",
        "wakes up",
        "is refused by the broker: partition",
        "is taken for dead by the group",
        "times out",
        "rejected a record",
        "is compacted",
        "the outsider aborts",
        "loses a poll",
        "has left the group",
    ):
        assert any(trouble in line for line in lines), trouble
