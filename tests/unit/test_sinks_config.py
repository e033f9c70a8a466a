"""The file of sinks: what is accepted, and where an error is said to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from controltower.settings import SettingsError
from controltower.sinks.config import read_sinks_file
from controltower.sinks.secrets import read_secrets

GOOD = """\
allowed_hosts: [hooks.example.com, mail.example.com]
webhooks:
  desk:
    url: https://hooks.example.com/in
    secret_files: [desk.secret]
    exceptions: {severities: [1, 2]}
mails:
  leads:
    host: mail.example.com
    sender: tower@example.com
    recipients: [lead@example.com]
    digest_s: 900
    actions: {states: [PENDING_APPROVAL]}
"""


def read(tmp_path: Path, text: str) -> str:
    """The error, or an empty text."""
    path = tmp_path / "sinks.yaml"
    path.write_text(text)
    try:
        read_sinks_file(path)
    except SettingsError as wrong:
        return str(wrong).removeprefix(str(path))
    return ""


def test_a_good_file_is_read(tmp_path: Path) -> None:
    """Both kinds, by name."""
    path = tmp_path / "sinks.yaml"
    path.write_text(GOOD)
    assert set(read_sinks_file(path).sinks) == {"desk", "leads"}


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("severities: [1, 2]", "severities: [7]", 6, "severities"),
        ("digest_s: 900", "digest_m: 900", 12, "Extra inputs"),
        ("https://hooks", "http://hooks", 3, "is not https"),
        ("    secret_files: [desk.secret]\n", "", 3, "names no secret"),
        ("    exceptions: {severities: [1, 2]}\n", "", 3, "says neither"),
        ("https://hooks.example.com", "https://elsewhere.example.com", 1, "not among `allowed_hosts`"),
        ("https://hooks.example.com", "https://127.0.0.1", 1, "needs `allow_loopback: true`"),
        ("  leads:", "  desk:", 1, "the name of a webhook and of a mail"),
        ("digest_s: 900", "tls: none", 8, "sends everything in clear"),
        ("digest_s: 900", "username: tower", 8, "goes with"),
        ("PENDING_APPROVAL", "PENDING", 13, "states"),
    ],
)
def test_an_error_names_its_line(tmp_path: Path, old: str, new: str, line: int, says: str) -> None:
    """One line of text: where, which field, what is wrong."""
    error = read(tmp_path, GOOD.replace(old, new, 1))
    assert error.startswith(f" line {line},"), error
    assert says in error
    assert "\n" not in error


def test_a_secret_is_never_in_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short one, a missing file and a missing variable are named by their place."""
    (tmp_path / "short").write_text("geheim")
    monkeypatch.setenv("DESK_SECRET", "geheim")
    for files, variables in (
        ([Path("short")], []),
        ([Path("gone")], []),
        ([], ["DESK_SECRET"]),
        ([], ["NONE"]),
    ):
        with pytest.raises(SettingsError) as wrong:
            read_secrets(files, variables, tmp_path, 32)
        assert "geheim" not in str(wrong.value)
        assert str((files + variables)[0]) in str(wrong.value)
