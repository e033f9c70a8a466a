"""What a stage reads from files at its start: feed mappings, playbook, model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from controltower.doctor.finding import Finding, fail, ok, warn
from controltower.feeds.registry import MappingError, load_feeds
from controltower.recovery.playbook import PlaybookError, load_playbook
from controltower.risk.scorer import load_scorer


def check_files(feeds_dir: Path | None, playbook: Path | None, model_dir: Path | None) -> Iterator[Finding]:
    yield _check_feeds(feeds_dir)
    yield _check_playbook(playbook)
    yield _check_model(model_dir)


def _check_feeds(feeds_dir: Path | None) -> Finding:
    try:
        feeds = load_feeds(feeds_dir)
    except MappingError as wrong:
        return fail("feeds", str(wrong), "mend the mapping; normalize does not start with it")
    return ok("feeds", f"{len(feeds)} mappings: {', '.join(sorted(feeds))}")


def _check_playbook(playbook: Path | None) -> Finding:
    try:
        load_playbook(playbook)
    except PlaybookError as wrong:
        return fail("playbook", str(wrong), "mend the playbook; recover does not start with it")
    return ok("playbook", str(playbook) if playbook else "the shipped one")


def _check_model(model_dir: Path | None) -> Finding:
    scorer = load_scorer(model_dir)
    if scorer.refused_because is None:
        return ok("model", scorer.version)
    return warn(
        "model",
        f"the rule answers instead of the model: {scorer.refused_because}",
        "put the folder that `controltower train` wrote in place (CONTROLTOWER_MODEL_DIR), restart score",
    )
