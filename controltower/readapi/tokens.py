"""Who may read: bearer tokens from a file, kept as digests."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from pathlib import Path

from controltower.settings import SettingsError

_LEAST_LENGTH = 20


class Tokens:
    """Digests of the tokens that may read; without any, everybody may."""

    def __init__(self, tokens: list[str]) -> None:
        self._digests = [_digest(token) for token in tokens]

    def admit(self, authorization: str | None) -> bool:
        """Whether a header `Authorization: Bearer TOKEN` may read; takes the same time for any token."""
        if not self._digests:
            return True
        scheme, _, token = (authorization or "").partition(" ")
        given = _digest(token.strip())
        known = [hmac.compare_digest(given, digest) for digest in self._digests]
        return scheme.lower() == "bearer" and any(known)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def read_tokens(path: Path | None, host: str, open_to_all: bool = False) -> Tokens:
    """One token per line; empty lines and lines with # are left out.

    Raises SettingsError for an unreadable file, a token too short to be random, and for no file where the
    API would be open beyond this machine.
    """
    if path is None:
        if not open_to_all and not _is_loopback(host):
            raise SettingsError(
                f"CONTROLTOWER_API_TOKENS: is needed to serve on {host} (a file with one random token per "
                "line, or serve on 127.0.0.1; CONTROLTOWER_API_OPEN=true lets anybody read)"
            )
        return Tokens([])
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"CONTROLTOWER_API_TOKENS: cannot read {path} (one token per line)") from None
    tokens = [line for line in lines if line and not line.startswith("#")]
    for number, token in enumerate(tokens, 1):
        if len(token) < _LEAST_LENGTH:
            raise SettingsError(
                f"CONTROLTOWER_API_TOKENS: token {number} of {path} has fewer than {_LEAST_LENGTH} "
                "characters (make one with: openssl rand -hex 24)"
            )
    if not tokens:
        raise SettingsError(f"CONTROLTOWER_API_TOKENS: {path} has no token (one token per line)")
    return Tokens(tokens)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
