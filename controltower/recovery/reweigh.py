"""Weighs again: after a failure, when a mutex group is free, when a wait has ended, when policy changes."""

from __future__ import annotations

from collections.abc import Callable, Collection

from controltower.recovery.actions import Effect
from controltower.recovery.governance import is_blocked
from controltower.recovery.regime import Regime
from controltower.recovery.state import Case, HomeState
from controltower.recovery.weigh import chosen_for, weigh
from schemas import wire
from schemas.vocabulary import ActionName, SuppressReason

#: What a switch or another playbook may lift.
_BY_POLICY = frozenset({SuppressReason.KILL_SWITCH, SuppressReason.SHADOW, SuppressReason.NO_POLICY})
_IsFree = Callable[[Case, str], bool]


def go_on_after_failure(home: HomeState, regime: Regime, failed: wire.Action, at_ms: int) -> list[Effect]:
    """The steps behind the failed one."""
    home.cases[failed.exception_id].failed = True
    return go_on(home, regime, failed, at_ms)


def go_on(home: HomeState, regime: Regime, behind: wire.Action, at_ms: int) -> list[Effect]:
    """The steps behind that of an action which will not be sent, or did not help."""
    case = home.cases[behind.exception_id]
    chosen = chosen_for(case, regime)
    if case.muted or not chosen.steps or behind.compensates is not None:
        return []
    return weigh(home, case, regime, at_ms, chosen.place_of(behind.action) + 1)


def release_mutex(home: HomeState, regime: Regime, at_ms: int) -> list[Effect]:
    """Exceptions that waited for a group which is free now."""
    return _release(home, regime, at_ms, {SuppressReason.MUTEX}, _is_unblocked(home))


def _is_unblocked(home: HomeState) -> _IsFree:
    return lambda _case, name: not is_blocked(ActionName(name), home)


def release_cooldown(home: HomeState, regime: Regime, at_ms: int) -> list[Effect]:
    """Exceptions that waited for the end of a cooldown."""
    return _release(
        home,
        regime,
        at_ms,
        {SuppressReason.COOLDOWN},
        lambda _case, name: home.cooldowns.get(name, 0) <= at_ms,
    )


def release_waits(home: HomeState, regime: Regime, at_ms: int) -> list[Effect]:
    """Exceptions that waited for the end of quiet hours or of a cap's day."""
    effects = _release(
        home,
        regime,
        at_ms,
        {SuppressReason.QUIET_HOURS, SuppressReason.COST_CAP},
        lambda case, name: name in case.wakes and case.wakes[name] <= at_ms,
    )
    for case in home.cases.values():  # what has come to be held for another reason waits for that
        case.wakes = {name: wake_ms for name, wake_ms in case.wakes.items() if wake_ms > at_ms}
    return effects


def waits_for_policy(home: HomeState) -> bool:
    """Whether a switch or the playbook holds back anything here."""
    return any(not _BY_POLICY.isdisjoint(case.held.values()) for case in home.cases.values())


def release_policy(home: HomeState, regime: Regime, at_ms: int) -> list[Effect]:
    """Exceptions that a switch or the playbook before had held back."""
    home.at_ms = max(home.at_ms, at_ms)
    return _release(home, regime, home.at_ms, _BY_POLICY, lambda _case, _name: True)


def _release(
    home: HomeState, regime: Regime, at_ms: int, reasons: Collection[SuppressReason], free: _IsFree
) -> list[Effect]:
    """One case after the other: the first that is released may block the next again."""
    effects: list[Effect] = []
    for case in list(home.cases.values()):
        freed = [name for name, why in case.held.items() if why in reasons and free(case, name)]
        for name in freed:
            del case.held[name]
            case.wakes.pop(name, None)
        if freed and not _needs_nothing(home, case):
            effects += weigh(home, case, regime, at_ms)
    return effects


def _needs_nothing(home: HomeState, case: Case) -> bool:
    """Nothing to do for it: silenced, over for now, or already being worked on."""
    at_work = any(action.exception_id == case.exception_id for action in home.actions.values())
    return case.cleared or case.muted or at_work
