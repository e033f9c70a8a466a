"""The README shows what really is: the flow, the example, the links, the commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agents.cli import main
from agents.flow import mermaid

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
EXAMPLE = ROOT / "docs" / "examples" / "consume_exceptions.py"


def block(language: str) -> str:
    """The first code block of this language."""
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found, f"the README has no {language} block"
    return found.group(1)


def test_the_picture_is_the_flow() -> None:
    """`python -m agents.flow` prints it."""
    assert block("mermaid") == mermaid()


def test_the_example_is_the_file_that_the_tests_run() -> None:
    """So that what is shown is what was tried."""
    assert block("python") == EXAMPLE.read_text()


def test_links_lead_somewhere() -> None:
    """Every relative link of the README is a file or folder of the repository."""
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("command", sorted(set(re.findall(r"^\s*controltower (\w+)", README, re.MULTILINE))))
def test_commands_exist(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command of a console block answers to --help."""
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert command in capsys.readouterr().out
