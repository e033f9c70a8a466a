"""A bench, or any command, on the product as it ships: compiled, as in the image.

python -m tests.bench.compiled bench_fold --gtfs FOLDER          (a bench of this package)
python -m tests.bench.compiled agents.cli replay FOLDER --out DIR
python -m tests.bench.compiled pytest tests/unit

Runs it in a copy of this checkout whose packages come from the compiled wheel. Paths are seen from that copy,
so name folders in full. It is built once, in the cache of the benches, and anew when a source changes (a C
compiler is needed).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.bench.contest import ROOT
from tests.bench.peers.prepare import PeerUnavailable, cached, run

#: What the wheel brings.
_PACKAGES = ("agents", "controltower", "schemas")


def compiled_checkout() -> Path:
    """The root of the copy; raises PeerUnavailable where it cannot be built."""
    sources = [file for name in _PACKAGES for file in sorted((ROOT / name).rglob("*.py"))]
    sources += [ROOT / "setup.py", *sorted((ROOT / "deploy" / "compiled").iterdir())]
    # The links in it lead here, so each checkout has one of its own.
    return cached("compiled" + str(ROOT.resolve()).replace(os.sep, "-"), sources, build) / "checkout"


def build(folder: Path) -> None:
    """The wheel is built from a copy, since a build leaves files behind in the checkout."""
    source, checkout = folder / "source", folder / "checkout"
    kept = (*_PACKAGES, "deploy", "setup.py", "pyproject.toml", "README.md")
    for name in kept:
        whole = (ROOT / name).is_dir()
        (shutil.copytree if whole else _copy_file)(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    print("compiling, once (a minute or two) ...", file=sys.stderr, flush=True)
    run(["env", "CONTROLTOWER_COMPILED=1", *pip, "--wheel-dir", str(folder), str(source)])
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(checkout)
    shutil.rmtree(source)
    for other in ROOT.iterdir():
        if not (checkout / other.name).exists() and other.name not in ("build", ".git"):
            (checkout / other.name).symlink_to(other)
    if (ROOT.parent / "shared").exists():
        (folder / "shared").symlink_to((ROOT.parent / "shared").resolve())


def _copy_file(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def run_compiled(name: str, *arguments: str) -> int:
    """The exit code of a bench or module; 2 where nothing can be compiled here."""
    try:
        checkout = compiled_checkout()
    except PeerUnavailable as reason:
        print(f"error: it cannot be compiled here: {reason}", file=sys.stderr)
        return 2
    module = f"tests.bench.{name}" if (ROOT / "tests" / "bench" / f"{name}.py").exists() else name
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=checkout, env=environment, check=False).returncode


def main() -> int:
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help"):
        print(__doc__)
        return 0
    return run_compiled(name, *arguments)


if __name__ == "__main__":
    sys.exit(main())
