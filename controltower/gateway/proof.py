"""Whether a request comes from whom it says: a standard-webhooks signature, or a bearer token."""

from __future__ import annotations

import binascii
import hashlib
import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook, WebhookVerificationError

from controltower.gateway.config import Access, read_secrets
from controltower.gateway.refusal import Refusal, Refused
from controltower.settings import SettingsError

_LEAST_TOKEN: Final = 20
#: 24 bytes of base64, the least that the standard names.
_LEAST_HMAC: Final = 32
SIGNED_HEADERS: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")


class Proof(Protocol):
    """Both raise Refused. Each request is asked before its body is read, and after."""

    def check_head(self, headers: Mapping[str, str]) -> None: ...
    def check_body(self, headers: Mapping[str, str], body: bytes) -> None: ...


class BearerProof:
    """One of the known tokens; takes the same time for any token."""

    def __init__(self, tokens: list[str]) -> None:
        self._digests = [_digest(token) for token in tokens]

    def check_head(self, headers: Mapping[str, str]) -> None:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        given = _digest(token.strip())
        known = [hmac.compare_digest(given, digest) for digest in self._digests]
        if scheme.lower() != "bearer" or not any(known):
            raise Refused(Refusal.UNAUTHENTICATED)

    def check_body(self, headers: Mapping[str, str], body: bytes) -> None:
        """The token has said it all."""


class SignedProof:
    """A signature by one of the secrets over id, time (within 5 min of ours) and body."""

    def __init__(self, secrets: list[str]) -> None:
        self._webhooks = [Webhook(secret) for secret in secrets]

    def check_head(self, headers: Mapping[str, str]) -> None:
        if not all(headers.get(name) for name in SIGNED_HEADERS):
            raise Refused(Refusal.UNAUTHENTICATED, "a webhook-* header is missing")

    def check_body(self, headers: Mapping[str, str], body: bytes) -> None:
        signed = {name: headers.get(name, "") for name in SIGNED_HEADERS}
        try:
            text = body.decode()
        except UnicodeDecodeError:
            raise Refused(Refusal.UNAUTHENTICATED, "a signed body must be UTF-8") from None
        for webhook in self._webhooks:
            try:
                webhook.verify(text, signed, json_parse=False)
                return
            except (WebhookVerificationError, ValueError):  # ValueError: a signature that is none
                continue
        raise Refused(Refusal.UNAUTHENTICATED)


def make_proof(access: Access, folder: Path) -> Proof:
    """Reads the secrets. Raises SettingsError."""
    if access.bearer:
        return BearerProof(read_secrets(access.bearer, folder, _LEAST_TOKEN))
    secrets = read_secrets(access.hmac, folder, _LEAST_HMAC)
    try:
        return SignedProof(secrets)
    except (binascii.Error, EmptyWebhookSecretError):
        names = ", ".join(str(file) for file in access.hmac)
        raise SettingsError(f"CONTROLTOWER_GATEWAY_FILE: {names}: not base64 (whsec_...)") from None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
