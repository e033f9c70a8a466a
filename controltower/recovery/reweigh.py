"""Weighs again after a failure, when a mutex group is free again, when a cooldown has ended."""

from __future__ import annotations

from collections.abc import Callable

from controltower.recovery.governance import is_blocked
from controltower.recovery.policy import Playbook
from controltower.recovery.state import Case, HomeState
from controltower.recovery.weigh import weigh
from schemas import wire
from schemas.vocabulary import ActionName, SuppressReason


def go_on_after_failure(
    home: HomeState, playbook: Playbook, failed: wire.Action, at_ms: int
) -> list[wire.Action]:
    """The steps behind the failed one."""
    case = home.cases[failed.exception_id]
    case.failed = True
    rule = playbook.rules.get(case.code)
    if case.muted or rule is None:
        return []
    return weigh(home, case, playbook, at_ms, rule.place_of(failed.action) + 1)


def release_mutex(home: HomeState, playbook: Playbook, at_ms: int) -> list[wire.Action]:
    """Exceptions that waited for a group which is free now."""
    return _release(home, playbook, at_ms, SuppressReason.MUTEX, lambda name: not is_blocked(name, home))


def release_cooldown(home: HomeState, playbook: Playbook, at_ms: int) -> list[wire.Action]:
    """Exceptions that waited for the end of a cooldown."""
    return _release(
        home,
        playbook,
        at_ms,
        SuppressReason.COOLDOWN,
        lambda name: home.cooldowns.get(name, 0) <= at_ms,
    )


def _release(
    home: HomeState,
    playbook: Playbook,
    at_ms: int,
    reason: SuppressReason,
    free: Callable[[ActionName], bool],
) -> list[wire.Action]:
    """One case after the other: the first that is released may block the next again."""
    effects: list[wire.Action] = []
    for case in list(home.cases.values()):
        freed = [name for name, why in case.held.items() if why is reason and free(ActionName(name))]
        for name in freed:
            del case.held[name]
        if freed and not _needs_nothing(home, case):
            effects += weigh(home, case, playbook, at_ms)
    return effects


def _needs_nothing(home: HomeState, case: Case) -> bool:
    """Nothing to do for it: silenced, over for now, or already being worked on."""
    at_work = any(action.exception_id == case.exception_id for action in home.actions.values())
    return case.cleared or case.muted or at_work
