"""The commands of the runbooks, and how each is run where there is no Docker."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from tests.contract.deployment import ROOT

#: What only Docker can run: its own commands. Services and containers are checked by the contract tests.
_DOCKERS = re.compile(r"docker (stats|compose (ps|logs|up|down|restart|run --rm topics$|run --rm -v))")
#: What is not run here, and why.
ELSEWHERE = {
    "dead-letters show": "names a letter; tests/integration/test_dead_letters.py",
    "dead-letters replay": "changes the intake; tests/integration/test_dead_letters.py",
    "sinks replay": "tells events again; tests/integration/test_sinks.py",
    "sinks try": "needs the sink of the compose file; run with the test's own sink",
    "kafka-consumer-groups.sh": "a tool of Kafka's image",
    "run --rm topics verify": "replays everything; tests/integration/test_wmata_end_to_end.py",
    "stream --speed": "an advice, not a step",
    "controltower train": "takes minutes; make test trains small models",
    "model shadow": "needs a second model; tests/unit/test_score_serving.py",
    "model use": "needs a second model; the row `model swapped while running` of make faults",
    "redis-cli": "a tool of Redis' image",
}


@dataclass(frozen=True)
class Step:
    """A command of a runbook: our own words, or the path of an URL, or a stage to be checked."""

    runbook: str
    ours: tuple[str, ...] = ()
    path: str = ""
    stage: str = ""


def steps() -> Iterator[Step]:
    """Those that can be run here, each once."""
    found = dict.fromkeys(
        step
        for path in sorted((ROOT / "docs/runbooks").glob("*.md"))
        for command in commands_of(path.read_text(encoding="utf-8"))
        if (step := _step(path.stem, command)) is not None
    )
    seen = set[tuple[object, ...]]()
    for step in found:
        if (what := (step.ours, step.path, step.stage)) not in seen:
            seen.add(what)
            yield step


def commands_of(text: str) -> Iterator[str]:
    """Lines of the blocks, and commands within sentences; what follows a # is left out."""
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            yield line.partition(" #")[0].strip()
    inline = re.findall(
        r"`((?:docker|controltower|curl) [^`]*)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    )
    yield from (" ".join(command.split()) for command in inline)


def _step(runbook: str, command: str) -> Step | None:
    """None for what is Docker's own or is done elsewhere. Raises ValueError for what nobody runs."""
    if _DOCKERS.match(command) or any(part in command for part in ELSEWHERE):
        return None
    words = shlex.split(command)
    if words[0] == "curl":
        return Step(runbook, path=words[-1].partition(":9480")[2])
    if words[:3] == ["docker", "compose", "exec"] and words[4:5] == ["check-stage"]:
        return Step(runbook, stage=words[3])
    if words[:4] == ["docker", "compose", "run", "--rm"]:
        return Step(runbook, ours=tuple(words[5:]))
    if words[:3] == ["docker", "compose", "exec"] and words[4:5] == ["controltower"]:
        words = words[4:]
    if words[0] == "controltower":
        return Step(runbook, ours=tuple(words[1:]))
    if words[:3] == ["docker", "compose", "exec"]:
        return None if len(words) == 4 else _unknown(runbook, command)
    return _unknown(runbook, command)


def _unknown(runbook: str, command: str) -> Step:
    raise ValueError(f"{runbook}: nobody runs `{command}` in a test")
