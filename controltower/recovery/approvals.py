"""What a person says to an action: who, in which role, and why; two of them where much is at stake."""

from __future__ import annotations

from typing import Final

from controltower.exceptions.commands import answer
from controltower.recovery.actions import Effect, move
from controltower.recovery.governance import AWAITS_PERSON, find_hold_at_send
from controltower.recovery.permits import send
from controltower.recovery.regime import Regime
from controltower.recovery.reweigh import release_mutex
from controltower.recovery.state import HomeState
from controltower.route.timeline import from_ms
from schemas import wire
from schemas.vocabulary import ActionState, CommandKind, Refusal

#: Brokers deliver twice within seconds; more than this many commands do not come in between.
_COMMANDS_KEPT: Final = 16


def obey(home: HomeState, regime: Regime, command: wire.Command, at_ms: int) -> list[Effect]:
    """Approve or refuse, and reply. A copy of a command changes nothing and is not answered again."""
    if command.command_id in home.command_ids:
        return []
    action = home.actions.get(command.action_id or "")
    refusal = _find_refusal(action, command)
    if refusal is not None or action is None:
        return [answer(command, max(at_ms, home.at_ms), refusal)]
    home.at_ms = at_ms
    home.command_ids = [*home.command_ids[1 - _COMMANDS_KEPT :], command.command_id]
    heard = wire.Approval(
        by=command.by,
        approved=command.kind is CommandKind.APPROVE,
        role=command.role,
        why=command.why,
        at=from_ms(at_ms),
    )
    approvals = (*action.approvals, heard)
    if command.kind is CommandKind.REFUSE:
        effects: list[Effect] = [move(home, action, ActionState.REJECTED, at_ms, approvals=approvals)]
    elif len(approvals) < action.approvals_needed:
        effects = [move(home, action, action.state, at_ms, approvals=approvals)]
    else:
        effects = _approve(home, regime, action, approvals, at_ms)
    effects += release_mutex(home, regime, at_ms)
    return [*effects, answer(command, at_ms, None)]


def _find_refusal(action: wire.Action | None, command: wire.Command) -> Refusal | None:
    """Why the command changes nothing, or None where it will be obeyed."""
    if command.kind not in (CommandKind.APPROVE, CommandKind.REFUSE):
        return Refusal.NOT_ALLOWED
    if action is None or action.state not in AWAITS_PERSON:
        return Refusal.NOT_OPEN
    if command.kind is CommandKind.REFUSE:
        return None
    if action.approver is not None and command.role != action.approver:
        return Refusal.NOT_ALLOWED
    if any(approval.by == command.by for approval in action.approvals):
        return Refusal.SAME_PERSON
    why_needed = action.approvals_needed > 1 and not (command.why or "").strip()
    return Refusal.WHY_MISSING if why_needed else None


def _approve(
    home: HomeState,
    regime: Regime,
    action: wire.Action,
    approvals: tuple[wire.Approval, ...],
    at_ms: int,
) -> list[Effect]:
    approved = move(home, action, ActionState.APPROVED, at_ms, approvals=approvals)
    case = home.cases[action.exception_id]
    held = find_hold_at_send(approved, case, home, regime, at_ms)
    if held is not None:
        return [approved, move(home, approved, ActionState.SUPPRESSED, at_ms, held)]
    return [approved, *send(home, case, regime, approved, at_ms)]
