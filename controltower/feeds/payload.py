"""Bytes to a JSON value within limits, or a rejection."""

from __future__ import annotations

from codecs import BOM_UTF8
from typing import Any, Final

import msgspec

from controltower.feeds.rejection import Rejected
from schemas.vocabulary import RejectReason

LARGEST_PAYLOAD_BYTES: Final = 1 << 20
DEEPEST_NESTING: Final = 64

_decode: Final = msgspec.json.Decoder().decode


def check_size(value: bytes | None) -> bytes:
    """The value itself; raises Rejected where it is empty or beyond 1 MiB."""
    if not value:
        raise Rejected(RejectReason.EMPTY, "the value is empty")
    if len(value) > LARGEST_PAYLOAD_BYTES:
        raise Rejected(RejectReason.TOO_LARGE, f"the value has more than {LARGEST_PAYLOAD_BYTES} bytes")
    return value


def decode_text(value: bytes) -> str:
    """UTF-8 as text; raises Rejected."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as wrong:
        raise Rejected(RejectReason.NOT_UTF8, f"byte {wrong.start} is not UTF-8") from None


def decode_payload(value: bytes | None) -> Any:
    """The JSON value of a payload of at most 1 MiB and 64 levels; raises Rejected."""
    value = check_size(value)
    try:
        if not value.isascii():
            value.decode("utf-8")
        payload = _decode(value)
    except UnicodeDecodeError as wrong:
        raise Rejected(RejectReason.NOT_UTF8, f"byte {wrong.start} is not UTF-8") from None
    except RecursionError:
        raise Rejected(RejectReason.TOO_DEEP, f"more than {DEEPEST_NESTING} levels") from None
    except msgspec.ValidationError:
        raise Rejected(RejectReason.OUT_OF_RANGE, "a number does not fit") from None
    except msgspec.DecodeError:
        if value.startswith(BOM_UTF8):
            return decode_payload(value.removeprefix(BOM_UTF8))
        raise Rejected(RejectReason.NOT_PARSABLE, "the value is not JSON") from None
    # As many opening brackets as levels are needed before a look is worth its time.
    is_worth_a_look = value.count(b"{") + value.count(b"[") > DEEPEST_NESTING
    if is_worth_a_look and _may_be_too_deep(value) and _is_too_deep(payload):
        raise Rejected(RejectReason.TOO_DEEP, f"more than {DEEPEST_NESTING} levels")
    return payload


_NO_BRACKETS: Final = bytes(code for code in range(256) if code not in b"{}[]")


def _may_be_too_deep(value: bytes) -> bool:
    """False where peeling off the innermost brackets level by level leaves nothing; brackets within text may
    spoil that, and then the payload itself is looked at."""
    brackets = value.translate(None, _NO_BRACKETS)
    for _ in range(DEEPEST_NESTING):
        left = brackets.replace(b"{}", b"").replace(b"[]", b"")
        if not left or len(left) == len(brackets):
            return bool(left)
        brackets = left
    return True


def _is_too_deep(payload: Any) -> bool:
    level = [payload] if type(payload) in (dict, list) else []
    for _ in range(DEEPEST_NESTING):
        children = (child for node in level for child in (node.values() if type(node) is dict else node))
        level = [child for child in children if type(child) in (dict, list)]
        if not level:
            return False
    return True
