"""What a user names as a history: a file that `history build` wrote, or a folder it could be built from."""

from __future__ import annotations

from pathlib import Path

from agents.errors import CommandError
from agents.progress import ProgressShown
from controltower.gtfs.tables import find_table
from controltower.offline.recording import is_recording
from controltower.risk.history import History, load_history
from controltower.risk.linehaul.table import is_milestone_folder
from controltower.risk.sources.gtfs import build_from_gtfs
from controltower.risk.sources.recording import build_from_recording

_HINT = (
    "a file of `history build`, a GTFS folder with positions, a recording, or a folder of milestone tables"
)


def is_milestones(path: Path) -> bool:
    """True for a folder of milestone tables. Raises CommandError for what is not there."""
    if not path.exists():
        raise CommandError(f"{path}: is not there", _HINT)
    return path.is_dir() and is_milestone_folder(path)


def open_history(path: Path) -> History:
    """Load the file, or build from the folder. Raises CommandError."""
    if not path.exists():
        raise CommandError(f"{path}: is not there", _HINT)
    return build_history(path) if path.is_dir() else load_history(path)


def build_history(folder: Path) -> History:
    """From a recording or a GTFS folder, with progress. Raises CommandError."""
    if not folder.is_dir():
        raise CommandError(f"{folder}: is no folder", _HINT)
    with ProgressShown("building", "records", None) as progress:
        if is_recording(folder):
            history = build_from_recording(folder, progress.advance)
        elif find_table(folder, "vehicle_positions"):
            history = build_from_gtfs(folder, progress.advance)
        else:
            raise CommandError(f"{folder}: holds no positions and is no recording", _HINT)
    if not len(history):
        raise CommandError(f"{folder}: nothing was asked there: no vehicle follows a plan", _HINT)
    return history
