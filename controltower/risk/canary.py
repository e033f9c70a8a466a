"""Try a model in a child process before it is loaded: LightGBM's parser may take its process down.

As a program it reads manifest and texts from standard input and ends with 0, or with 1 and one line.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import lru_cache
from typing import Final

import msgspec

from controltower.risk.manifest import Manifest, ModelRefusedError

_TIMEOUT_S: Final = 120.0


class _Candidate(msgspec.Struct):
    manifest: str
    texts: dict[str, str]


def try_model(manifest: Manifest, texts: dict[str, str]) -> None:
    """Raises ModelRefusedError where the model dies or says something else than its manifest tells."""
    candidate = _Candidate(manifest.model_dump_json(), texts)
    try_in_child(__name__, msgspec.json.encode(candidate))


@lru_cache(maxsize=4)
def try_in_child(module: str, candidate: bytes) -> None:
    """Run the module as a program that reads the candidate and ends with 0, or with one line why not. Raises
    ModelRefusedError. What passed needs no second child in this process; a refusal is never remembered."""
    try:
        child = subprocess.run(
            [sys.executable, "-m", module],
            input=candidate,
            capture_output=True,
            timeout=_TIMEOUT_S,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ModelRefusedError(f"the trial in a child process took more than {_TIMEOUT_S:.0f} s") from None
    if child.returncode < 0:
        name = signal.Signals(-child.returncode).name
        raise ModelRefusedError(f"the trial in a child process was ended by {name}")
    if child.returncode:
        lines = child.stderr.decode(errors="replace").strip().splitlines()
        raise ModelRefusedError(lines[-1] if lines else f"the trial ended with {child.returncode}")


def main() -> int:
    """The child."""
    from controltower.risk.delay_model import find_wrong_canary, load_model

    candidate = msgspec.json.decode(sys.stdin.buffer.read(), type=_Candidate)
    manifest = Manifest.model_validate_json(candidate.manifest)
    wrong = find_wrong_canary(load_model(manifest, candidate.texts), manifest.canaries)
    if wrong:
        print(wrong, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
