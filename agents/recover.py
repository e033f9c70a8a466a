"""recover: the playbook answers exceptions with governed actions."""

from __future__ import annotations

from collections.abc import Callable

from controltower.recovery.fold import RecoverFold
from controltower.recovery.playbook import load_playbook
from controltower.recovery.state import SCHEMA
from controltower.settings import Settings
from controltower.streaming.stage import StageSpec
from schemas.topics import RECOVERY_EVENTS, changelog_of

NAME = "recover"
#: An action is for a person or a dispatch system, who do not see a tenth of a second.
ACTIONS_WAIT = 2


def build(settings: Settings, wall_ms: Callable[[], int]) -> StageSpec:
    """Raises PlaybookError for a policy that can't be used."""
    playbook = load_playbook(settings.playbook)

    def make_fold(partition: int, partitions: int) -> RecoverFold:
        return RecoverFold(partition, partitions, playbook, wall_ms)

    return StageSpec(
        NAME,
        (RECOVERY_EVENTS,),
        changelog_of(NAME),
        make_fold,
        changelog_schema=SCHEMA,
        idles=False,
        gathers=ACTIONS_WAIT,
    )
