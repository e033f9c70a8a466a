"""What a peer needs before it runs: a venv for Quix Streams, compiled classes for Kafka Streams.

Both are made once, in a cache directory (CONTROLTOWER_BENCH_CACHE, else ~/.cache/controltower-bench), anew
when the files they are made from change.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tests.kafka import KafkaUnavailable, require_java_and_maven

HERE = Path(__file__).parent
MAIN_CLASS = "bench.BasicJob"


class PeerUnavailable(Exception):
    """A peer cannot run here; the message says why."""


def quix_python() -> Path:
    """The interpreter of the venv that has Quix Streams; raises PeerUnavailable."""
    requirements = HERE / "quix" / "requirements.txt"

    def build(folder: Path) -> None:
        run([sys.executable, "-m", "venv", str(folder)])
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        run([*pip, "--disable-pip-version-check", "--no-deps", "-r", str(requirements)])

    return cached("quix", [requirements], build) / "bin" / "python"


def kafka_streams_command() -> list[str]:
    """`java -cp ... Class` of the Kafka Streams job; raises PeerUnavailable."""
    try:
        require_java_and_maven()
    except KafkaUnavailable as reason:
        raise PeerUnavailable("java 17 and mvn are not both on the PATH") from reason
    project = HERE / "kstreams"
    sources = [project / "pom.xml", *sorted(project.glob("src/**/*.java"))]

    def build(folder: Path) -> None:
        shutil.copytree(project, folder, dirs_exist_ok=True)
        goals = ["compile", "dependency:copy-dependencies", f"-DoutputDirectory={folder / 'libs'}"]
        run(["mvn", "-B", "-q", "-f", str(folder / "pom.xml"), *goals])

    folder = cached("kstreams", sources, build)
    return ["java", "-cp", f"{folder / 'target' / 'classes'}:{folder / 'libs'}/*", MAIN_CLASS]


def cached(name: str, made_from: Iterable[Path], build: Callable[[Path], None]) -> Path:
    """The folder that `build` filled; a venv knows its place, so it is built where it stays."""
    root = Path(os.environ.get("CONTROLTOWER_BENCH_CACHE") or Path.home() / ".cache" / "controltower-bench")
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in made_from)).hexdigest()[:12]
    folder = root / f"{name}-{digest}"
    whole = folder / ".whole"
    if not whole.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        build(folder)
        whole.touch()
    return folder


def run(command: Sequence[str]) -> None:
    """Raises PeerUnavailable with the end of what it said where the command fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PeerUnavailable(f"{command[0]} failed: {(done.stdout + done.stderr)[-300:].strip()}")
