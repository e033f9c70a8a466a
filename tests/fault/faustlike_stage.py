"""The command line with Faust's positions in the place of ours, for the control.

python -m tests.fault.faustlike_stage worker --stage normalize

Faust goes on at the offsets that the group has committed, apart from the outputs and some seconds behind.
"""

from __future__ import annotations

import sys
from typing import Any

from agents.cli import main
from controltower.streaming import takeover
from controltower.streaming.resume import Bounds


def go_on_where_the_group_is() -> None:
    """Take out what stands in the place of `Consumer.perform_seek`: the position in the changelog."""

    def find_committed(
        _connection: Any, _topic: str, _partition: int, _stored: Any, bounds: Bounds, *_ids: Any
    ) -> int:
        return max(bounds.beginning, bounds.committed)

    takeover.find_start = find_committed


if __name__ == "__main__":
    go_on_where_the_group_is()
    sys.exit(main(sys.argv[1:]))
