"""The life of an exception: no path through the machine breaks what consumers are promised."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from controltower.detect.rule import Verdict
from controltower.exceptions import commands, lifecycle, machine
from controltower.exceptions.answering import FLAPPING_FROM, HIGHEST_LEVEL
from controltower.exceptions.episode import Episode
from controltower.exceptions.lifecycle import Subject
from controltower.exceptions.machine import MOVES, Mark, Step, find_move
from controltower.route.timeline import from_ms
from schemas import wire
from schemas.vocabulary import CommandKind, ExceptionCode, ExceptionStatus, Refusal, Resolution, Transition

T0_MS = 1_767_258_000_000
SUBJECT = Subject("default", "R1", "V1", "acme", None, None, None, "rules/1")
VERDICT = Verdict(True, T0_MS, metrics={"halt_s": 700.0})
OF_PEOPLE = [kind for kind in CommandKind if kind not in (CommandKind.APPROVE, CommandKind.REFUSE)]


def command_of(
    kind: CommandKind, number: int = 0, why: str | None = "seen", ahead_s: float = 60
) -> wire.Command:
    return wire.Command(
        command_id=f"c{number}",
        kind=kind,
        exception_id="x",
        home="route:R1",
        by="ops-1",
        why=why,
        until=from_ms(T0_MS) + timedelta(seconds=ahead_s),
        issued_at=from_ms(T0_MS),
    )


def open_one() -> tuple[Episode, wire.ExceptionRecord]:
    episode = lifecycle.open_episode(SUBJECT, ExceptionCode.LONG_HALT, VERDICT, T0_MS, None)
    return episode, lifecycle.tell(
        episode, SUBJECT, lifecycle.take_step(episode, Step.OPEN) or Transition.CLOSED, T0_MS
    )


class Walk(RuleBasedStateMachine):
    """Anything may happen at any time; what may not is refused and changes nothing."""

    @initialize()
    def opens(self) -> None:
        self.episode, first = open_one()
        self.told = [first]
        self.number = 0

    def take(self, record: wire.ExceptionRecord | None) -> None:
        if record is not None:
            self.told.append(record)

    @property
    def is_live(self) -> bool:
        return self.episode.status is not ExceptionStatus.RESOLVED

    @rule(
        kind=st.sampled_from(OF_PEOPLE),
        ahead_s=st.integers(-10, 10**6),
        why=st.sampled_from([None, " ", "dock"]),
    )
    def a_person_speaks(self, kind: CommandKind, ahead_s: int, why: str | None) -> None:
        self.number += 1
        command = command_of(kind, self.number, why, ahead_s)
        before = self.episode.marks, self.episode.status, self.episode.seq
        if commands.find_refusal(self.episode, command, T0_MS) is not None:
            assert (self.episode.marks, self.episode.status, self.episode.seq) == before
        elif kind in commands.ENDINGS:
            self.take(lifecycle.resolve(self.episode, SUBJECT, commands.ENDINGS[kind], T0_MS))
        else:
            self.take(commands.obey(self.episode, command, SUBJECT, T0_MS))

    @precondition(lambda self: self.is_live)
    @rule()
    def the_condition_turns(self) -> None:
        if self.episode.cleared_ms:
            self.take(lifecycle.mark_back(self.episode, SUBJECT, VERDICT, T0_MS))
        else:
            self.take(lifecycle.mark_cleared(self.episode, SUBJECT, T0_MS))

    @precondition(lambda self: self.is_live)
    @rule(halt_s=st.sampled_from([700.0, 1900.0]))
    def it_gets_better_or_worse(self, halt_s: float) -> None:
        if lifecycle.take_numbers(self.episode, Verdict(True, T0_MS, metrics={"halt_s": halt_s})):
            self.take(lifecycle.regrade(self.episode, SUBJECT, T0_MS))

    @precondition(lambda self: self.is_live)
    @rule()
    def an_action_goes_out(self) -> None:
        self.take(lifecycle.start_recovery(self.episode, SUBJECT, T0_MS))

    @precondition(lambda self: self.is_live)
    @rule()
    def the_snooze_ends(self) -> None:
        if self.episode.snoozed:
            self.take(lifecycle.wake(self.episode, SUBJECT, T0_MS))

    @precondition(lambda self: self.is_live)
    @rule(resolution=st.sampled_from(list(Resolution)))
    def it_ends(self, resolution: Resolution) -> None:
        self.take(lifecycle.resolve(self.episode, SUBJECT, resolution, T0_MS))

    @invariant()
    def seq_has_no_gap_and_opens_with_opened(self) -> None:
        assert [record.seq for record in self.told] == list(range(1, len(self.told) + 1))
        assert [r.transition for r in self.told].count(Transition.OPENED) == 1

    @invariant()
    def resolved_comes_last_and_once(self) -> None:
        ends = [r.seq for r in self.told if r.transition is Transition.RESOLVED]
        assert ends == ([] if self.is_live else [len(self.told)])

    @invariant()
    def a_record_says_what_the_machine_says(self) -> None:
        last = self.told[-1]
        assert last.status is self.episode.status
        assert 0 <= last.escalation_level <= HIGHEST_LEVEL
        assert any(move.tells is last.transition for move in MOVES)
        assert (Mark.FLAPPING in self.episode.marks) == (self.episode.occurrences >= FLAPPING_FROM)


TestWalk = Walk.TestCase
TestWalk.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_every_status_can_be_left_until_it_is_closed() -> None:
    """No dead end: from each status a path leads to CLOSED, and each status can be reached."""
    reached: set[ExceptionStatus] = {ExceptionStatus.OPEN}
    for _ in ExceptionStatus:
        reached |= {move.to for move in MOVES if move.to and reached & set(move.sources)}
    assert reached == set(ExceptionStatus)
    assert all(find_move(Step.RESOLVE, s, ()) for s in ExceptionStatus if s.value[0] in "OAI")
    assert not [move for move in MOVES if ExceptionStatus.CLOSED in move.sources]


@given(
    st.sampled_from(list(Step)), st.sampled_from(list(ExceptionStatus)), st.sets(st.sampled_from(list(Mark)))
)
def test_a_step_has_at_most_one_row(step: Step, status: ExceptionStatus, marks: set[Mark]) -> None:
    """The table never says two things of the same situation."""
    fits = [
        m for m in MOVES if m.step is step and status in m.sources and m.needs <= marks and not m.bars & marks
    ]
    assert len(fits) <= 1
    assert find_move(step, status, marks) is (fits[0] if fits else None)


def test_the_page_is_drawn_from_the_table() -> None:
    """docs/lifecycle.md has the diagram and the table of the code."""
    text = machine.PAGE.read_text()
    assert machine.page(text) == text
    assert all(f"| {refusal.value}" in text or f", {refusal.value}" in text for refusal in Refusal)


def test_a_flapping_exception_is_quiet_and_holds_longer() -> None:
    """The fourth opening is told with the flag; what follows is not, until the end."""
    episode, _ = open_one()
    for _ in range(FLAPPING_FROM - 1):
        assert lifecycle.mark_cleared(episode, SUBJECT, T0_MS) is not None
        back = lifecycle.mark_back(episode, SUBJECT, VERDICT, T0_MS)
    assert back is not None
    assert back.flags == ("FLAPPING",)
    assert lifecycle.mark_cleared(episode, SUBJECT, T0_MS) is None
    assert lifecycle.mark_back(episode, SUBJECT, VERDICT, T0_MS) is None
    ended = lifecycle.resolve(episode, SUBJECT, Resolution.AUTO, T0_MS)
    assert (ended.seq, ended.occurrence_count) == (back.seq + 1, FLAPPING_FROM + 1)


def test_nobody_took_it_so_it_climbs() -> None:
    """Severity 2: after 20, 20 and 40 min without a person; not while somebody has it."""
    episode, _ = open_one()
    minutes = []
    while (due := episode.due_at_level_ms()) is not None:
        minutes.append((due - T0_MS) // 60_000)
        lifecycle.escalate(episode, SUBJECT, due)
    assert minutes == [20, 40, 80]
    episode, _ = open_one()
    commands.obey(episode, command_of(CommandKind.ACKNOWLEDGE), SUBJECT, T0_MS)
    assert episode.due_at_level_ms() is None
