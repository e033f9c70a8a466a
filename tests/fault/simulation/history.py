"""Histories: made of a seed, played, and made shorter once they show a violation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from itertools import islice
from random import Random

from tests.fault.simulation.mechanisms import Mechanisms
from tests.fault.simulation.peace import settle
from tests.fault.simulation.steps import Step, Steps
from tests.fault.simulation.violation import HARM, Violation
from tests.fault.simulation.worker import installed
from tests.fault.simulation.workloads import Workload
from tests.fault.simulation.world import World

MakeWorkload = Callable[[Random, Mechanisms], Workload]

#: step -> how often, among all steps
_WEIGHTS = {
    "run": 60,
    "append": 16,
    "open": 3,
    "close": 3,
    "wait": 6,
    "launch": 6,
    "kill": 3,
    "stop": 2,
    "pause": 4,
    "wake": 5,
    "expire": 5,
    "compact": 3,
    "timeout": 1,
    "reject": 1,
    "lag": 3,
    "lose": 2,
}
_MOST_STEPS = 70


def make_steps(random: Random) -> list[Step]:
    """The steps of one history."""
    whats = random.choices(list(_WEIGHTS), list(_WEIGHTS.values()), k=random.randint(8, _MOST_STEPS))
    return [Step(what, random.randrange(60), random.randrange(1 << 30)) for what in whats]


@dataclass(slots=True, frozen=True)
class History:
    """Everything that happens follows from these."""

    make_workload: MakeWorkload
    mechanisms: Mechanisms
    seed: int
    steps: Sequence[Step]

    def play(self, tell: Callable[[str], None] | None = None) -> list[Violation]:
        """What is wrong at its end; nothing is left of it."""
        setup = Random(self.seed)
        workload = self.make_workload(setup, self.mechanisms)
        with installed():
            world = World(workload, self.mechanisms, setup, tell)
            try:
                return self._play(world)
            finally:
                world.discard()

    def _play(self, world: World) -> list[Violation]:
        steps = Steps(world)
        for step in self.steps:
            steps.do(step)
        settle(world)
        return world.judge.verdict(world)

    def with_steps(self, steps: Sequence[Step]) -> History:
        return replace(self, steps=steps)

    def with_mechanisms(self, mechanisms: Mechanisms) -> History:
        return replace(self, mechanisms=mechanisms)


def histories(make_workload: MakeWorkload, mechanisms: Mechanisms, seed: int) -> Iterator[History]:
    """Without end; the n-th is the same for the same seed."""
    number = 0
    while True:
        own = seed * 1_000_003 + number
        yield History(make_workload, mechanisms, own, make_steps(Random(own)))
        number += 1


@dataclass(slots=True, frozen=True)
class Finding:
    """The first history with harm in it: how many were played before it, and its violations."""

    clean: int
    history: History
    violations: Sequence[Violation]

    def shrunk(self) -> History:
        """A short history that does harm of the same kinds."""
        kinds = {violation.kind for violation in self.violations} & HARM or {self.violations[0].kind}
        return shrink(self.history, lambda found: bool(kinds & {violation.kind for violation in found}))


def find_harm(
    make_workload: MakeWorkload, mechanisms: Mechanisms, seed: int, most: int, kinds: Set[str] = HARM
) -> Finding | None:
    """Play up to `most` histories until one ends in a violation of these kinds."""
    for number, history in enumerate(islice(histories(make_workload, mechanisms, seed), most)):
        violations = history.play()
        if any(violation.kind in kinds for violation in violations):
            return Finding(number, history, violations)
    return None


def shrink(history: History, is_bad: Callable[[Sequence[Violation]], bool]) -> History:
    """A history as bad, with fewer and plainer steps: leaves out stretches of them, then numbers."""
    stretch = max(1, len(history.steps) // 2)
    while stretch:
        shorter = _leave_out(history, stretch, is_bad)
        if shorter is None:
            stretch //= 2
        else:
            history = shorter
            stretch = min(stretch, len(history.steps))
    return _simplify(history, is_bad)


def _leave_out(
    history: History, stretch: int, is_bad: Callable[[Sequence[Violation]], bool]
) -> History | None:
    for start in range(len(history.steps) - stretch, -1, -1):
        candidate = history.with_steps([*history.steps[:start], *history.steps[start + stretch :]])
        if is_bad(candidate.play()):
            return candidate
    return None


def _simplify(history: History, is_bad: Callable[[Sequence[Violation]], bool]) -> History:
    for number, step in enumerate(history.steps):
        for plainer in (Step(step.what), Step(step.what, step.a), Step(step.what, step.a % 2, step.b)):
            candidate = history.with_steps([*history.steps[:number], plainer, *history.steps[number + 1 :]])
            if is_bad(candidate.play()):
                history = candidate
                break
    return history


def timeline(history: History) -> list[str]:
    """The history in plain words, then what is wrong."""
    lines: list[str] = []
    found = history.play(lines.append)
    return [*lines, *(f"=> {violation}" for violation in found)]
