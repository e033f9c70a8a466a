"""Writes the dashboards as JSON, the form in which Grafana is given them.

python deploy/grafana/generate.py            write deploy/grafana/dashboards/*.json
python deploy/grafana/generate.py --check    exit 1 where a file is not what would be written
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import carriers
import exceptions
import platform_board
import risk
import routes
import wall
from grafana_foundation_sdk.cog.encoder import JSONEncoder

FOLDER = Path(__file__).parent / "dashboards"
BOARDS = {
    "wall": wall.BOARD,
    "carriers": carriers.BOARD,
    "routes": routes.BOARD,
    "exceptions": exceptions.BOARD,
    "risk": risk.BOARD,
    "platform": platform_board.BOARD,
}


def main(arguments: list[str]) -> int:
    texts = {
        FOLDER / f"{name}.json": json.dumps(board, cls=JSONEncoder, indent=2, sort_keys=True) + "\n"
        for name, board in BOARDS.items()
    }
    if "--check" in arguments:
        old = [path.name for path, text in texts.items() if not path.exists() or path.read_text() != text]
        print("\n".join(f"{name} is not what the generator writes" for name in old), file=sys.stderr)
        return 1 if old else 0
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
